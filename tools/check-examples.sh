#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-examples.sh SHARED_LIBRARY: the examples in the comments of the public headers, between
# @code and @endcode. All are compiled as C11 and as C++17, warnings are errors, and then run on data/ct,
# in the order of include/redux.h: later ones read what earlier ones wrote. A header without an example,
# or one that redux.h does not include, fails. "check-examples: N passed, N failed".
library=$(realpath "$1")
folder=$(dirname "$library")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
warnings='-Wall -Wextra -Werror'

check() { # check WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        return 0
    fi
    failed=$((failed + 1))
    echo "  $what"
    sed 's/^/    /' "$work/log"
    return 1
}

# extract HEADER: prints its example
extract() {
    sed -n '/^ \* @code$/,/^ \* @endcode$/{ /@code$/d; /@endcode$/d; s/^ \* \{0,1\}//; p; }' "$1"
}

# A body becomes a function that is given `context`; main runs the one that is named.
functions() {
    printf '#include <redux.h>\n#include <stdio.h>\n#include <string.h>\n'
    for name in $names; do
        printf '\nstatic redux_status example_%s(redux_context *context)\n{\n    (void)context;\n' "$name"
        printf '#line 1 "include/redux/%s.h: example"\n' "$name"
        cat "$work/$name"
        printf '}\n'
    done
    printf '\nint main(int count, char **arguments)\n{\n    redux_status status = REDUX_E_NOT_FOUND;\n'
    for name in $names; do
        printf '    if (count == 2 && strcmp(arguments[1], "%s") == 0)\n' "$name"
        printf '        status = example_%s(NULL);\n' "$name"
    done
    printf '    if (status != REDUX_OK)\n        fprintf(stderr, "%%s: %%s\\n", redux_status_string(status), '
    printf 'redux_error_message());\n    return status != REDUX_OK;\n}\n'
}

compile() { # compile NAME: the program, and its syntax as C++
    cp "$work/$1.c" "$work/$1.cpp"
    # shellcheck disable=SC2086 # several words
    check "$1: C++17" ${CXX:-g++} -std=c++17 $warnings -Iinclude -fsyntax-only "$work/$1.cpp"
    # shellcheck disable=SC2086
    check "$1: C11" ${CC:-gcc} -std=c11 $warnings -Iinclude -o "$work/$1" "$work/$1.c" "$library" \
        "-Wl,-rpath,$folder"
}
run() {
    (cd "$work/run" && timeout 60 "$@")
}

sed -n 's/^#include <redux\/\(.*\)\.h>.*/\1/p' include/redux.h >"$work/included"
names=$(cat "$work/included")
sort "$work/included" >"$work/sorted"
(cd include/redux && ls ./*.h) | sed 's/^..//; s/\.h$//' | sort >"$work/there"
check "redux.h includes each header" diff "$work/sorted" "$work/there"
for name in $names; do
    extract "include/redux/$name.h" >"$work/$name"
    check "include/redux/$name.h has an example" test -s "$work/$name" || echo 'return REDUX_OK;' >"$work/$name"
done
extract include/redux.h >"$work/synopsis.c"
functions >"$work/examples.c"

mkdir "$work/run"
ln -s "$PWD/data" "$work/run/data"
compile synopsis && check "include/redux.h runs" run "$work/synopsis"
compile examples && for name in $names; do
    check "include/redux/$name.h runs" run "$work/examples" "$name"
done
echo "check-examples: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
