# shellcheck shell=bash disable=SC2154,SC2086 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# Every program: usage, results, what cannot be read, Ctrl-C.

# ---- usage ----
for program in redux-reduce redux-hash redux-compare redux-pretrain redux-embed redux-evaluate \
    redux-experiment redux-demo redux-bench; do
    check "$program --help" exits 0 "" "$BIN/$program" --help
    check "$program --help says usage" grep -q "^Usage: $program" "$work/out"
    check "$program --version" exits 0 "" "$BIN/$program" --version
    check "$program --nonsense" exits 2 "nonsense" "$BIN/$program" --nonsense
done
check "no input" exits 2 "no input" "$reduce"
check "no input to hash" exits 2 "no input" "$hash"
check "one input to compare" exits 2 "two inputs" "$compare" $scan
for option in strategy threshold keep scope order window hash profile bins size embeddings frame \
    manifest export format sheet on-error threads; do
    check "--$option without value" exits 2 "--$option needs a value" "$reduce" $scan --$option
done
for wrong in "--strategy best" "--threshold six" "--threshold 6.5" "--threshold 65" "--keep 0" \
    "--keep 0%" "--keep 101%" "--keep ten" "--keep -3" "--scope world" "--order random" \
    "--window lungs" "--window 5:1" "--hash md5" "--profile own" "--bins 1" "--bins 300" "--size 0" \
    "--format bmp" "--on-error ask" "--threads -1" "--threads x" "--frame -1" \
    "--threshold 6 --keep 10%" "--strategy all --keep 10%" "--strategy all --threshold 1" \
    "--strategy every-n --threshold 0" "--strategy ssim --threshold 2" \
    "--embeddings x.npy" "--format npy"; do
    # shellcheck disable=SC2086 # several words on purpose
    check "$wrong" exits 2 "" "$reduce" $wrong $scan
done
check "budget below a slice a volume" exits 2 "less than one" "$reduce" --keep 3 $ct
check "the same over the dataset" keeps 3 "$reduce" --keep 3 --scope dataset $ct
check "wrong metric" exits 2 "unknown metric" "$compare" --metric ssim,beauty $scan:1 $scan:2

# ---- results ----
slices=$("$reduce" --strategy all $ct 2>/dev/null | kept)
check "all slices" test "$slices" -gt 150
tenth=$(((slices + 5) / 10))
for strategy in every-n hash ssim mi cosine entropy; do
    for scope in volume dataset; do
        check "$strategy keeps a tenth by $scope" keeps $tenth "$reduce" --quiet \
            --strategy $strategy --scope $scope --keep 10% $ct
    done
    "$reduce" --quiet --strategy $strategy --threads 1 $ct >"$work/$strategy.csv"
    check "$strategy: 3 threads, same bytes" same "$work/$strategy.csv" "$reduce" --quiet \
        --strategy $strategy --threads 3 $ct
done
check "header" test "$(head -n 1 "$work/hash.csv")" = \
    "source,slice,kept,witness_source,witness_slice,score"
# shellcheck disable=SC2016 # $ is awk's
# Every dropped slice has a kept witness within 6 bits, in the same volume.
check "witnesses" awk -F, '
    NR > 1 { kept[$1 "," $2] = $3; row[NR] = $0 }
    END { for (i in row) { split(row[i], f, ",");
        if (f[3] == 0 && (f[6] > 6 || f[4] != f[1] || kept[f[4] "," f[5]] != 1)) exit 1
        if (f[3] == 1 && f[4] f[5] f[6] != "") exit 1 } }' "$work/hash.csv"
check "lexicographic order differs" test \
    "$("$reduce" --quiet --order lexicographic $ct | cksum)" != "$(cksum <"$work/hash.csv")"
cp -r $ct "$work/copy"
cat $scan >"$work/copy/again.nii.gz"
check "a copy is dropped over the dataset" keeps \
    "$("$reduce" --quiet --scope dataset $ct | kept)" \
    "$reduce" --quiet --scope dataset $ct "$work/copy"

"$reduce" --quiet --manifest "$work/m.csv" $ct
check "manifest file" cmp -s "$work/m.csv" "$work/hash.csv"
check "summary beside it" valid_json "$work/m.json"
"$reduce" --quiet --json --keep 20% $ct >"$work/j.json"
check "--json" valid_json "$work/j.json"
check "budget in the summary" grep -q '"refilled"' "$work/j.json"
check "summary on a terminal's stderr" exits 0 "hash: kept" "$reduce" $scan
check "--quiet" test -z "$("$reduce" --quiet $scan 2>&1 >/dev/null)"
for format in png npy npz; do
    "$reduce" --quiet --export "$work/$format" --format $format $scan >"$work/csv"
    check "export as $format is indexed" test \
        "$(($(wc -l <"$work/$format/index.csv") - 1))" = "$(kept <"$work/csv")"
    check "export as $format reads back" keeps "$(kept <"$work/csv")" \
        "$reduce" --strategy all "$work/$format"
done
"$reduce" --quiet --sheet "$work/sheet.png" $scan >/dev/null
check "contact sheet" "$hash" --quiet "$work/sheet.png" >/dev/null

