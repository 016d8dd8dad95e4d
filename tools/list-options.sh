#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/list-options.sh HEADER...: the names of all structs that begin with struct_size.
# tools/list-options.sh --by-value HEADER...: where one of them is a member, a result or an argument by value,
# or in an array: there it could not grow.
set -eu
names() {
    awk '/^typedef struct redux_[a-z0-9_]+ \{/ { name = $3; first = 1; next }
         /^ *$/ || /^ *\/\*/ || /^ *\*/ { next }
         first && /size_t struct_size;/ { print name }
         { first = 0 }' "$@" | sort
}
if [ "$1" != --by-value ]; then
    names "$@"
    exit 0
fi
shift
any=$(names "$@" | paste -s -d '|')
# Members ("    redux_x name"), results ("REDUX_API redux_x name(") and arguments ("redux_x name," or ")").
grep -nE "^( +|REDUX_API )($any) [a-z]|[(,] *($any) [a-z_]+ *[,)[]" "$@" || true
