#!/bin/sh
# SPDX-License-Identifier: MIT
# Is the installed library usable? Installs into a stage, moves the tree (libredux.pc must follow),
# builds C and C++ programs against it through pkg-config, CMake and Meson, and runs them;
# compiles each public header alone; uninstalls, and looks for leftovers. `make check-install`.
set -u
: "${CC:=cc}" "${CXX:=c++}" "${MAKE:=make}" "${PKG_CONFIG:=pkg-config}" "${BUILD:=build}"
: "${CFLAGS:=}" "${LDFLAGS:=}"
export CC CXX CFLAGS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage
passed=0
failed=0
step() { # what, command...: counts it, and shows its output when it fails; a shell of its own, for some set variables of make's
    what=$1
    shift
    if ("$@") >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "  check-install: failed: $what"
        sed 's/^/    /' "$work/log"
    fi
}
soname=libredux.so.$(sed -n 's/^.define REDUX_ABI_VERSION //p' include/redux/version.h)
strict="-Wall -Wextra -Wpedantic -Werror"

# shellcheck disable=SC2086 # flags are lists of words
use() { # tree, its library folder: builds and runs the programs against it
    export PKG_CONFIG_PATH="$1/$2/pkgconfig"
    export LD_LIBRARY_PATH="$1/$2"
    cflags=$($PKG_CONFIG --cflags libredux) || return 1
    shared=$($PKG_CONFIG --libs libredux) || return 1
    $CC -std=c11 $strict $CFLAGS -o "$work/c-shared" tests/install/consumer.c $cflags $LDFLAGS $shared &&
        $CXX -std=c++17 $strict $CFLAGS -o "$work/cc-shared" tests/install/consumer.cc $cflags $LDFLAGS $shared &&
        "$work/c-shared" && "$work/cc-shared" &&
        ldd "$work/c-shared" | grep -F "$soname => $1/$2/" && # the moved one is what runs
        ! $PKG_CONFIG --libs libredux | grep -E 'blas|png|nifti'    # private ones stay private
}
# shellcheck disable=SC2086
use_static() { # a tree with libredux.a alone
    export PKG_CONFIG_PATH="$1/$2/pkgconfig"
    unset LD_LIBRARY_PATH
    rm -f "$1/$2"/libredux.so*
    cflags=$($PKG_CONFIG --static --cflags libredux) || return 1
    libs=$($PKG_CONFIG --static --libs libredux) || return 1
    $CC -std=c11 $strict $CFLAGS -o "$work/c-static" tests/install/consumer.c $cflags $LDFLAGS $libs &&
        $CXX -std=c++17 $strict $CFLAGS -o "$work/cc-static" tests/install/consumer.cc $cflags $LDFLAGS $libs &&
        "$work/c-static" && "$work/cc-static" && ! ldd "$work/c-static" | grep -F libredux
}
# redux.hpp in a C++ standard.
# shellcheck disable=SC2086
use_hpp() { # tree, library folder, standard, -fsyntax-only: not run
    export PKG_CONFIG_PATH="$1/$2/pkgconfig" LD_LIBRARY_PATH="$1/$2"
    cflags=$($PKG_CONFIG --cflags libredux) && libs=$($PKG_CONFIG --libs libredux) || return 1
    mkdir -p "$work/hpp" &&
        $CXX "-std=$3" $strict $CFLAGS ${4:-} -o "$work/hpp/use" tests/install/consumer_hpp.cc $cflags \
            $LDFLAGS $libs && { [ $# -eq 4 ] || "$work/hpp/use" "$work/hpp"; }
}
# By CMake's find_package(redux), without pkg-config or a library path to help it.
use_cmake() { # tree, its library folder, what to build
    unset LD_LIBRARY_PATH PKG_CONFIG_PATH
    export CC CXX CFLAGS LDFLAGS CXXFLAGS="$CFLAGS"
    rm -rf "$work/cmake"
    cmake -S tests/install/cmake -B "$work/cmake" -Dredux_DIR="$1/$2/cmake/redux" &&
        cmake --build "$work/cmake" --target "$3" || return 1
    "$work/cmake/shared" && ldd "$work/cmake/shared" | grep -F "$soname => $1/$2/" &&
        { [ "$3" = shared ] || { "$work/cmake/static" && "$work/cmake/plusplus" &&
            ! ldd "$work/cmake/static" | grep -F libredux; }; }
}
# The library as part of another CMake project; unoptimised, since it is compiled anew. A second time in the same folder
# compiles nothing again: objects of both libraries are alike.
use_subdirectory() { # options
    unset LD_LIBRARY_PATH PKG_CONFIG_PATH
    export CC CXX CFLAGS=-O0 LDFLAGS CXXFLAGS=-O0
    cmake -S tests/install/subdirectory -B "$work/subdirectory" -DCMAKE_BUILD_TYPE=Debug "$@" &&
        cmake --build "$work/subdirectory" -j "$(nproc)" &&
        "$work/subdirectory/consumer" && "$work/subdirectory/plusplus"
}
# By Meson's dependency('libredux'), which asks pkg-config.
use_meson() { # tree, its library folder
    export PKG_CONFIG_PATH="$1/$2/pkgconfig" LD_LIBRARY_PATH="$1/$2"
    rm -rf "$work/meson"
    cp -r tests/install/meson "$work/meson" && cp tests/install/consumer.c "$work/meson" &&
        CC="$CC" CFLAGS="$CFLAGS" LDFLAGS="$LDFLAGS" meson setup "$work/meson/build" "$work/meson" &&
        meson compile -C "$work/meson/build" && "$work/meson/build/shared"
}
# By dlopen and dlclose, as a plug-in does.
# shellcheck disable=SC2086
use_and_unload() { # tree, its library folder
    export PKG_CONFIG_PATH="$1/$2/pkgconfig" LD_LIBRARY_PATH="$1/$2"
    cflags=$($PKG_CONFIG --cflags libredux) || return 1
    $CC -std=c11 -D_GNU_SOURCE $strict $CFLAGS -o "$work/unload" tests/install/unload.c $cflags $LDFLAGS -ldl &&
        "$work/unload" "$soname"
}
# What is installed can be read by everyone, whatever the umask of who installs it; only programs and folders are
# executable.
modes() { # umask
    (umask "$1" && stage_make install PREFIX=/usr) || return 1
    ! find "$stage/usr" -type d ! -perm 755 | grep . && ! find "$stage/usr/bin" -type f ! -perm 755 | grep . &&
        ! find "$stage/usr" -type f ! -path '*/bin/*' ! -perm 644 | grep .
}
# The README's program, as it stands there.
# shellcheck disable=SC2086
readme_example() {
    export PKG_CONFIG_PATH="$1/$2/pkgconfig" LD_LIBRARY_PATH="$1/$2"
    cflags=$($PKG_CONFIG --cflags libredux) && libs=$($PKG_CONFIG --libs libredux) || return 1
    mkdir "$work/readme" && ln -s "$PWD/data" "$work/readme/data" &&
        awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' README.md >"$work/readme/example.c" &&
        $CC -std=c11 $strict $CFLAGS -o "$work/readme/example" "$work/readme/example.c" $cflags \
            $LDFLAGS $libs &&
        (cd "$work/readme" && ./example && cat kept.csv && [ "$(wc -l <kept.csv)" -eq 200 ])
}
# The C++ program of "getting started".
# shellcheck disable=SC2086
started_example() {
    export PKG_CONFIG_PATH="$1/$2/pkgconfig" LD_LIBRARY_PATH="$1/$2"
    cflags=$($PKG_CONFIG --cflags libredux) && libs=$($PKG_CONFIG --libs libredux) || return 1
    awk '/^```cpp$/ { on = 1; next } /^```$/ { on = 0 } on' docs/getting-started.md \
        >"$work/readme/started.cc" &&
        $CXX -std=c++17 $strict $CFLAGS -o "$work/readme/started" "$work/readme/started.cc" $cflags \
            $LDFLAGS $libs &&
        (cd "$work/readme" && [ "$(./started)" = "kept 50 of 199" ] && [ "$(wc -l <kept.csv)" -eq 200 ])
}
# shellcheck disable=SC2086
alone() { # header, language, standard
    echo "#include <$1>" | ${4:-$CC} -x "$2" -std="$3" $strict -fsyntax-only -I"$moved/include" -
}
# shellcheck disable=SC2086
stage_make() { # goal, further variables
    $MAKE -s --no-print-directory BUILD="$BUILD" DESTDIR="$stage" "$@"
}
programs_run() {
    for program in "$moved"/bin/*; do
        "$program" --version || return 1
    done
}
help_of_all() { # many short runs of programs: on all processors
    printf '%s\n' "$moved"/bin/* |
        xargs -P "$(nproc)" -I PROGRAM tests/install/help.sh PROGRAM "$moved/share"
}
clean_page() { # as man and mandoc see it, where they are installed
    page=$1
    grep -q '^\.SH NAME' "$page" && grep -q '^\.SH "\?SEE ALSO' "$page" || return 1
    [ -z "$(command -v mandoc)" ] || mandoc -Tlint -W warning "$page" || return 1
    [ -z "$(command -v man)" ] ||
        [ -z "$(LC_ALL=C man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" ]
}
nothing_left() {
    ! find "$stage" -mindepth 1 | grep .
}

cp "$BUILD/flags" "$work/flags"
step "install" stage_make install PREFIX=/usr
moved=$work/elsewhere
mkdir "$moved" && cp -a "$stage/usr/." "$moved/" && cp -a "$moved" "$work/static"
step "uninstall" stage_make uninstall PREFIX=/usr
for mask in 077 000; do
    step "modes under umask $mask" modes $mask
    step "uninstall again" stage_make uninstall PREFIX=/usr
done
step "nothing is left behind" nothing_left
step "shared, from a moved tree" use "$moved" lib
step "loaded and unloaded" use_and_unload "$moved" lib
step "redux.hpp in C++17" use_hpp "$moved" lib c++17
step "defaults in C and C++" tests/install/inits.sh "$moved/include"
step "redux.hpp in C++20" use_hpp "$moved" lib c++20 -fsyntax-only
if command -v cmake >/dev/null; then
    step "CMake, from a moved tree" use_cmake "$moved" lib all
    step "CMake's add_subdirectory, a shared library" use_subdirectory -DBUILD_SHARED_LIBS=ON
    step "CMake's FetchContent, a static library" use_subdirectory -DBUILD_SHARED_LIBS=OFF -DFETCH=ON
else
    echo "  check-install: skipped: CMake (cmake is not installed)"
fi
if command -v meson >/dev/null && command -v ninja >/dev/null; then
    step "Meson, from a moved tree" use_meson "$moved" lib
else
    echo "  check-install: skipped: Meson (meson, ninja-build are not installed)"
fi
step "the README's example" readme_example "$moved" lib
step "C++ of getting started" started_example "$moved" lib
step "static, from a moved tree" use_static "$work/static" lib
step "installed programs" programs_run
step "help, man pages and completions" help_of_all
for page in "$moved"/share/man/man?/*; do
    step "$(basename "$page")" clean_page "$page"
done
# redux/mpi.h, which is there with MPI=1, needs MPI's own header.
for header in redux.h $(cd "$moved/include" && ls redux/*.h); do
    [ "$header" != redux/mpi.h ] || continue
    step "$header as C99" alone "$header" c c99
    step "$header as C11" alone "$header" c c11
    step "$header as C++17" alone "$header" c++ c++17 "$CXX"
done

# A multiarch library folder and headers in a folder of their own.
layout="PREFIX=/opt/redux LIBDIR=/opt/redux/lib/some-arch INCLUDEDIR=/opt/redux/include/libredux-1
    MODULEDIR=/opt/redux/lib/some-arch/modules"
mkdir -p "$stage/opt/other" # somebody else's
# shellcheck disable=SC2086
step "install in another layout" stage_make install $layout
mkdir "$work/second" && cp -a "$stage/opt/redux/." "$work/second/"
step "shared, from another layout" use "$work/second" lib/some-arch
[ -z "$(command -v cmake)" ] || step "CMake, from another layout" use_cmake "$work/second" lib/some-arch shared
# shellcheck disable=SC2086
step "uninstall another layout" stage_make uninstall $layout
step "its folders are gone" test ! -e "$stage/opt/redux" -a -d "$stage/opt/other"

step "nothing was compiled with other flags" cmp "$BUILD/flags" "$work/flags"
echo "check-install: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
