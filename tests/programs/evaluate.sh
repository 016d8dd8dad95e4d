# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-evaluate: labels in, scores out.

small="--weights none --width 0.125 --size 32 --labels $ct/labels.csv --label tumour --resamples 100"
parts="--validation 0.25 --test 0.25"
check "redux-evaluate --help" exits 0 "" "$evaluate" --help
check "redux-evaluate --help says usage" grep -q "^Usage: redux-evaluate" "$work/out"
check "redux-evaluate --version" exits 0 "" "$evaluate" --version
check "redux-evaluate without labels" exits 2 "no --labels" "$evaluate" --weights none
check "redux-evaluate without weights" exits 2 "--weights and --features" "$evaluate" --labels x.csv
for wrong in "--protocol svm" "--folds 2" "--seeds 0" "--test 1" "--choose-by f1" "--c -1" "--epochs x" \
    "--window lungs" "--arch vgg" "--views none2" "--folds 3 --test 0.2" "--positive 7" "extra"; do
    # shellcheck disable=SC2086 # several words on purpose
    check "redux-evaluate $wrong" exits 2 "" "$evaluate" $small $wrong
done

# shellcheck disable=SC2086
{
    for protocol in linear knn finetune; do
        check "redux-evaluate $protocol" exits 0 "" "$evaluate" $small $parts --seeds 1 --epochs 1 \
            --protocol $protocol
        check "... has the figures" test "$(grep -cE '^(accuracy|auc|f1) +[0-9.]+' "$work/out")" = 3
    done
    "$evaluate" $small $parts --seeds 2 --json --predictions "$work/a.csv" >"$work/1.json" 2>/dev/null
    check "redux-evaluate: threads do not matter" same "$work/1.json" "$evaluate" $small $parts \
        --seeds 2 --json --threads 1
    check "redux-evaluate --json" grep -q '"balanced_accuracy":' "$work/1.json"
    check "... two runs" test "$(grep -c '"chosen":' "$work/1.json")" = 2
    check "redux-evaluate --predictions" test "$(head -n 1 "$work/a.csv")" = \
        "seed,fold,source,slice,group,label,predicted,p_0,p_1"
    # Groups are whole: of each seed and file all slices or none are tested.
    check "... of whole files" awk -F, 'FNR == 1 { next }
        NR == FNR { want["'"$ct"'/" $1]++; next }
        { have[$1 "," $3]++ }
        END { for (i in have) { split(i, f, ","); if (have[i] != want[f[2]]) exit 1; n++ }
              exit n < 2 }' "$ct/labels.csv" "$work/a.csv"
    "$evaluate" $small $parts --seeds 2 --protocol knn --predictions "$work/b.csv" >"$work/out" 2>&1
    check "redux-evaluate --compare" exits 0 "" "$evaluate" --compare "$work/a.csv" "$work/b.csv"
    check "... has differences" grep -qE "^auc +[0-9.]+ +[0-9.]+ +[-+][0-9.]+ +- +-$" "$work/out"
    check "--compare with itself" exits 0 "" "$evaluate" --compare "$work/a.csv" "$work/a.csv" --json
    check "... says p = 1" grep -q '"p_values"' "$work/out"
    check "--compare one file" exits 2 "two files" "$evaluate" --compare "$work/a.csv"
    check "--compare what is none" exits 1 "no column" "$evaluate" --compare "$work/a.csv" \
        "$ct/labels.csv"
    check "no such column" exits 1 "there are: file, slice, tumour" "$evaluate" $small --label kind
    check "no such labels" exits 1 "missing.csv" "$evaluate" --weights none --labels missing.csv
    check "no such weights" exits 1 "missing.safetensors" "$evaluate" --weights missing.safetensors \
        --labels "$ct/labels.csv"
    check "too few groups for folds" exits 1 "4 groups" "$evaluate" $small --folds 5
    check "no predictions into no folder" exits 1 "nowhere" "$evaluate" $small $parts --seeds 1 \
        --predictions "$work/nowhere/p.csv"
}

# Features of any origin, and a table's own splits.
printf 'file,slice,label,split\n' >"$work/split.csv"
awk -F, 'NR > 1 { print "'"$PWD/$ct"'/" $1 "," $2 "," ($3 == 1 ? "tumour" : "none") "," \
    ($1 ~ /002|008/ ? "train" : $1 ~ /012/ ? "val" : "test") }' "$ct/labels.csv" >>"$work/split.csv"
"$BIN/redux-embed" --help >/dev/null 2>&1
check "the column split is found" exits 0 "" "$evaluate" --weights none --width 0.125 --size 32 \
    --labels "$work/split.csv" --seeds 1 --positive tumour --predictions "$work/c.csv"
check "... and used" test "$(awk -F, 'NR > 1 { print $3 }' "$work/c.csv" | sort -u)" = \
    "$PWD/$ct/STS_019_CT.nii.gz"
# A header in quotes, as R writes it, after a byte order mark, names the same columns.
{
    printf '\xef\xbb\xbf"file","slice","label","split"\n'
    tail -n +2 "$work/split.csv"
} >"$work/quoted.csv"
check "a quoted header" exits 0 "" "$evaluate" --weights none --width 0.125 --size 32 \
    --labels "$work/quoted.csv" --seeds 1 --positive tumour --predictions "$work/q.csv"
