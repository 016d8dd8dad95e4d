#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-symbols.sh INCLUDE_FOLDER VERSION_MAP SHARED_LIBRARY STATIC_LIBRARY
# The functions that the public headers mark REDUX_API, those in the version map and those that the
# shared library exports must be the same, and the static library defines no global symbol without
# our prefix.
set -eu
include=$1 map=$2 shared=$3 static=$4
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Preprocessed, because then comments are gone and each declaration can be put on one line.
for header in "$include"/redux/*.h; do
    echo "#include <redux/$(basename "$header")>"
done | ${CC:-cc} -std=c11 -I"$include" -E -P -x c - | tr '\n' ' ' | tr ';{}' '[\n*]' |
    sed -n 's/.*visibility("default"))) *//p' | sed -n 's/^[^(]*[ *]\([A-Za-z_0-9]*\) *(.*/\1/p' |
    sort -u >"$work/headers"
sed 's|/\*.*\*/||; s/#.*//' "$map" | tr ' ;' '[\n*]' | grep -E '^(redux|rdx)_[a-z0-9_]+$' | sort >"$work/map"
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$work/library"
nm -g --defined-only "$static" | awk 'NF == 3 { print $3 }' | grep -vE '^(redux|rdx)_' | sort -u >"$work/foreign" || true

passed=0
failed=0
compare() { # title, file, file, what "<" means, what ">" means
    if diff "$2" "$3" >"$work/diff"; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    echo "$1 differ:"
    sed -n "s/^< \(.*\)/  \1: only $4/p; s/^> \(.*\)/  \1: only $5/p" "$work/diff"
}
compare "public headers and $map" "$work/headers" "$work/map" "in the headers" "in the map"
compare "$map and $shared" "$work/map" "$work/library" "in the map (not defined?)" "in the library"
if [ -s "$work/foreign" ]; then
    failed=$((failed + 1))
    echo "global symbols without the prefix redux_ or rdx_ in $static:"
    sed 's/^/  /' "$work/foreign"
else
    passed=$((passed + 1))
fi
[ -s "$work/headers" ] || { echo "no public function found"; failed=$((failed + 1)); }
echo "check-symbols: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
