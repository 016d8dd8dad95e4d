# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-pretrain from end to end.
small=(--width 0.125 --projection 16 --size 32 --batch 16 --window -160:240 --quiet)

check "redux-pretrain --help" exits 0 "" "$pretrain" --help
check "redux-pretrain --help says usage" grep -q "^Usage: redux-pretrain" "$work/out"
# Every option that --help names is one that the program knows.
known_options() { # known_options PROGRAM: asks for each option without a value, or with a wrong one
    local option
    "$1" --help | grep -o -e '--[a-z][a-z0-9-]*' | sort -u | while read -r option; do
        "$1" "$option" 2>&1 </dev/null | grep -q "unknown option" && echo "$option"
    done
}
check "redux-pretrain knows what its help names" test -z "$(known_options "$pretrain")"
check "pretrain without --out" exits 2 "--out" "$pretrain" "$scan"
check "pretrain without input" exits 2 "no input" "$pretrain" --out "$work/p"
check "pretrain with nonsense" exits 2 "--batch" "$pretrain" --batch x --out "$work/p" "$scan"
check "pretrain: batch of one" exits 2 "whole number, 2 to" "$pretrain" --batch 1 --out "$work/p" "$scan"
check "pretrain: epochs 0" exits 2 "--epochs" "$pretrain" --epochs 0 --out "$work/p" "$scan"
check "pretrain: views" exits 2 "--views" "$pretrain" --views odd --out "$work/p" "$scan"
check "pretrain: scale" exits 2 "--scale" "$pretrain" --scale 0.5:0.2 --out "$work/p" "$scan"
for wrong in "--temperature 0" "--momentum 1" "--trust 0" "--rate 0" "--window-jitter 0.5" "--gamma 5" \
    "--scale 0:1"; do # each is within what the program takes for a number, and not within the library's
    # shellcheck disable=SC2086 # several words on purpose
    check "pretrain $wrong" exits 2 "${wrong%% *} '" "$pretrain" $wrong --out "$work/p" "$scan"
done
check "pretrain: too large for its blur" exits 1 "with inputs of 4096 pixels" "$pretrain" --size 4096 --out "$work/p" "$scan"
check "pretrain: no such input" exits 1 "nowhere" "$pretrain" --out "$work/p" "$work/nowhere.nii"
check "nothing was made" test ! -e "$work/p/weights.safetensors"

check "pretrain" exits 0 "" "$pretrain" "${small[@]}" --epochs 3 --warm-up 1 --out "$work/p" "$scan"
check "pretrain is quiet" test ! -s "$work/err"
for file in weights.safetensors checkpoint.safetensors log.csv run.json; do
    check "pretrain wrote $file" test -s "$work/p/$file"
done
check "pretrain: nothing else" test "$(find "$work/p" -type f | wc -l)" = 4
check "pretrain: run.json" grep -q '"complete": true' "$work/p/run.json"
check "pretrain: no paths inside" sh -c "! grep -aq 'STS_019' '$work/p/weights.safetensors' '$work/p/checkpoint.safetensors'"
check "pretrain: held folder" exits 1 "holds a run" "$pretrain" "${small[@]}" --epochs 3 --out "$work/p" "$scan"
check "pretrain: other settings" exits 1 "'batch': 16, not 8" "$pretrain" "${small[@]}" --batch 8 --epochs 3 --warm-up 1 --resume --out "$work/p" "$scan"
cp "$work/p/weights.safetensors" "$work/weights-first"
check "pretrain: complete" exits 0 "nothing was left" "$pretrain" "${small[@]:0:10}" --epochs 3 --warm-up 1 --resume --out "$work/p" "$scan"
check "pretrain: still the same" cmp -s "$work/weights-first" "$work/p/weights.safetensors"
check "pretrain: one thread" exits 0 "" "$pretrain" "${small[@]}" --epochs 3 --warm-up 1 --threads 1 --overwrite --out "$work/p" "$scan"
check "pretrain: one thread, same weights" cmp -s "$work/weights-first" "$work/p/weights.safetensors"
check "pretrain: json" exits 0 "" "$pretrain" "${small[@]}" --epochs 3 --warm-up 1 --json --resume --out "$work/p" "$scan"
to_full() { # the result cannot be written
    "$@" >/dev/full 2>"$work/err"
    [ $? -eq 1 ] && grep -q "standard output" "$work/err"
}
check "pretrain: json into a full device" to_full "$pretrain" "${small[@]}" --epochs 3 --warm-up 1 --json --resume --out "$work/p" "$scan"
check "pretrain: json says so" grep -q '"complete": true, "slices": ' "$work/out"

# Products of rounded numbers, where the processor has them.
rounded=("${small[@]}" --products bfloat16 --epochs 3 --warm-up 1)
check "pretrain: products" exits 2 "--products" "$pretrain" --products odd --out "$work/b" "$scan"
if grep -q avx512_bf16 /proc/cpuinfo && "$pretrain" "${rounded[@]}" --out "$work/b" "$scan"; then
    check "pretrain: rounded, other weights" sh -c "! cmp -s '$work/weights-first' '$work/b/weights.safetensors'"
    check "pretrain: rounded, one thread" exits 0 "" "$pretrain" "${rounded[@]}" --threads 1 --out "$work/b1" "$scan"
    check "pretrain: rounded, same weights" cmp -s "$work/b/weights.safetensors" "$work/b1/weights.safetensors"
    check "pretrain: rounded is a setting" exits 1 "'products'" "$pretrain" "${small[@]}" --epochs 3 --warm-up 1 --resume --out "$work/b" "$scan"
