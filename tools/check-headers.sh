#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-headers.sh HEADER...: each header compiles alone, twice in one file, in every standard
# and with every compiler that is there; warnings are errors. "check-headers: N passed, N failed".
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'

# knows COMPILER STANDARD SUFFIX: whether the compiler is there and has the standard
knows() {
    echo 'int main(void) { return 0; }' >"$work/probe.$3"
    command -v "$1" >/dev/null && "$1" "-std=$2" -fsyntax-only "$work/probe.$3" 2>/dev/null
}

# check COMPILER STANDARD SUFFIX HEADER...
check() {
    compiler=$1
    standard=$2
    suffix=$3
    shift 3
    knows "$compiler" "$standard" "$suffix" || {
        echo "  $compiler -std=$standard: not there"
        return
    }
    for header in "$@"; do
        name=${header#include/}
        printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$name" "$name" \
            >"$work/one.$suffix"
        # shellcheck disable=SC2086 # several words
        if "$compiler" "-std=$standard" $warnings -Iinclude -fsyntax-only "$work/one.$suffix"; then
            passed=$((passed + 1))
        else
            echo "  $compiler -std=$standard: $name"
            failed=$((failed + 1))
        fi
    done
}

for compiler in gcc clang; do
    for standard in c99 c11 c17 c2x; do
        check "$compiler" "$standard" c "$@"
    done
done
for compiler in g++ clang++; do
    for standard in c++17 c++20; do
        check "$compiler" "$standard" cpp "$@"
    done
done
echo "check-headers: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
