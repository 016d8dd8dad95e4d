#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/support/msan.sh FOLDER [TEST...]: unit tests under MemorySanitizer (Clang), in FOLDER (build-msan). Memory that a
# library writes counts as set only if that library is instrumented, too. So zlib, libpng, libjpeg-turbo, Jansson, minizip
# and nifti_clib are built from Debian's sources, which apt fetches without being set up for it. Not instrumented
# are OpenBLAS, FFTW, libtiff, libwebp, zstd, ISA-L and GDCM: the build leaves out those that are optional, and tests of
# what multiplies matrices (networks, cosines) are left out. MAKE, CC.
set -euo pipefail
folder=$(realpath -m "${1:?tests/support/msan.sh FOLDER}")
shift
MAKE=${MAKE:-make}
CC=${CC:-clang}
root=$PWD
flags='-O1 -g -fno-omit-frame-pointer -fsanitize=memory -fsanitize-memory-track-origins'
prefix=$folder/deps
log=$folder/deps.log

lsb() { # the release's name
    # shellcheck source=/dev/null
    (. /etc/os-release && echo "$VERSION_CODENAME")
}

fetch() { # fetch SOURCE...: unpacks Debian's sources below $folder/sources
    local apt=$folder/apt
    mkdir -p "$apt/lists/partial" "$apt/sources.d" "$folder/sources"
    sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/*.sources >"$apt/sources.d/sources.sources"
    local options=(-q -o "Dir::Etc::SourceParts=$apt/sources.d" -o Dir::Etc::SourceList=/dev/null
        -o "Dir::State::Lists=$apt/lists")
    apt-get "${options[@]}" update
    cd "$folder/sources"
    for source in "$@"; do # an archive may lack the newest of the security fixes
        apt-get "${options[@]}" source "$source" || apt-get "${options[@]}" source "$source/$(lsb)" || return 1
    done
    cd "$root"
}

archive() { # archive LIBRARY FLAGS... -- FILE...: compiles them into $prefix/lib
    local name=$1 options=() object
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    mkdir -p "$prefix/lib" "$prefix/include" "objects-$name"
    for file in "$@"; do
        object=objects-$name/$(basename "$file" .c).o
        # shellcheck disable=SC2086 # a list of words
        $CC $flags -w -I. -I"$prefix/include" "${options[@]}" -c -o "$object" "$file"
    done
    rm -f "$prefix/lib/$name.a"
    ar rcs "$prefix/lib/$name.a" "objects-$name"/*.o
}

build_libraries() {
    cd "$folder"/sources/zlib-*/
    archive libz -DHAVE_UNISTD_H -- *.c
    cp zlib.h zconf.h "$prefix/include"
    cd "$folder"/sources/libpng1.6-*/
    cp scripts/pnglibconf.h.prebuilt pnglibconf.h
    archive libpng16 -DPNG_INTEL_SSE_OPT=0 -- png.c png[!t]*.c pngtrans.c
    cp png.h pngconf.h pnglibconf.h "$prefix/include"
    ln -sf libpng16.a "$prefix/lib/libpng.a"
    cd "$folder"/sources/libjpeg-turbo-*/
    cmake -S . -B msan -DWITH_SIMD=0 -DENABLE_SHARED=0 -DWITH_TURBOJPEG=0 -DCMAKE_C_COMPILER=clang \
        -DCMAKE_C_FLAGS="$flags -w" -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib
    cmake --build msan --target jpeg-static
    cp msan/libjpeg.a "$prefix/lib"
    cp jpeglib.h jmorecfg.h jerror.h msan/jconfig.h "$prefix/include"
    cd "$folder"/sources/jansson-*/
    cmake -S . -B msan -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF \
        -DCMAKE_C_COMPILER=clang -DCMAKE_C_FLAGS="$flags -w" -DCMAKE_INSTALL_PREFIX="$prefix" \
        -DCMAKE_INSTALL_LIBDIR=lib
    cmake --build msan --target install
    cd "$folder"/sources/minizip-*/
    archive libminizip -DHAVE_UNISTD_H -- ioapi.c zip.c unzip.c
    mkdir -p "$prefix/include/minizip"
    cp ioapi.h zip.h unzip.h "$prefix/include/minizip"
    cd "$folder"/sources/nifticlib-*/
    mkdir -p "$prefix/include/nifti"
    archive libznz -DHAVE_ZLIB -Iznzlib -- znzlib/znzlib.c
    archive libnifti2 -DHAVE_ZLIB -Iznzlib -Inifti2 -Iniftilib -- nifti2/nifti2_io.c
    cp znzlib/*.h nifti2/*.h "$prefix/include/nifti"
    cd "$root"
}

if [ ! -f "$prefix/done" ]; then
    mkdir -p "$folder"
    { fetch zlib libpng1.6 libjpeg-turbo jansson minizip nifticlib && build_libraries && touch "$prefix/done"; } \
        >"$log" 2>&1 || { echo "msan: the libraries beneath do not build: see $log" && exit 1; }
fi
[ $# -gt 0 ] || set -- base vector hash volume_hash image entropy ssim io_array io_picture io_nifti hash_list
"$MAKE" --no-print-directory BUILD="$folder" CC="$CC" FFTW=0 ISAL=0 TIFF=0 WEBP=0 ZSTD=0 GDCM=0 CFLAGS="$flags" \
    NIFTI_CFLAGS="-isystem $prefix/include/nifti -isystem $prefix/include" NIFTI_LIBS='-lnifti2 -lznz -lz -lm' \
    LDFLAGS="-fsanitize=memory -L$prefix/lib" \
    "${@/#/$folder/tests/test_}"
# Check is not instrumented either, and each of its messages is reported. So what an interceptor reports does not end a
# test, and what our own code does with unset memory does.
MSAN_OPTIONS=halt_on_error=0:exit_code=0:abort_on_error=1:symbolize=0 CK_TIMEOUT_MULTIPLIER=50 tests/support/run.sh msan "${@/#/$folder/tests/test_}"
