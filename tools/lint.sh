#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-format, clang-tidy, cppcheck, shellcheck over all sources; called by `make lint`, which
# hands over the compiler flags and then builds with GCC and Clang, warnings as errors.
# tools/lint.sh format|tidy|cppcheck|shell runs one of them.
# shellcheck disable=SC2317 # the parts are called by name, at the end
set -u
status=0
jobs=$(nproc)
sources=$(find lib examples tests -name '*.c' | sort)
headers=$(find include lib examples tests -name '*.h' | sort)
scripts=$(find tools tests .ci -name '*.sh' -o -path .ci/run | sort)

need() {
    command -v "$1" >/dev/null && return 0
    echo "lint: $1 is not installed (make deps-dev)" >&2
    status=1
    return 1
}
verdict() { # name, exit status
    if [ "$2" -eq 0 ]; then echo "  $1: clean"; else echo "  $1: FAILED"; status=1; fi
}

lint_format() {
    need clang-format || return
    # shellcheck disable=SC2086
    clang-format --dry-run -Werror $sources $headers include/redux.hpp tests/install/*.cc lib/*/*.cpp
    verdict clang-format $?
}
# One process a file; the files of an instruction set get its flags.
lint_tidy() {
    need clang-tidy || return
    for source in $sources; do
        case $source in
        *tier_avx2.c) tier=$AVX2_FLAGS ;;
        *tier_avx512.c) tier=$AVX512_FLAGS ;;
        *) tier= ;;
        esac
        echo "clang-tidy --quiet $source -- $TIDY_FLAGS $tier 2>/dev/null"
    done | xargs -P "$jobs" -I COMMAND sh -c COMMAND
    verdict clang-tidy $?
}
lint_cppcheck() {
    need cppcheck || return
    cppcheck --quiet --std=c11 --enable=warning,performance,portability,style --inline-suppr -j "$jobs" \
        --suppressions-list=tools/cppcheck.supp --error-exitcode=1 -Iinclude -Ilib -Iexamples -D__x86_64__ \
        -DREDUX_FFTW=1 -DREDUX_TIFF=1 -DREDUX_WEBP=1 -DREDUX_ZSTD=1 --template='{file}:{line}: {severity}: {message} [{id}]' lib examples
    verdict cppcheck $?
}
lint_shell() {
    need shellcheck || return
    # shellcheck disable=SC2086
    shellcheck --exclude=SC2016 $scripts # $ in single quotes is meant for awk and sed
    verdict shellcheck $?
}

[ $# -gt 0 ] || set -- format tidy cppcheck shell
for part in "$@"; do
    "lint_$part"
done
exit $status