check "hash lines" test "$("$hash" --quiet $scan | awk -F'\t' 'NF == 3 && length($3) == 16' |
    wc -l)" = 47
check "hash of one slice" test "$("$hash" --quiet $scan | sed -n 21p | cut -f3)" = c7e3d2f373946a5d
for metric in average difference dct ssim ssim-uniform mi nmi nmi-studholme entropy-a entropy-b \
    entropy-joint entropy-a-given-b entropy-b-given-a vi cosine; do
    check "compare $metric" test "$("$compare" --metric $metric $scan:20 $scan:21 | wc -l)" = 1
done
check "compare all" test "$("$compare" $scan:20 $scan:21 | wc -l)" = 21
check "a slice is itself" test "$("$compare" --metric ssim,nmi,cosine,difference $scan:9 $scan:9 |
    cut -f2 | tr '\n' ' ')" = "0 1 1 1 "
check "windowed" test "$("$compare" --window -200:300 --metric ssim --bins 64 $scan:9 $scan:12 |
    wc -l)" = 1
check "sizes differ: the rest is told" exits 0 "sizes differ" "$compare" $scan:3 \
    $ct/STS_002_CT.nii.gz:3
check "sizes differ: named metric fails" exits 1 "" "$compare" --metric ssim $scan:3 \
    $ct/STS_002_CT.nii.gz:3
check "which slice?" exits 1 "47 slices" "$compare" $scan $scan:1
check "no such slice" exits 1 "0 to 46" "$compare" $scan:47 $scan:1

# ---- bad input ----
mkdir "$work/bad" "$work/empty" "$work/none"
head -c 100000 $scan >"$work/bad/cut.nii.gz"
printf 'no volume at all' >"$work/bad/text.nii"
: >"$work/bad/empty.npy"
echo words >"$work/none/words.txt"
for bad in "$work/bad/cut.nii.gz" "$work/bad/text.nii" "$work/bad/empty.npy" "$work/missing.nii" \
    "$work/empty" "$work/none" "$work/none/words.txt"; do
    for strategy in all hash ssim; do
        check "$strategy of $(basename "$bad")" exits 1 "$(basename "$bad")" \
            "$reduce" --strategy $strategy --manifest "$work/never.csv" $scan "$bad"
    done
    check "hash of $(basename "$bad")" exits 1 "$(basename "$bad")" "$hash" "$bad"
done
check "nothing half-written" test ! -e "$work/never.csv" -a ! -e "$work/never.json" \
    -a -z "$(find "$work" -name '*redux-tmp*')"
for strategy in all every-n hash ssim mi cosine entropy; do
    check "skip: $strategy" exits 0 "skipped" "$reduce" --on-error skip --strategy $strategy \
        --json $scan "$work/bad" "$work/missing.nii"
    check "skip: the summary lists cut.nii.gz ($strategy)" grep -q 'cut.nii.gz' "$work/out"
done
check "skip with nothing left" exits 1 "" "$reduce" --on-error skip "$work/bad"
check "skip and a budget" keeps 5 "$reduce" --quiet --on-error skip --keep 5 $scan "$work/bad"

check "manifest in no folder" exits 1 "nowhere" "$reduce" --manifest "$work/nowhere/m.csv" $scan
mkdir "$work/m.json.d" && ln -s "$work/m.json.d" "$work/pair.json"
check "no summary, no manifest" exits 1 "pair.json" "$reduce" --manifest "$work/pair.csv" $scan
check "no manifest without its summary" test ! -e "$work/pair.csv"
check "export over a file" exits 1 "words.txt" "$reduce" --export "$work/none/words.txt" $scan
if [ -e /dev/full ]; then
    check "full standard output" bash -c "! '$reduce' --quiet $scan >/dev/full 2>/dev/null"
fi
"$reduce" --quiet --strategy all --export "$work/arrays" --format npy $scan >/dev/null
check "embeddings that do not match" exits 1 "47 slices" "$reduce" --strategy cosine \
    --embeddings "$(find "$work/arrays" -name '*.npy' | sort | head -n 1)" $scan
check "no embeddings file" exits 1 "missing.npy" "$reduce" --strategy cosine \
    --embeddings "$work/missing.npy" $scan

# ---- interrupted ----
anew() { # what an earlier try finished does not count
    rm -f "$work/i.csv" "$work/i.json"
    exec "$@"
}
check "Ctrl-C" interrupt anew "$reduce" --strategy ssim --scope dataset --keep 50% \
    --manifest "$work/i.csv" $ct $ct $ct $ct
check "Ctrl-C: no manifest" test ! -e "$work/i.csv"
check "Ctrl-C leaves nothing" test -z "$(find "$work" -name '*redux-tmp*')"

"$BIN/redux-demo" --quiet --out "$work/demo" $scan >"$work/out" 2>&1
check "demo" test -s "$work/demo/kept-and-dropped.png" -a -s "$work/demo/entropy.json"
check "demo's table" test "$(grep -c ' slices/s' "$work/out")" = 7
