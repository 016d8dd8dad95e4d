#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The tutorials examples/tutorials/*.c: each runs and says what it should, is short, and needs no more than
# the public header. `make check-tutorials`.
set -u
: "${BUILD:=build}"
export OPENBLAS_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
check() { # check WHAT COMMAND...
    if "${@:2}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "  check-tutorials: failed: $1"
    fi
}
says() { # says NAME WORDS [ARGUMENT...]
    if "$BUILD/tutorials/$1" "${@:3}" >"$work/out" 2>"$work/err" && grep -qE -- "$2" "$work/out" &&
        [ ! -s "$work/err" ]; then
        return 0
    fi
    cat "$work/out" "$work/err"
    return 1
}
check tensors says 00_tensors '^seen through the view +7$'
check volume says 01_volume '^middle slice: -[0-9]+ to [0-9]+ HU$' data/ct "$work/slice.png"
check "volume's picture" test -s "$work/slice.png"
check hash says 02_hash '^  0,   1   [0-9a-f]{16} '
check reduce says 03_reduce '^kept 50 of 199 slices' data/ct "$work/kept.csv"
check "reduce's manifest" test "$(grep -c ',1,,,$' "$work/kept.csv")" = 50
check "reduce fails where it cannot save" bash -c \
    "! '$BUILD/tutorials/03_reduce' data/ct '$work/no-such-folder/kept.csv' >'$work/out' 2>'$work/err'"
check "... and names the file" grep -q no-such-folder "$work/err"
check embed says 04_embed '^kept 60 at cosine 0\.'
check pretrain says 05_pretrain '^107 slices, loss .* to .*weights.safetensors$' data/ct "$work/run"
check evaluate says 06_evaluate '^random weights: AUC 0\.'
check "evaluate its weights" says 06_evaluate 'weights.safetensors weights: AUC 0\.' data/ct/labels.csv \
    "$work/run/weights.safetensors"
check "embed by its weights" says 04_embed '^199 slices, 128 features each$' data/ct \
    "$work/run/weights.safetensors"
check metric says 07_metric '^kept [0-9]+ of 199 slices; the rest differ from a kept one by 25 HU at most$'
check dlpack says 08_dlpack '^the producer.s memory is free again$'
check "a missing file is told" bash -c "! '$BUILD/tutorials/01_volume' nothing.nii 2>'$work/err'"
check "... by name" grep -q nothing.nii "$work/err"

for source in examples/tutorials/*.c; do
    check "$source is under 80 lines" test "$(wc -l <"$source")" -lt 80
    check "$source is free to copy" grep -q 'SPDX-License-Identifier: CC0-1.0' "$source"
    check "$source includes <redux.h> and the C library only" test -z \
        "$(grep '^#include' "$source" | grep -vE '<(redux|inttypes|math|stdio|stdlib|string)\.h>')"
    check "$source is listed" grep -q "$(basename "$source")" examples/README.md
done
echo "check-tutorials: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
