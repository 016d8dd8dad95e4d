# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-reduce: rules, two stages, other sets, updates, calibration.

two="$ct/STS_002_CT.nii.gz $ct/STS_019_CT.nii.gz"
all4="$two $ct/STS_008_CT.nii.gz $ct/STS_012_CT.nii.gz"

rule_keeps() { # rule_keeps STRATEGY RULE: something is kept, something dropped, all witnesses kept
    # shellcheck disable=SC2086
    "$reduce" --quiet --strategy "$1" --rule "$2" $two >"$work/rule.csv" &&
        awk -F, 'NR > 1 { if ($3) { kept[$1 "," $2] = 1; n++ } else { w[$4 "," $5] = 1; m++ } }
            END { for (k in w) if (!(k in kept)) exit 1; exit !(n > 0 && m > 0) }' "$work/rule.csv"
}
for strategy in hash ssim mi cosine; do
    for rule in first medoid k-centre complete-link; do
        check "--strategy $strategy --rule $rule" rule_keeps $strategy $rule
    done
done
check "semdedup" rule_keeps semdedup first
# shellcheck disable=SC2086
{
    check "k-centre meets a budget" keeps 20 "$reduce" --rule k-centre --keep 20 $two
    check "semdedup's clusters" exits 0 "" "$reduce" --strategy semdedup --clusters 3 --seed 5 \
        --scope dataset $two
    check "no such rule" exits 2 "rule 'last' is not one of" "$reduce" --rule last $two
    check "medoid has no budget" exits 2 "takes a threshold" "$reduce" --rule medoid --keep 9 $two
    check "hierarchical meets a budget" keeps 20 "$reduce" --strategy hierarchical --keep 20 \
        --scope dataset --levels 3 --leaves nearest $two
    check "density meets a budget" keeps 20 "$reduce" --strategy density --keep 20 --scope dataset \
        --clusters 4 --temperature 0.5 --threshold 0.99 $two
    check "density refills" exits 0 "near-duplicates were kept again" "$reduce" \
        --strategy density --keep 60 --scope dataset --threshold 0.9 $two
    check "density names the smallest budget" exits 1 "keep at least" "$reduce" \
        --strategy density --keep 2 --scope dataset --clusters 9 --threshold 0.9999 $two
    check "hierarchical needs a budget" exits 2 "hierarchical needs keep" "$reduce" \
        --strategy hierarchical --scope dataset $two
    check "hierarchical needs one group" exits 2 "--scope dataset" "$reduce" \
        --strategy hierarchical --keep 20 $two
    check "hierarchical has no threshold" exits 2 "has no threshold" "$reduce" \
        --strategy hierarchical --keep 20 --scope dataset --threshold 0.9 $two
    check "no such leaves" exits 2 "expected random or nearest" "$reduce" --leaves first $two
    check "temperature 0" exits 2 "expected a number above 0" "$reduce" --temperature 0 $two
    check "semdedup has no rule" exits 2 "has no rule" "$reduce" --strategy semdedup \
        --rule medoid $two
}

# Pairs that a bound decides are told, and counted in the JSON; hashes are compared in blocks.
# shellcheck disable=SC2086
{
    pairs_counted() {
        "$reduce" --quiet --strategy "$1" --rule "$2" --threshold 0.8 --json $two >"$work/pairs.json" &&
            grep -q '"pairs_compared": [1-9]' "$work/pairs.json" &&
            grep -q '"pairs_skipped": [1-9]' "$work/pairs.json"
    }
    check "pairs decided early" exits 0 "pairs were decided early" "$reduce" --strategy ssim $two
    check "pairs of ssim in the JSON" pairs_counted ssim first
    check "pairs of ms-ssim in the JSON" pairs_counted ms-ssim complete-link
}

# Two stages: never more dropped than either stage alone would, and the score is the second's.
# shellcheck disable=SC2086
two_stages() {
    "$reduce" --quiet --threshold 10 --then ssim:0.8 $two >"$work/then.csv" &&
        awk -F, 'NR > 1 && !$3 && $6 < 0.8 { exit 1 }' "$work/then.csv" &&
        [ "$(kept <"$work/then.csv")" -gt "$("$reduce" --quiet --threshold 10 $two | kept)" ]
}
check "--then" two_stages
# shellcheck disable=SC2086
{
    check "--then without a threshold" exits 0 "are not compared by" "$reduce" --then ssim $two
    check "--then of the same metric is exact" exits 0 "" "$reduce" --threshold 10 --then hash:6 $two
    check "... and says nothing" test "$(grep -c 'not compared' "$work/err")" = 0
    check "--then all" exits 2 "compares nothing" "$reduce" --then all $two
    check "--then entropy" exits 2 "not one of hash, ssim" "$reduce" --then entropy $two
    check "--then ssim:x" exits 2 "expected a number" "$reduce" --then ssim:x $two
    check "--then and --keep" exits 2 "keep cannot be combined" "$reduce" --then ssim --keep 9 $two
}

