#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/check-arch.sh ARCH [GOAL...]: builds for another processor with Debian's cross compiler and runs the tests under
# qemu-user. ARCH as Debian names it: arm64; s390x (big-endian) and i386 (32 bits) have not been run yet. The libraries
# beneath are unpacked into build-ARCH/sysroot; nothing of that processor is installed on this machine. GOAL: those of
# the Makefile (default: check-tests check-fuzz check-tiers). PROGRAMS: parts of tests/programs to run as well (reduce
# hash ...). MAKE, JOBS.
set -euo pipefail
arch=${1:?tools/check-arch.sh arm64|s390x|i386 [GOAL...]}
shift
MAKE=${MAKE:-make}
case $arch in
arm64) machine=aarch64 triple=aarch64-linux-gnu tiers=portable ;;
s390x) machine=s390x triple=s390x-linux-gnu tiers= ;;
i386) machine=i386 triple=i686-linux-gnu tiers= ;;
*) echo "check-arch: unknown ARCH $arch: arm64, s390x or i386" >&2 && exit 2 ;;
esac
folder=$PWD/build-$arch
root=$folder/sysroot
libraries=${triple/i686/i386}
[ $# -gt 0 ] || set -- check-tests check-fuzz ${tiers:+check-tiers}

for tool in "$triple-gcc" "$triple-g++" "qemu-$machine" pkg-config; do
    if ! command -v "$tool" >/dev/null; then
        echo "check-arch: there is no $tool: apt-get install qemu-user gcc-$triple g++-$triple" >&2
        exit 1
    fi
done

# apt with lists, cache and state of its own: what it takes for installed is nothing.
unpack_libraries() {
    local apt=$folder/apt wanted package link to
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$root"
    : >"$apt/status"
    local options=(-q -o "APT::Architecture=$arch" -o "APT::Architectures=$arch" -o "Dir::State::Lists=$apt/lists"
        -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache")
    wanted="libc6-dev libstdc++-12-dev"
    for package in $(LIST=1 ARCH=$machine tools/deps.sh build); do
        case $package in lib* | zlib* | check) wanted="$wanted $package" ;; esac
    done
    apt-get "${options[@]}" update
    # shellcheck disable=SC2086 # a list of words
    apt-get "${options[@]}" install -y --no-install-recommends --download-only $wanted
    for package in "$apt"/cache/archives/*.deb; do
        dpkg -x "$package" "$root"
    done
    find "$root" -type l -lname '/*' | while read -r link; do # a link from the root is one from the sysroot
        to=$(readlink "$link")
        ln -sfr "$root$to" "$link"
    done
    touch "$root/done"
}

mkdir -p "$folder"
if [ ! -f "$root/done" ] && ! unpack_libraries >"$folder/sysroot.log" 2>&1; then
    echo "check-arch: the libraries of $arch cannot be had: see $folder/sysroot.log" >&2
    exit 1
fi

export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$root/usr/lib/$libraries/pkgconfig:$root/usr/lib/$libraries/openblas-pthread/pkgconfig:$root/usr/share/pkgconfig
blas=usr/lib/$libraries/openblas-pthread
export QEMU_LD_PREFIX=$root QEMU_SET_ENV=LD_LIBRARY_PATH=/$blas
# Programs restart themselves to choose OpenBLAS's threads, which an emulator cannot follow.
export OPENBLAS_NUM_THREADS=1 CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-200}
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
build=("$MAKE" --no-print-directory BUILD="build-$arch" CC="$triple-gcc --sysroot=$root"
    CXX="$triple-g++ --sysroot=$root" GDCM_INCLUDE="$(echo "$root"/usr/include/gdcm-*)"
    NIFTI_CFLAGS="-isystem $root/usr/include/nifti"
    LDFLAGS="-L$root/$blas -Wl,-rpath-link,$root/$blas:$root/usr/lib/$libraries:$root/lib/$libraries")
status=0
WRAPPER=qemu-$machine TIERS=$tiers "${build[@]}" -j"$(nproc)" "$@" || status=1

if [ -n "${PROGRAMS:-}" ]; then
    "${build[@]}" -j"$(nproc)" all
    mkdir -p "$folder/emulated"
    for program in "$folder"/bin/redux-*; do
        printf '#!/bin/sh\nexec qemu-%s -0 "$0" %s "$@"\n' "$machine" "$program" >"$folder/emulated/$(basename "$program")"
        chmod +x "$folder/emulated/$(basename "$program")"
    done
    BIN=$folder/emulated PARTS=$PROGRAMS tests/programs/run.sh || status=1
fi
exit $status
