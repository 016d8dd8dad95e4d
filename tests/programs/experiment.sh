# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-experiment: a tiny one from end to end; what is finished is not run again.

tiny=$work/tiny.json
cat >"$tiny" <<'END'
{
  "seeds": 1, "data": ["."], "exclude_test_of": "tumour", "floors": true,
  "pretrain": {"width": 0.125, "size": 32, "epochs": 1, "batch": 16, "window": "-200:300"},
  "strategies": [
    {"name": "ALL", "strategy": "all"},
    {"name": "Hash-6", "strategy": "hash", "threshold": 6},
    {"name": "Hash-6 steps", "strategy": "hash", "threshold": 6, "steps_of": "ALL"},
    {"name": "DeepNet", "strategy": "cosine", "encoder_of": "ALL", "keep": "20%"}
  ],
  "tasks": [
    {"name": "tumour", "labels": "labels.csv", "label": "tumour", "validation": 0.25,
     "test": 0.25, "resamples": 20,
     "protocols": {"linear": {}, "finetune": {"epochs": 2, "frozen_epochs": 1}}}
  ]
}
END
check "redux-experiment --help" exits 0 "" "$experiment" --help
check "redux-experiment --help says usage" grep -q "^Usage: redux-experiment" "$work/out"
check "redux-experiment without configuration" exits 2 "no input" "$experiment" --data "$ct"
check "redux-experiment without --data" exits 2 "no --data" "$experiment" "$tiny"
check "redux-experiment runs" exits 0 "[14/14]" "$experiment" "$tiny" --data "$ct" --out "$work/e"
check "... its table has a row for each strategy" test \
    "$(grep -cE '^(ALL|Hash-6|Hash-6 steps|DeepNet|from scratch|random weights)  ' "$work/out")" = 20
check "... no interval for so few patients, and says so" grep -q "No intervals: fewer than 10 groups" \
    "$work/out"
check "... differences to the strategy that keeps all" grep -q "difference to ALL, p of 4 comparisons" \
    "$work/out"
cp "$work/e/table.csv" "$work/first.csv"
cp "$work/out" "$work/first.txt"
for ending in txt md csv json; do
    check "table.$ending" test -s "$work/e/table.$ending"
done
check "equal steps" test "$(grep '^"Hash-6 steps"' "$work/first.csv" | cut -d, -f9 | sort -u)" = \
    "$(grep '^"ALL"' "$work/first.csv" | cut -d, -f9 | sort -u)"
check "pre-training sees two of four patients" grep -q '"volumes": 2' "$work/e/cells/all.seed-0.json"
check "again: nothing is run" exits 0 "[14/14]" "$experiment" "$tiny" --data "$ct" --out "$work/e"
check "... each was done before" test "$(grep -c "done before" "$work/err")" = 14
check "... the same table" cmp -s "$work/out" "$work/first.txt"
check "two runs do not share a folder" exits 1 "another run is writing there" \
    flock "$work/e" "$experiment" "$tiny" --data "$ct" --out "$work/e"
# Without times everything is the same after a part was lost, and with one thread.
without_times() { # without_times FILE
    cut -d, -f1-9,13- "$1"
}
rm "$work"/e/cells/hash-6.seed-0*.json "$work/e/cells/all.seed-0.tumour.linear.json"
check "lost cells are run again" exits 0 "" "$experiment" "$tiny" --data "$ct" --out "$work/e" \
    --threads 1
check "... and no others" test "$(grep -c "done before" "$work/err")" = 10
without_times "$work/e/table.csv" >"$work/again.csv"
without_times "$work/first.csv" | cmp -s - "$work/again.csv"
check "... with the same result" test $? = 0
sed 's/"threshold": 6}/"threshold": 7}/' "$tiny" >"$work/changed.json"
check "a changed setting runs again" exits 0 "hash-6.seed-0: " "$experiment" "$work/changed.json" \
    --data "$ct" --out "$work/e"
check "... alone" test "$(grep -c "done before" "$work/err")" = 11
sed 's/"cosine",/"hierarchical", "scope": "dataset",/' "$tiny" >"$work/changed.json"
check "selection by clusters, in an encoder's embedding" exits 0 "deepnet.seed-0: " "$experiment" \
    "$work/changed.json" --data "$ct" --out "$work/e"
started=$(date +%s%N)
"$experiment" "$tiny" --data "$ct" --out "$work/whole" >/dev/null 2>&1
took=$((($(date +%s%N) - started) / 1000000))
killed=0
for i in $(seq "${KILLS:-3}"); do # KILLS says how often
    rm -rf "$work/k"
    "$experiment" "$tiny" --data "$ct" --out "$work/k" >/dev/null 2>&1 &
    kill_at "$i" "${KILLS:-3}" "$took" && killed=$((killed + 1))
    check "redux-experiment killed ($i), and finished" exits 0 "" "$experiment" "$tiny" --data "$ct" \
        --out "$work/k" --quiet
    without_times "$work/k/table.csv" | cmp -s - "$work/again.csv"
    check "redux-experiment killed ($i): same table" test $? = 0
    check "redux-experiment killed ($i): nothing left behind" test -z \
        "$(find "$work/k" -name '*redux-tmp*')"