# Another set: a volume that is in it goes wholly; one that is not is reduced as alone.
against() { # against PATH
    "$reduce" --quiet --manifest "$work/set-b.csv" --against "$1" "$ct/STS_002_CT.nii.gz" \
        "$ct/STS_008_CT.nii.gz" && grep -q '"leaked":' "$work/set-b.json" &&
        [ "$(grep -c "^$ct/STS_002.*,1,,,$" "$work/set-b.csv")" = 0 ] &&
        [ "$(grep -c "^$ct/STS_008.*,1,,,$" "$work/set-b.csv")" -gt 0 ]
}
# shellcheck disable=SC2086
"$reduce" --quiet --manifest "$work/set-a.csv" $two
check "--against MANIFEST" against "$work/set-a.csv"
cp "$work/set-a.csv" "$work/a-list"
check "--against MANIFEST of another name" against "$work/a-list"
check "--against FILE" against "$ct/STS_002_CT.nii.gz"
check "--against says how many" exits 0 "are in $work/set-a.csv already" "$reduce" --against \
    "$work/set-a.csv" "$ct/STS_002_CT.nii.gz"
check "--against with images" exits 0 "already" "$reduce" --strategy ssim --against "$work/set-a.csv" \
    "$ct/STS_002_CT.nii.gz"
check "--against nothing" exits 1 "no-such" "$reduce" --against no-such.csv "$scan"
check "--against every-n" exits 2 "compares nothing" "$reduce" --strategy every-n --against \
    "$work/set-a.csv" "$scan"

