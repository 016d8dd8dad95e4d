#!/bin/bash -eu
# SPDX-License-Identifier: MIT
# The build script of an OSS-Fuzz project (https://google.github.io/oss-fuzz/getting-started/new-project-guide/): their
# image sets CC, CXX, CFLAGS, CXXFLAGS, LIB_FUZZING_ENGINE, SRC, WORK and OUT. Its Dockerfile would begin with
#     FROM gcr.io/oss-fuzz-base/base-builder
#     RUN apt-get update && apt-get install -y pkg-config $(the packages of tools/deps.sh build)
# Written by their documentation; it has run neither there nor here.
cd "$(dirname "$0")/../.."
out=${OUT:?where the targets go}
build=${WORK:-$out}/build
make -j"$(nproc)" BUILD="$build" CC="${CC:-clang}" CXX="${CXX:-clang++}" GDCM=0 \
    CFLAGS="${CFLAGS:--O1 -g -fsanitize=fuzzer-no-link,address}" \
    LIBFUZZER="${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}" fuzz-targets
for target in "$build"/fuzz/*; do
    name=$(basename "$target")
    [ -x "$target" ] || continue
    cp "$target" "$out/$name"
    # Shared libraries that their run-time image lacks go along, found by the run path.
    mkdir -p "$out/lib"
    ldd "$target" | awk '$3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libdl|libpthread|librt|ld-linux)[.-]' |
        xargs -r cp -n -t "$out/lib"
    # shellcheck disable=SC2016 # the loader expands it
    ! command -v patchelf >/dev/null || patchelf --set-rpath '$ORIGIN/lib' "$out/$name"
    (cd tests/fuzz/corpus/"$name" && python3 -c 'import sys, zipfile, os
with zipfile.ZipFile(sys.argv[1], "w") as z:
    [z.write(f) for f in sorted(os.listdir("."))]' "$out/${name}_seed_corpus.zip")
done