done
check "redux-experiment was killed at least once" test "$killed" -gt 0
interrupted_experiment() { # Ctrl-C after the first cell: told, and what is finished by then stays
    rm -rf "$work/k"
    "$experiment" "$tiny" --data "$ct" --out "$work/k" >/dev/null 2>"$work/err" &
    local pid=$!
    while [ -z "$(find "$work/k/cells" -name '*.json' 2>/dev/null)" ] && kill -0 $pid 2>/dev/null; do
        sleep 0.01
    done
    kill -INT $pid
    wait $pid
    [ $? -eq 130 ] && grep -q interrupted "$work/err" && [ ! -e "$work/k/table.csv" ] &&
        "$experiment" "$tiny" --data "$ct" --out "$work/k" >/dev/null 2>"$work/err" &&
        grep -q "done before" "$work/err" &&
        without_times "$work/k/table.csv" | cmp -s - "$work/again.csv"
}
check "redux-experiment: Ctrl-C" interrupted_experiment
# With folds each has a pre-training that never saw its validation and test patients.
sed 's/"validation": 0.25,/"folds": 4, "fixed_split": 0,/; s/"test": 0.25, //; s/"floors": true/"baseline": "Hash-6"/' \
    "$tiny" >"$work/folds.json"
check "redux-experiment with folds" exits 0 "[48/48]" "$experiment" "$work/folds.json" --data "$ct" \
    --out "$work/f"
check "... a pre-training for each fold" test "$(find "$work/f/runs" -name weights.safetensors | wc -l)" = 16
check "... each on two of four patients" test \
    "$(cat "$work"/f/cells/all.seed-0.fold-?.json | grep -c '"volumes": 2')" = 4
check "... every patient is tested once" test \
    "$(cat "$work"/f/predictions/all.seed-0.fold-?.tumour.linear.csv | cut -d, -f5 | grep -v group | sort | uniq | wc -l)" = 4
check "... compared with the baseline that was named" grep -q "difference to Hash-6, p of 3" "$work/out"
check "... in one row" grep -q "mean and standard deviation of 1 seed x 4 folds" "$work/out"
check "... finished before" exits 0 "[48/48]" "$experiment" "$work/folds.json" --data "$ct" --out "$work/f"
check "... all of it" test "$(grep -c "done before" "$work/err")" = 48
rm "$work/f/predictions/all.seed-0.fold-1.tumour.linear.csv"
check "... predictions that were lost" exits 0 "" "$experiment" "$work/folds.json" --data "$ct" --out "$work/f"
check "... are made again" test "$(grep -c "done before" "$work/err")" = 47
check "--validation" exits 0 "" "$experiment" "$tiny" --data "$ct" --out "$work/e" --validation
check "... says so" grep -q "(validation, %" "$work/out"

# What is wrong, before anything runs.
wrong_config() { # wrong_config NAME WORDS FROM TO
    sed "s/$3/$4/" "$tiny" >"$work/wrong.json"
    check "configuration: $1" exits 2 "$2" "$experiment" "$work/wrong.json" --data "$ct" --out \
        "$work/w"
}
wrong_config "unknown key" 'unknown key "sedes"' '"seeds"' '"sedes"'
wrong_config "two of one name" "two of strategies" '"Hash-6 steps"' '"ALL"'
wrong_config "two of one file" "would share files" '"Hash-6 steps"' '"HASH-6"'
wrong_config "steps of nobody" "is not a strategy before it" '"steps_of": "ALL"' '"steps_of": "none"'
wrong_config "an option of a task" "that was task 'tumour'" '"resamples": 20' '"resamples": -1'
wrong_config "an option of a protocol" "that was task 'tumour'" '"frozen_epochs": 1' '"frozen_epochs": -1'
wrong_config "an option of a strategy" "that was strategy 'DeepNet'" '"keep": "20%"' '"keep": "200%"'
wrong_config "a fold" "chosen by the experiment" '"resamples": 20' '"fold": 1'
wrong_config "no such task" "no such task" '"exclude_test_of": "tumour"' '"exclude_test_of": "x"'
wrong_config "no such protocol" "is not one of linear, knn, finetune" '"linear"' '"svm"'
wrong_config "no such option of pre-training" "wdith" '"width"' '"wdith"'
wrong_config "no such option of a reduction" "unknown option" '"threshold": 6}' '"treshold": 6}'
echo '{' >"$work/wrong.json"
check "configuration: no JSON" exits 1 "wrong.json: line" "$experiment" "$work/wrong.json" --data "$ct"
check "no such configuration" exits 1 "none.json" "$experiment" none.json --data "$ct"
