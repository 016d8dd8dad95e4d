#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/instructions/count.sh [ARCH [TIER...]]: instructions of each path a pixel, a pair or an element, in each tier,
# counted by a plugin of qemu-user over the library that tools/check-arch.sh ARCH has built (its build-ARCH). Tier
# "scalar": the portable kernels compiled without vectors, which GCC otherwise makes of them. ONLY: a pattern of paths.
set -euo pipefail
arch=${1:-arm64}
shift || true
case $arch in
arm64) machine=aarch64 triple=aarch64-linux-gnu ;;
*) echo "count.sh: unknown ARCH $arch: arm64" >&2 && exit 2 ;;
esac
[ $# -gt 0 ] || set -- scalar portable neon
here=tools/instructions
folder=build-$arch/instructions
root=$PWD/build-$arch/sysroot
blas=usr/lib/$triple/openblas-pthread
export QEMU_LD_PREFIX=$root QEMU_SET_ENV=LD_LIBRARY_PATH=/$blas OPENBLAS_NUM_THREADS=1
mkdir -p "$folder"
gcc -O2 -fPIC -shared -fvisibility=hidden -o "$folder/plugin.so" $here/plugin.c
compile() { "$triple-gcc" --sysroot="$root" -std=c11 -D_GNU_SOURCE -Iinclude -Ilib "$@"; }
link() { # link PROGRAM OBJECT...: objects take the place of the library's
    # shellcheck disable=SC2046 # a list of libraries
    compile -O2 -o "$folder/$1" $here/paths.c "${@:2}" "build-$arch/lib/libredux.a" \
        -L"$root/$blas" -Wl,-rpath-link,"$root/$blas:$root/usr/lib/$triple:$root/lib/$triple" \
        $(grep -o -e ' -l[a-z0-9]*' "build-$arch/link-flags" | sort -u)
}
compile -O3 -ffp-contract=off -fno-math-errno -march=armv8-a+nosimd -c -o "$folder/scalar.o" lib/kernels/tier_portable.c
link paths
link paths-scalar "$folder/scalar.o"

instructions() { # instructions TIER PATH TIMES
    local program=paths
    [ "$1" != scalar ] || program=paths-scalar
    REDUX_TIER=${1/scalar/portable} "qemu-$machine" -plugin "$folder/plugin.so" "$folder/$program" "${@:2}" 2>&1 >/dev/null |
        sed -n 's/^instructions //p'
}

"qemu-$machine" "$folder/paths" | while read -r path units unit; do
    # shellcheck disable=SC2053 # a pattern
    [ -z "${ONLY:-}" ] || [[ $path == $ONLY ]] || continue
    printf '%-20s' "$path"
    for tier in "$@"; do
        printf '  %s %8.4f' "$tier" "$(echo "scale=6; ($(instructions "$tier" "$path" 4) - $(instructions "$tier" "$path" 2)) / 2 / $units" | bc)"
    done
    echo "  a $unit"
done