fi
check "pretrain: rounded, without" exits 1 "bfloat16" env REDUX_TIER=portable "$pretrain" "${rounded[@]}" --out "$work/b0" "$scan"

# A manifest, with and without the input.
"$reduce" --manifest "$work/pre.csv" --quiet "$scan"
n=$(kept <"$work/pre.csv")
check "pretrain: manifest" exits 0 "$n slices" "$pretrain" "${small[@]:0:10}" --steps 2 --manifest "$work/pre.csv" --out "$work/m1" "$scan"
check "pretrain: manifest alone" exits 0 "$n slices" "$pretrain" "${small[@]:0:10}" --steps 2 --manifest "$work/pre.csv" --out "$work/m2"
check "pretrain: both the same" cmp -s "$work/m1/weights.safetensors" "$work/m2/weights.safetensors"

# Objectives and presets.
swav=(--objective swav --small-views 2 --prototypes 20 --freeze-steps 3 --queue 32 --queue-start 1)
for wrong in "--objective odd" "--preset odd" "--objective swav --prototypes 1" "--objective moco --epsilon 0.1" \
    "--prototypes 5" "--objective byol --temperature 0.1" "--objective swav --ema 0.9" "--queue-start 1 --objective moco" \
    "--batch 8 --preset byol"; do
    # shellcheck disable=SC2086 # several words on purpose
    check "pretrain $wrong" exits 2 "" "$pretrain" $wrong --out "$work/o" "$scan"
done
check "pretrain: no use" exits 2 "--epsilon: the objective moco has no use for it" \
    "$pretrain" --epsilon 0.1 --objective moco --out "$work/o" "$scan"
check "pretrain: preset too late" exits 2 "give it before" "$pretrain" --epochs 3 --preset byol --out "$work/o" "$scan"
check "pretrain: long queue" exits 1 "a queue of 64 is longer than the 47 slices: make it 32 or less" \
    "$pretrain" "${small[@]}" "${swav[@]}" --queue 64 --out "$work/o" "$scan"
check "pretrain: queue and batch" exits 1 "no multiple of the batch of 16: make it 16" \
    "$pretrain" "${small[@]}" --objective moco --queue 20 --out "$work/o" "$scan"
check "pretrain: nothing was made for them" test ! -e "$work/o/weights.safetensors"
for preset in simclr:nt-xent paper-swav:swav paper-swav-as-published:swav moco-v2:moco byol:byol; do
    check "pretrain --preset ${preset%:*}" exits 0 "" "$pretrain" --preset "${preset%:*}" "${small[@]}" --steps 2 \
        --out "$work/preset-${preset%:*}" "$scan"
    check "pretrain --preset ${preset%:*}: its objective" grep -q "\"objective\": \"${preset#*:}\"" \
        "$work/preset-${preset%:*}/run.json"
done
check "pretrain: as published" grep -q '"freeze_epochs": 313' "$work/preset-paper-swav-as-published/run.json"
check "pretrain: as published, its cosine" grep -q '"cosine_steps": 790' "$work/preset-paper-swav-as-published/run.json"
check "pretrain: as intended" grep -q '"freeze_steps": 313' "$work/preset-paper-swav/run.json"

# Killed at any moment of a run, and gone on with; KILLS says how often. A checkpoint after every step.
killed_runs() { # killed_runs NAME OPTION...
    local name=$1 started took killed=0 i
    shift
    rm -rf "$work/undisturbed"
    started=$(date +%s%N)
    "$pretrain" "$@" --out "$work/undisturbed" "$scan"
    took=$((($(date +%s%N) - started) / 1000000))
    for i in $(seq "${KILLS:-3}"); do
        rm -rf "$work/k"
        "$pretrain" "$@" --out "$work/k" "$scan" &
        kill_at "$i" "${KILLS:-3}" "$took" && killed=$((killed + 1))
        check "pretrain $name killed ($i) goes on" exits 0 "" "$pretrain" "$@" --resume --out "$work/k" "$scan"
        check "pretrain $name killed ($i): same weights" \
            cmp -s "$work/undisturbed/weights.safetensors" "$work/k/weights.safetensors"
        check "pretrain $name killed ($i): nothing left behind" \
            test "$(find "$work/k" -type f | wc -l)" = 4
    done
    check "pretrain $name was killed at least once" test "$killed" -gt 0
}
long=("${small[@]}" --epochs 40 --checkpoint-seconds 1e-9)
killed_runs nt-xent "${long[@]}"
killed_runs swav "${long[@]}" "${swav[@]}"
killed_runs moco "${long[@]}" --objective moco
killed_runs byol "${long[@]}" --objective byol

# Interrupted once it trains: a checkpoint is written, and gone on from.
interrupted_pretraining() {
    rm -rf "$work/i"
    "$pretrain" "${small[@]}" --epochs 300 --checkpoint-seconds 1000 --out "$work/i" "$scan" 2>"$work/err" &
    local pid=$!
    local lines=0
    while [ "${lines:-0}" -lt 3 ] && kill -0 $pid 2>/dev/null; do
        sleep 0.01
        lines=$(grep -c "" "$work/i/log.csv" 2>/dev/null)
    done
    kill -INT $pid
    wait $pid
    [ $? -eq 130 ] && grep -q interrupted "$work/err"
}
check "pretrain interrupted" interrupted_pretraining
check "pretrain interrupted: checkpoint" test -s "$work/i/checkpoint.safetensors"
check "pretrain interrupted: no weights" test ! -e "$work/i/weights.safetensors"

# Diverging: the step, the loss and the rate are named.
check "pretrain diverges" exits 1 "at learning rate" "$pretrain" "${small[@]}" --rate 1e30 --warm-up 0 --epochs 3 --out "$work/d" "$scan"