check "... the same splits" cmp -s "$work/c.csv" "$work/q.csv"
sed 's/,val$/,dev/' "$work/split.csv" >"$work/dev.csv"
check "a name that is no split" exits 1 "dev" "$evaluate" --weights none --labels "$work/dev.csv"
# A copy of a training file among the test files is told.
cp "$ct/STS_002_CT.nii.gz" "$work/copied.nii.gz"
sed "s|$PWD/$ct/STS_019_CT.nii.gz|$work/copied.nii.gz|" "$work/split.csv" >"$work/leak.csv"
check "leakage is reported" exits 0 "near-duplicates between splits" "$evaluate" --weights none --width 0.125 \
    --size 32 --labels "$work/leak.csv" --seeds 1
check "--no-leakage-check" exits 0 "" "$evaluate" --weights none --width 0.125 --size 32 --labels \
    "$work/leak.csv" --seeds 1 --no-leakage-check
check "... is quiet" test ! -s "$work/err"
# So is one between folds, whichever they are: each file is a fold here, the copy one more.
sed "s|$PWD/$ct/STS_002_CT.nii.gz|$work/copied.nii.gz|" "$work/split.csv" | grep copied >"$work/more.csv"
cat "$work/split.csv" "$work/more.csv" | cut -d, -f1-3 >"$work/folds.csv"
for seed in 0 1 2 3 4 5; do
    check "leakage between folds is reported ($seed)" exits 0 "near-duplicates between folds" "$evaluate" \
        --weights none --width 0.125 --size 32 --labels "$work/folds.csv" --folds 5 --seeds 1 \
        --first-seed $seed --protocol knn --resamples 0
done
check "... without resampling, no intervals" sh -c "! grep -q nan '$work/out'"

# What stands beside an encoder: random weights of its own network, and whether it saw the patients.
judged="--labels $work/split.csv --seeds 1 --positive tumour"
"$BIN/redux-pretrain" "$ct/STS_002_CT.nii.gz" --size 32 --width 0.125 --epochs 1 --batch 16 --out "$work/train-only" \
    --quiet
"$BIN/redux-pretrain" "$ct/STS_019_CT.nii.gz" --size 32 --width 0.125 --epochs 1 --batch 16 --out "$work/saw-test" \
    --quiet
# shellcheck disable=SC2086 # several words on purpose
{
    check "an encoder that saw training files only" exits 0 "" "$evaluate" --weights \
        "$work/train-only/weights.safetensors" $judged
    check "... no warning" sh -c "! grep -q 'pre-training saw' '$work/err'"
    check "... random weights beside it" grep -qE "^test .* random$" "$work/out"
    check "... no interval for one group, and why" grep -q "No interval: fewer than 10 groups" "$work/out"
    check "an encoder that saw the test" exits 0 "pre-training saw slices of 1 of the 1 groups" "$evaluate" \
        --weights "$work/saw-test/weights.safetensors" $judged --no-floor
    check "... without the floor" sh -c "! grep -qE '^test .* random$' '$work/out'"
    check "--floor of finetune" exits 0 "" "$evaluate" --weights "$work/train-only/weights.safetensors" $judged \
        --protocol finetune --epochs 1 --frozen-epochs 1 --floor --json
    check "... in JSON" grep -q '"random": {' "$work/out"
    check "--floor of nothing" exits 2 "--floor compares weights" "$evaluate" --weights none $judged --floor
    check "--interval rows" exits 0 "" "$evaluate" --weights none --width 0.125 --size 32 $judged --interval rows \
        --resamples 50
    check "... are of slices, and said so" grep -q "as if the slices of a group were independent" "$work/out"
    check "--preset paper-as-published" exits 0 "" "$evaluate" --weights \
        "$work/train-only/weights.safetensors" $judged --preset paper-as-published --epochs 2 --frozen-epochs 1 \
        --predictions "$work/published.csv"
    check "... has its seed" test "$(cut -d, -f1 "$work/published.csv" | sort -u | head -n 1)" = 42
    check "--preset x" exits 2 "paper or paper-as-published" "$evaluate" --weights none $judged --preset x
    check "--interval x" exits 2 "groups, rows or none" "$evaluate" --weights none $judged --interval x
    check "--fold" exits 0 "" "$evaluate" --weights none --width 0.125 --size 32 --labels "$work/folds.csv" \
        --folds 5 --fold 3 --seeds 1 --protocol knn --predictions "$work/fold.csv"
    check "... is the only one" test "$(cut -d, -f2 "$work/fold.csv" | sort -u | tr '\n' ' ')" = "3 fold "
    check "--fold beyond" exits 1 "fold 5 of 5" "$evaluate" --weights none --labels "$work/folds.csv" \
        --folds 5 --fold 5
}

# Weights whose list of what they were trained on is no such list: reported, and nothing is read beyond it.
header=$(od -An -tu8 -N8 "$work/train-only/weights.safetensors" | tr -d ' ')
for seen in "1 2 3 4 5 6 7 8 9 a b c d e f 1 2 3 4 5 6 7 8 9" "0123456789abcdeg" "0123456789abcdef 01"; do
    # The length of the header stays: JSON may end in spaces. Without our checksum it is a file from elsewhere.
    {
        head -c 8 "$work/train-only/weights.safetensors"
        printf "%-${header}s" "$(head -c $((8 + header)) "$work/train-only/weights.safetensors" | tail -c +9 |
            sed 's/"redux\.[a-z0-9]*":"[^"]*",//g; s/"seen":"[^"]*"/"seen":"'"$seen"'"/')" | head -c "$header"
        tail -c +$((9 + header)) "$work/train-only/weights.safetensors"
    } >"$work/seen.safetensors"
    # shellcheck disable=SC2086 # several words on purpose
    check "a list of seen slices that is none ($seen)" exits 0 "is damaged" "$evaluate" --weights \
        "$work/seen.safetensors" $judged --no-floor
done
