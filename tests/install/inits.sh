#!/bin/sh
# SPDX-License-Identifier: MIT
# inits.sh INCLUDE_FOLDER: is every REDUX_..._INIT the same bytes in C and in C++17? One program of
# two objects, made from the headers' own list. CC, CXX, CFLAGS.
set -eu
: "${CC:=cc}" "${CXX:=c++}" "${CFLAGS:=}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict="-Wall -Wextra -Wpedantic -Werror"
# "type NAME" of each struct that has defaults.
sed -n 's/^REDUX_DEFINE_INIT(\([a-z0-9_]*\), \([A-Z0-9_]*\)_DEFAULTS)$/\1 \2/p' "$1"/redux/*.h >"$work/list"
grep -hoE 'define REDUX_[A-Z0-9_]+_INIT\b' "$1"/redux/*.h | grep -v DEFINE_INIT | sed 's/.* //; s/_INIT$//' | sort >"$work/macros"
sed 's/.* //' "$work/list" | sort | diff - "$work/macros" # each macro is in the list
{
    echo '#include <redux.h>'
    sed 's/\(.*\) \(.*\)/extern const \1 c_\1;\nconst \1 c_\1 = \2_INIT;/' "$work/list"
} >"$work/inits.c"
{
    printf '#include <redux.h>\n#include <cstdio>\n#include <cstring>\nextern "C" {\n'
    sed 's/\(.*\) .*/extern const \1 c_\1;/' "$work/list"
    printf '}\nint main()\n{\n    int differ = 0;\n'
    sed 's/\(.*\) \(.*\)/    static const \1 plus_\1 = \2_INIT;\n    if (std::memcmp(\&plus_\1, \&c_\1, sizeof c_\1) != 0)\n        differ += std::printf("\2_INIT differs\\n");/' "$work/list"
    printf '    return differ != 0;\n}\n'
} >"$work/main.cc"
# Optimised, so that the linker merges equal texts and pointers to them are equal too.
# shellcheck disable=SC2086 # flags are lists of words
$CC -std=c11 $strict $CFLAGS -O1 -I"$1" -c -o "$work/inits.o" "$work/inits.c"
# shellcheck disable=SC2086
$CXX -std=c++17 $strict $CFLAGS -O1 -I"$1" -o "$work/inits" "$work/main.cc" "$work/inits.o"
"$work/inits"
echo "$(wc -l <"$work/list") structs have the same defaults in C and C++"
