#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/check-exchange.sh [FOLDER...]: files between machines. Each FOLDER is a build with tests/exchange, those of
# tools/check-arch.sh by their emulators (default: build and every build-ARCH that has it). Each writes all forms; what
# should be equal is compared byte for byte; each reads what every other one wrote, and finishes its pre-training. Builds
# with programs also write manifests, parts, hashes and an audit by these, and merge and update each other's.
# "check-exchange: N passed, N failed".
set -uo pipefail
BUILD=${BUILD:-build}
[ $# -gt 0 ] || set -- "$BUILD" build-arm64 build-s390x build-i386
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
top=$PWD
export OPENBLAS_NUM_THREADS=1

check() { # check WORDS COMMAND...
    local words=$1
    shift
    "$@" >"$work/said" 2>&1 & # in a condition `set -e` would count for nothing
    if wait $!; then
        passed=$((passed + 1))
        echo "  $words $(cat "$work/said")"
    else
        failed=$((failed + 1))
        echo "  $words: FAILED"
        sed 's/^/    /' "$work/said"
    fi
}

run() { # run BUILD PROGRAM ARGUMENT...: a program of a build, on its processor
    local emulator=
    case $1 in
    build-arm64) emulator=qemu-aarch64 ;;
    build-s390x) emulator=qemu-s390x ;;
    build-i386) emulator=qemu-i386 ;;
    esac
    QEMU_LD_PREFIX=$top/$1/sysroot $emulator "$top/$1/$2" "${@:3}"
}

# ---- the forms of the library ----

builds=()
for build in "$@"; do
    [ -x "$build/tests/exchange" ] || continue
    builds+=("$build")
    mkdir -p "$work/$build"
    check "$build writes" run "$build" tests/exchange write "$work/$build"
done
for build in "${builds[@]}"; do
    [ "$build" = "${builds[0]}" ] ||
        check "$build: the same bytes as ${builds[0]}" diff -r "$work/${builds[0]}/equal" "$work/$build/equal"
    for other in "${builds[@]}"; do
        cp -r "$work/$other" "$work/copy"
        check "$build reads $other:" run "$build" tests/exchange read "$work/copy"
        rm -rf "$work/copy"
    done
done

# ---- those of the programs, on two CT volumes ----

# SSIM compares floats, so its parts are those of one machine only; equal/ must be the same bytes on every machine.
ssim="--strategy ssim --size 64 --threshold 0.8"

# shellcheck disable=SC2086 # $ssim is several words
write_programs() ( # write_programs BUILD: into a folder of the same name for all, since parts keep it
    reduce=("$1" bin/redux-reduce --quiet)
    set -e
    mkdir -p "$work/here/equal" "$work/here/ct"
    cp data/ct/STS_008_CT.nii.gz data/ct/STS_019_CT.nii.gz "$work/here/ct" && cd "$work/here"
    run "${reduce[@]}" --manifest equal/kept.csv ct
    run "${reduce[@]}" --scope dataset --false-drops 1% --manifest equal/calibrated.csv ct
    run "${reduce[@]}" $ssim --manifest ssim.csv ct
    for i in 1 2; do
        run "${reduce[@]}" --shard $i/2 --manifest equal/kept-in.csv ct
        run "${reduce[@]}" --shard $i/2 $ssim --manifest ssim-in.csv ct
    done
    run "$1" bin/redux-hash --quiet --hash pdq --format binary --out equal/pdq.bin ct
    run "$1" bin/redux-audit --quiet --skip redundancy --out audit --write-clean equal/clean.csv ct >table
    cp audit/audit.csv equal
    sed -i -E 's/"seconds": [0-9.e+-]+/"seconds": 0/' equal/*.json # which differs
    mv "$work/here" "$work/programs-$1"
)

merges_to() { # merges_to BUILD CSV PART...
    run "$1" bin/redux-merge --quiet --overwrite --manifest merged.csv "${@:3}" && cmp merged.csv "$2"
}

refuses() { # refuses WORDS COMMAND...
    ! "${@:2}" 2>said && grep -q -e "$1" said
}

read_programs() ( # read_programs BUILD WRITER
    set -e
    cp -r "$work/programs-$2" "$work/copy" && cd "$work/copy"
    merges_to "$1" equal/kept.csv equal/kept-in.*.part
    merges_to "$1" ssim.csv ssim-in.*.part
    own=$work/programs-$1
    merges_to "$1" equal/kept.csv equal/kept-in.1-of-2.part "$own/equal/kept-in.2-of-2.part"
    [ "$1" = "$2" ] ||
        refuses "machine" run "$1" bin/redux-merge --quiet --manifest no.csv ssim-in.1-of-2.part "$own/ssim-in.2-of-2.part"
    cp "$top/data/ct/STS_012_CT.nii.gz" ct
    run "$1" bin/redux-reduce --quiet --update equal/calibrated.csv --manifest updated.csv ct
    run "$1" bin/redux-reduce --quiet --against equal/clean.csv --manifest against.csv ct/STS_012_CT.nii.gz
    cat updated.csv updated.exemplars against.csv | cksum
)

programs=()
for build in "${builds[@]}"; do
    [ -x "$build/bin/redux-merge" ] || continue
    programs+=("$build")
    check "programs of $build write" write_programs "$build"
done
for build in ${programs[@]+"${programs[@]}"}; do
    [ "$build" = "${programs[0]}" ] ||
        check "programs of $build: the same bytes as ${programs[0]}" \
            diff -r "$work/programs-${programs[0]}/equal" "$work/programs-$build/equal"
    for other in "${programs[@]}"; do
        check "programs of $build read $other:" read_programs "$build" "$other"
        rm -rf "$work/copy"
    done
done
echo "check-exchange: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
