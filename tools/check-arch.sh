#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/check-arch.sh ARCH [GOAL...]: builds for another processor with Debian's cross compiler and runs the tests under
# qemu-user. ARCH as Debian names it: arm64, s390x (big-endian), i386 (32 bits, with SSE2: the x87 calculates in more
# digits than a double has). The libraries beneath are unpacked into build-ARCH/sysroot; nothing of that processor is
# installed on this machine. GOAL: those of the Makefile (default: check-tests check-fuzz check-tiers exchange, and then
# tools/check-exchange.sh). PROGRAMS: parts of tests/programs to run as well (reduce hash ...). LIMIT: seconds after which a test program
# is stopped. build-ARCH/results.tsv gets a line a suite; tools/architectures.py makes the table in docs/testing.md of
# them. MAKE, JOBS, CFLAGS, CK_EXCLUDE_TAGS=slow.
set -euo pipefail
arch=${1:?tools/check-arch.sh arm64|s390x|i386 [GOAL...]}
shift
MAKE=${MAKE:-make}
tiers=
compiler_flags=
case $arch in
arm64) machine=aarch64 triple=aarch64-linux-gnu tiers=portable ;;
s390x) machine=s390x triple=s390x-linux-gnu ;;
i386) machine=i386 triple=i686-linux-gnu compiler_flags="-msse2 -mfpmath=sse" ;;
*) echo "check-arch: unknown ARCH $arch: arm64, s390x or i386" >&2 && exit 2 ;;
esac
folder=$PWD/build-$arch
root=$folder/sysroot
libraries=${triple/i686/i386}
exchange=
[ $# -gt 0 ] || { set -- check-tests check-fuzz ${tiers:+check-tiers} exchange && exchange=1; }

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
    # as Debian's alternatives do
    ln -sf openblas-pthread/libopenblas.so.0 "$root/usr/lib/$libraries/libopenblas.so.0"
    touch "$root/done"
}

# Tests start themselves again, with the shim that makes calls fail: the kernel must know the emulator. Root may say so,
# for the time of the run; without that they leave the shim out.
register_emulator() {
    local known=/proc/sys/fs/binfmt_misc kind rest mask
    case $arch in
    arm64) kind='\x02\x01\x01' rest='\x02\x00\xb7\x00' mask='\xfe\xff\xff\xff' ;;
    s390x) kind='\x02\x02\x01' rest='\x00\x02\x00\x16' mask='\xff\xfe\xff\xff' ;;
    i386) kind='\x01\x01\x01' rest='\x02\x00\x03\x00' mask='\xfe\xff\xff\xff' ;;
    esac
    [ -e $known/register ] || mount -t binfmt_misc binfmt_misc $known 2>/dev/null || true
    [ -w $known/register ] && [ ! -e "$known/qemu-$machine" ] && [ ! -e "$known/redux-$machine" ] || return 0
    local zeros='\x00\x00\x00\x00\x00\x00\x00\x00' seven='\xff\xff\xff\xff\xff\xff\xff'
    printf '%s' ":redux-$machine:M::\\x7fELF$kind\\x00$zeros$rest:$seven\\x00\\xff$seven$mask:$(command -v "qemu-$machine"):" \
        >$known/register && trap 'echo -1 >/proc/sys/fs/binfmt_misc/redux-'"$machine" EXIT
}

mkdir -p "$folder"
if [ ! -f "$root/done" ] && ! unpack_libraries >"$folder/sysroot.log" 2>&1; then
    echo "check-arch: the libraries of $arch cannot be had: see $folder/sysroot.log" >&2
    exit 1
fi

export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$root/usr/lib/$libraries/pkgconfig:$root/usr/lib/$libraries/openblas-pthread/pkgconfig:$root/usr/share/pkgconfig
blas=usr/lib/$libraries/openblas-pthread
export QEMU_LD_PREFIX=$root
# Programs restart themselves to choose OpenBLAS's threads, which an emulator follows only where the kernel knows it.
export OPENBLAS_NUM_THREADS=1 CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-200}
# QEMU 7.2 ends a process that has had threads, forks, and starts threads in the child.
export CK_EXCLUDE_TAGS="${CK_EXCLUDE_TAGS:+$CK_EXCLUDE_TAGS }threads-after-fork"
export RESULTS=$folder/results.tsv
register_emulator
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
# OpenBLAS 0.3.21 takes QEMU's 32-bit processor for an Athlon, whose kernels crash there.
[ "$arch" != i386 ] || export OPENBLAS_CORETYPE=Prescott
build=("$MAKE" --no-print-directory BUILD="build-$arch" CC="$triple-gcc --sysroot=$root"
    CXX="$triple-g++ --sysroot=$root" GDCM_INCLUDE="$(echo "$root"/usr/include/gdcm-*)"
    NIFTI_CFLAGS="-isystem $root/usr/include/nifti" CFLAGS="${CFLAGS:--O3 -g}${compiler_flags:+ $compiler_flags}"
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
    # shellcheck disable=SC2086 # a list of words
    BIN=$folder/emulated tests/programs/run.sh $PROGRAMS || status=1
fi
[ -z "$exchange" ] || BUILD=${BUILD:-build} tools/check-exchange.sh || status=1
exit $status
