#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-builds.sh [NAME...]: builds in other ways than the usual, and runs the tests of each:
# compilers, optimisation, link-time optimisation, 32 bits, without each optional dependency.
# Not part of `make check`: minutes a build. "check-builds: N passed, N failed, N not possible here".
: "${MAKE:=make}" "${JOBS:=$(nproc)}"
passed=0
failed=0
skipped=0
wanted=" $* "

# build NAME COMPILER CFLAGS [MAKE VARIABLE...]
build() {
    name=$1
    compiler=$2
    flags=$3
    shift 3
    case $wanted in
    "  " | *" $name "*) ;;
    *) return ;;
    esac
    linking=
    for variable in "$@"; do
        case $variable in LDFLAGS=*) linking=${variable#LDFLAGS=} ;; esac
    done
    echo 'int main(void) { return 0; }' >"build-$name.c"
    # shellcheck disable=SC2086 # several words
    if ! "$compiler" $flags $linking -o "build-$name.out" "build-$name.c" 2>/dev/null; then
        echo "  $name: $compiler $flags links nothing here"
        skipped=$((skipped + 1))
    elif "$MAKE" --no-print-directory -j"$JOBS" BUILD="build-$name" CC="$compiler" CFLAGS="$flags" WERROR=1 "$@" \
        all check-tests >"build-$name.log" 2>&1; then
        echo "  $name: $(tail -n 1 "build-$name.log")"
        passed=$((passed + 1))
    elif grep -q 'not found: ' "build-$name.log"; then
        echo "  $name: $(grep 'not found: ' "build-$name.log")"
        skipped=$((skipped + 1))
    else
        echo "  $name: failed, see build-$name.log"
        tail -n 20 "build-$name.log"
        failed=$((failed + 1))
    fi
    rm -f "build-$name.c" "build-$name.out"
    [ -n "$KEEP" ] || rm -rf "build-$name"
}

build gcc-o0 gcc '-O0 -g'
build gcc-o2 gcc '-O2 -g'
build gcc-o3 gcc '-O3 -g'
build gcc-lto gcc '-O2 -g -flto=auto' AR=gcc-ar
build clang-o0 clang '-O0 -g'
build clang-o2 clang '-O2 -g'
build clang-o3 clang '-O3 -g'
build clang-lto clang '-O2 -g -flto=thin' AR=llvm-ar LDFLAGS=-fuse-ld=lld
build gcc-m32 gcc '-O2 -g -m32'
build no-fftw gcc '-O2 -g' FFTW=0
build no-isal gcc '-O2 -g' ISAL=0
build no-gdcm gcc '-O2 -g' GDCM=0
build no-options gcc '-O2 -g' FFTW=0 ISAL=0 TIFF=0 WEBP=0 ZSTD=0 GDCM=0
echo "check-builds: $passed passed, $failed failed, $skipped not possible here"
[ "$failed" -eq 0 ]
