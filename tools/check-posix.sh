#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-posix.sh: compiles lib/ and examples/ with nothing but POSIX.1-2008 and XSI declared and without Linux's
# constants (tools/posix-only.h), and with musl's headers where there is musl-gcc (Debian: musl-tools). Nothing is linked: Debian builds none of the libraries beneath for musl.
# "check-posix: N passed, N failed". CC, DEP_CFLAGS.
: "${CC:=gcc}" "${DEP_CFLAGS:=}"
passed=0
failed=0
flags="-std=c11 -Iinclude -Ilib -Ilib/mpi -Iexamples -DREDUX_FFTW=1 -DREDUX_TIFF=1 -DREDUX_WEBP=1 -DREDUX_ZSTD=1 -Wall -Wextra -Werror -fsyntax-only"

# lib/mpi, where there is an MPI.
mpi=$(pkg-config --cflags mpi-c 2>/dev/null | sed 's/-I/-isystem/g')
DEP_CFLAGS="$DEP_CFLAGS $mpi"

compiles() { # compiles WORDS COMPILER FLAGS...
    words=$1
    shift
    for file in lib/*/*.c examples/*/*.c; do
        case $file in
        *tier_avx*) continue ;; # the compiler's intrinsics, in other files' flags
        lib/mpi/*) [ -n "$mpi" ] || continue ;;
        esac
        # shellcheck disable=SC2086 # several words
        if "$@" $flags $DEP_CFLAGS "$file"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "  $words: $file does not compile"
        fi
    done
}

compiles POSIX "$CC" -D_POSIX_C_SOURCE=200809L -D_XOPEN_SOURCE=700 -include tools/posix-only.h
if command -v musl-gcc >/dev/null; then
    DEP_CFLAGS="$(printf '%s' "$DEP_CFLAGS" | sed 's/-isystem/-idirafter/g') -idirafter /usr/include -idirafter /usr/include/$($CC -dumpmachine)"
    compiles musl musl-gcc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
else
    echo "  musl: there is no musl-gcc here"
fi
echo "check-posix: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
