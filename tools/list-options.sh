#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/list-options.sh HEADER...: the names of all structs that begin with struct_size.
awk '/^typedef struct redux_[a-z0-9_]+ \{/ { name = $3; first = 1; next }
     /^ *$/ || /^ *\/\*/ || /^ *\*/ { next }
     first && /size_t struct_size;/ { print name }
     { first = 0 }' "$@" | sort
