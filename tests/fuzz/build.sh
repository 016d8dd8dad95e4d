#!/bin/bash -eu
# SPDX-License-Identifier: MIT
# The build script of an OSS-Fuzz project (https://google.github.io/oss-fuzz/getting-started/new-project-guide/): their
# image sets CC, CXX, CFLAGS, CXXFLAGS, LIB_FUZZING_ENGINE, SRC, WORK and OUT. Its Dockerfile would begin with
#     FROM gcr.io/oss-fuzz-base/base-builder
#     RUN apt-get update && apt-get install -y pkg-config $(the packages of tools/deps.sh build)
# Written by their documentation, and tried with a stand-in for their image (docs/testing.md); it has not run there.
cd "$(dirname "$0")/../.."
out=${OUT:?where the targets go}
build=${WORK:-$out}/build
# Shared libraries that their run-time image lacks go along and are found beside the target, by whom they need as well.
# shellcheck disable=SC2016 # make expands it
make -j"$(nproc)" BUILD="$build" CC="${CC:-clang}" CXX="${CXX:-clang++}" GDCM=0 \
    CFLAGS="${CFLAGS:--O1 -g -fsanitize=fuzzer-no-link,address}" LIBFUZZER="${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}" \
    LDFLAGS="${CXXFLAGS:-} -Wl,--disable-new-dtags" RUNPATH='$$ORIGIN/lib' fuzz-targets
mkdir -p "$out/lib"
for target in "$build"/fuzz/*; do
    name=$(basename "$target")
    cp "$target" "$out/$name"
    ldd "$target" | awk '$3 ~ /^\// { print $3 }' | grep -vE '/(libc|libm|libdl|libpthread|librt|ld-linux)[.-]' |
        xargs -r cp -n -t "$out/lib"
    (cd tests/fuzz/corpus/"$name" && python3 -c 'import sys, zipfile, os
with zipfile.ZipFile(sys.argv[1], "w") as z:
    [z.write(f) for f in sorted(os.listdir("."))]' "$out/${name}_seed_corpus.zip")
done
