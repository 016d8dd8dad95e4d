#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/check-exchange.sh [FOLDER...]: files between machines. Each FOLDER is a build with tests/exchange, those of
# tools/check-arch.sh by their emulators (default: build and every build-ARCH that has it). Each writes all forms; what
# should be equal is compared byte for byte; each reads what every other one wrote, and finishes its pre-training.
# "check-exchange: N passed, N failed".
set -uo pipefail
BUILD=${BUILD:-build}
[ $# -gt 0 ] || set -- "$BUILD" build-arm64 build-s390x build-i386
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
export OPENBLAS_NUM_THREADS=1

check() { # check WORDS COMMAND...
    local words=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
        echo "  $words $(cat "$work/said")"
    else
        failed=$((failed + 1))
        echo "  $words: FAILED"
        sed 's/^/    /' "$work/said"
    fi
}

exchange() { # exchange BUILD write|read FOLDER
    local emulator=
    case $1 in
    build-arm64) emulator=qemu-aarch64 ;;
    build-s390x) emulator=qemu-s390x ;;
    build-i386) emulator=qemu-i386 ;;
    esac
    QEMU_LD_PREFIX=$PWD/$1/sysroot $emulator "$1/tests/exchange" "$2" "$3"
}

builds=()
for build in "$@"; do
    [ -x "$build/tests/exchange" ] || continue
    builds+=("$build")
    mkdir -p "$work/$build"
    check "$build writes" exchange "$build" write "$work/$build"
done
for build in "${builds[@]}"; do
    [ "$build" = "${builds[0]}" ] ||
        check "$build: the same bytes as ${builds[0]}" diff -r "$work/${builds[0]}/equal" "$work/$build/equal"
    for other in "${builds[@]}"; do
        cp -r "$work/$other" "$work/copy"
        check "$build reads $other:" exchange "$build" read "$work/copy"
        rm -rf "$work/copy"
    done
done
echo "check-exchange: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
