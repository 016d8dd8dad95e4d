#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that are missing: tools/deps.sh build [lint] [mpi] [dev]
# Nothing missing: no output, no network. As root by apt-get, else through sudo, else the line to
# run is printed and the exit status is 1. LIST=1 prints the packages and does nothing; ARCH: for that
# processor, as `uname -m` names it.
# shellcheck disable=SC2086 # lists of packages and command lines are split into words on purpose
set -eu

# To build and to test. g++ is for GDCM and the C++ consumer in check-install.
build="gcc g++ libc6-dev make pkg-config libopenblas-dev zlib1g-dev libnifti-dev libpng-dev
    libjpeg62-turbo-dev libjansson-dev libminizip-dev check"
[ "${GDCM:-1}" = 0 ] || build="$build libgdcm-dev libcharls-dev libopenjp2-7-dev"
[ "${FFTW:-1}" = 0 ] || build="$build libfftw3-dev"
case ${ISAL:-1}${ARCH:-$(uname -m)} in 1x86_64 | 1aarch64) build="$build libisal-dev" ;; esac
[ "${TIFF:-1}" = 0 ] || build="$build libtiff-dev"
[ "${WEBP:-1}" = 0 ] || build="$build libwebp-dev"
[ "${ZSTD:-1}" = 0 ] || build="$build libzstd-dev"
# For what CI runs besides the tests: format, cppcheck, shellcheck, each header alone, the manual.
lint="clang clang-format cppcheck shellcheck doxygen"
# For libredux-mpi and its checks (make MPI=1 check-mpi).
mpi="libopenmpi-dev openmpi-bin"
# For clang-tidy, valgrind, coverage, check-abi, all of check-install and check-python, and for making
# goldens anew.
dev="clang-tidy llvm valgrind abigail-tools lcov
    cmake meson ninja-build debhelper dh-python mpi-default-dev lintian mandoc man-db patchelf zsh
    python3-torch python3-torchvision python3-pandas
    python3-numpy python3-scipy python3-pil python3-skimage python3-sklearn python3-nibabel
    python3-pydicom python3-tifffile libgdcm-tools libtiff-tools teem-apps zstd
    libinsighttoolkit5-dev mypy python3-setuptools python3-wheel python3-venv python3-nbconvert
    python3-ipykernel"

wanted=
for group in "$@"; do
    case $group in
    build) wanted="$wanted $build" ;;
    lint) wanted="$wanted $lint" ;;
    dev) wanted="$wanted $dev" ;;
    mpi) wanted="$wanted $mpi" ;;
    *) echo "usage: tools/deps.sh build [lint] [mpi] [dev]" >&2; exit 2 ;;
    esac
done

if [ "${LIST:-0}" = 1 ]; then
    echo $wanted
    exit 0
fi
if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is no Debian system; install what these packages hold:" $wanted >&2
    exit 1
fi
missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null) || state=
    case $state in
    *not-installed* | "") missing="$missing $package" ;;
    *installed*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

update="apt-get -o Acquire::Retries=3 update"
install="apt-get -o Acquire::Retries=3 install -y --no-install-recommends$missing"
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    echo "deps: packages are missing; run this as root:" >&2
    echo "apt-get update && apt-get install -y --no-install-recommends$missing"
    exit 1
fi
echo "deps: installing$missing"
# A source that cannot be reached may not matter: the installation then tells.
$as_root $update || echo "deps: apt-get update failed; going on with the lists there are" >&2
if ! $as_root env DEBIAN_FRONTEND=noninteractive $install; then
    echo "deps: could not install; run this as root:" >&2
    echo "apt-get update && apt-get install -y --no-install-recommends$missing"
    exit 1
fi