# Updates: the same bytes as a fresh start, over volumes that are gone meanwhile.
updates() { # updates OPTIONS...
    rm -rf "$work/up" && mkdir "$work/up" && cp "$ct"/*.nii.gz "$work/up" &&
        "$reduce" --quiet "$@" --manifest "$work/fresh.csv" "$work"/up/STS_0{02,08,12,19}_CT.nii.gz &&
        "$reduce" --quiet "$@" --manifest "$work/old.csv" "$work"/up/STS_0{02,08}_CT.nii.gz &&
        rm "$work/up/STS_002_CT.nii.gz" "$work/up/STS_008_CT.nii.gz" &&
        "$reduce" --quiet --update "$work/old.csv" --manifest "$work/once.csv" "$work/up" &&
        cmp "$work/once.csv" "$work/fresh.csv" &&
        "$reduce" --quiet --update "$work/once.csv" --manifest "$work/new.csv" "$work/up" &&
        cmp "$work/new.csv" "$work/fresh.csv"
}
# An update in place that was stopped between its files, which the rows are the last of, starts again.
goes_on() { # goes_on AHEAD...: endings of the files that are those of the update already
    rm -f "$work"/part.*
    for ending in csv json exemplars; do
        [ ! -e "$work/old.$ending" ] || cp "$work/old.$ending" "$work/part.$ending"
    done
    for ending in "$@"; do
        [ ! -e "$work/once.$ending" ] || cp "$work/once.$ending" "$work/part.$ending"
    done
    "$reduce" --quiet --update "$work/part.csv" --manifest "$work/part.csv" "$work/up" &&
        cmp "$work/part.csv" "$work/fresh.csv" &&
        { [ ! -e "$work/once.exemplars" ] || cmp "$work/part.exemplars" "$work/fresh.exemplars"; } &&
        cmp <(grep -v seconds "$work/once.json") <(grep -v seconds "$work/part.json")
}
for options in "" "--scope dataset" "--scope dataset --strategy ssim" "--scope dataset --threshold 10 --then ssim:0.8"; do
    rm -f "$work"/{old,once,new,fresh}.exemplars
    # shellcheck disable=SC2086 # several words
    check "--update $options" updates $options
    check "--update $options stopped before its summary" goes_on exemplars
    check "--update $options stopped before its rows" goes_on exemplars json
done
head -n 40 "$work/old.csv" >"$work/cut.csv"
cp "$work/old.json" "$work/cut.json"
check "--update of some of the rows" exits 2 "has 39 slices, and" "$reduce" --update "$work/cut.csv" "$work/up"
cp "$work/new.exemplars" "$work/kept.exemplars"
"$reduce" --quiet --scope dataset --threshold 10 --then ssim:0.8 --manifest "$work/other.csv" \
    "$ct/STS_012_CT.nii.gz" "$ct/STS_019_CT.nii.gz" "$ct/STS_002_CT.nii.gz" "$ct/STS_008_CT.nii.gz"
cp "$work/other.exemplars" "$work/new.exemplars"
check "--update with the exemplars of other slices" exits 1 "not of the slices" "$reduce" --update \
    "$work/new.csv" "$work/up"
mv "$work/kept.exemplars" "$work/new.exemplars"
check "--update keeps its parameters" exits 2 "threshold differs from what" "$reduce" --update \
    "$work/new.csv" --threshold 4 "$scan"
check "--update of other rules" exits 2 "rule first with a threshold" "$reduce" --update \
    "$work/new.csv" --rule medoid "$scan"
"$reduce" --quiet --keep 9 --manifest "$work/budget.csv" "$scan"
check "--update of a budget" exits 2 "rule first with a threshold" "$reduce" --update \
    "$work/budget.csv" "$ct/STS_002_CT.nii.gz"
rm -f "$work/new.exemplars"
check "--update without exemplars" exits 1 "new.exemplars" "$reduce" --update "$work/new.csv" \
    "$ct/STS_002_CT.nii.gz"
check "--update of nothing" exits 1 "no-such" "$reduce" --update "$work/no-such.csv" "$scan"

# Calibration.
# shellcheck disable=SC2086
{
    check "--calibrate" exits 0 "estimated from" "$reduce" --calibrate $all4
    check "--false-drops" exits 0 "estimated from" "$reduce" --false-drops 1% --json $all4
    check "... is in the JSON" grep -q '"false_drops": 0' "$work/out"
    check "--calibrate of two stages" exits 0 "estimated from" "$reduce" --calibrate --threshold 8 --then ssim:0.7 \
        --json $all4
    check "... where no pair is proposed" grep -q '"threshold": null' "$work/out"
    check "--calibrate with one volume" exits 1 "two groups" "$reduce" --calibrate "$scan"
    check "--false-drops and --threshold" exits 2 "exclude each other" "$reduce" --false-drops 1% \
        --threshold 6 $all4
    check "--false-drops 200%" exits 2 "a percentage" "$reduce" --false-drops 200% $all4
}

# Information gain: a budget is met exactly; the first one kept is the slice of the largest entropy.
# shellcheck disable=SC2086
{
    check "information-gain" keeps 12 "$reduce" --strategy information-gain --keep 12 $two
    check "information-gain has its rule" exits 2 "has no rule" "$reduce" --rule medoid \
        --strategy information-gain $two
}

# Other hashes: their own lengths and defaults.
hash_default() { # hash_default THRESHOLD BITS OPTIONS...
    # shellcheck disable=SC2086
    "$reduce" --quiet --json "${@:3}" $two >"$work/out" && grep -q "\"threshold\": $1,$" "$work/out" &&
        grep -q "\"bits\": $2,\?$" "$work/out" && grep -q '"flat": 0' "$work/out"
}
check "pdq's threshold" hash_default 31 256 --hash pdq
check "256 bits" hash_default 24 256 --profile imagehash --hash-size 16
check "hu" hash_default 6 64 --profile hu --window lung
# shellcheck disable=SC2086
{
    check "hu needs HU" exits 2 "needs a window" "$reduce" --profile hu $two
    check "radial variance is no Hamming" exits 2 "Hamming" "$reduce" --hash radial-variance $two
    check "no such pair" exits 2 "has no hash" "$reduce" --profile pdq --hash average $two
    check "a threshold beyond the bits" exits 2 "0 to 256" "$reduce" --hash pdq --threshold 257 $two
}

# A window of HU and no profile: one that knows windows.
check "reduce --window alone" exits 0 "" "$reduce" --window -160:240 --manifest "$work/w.csv" "$scan"
check "... profile imagehash" grep -q '"profile": "imagehash"' "$work/w.json"
check "... refused by paper-hash" exits 2 "windows by slice" "$reduce" --profile paper-hash \
    --window -160:240 "$scan"
