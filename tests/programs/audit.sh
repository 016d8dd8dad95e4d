# shellcheck shell=bash disable=SC2154,SC2086 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-audit: leaks between sets and splits, labels, slices, what it writes, hostile input.

a=$work/audit
mkdir -p "$a/train" "$a/test" "$a/parts"
cp $ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz "$a/train"
cp $ct/STS_019_CT.nii.gz "$a/test"
cp $ct/STS_012_CT.nii.gz "$a/test/other_name.nii.gz"
quick="--skip outliers,redundancy"

finds() { # finds STATUS PATTERN COMMAND...: exits so, and the output matches
    local code=$1 pattern=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err"
    [ $? -eq "$code" ] && grep -qE -e "$pattern" "$work/out"
}
column() { # column N LEVEL FILE: of the rows of that level
    awk -F, -v n="$1" -v level="$2" '$1 == level { print $n }' "$3"
}

check "a copy under another name" finds 0 "1 of 2 volumes in train: 1 whole" \
    "$audit" $quick "$a/test" --against "$a/train"
check "the verdict names both" finds 0 "test/other_name.nii.gz = [^ ]*train/STS_012_CT.nii.gz +([0-9]+) of \1 slices" \
    "$audit" $quick "$a/test" --against "$a/train"
check "it fits a screen" [ "$(wc -l <"$work/out")" -le 24 ]
check "--fail-on leaks" finds 3 "Leaks" "$audit" $quick --fail-on leaks "$a/test" --against "$a/train"
check "--fail-on without any" finds 0 "0 of 1 volume in" \
    "$audit" $quick --fail-on leaks "$a/test/STS_019_CT.nii.gz" --against "$a/train"

"$audit" --quiet "$a/test" --against "$a/train" --out "$a/out" --write-clean "$a/clean.csv" >"$work/table"
check "audit.csv has its columns" [ "$(head -n 1 "$a/out/audit.csv")" = \
    "level,issue,source,slice,group,other_source,other_slice,other_group,score" ]
check "audit.csv has the volume" grep -q "^volume,same-file,$a/test/other_name.nii.gz,," "$a/out/audit.csv"
check "the page is one file" grep -q 'src="data:image/png' "$a/out/audit.html"
check "and loads nothing" test -z "$(grep -oE '(src|href)="https?:' "$a/out/audit.html")"
check "it writes over its own files" exits 0 "" "$audit" --quiet $quick "$a/test" --out "$a/out"
check "not over others" exits 1 "audit.csv" sh -c "mkdir $a/taken && echo x >$a/taken/audit.csv &&
    exec $audit --quiet $quick $a/test --out $a/taken"
slices=$(grep -c . "$a/clean.csv")
kept=$(awk -F, 'NR > 1 { n += $3 } END { print n }' "$a/clean.csv")
check "the clean manifest drops the copy" [ "$kept" -lt "$slices" ]
check "and what it keeps is in no copy" test -z "$(awk -F, '$3 == 1' "$a/clean.csv" | grep other_name)"
check "redux-reduce reads it" exits 0 "" "$reduce" --quiet --against "$a/clean.csv" --manifest \
    "$a/reduced.csv" "$a/train"
for threads in 1 3; do
    "$audit" --quiet --threads $threads "$a/test" --against "$a/train" --out "$a/out$threads" --json \
        >"$a/$threads.json"
done
check "the same on any number of threads" cmp "$a/1.json" "$a/3.json"
check "audit.csv too" cmp "$a/out1/audit.csv" "$a/out3/audit.csv"
for key in inputs leaks labels slices outliers redundancy classes effective_slices; do
    check "JSON has $key" grep -q "^  \"$key\":" "$a/1.json"
done

# Labels: splits that divide a volume, swapped labels, hostile tables.
{
    echo "file,slice,kind,part,one"
    for k in $(seq 0 40); do echo "train/STS_002_CT.nii.gz,$k,$((k > 20)),$([ $((k % 2)) = 0 ] && echo train || echo test),1"; done
    for k in $(seq 0 40); do echo "train/STS_012_CT.nii.gz,$k,$((k > 20)),train,1"; done
    for k in $(seq 0 9); do echo "test/other_name.nii.gz,$k,1,val,1"; done
    echo "gone.nii.gz,0,1,train,1"
} >"$a/labels.csv"
labels="--labels $a/labels.csv --label kind"
check "a divided volume" finds 0 "on both sides" "$audit" $quick $labels --split part "$a/train"
check "the same pixels, another label" finds 0 "label-conflict" "$audit" $quick $labels "$a/train" "$a/test"
check "--fail-on labels" finds 3 "label-conflict" "$audit" $quick $labels --fail-on labels "$a/train" "$a/test"
check "lines about other files are counted" exits 0 "1 line about files" "$audit" $quick $labels \
    "$a/train" "$a/test"
check "one class" finds 0 "Labels +none" "$audit" $quick --labels "$a/labels.csv" --label one "$a/train"
check "no such column" exits 1 "kind" "$audit" $quick --labels "$a/labels.csv" --label none "$a/train"
check "no group column" exits 1 "part" "$audit" $quick $labels --group none "$a/train"
head -n 20 "$a/labels.csv" >"$a/few.csv"
check "slices without a group" exits 1 "such as" "$audit" $quick --labels "$a/few.csv" --label kind \
    --group one "$a/train"
{
    echo "file,label"
    echo "STS_002_CT.nii.gz,1" # it is in train/
} >"$a/elsewhere.csv"
check "labels of no slice" exits 1 "no slice of the input has a label" "$audit" $quick --labels "$a/elsewhere.csv" \
    --fail-on labels "$a/train"
check "a split that is none" exits 1 "labels.csv, column 'kind'" "$audit" $quick $labels --split kind "$a/train"
check "no table" exits 1 "missing.csv" "$audit" $quick --labels "$a/missing.csv" "$a/train"
check "--split needs --labels" exits 2 "--labels" "$audit" --split part "$a/train"
check "--fail-on leaks needs a side" exits 2 "--against or --split" "$audit" --fail-on leaks "$a/train"
check "an unknown section" exits 2 "expected leaks" "$audit" --fail-on leak "$a/train"
check "no section" exits 2 "expected leaks" "$audit" --fail-on "" "$a/train"
check "nothing to skip" exits 2 "expected leaks" "$audit" --skip "" "$a/train"
check "a threshold that is none" exits 2 "threshold" "$audit" --threshold 2 "$a/train"
check "no input" exits 2 "no input" "$audit"
check "inputs are not replaced" exits 1 "is an input" "$audit" $quick $labels --overwrite \
    --write-clean "$a/labels.csv" "$a/train"
printf 'no scan' >"$a/test/broken.nii.gz"
check "what cannot be read" exits 0 "" "$audit" --quiet $quick "$a/test"
check "or ends it" exits 1 "broken" "$audit" --quiet $quick --on-error stop "$a/test"

# What cannot be read is a finding, on either side; where nothing can be read there is no audit.
check "an input that cannot be read" finds 3 "unreadable +[^ ]*/test/broken.nii.gz" \
    "$audit" --quiet $quick --fail-on slices "$a/test"
check "is in audit.csv" exits 0 "" "$audit" --quiet $quick --out "$a/broken" "$a/test"
check "by its name" grep -q "^volume,unreadable,$a/test/broken.nii.gz,," "$a/broken/audit.csv"
check "and said on stderr" exits 0 "skipped: " "$audit" $quick "$a/test"
check "of the other set too" finds 3 "in the other set: [^ ]*/test/broken.nii.gz" \
    "$audit" --quiet $quick --fail-on slices "$a/train" --against "$a/test"
mkdir "$a/nothing"
echo '%PDF-1.4' >"$a/nothing/a.pdf"
echo 'BM' >"$a/nothing/a.bmp"
check "nothing to audit" exits 1 "no" "$audit" --quiet $quick "$a/nothing"

# Names are bytes: a terminal gets no commands from them.
cp "$a/test/other_name.nii.gz" "$(printf '%s/train/\033[31mred\303\251.nii.gz' "$a")"
check "names with control bytes" finds 0 '\\x1b\[31mred' "$audit" --quiet $quick "$a/test" --against "$a/train"
check "are printed without them" test -z "$(tr -cd '\033' <"$work/out")"

# The page: a map, the verdict before the tables, names with the numbers of slices.
"$audit" --quiet $labels "$a/train" --against "$a/test" --out "$a/page" >"$work/table"
page=$a/page/audit.html
check "the page has a map" grep -qE 'class="map".*<path class="(point|cross) c0" d="M[0-9]' "$page"
check "... in its navigation" grep -q 'href="#map"' "$page"
check "... with classes in its key" grep -q '<span>kind 0</span>.*<span>kind 1</span>' "$page"
check "the page has the verdict" grep -q '<p class="note name">[0-9]* of [0-9]* groups* in test: ' "$page"
check "... before its tables" test "$(grep -n 'class="note name"' "$page" | head -n 1 | cut -d: -f1)" -lt \
    "$(grep -n '<table' "$page" | head -n 1 | cut -d: -f1)"
check "slice 0 of a volume has its number" grep -q 'STS_012_CT.nii.gz, slice&nbsp;0' "$page"
check "... in the table on the terminal too" finds 0 'train/STS_012_CT.nii.gz slice 0 = [^ ]*test/other_name.nii.gz slice 0 ' \
    "$audit" --quiet $quick "$a/train/STS_012_CT.nii.gz" --against "$a/test/other_name.nii.gz"

# Names are bytes, JSON is UTF-8: what is no UTF-8 is "?", as in the JSON of the other programs.
mkdir "$a/bytes"
cp "$a/test/other_name.nii.gz" "$(printf '%s/bytes/b\351t\303\251.nii.gz' "$a")"
"$audit" --quiet $quick "$a/bytes" --against "$a/train/STS_012_CT.nii.gz" --json >"$a/bytes.json"
check "a name that is no UTF-8 in JSON" grep -q '"source": ".*/bytes/b?t??.nii.gz"' "$a/bytes.json"
check "... of redux-info too" grep -q '"source": ".*/bytes/b?t??.nii.gz"' <("$BIN/redux-info" --json "$a/bytes")
