# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-embed, and redux-reduce with an encoder, from end to end.
pair="$ct/STS_002_CT.nii.gz $ct/STS_008_CT.nii.gz"

# Two tiny networks, hardly trained: what they see differs, and that is enough here.
tiny() { # tiny FOLDER SEED
    "$BIN/redux-pretrain" --width 0.125 --projection 8 --size 32 --batch 8 --window -160:240 --quiet \
        --steps 2 --warm-up 0 --seed "$2" --out "$1" "$scan"
}
check "a network to embed with" tiny "$work/tiny" 1
check "another one" tiny "$work/other" 2
weights=$work/tiny/weights.safetensors
other=$work/other/weights.safetensors

# ---- usage ----
check "redux-embed --help" exits 0 "" "$embed" --help
check "redux-embed --help says usage" grep -q "^Usage: redux-embed" "$work/out"
check "embed: what its help names, it knows" test -z "$("$embed" --help | grep -o -e '--[a-z][a-z-]*' |
    sort -u | while read -r option; do
    "$embed" "$option" 2>&1 </dev/null | grep "unknown option"
done)"
check "embed without weights" exits 2 "no --weights" "$embed" --out "$work/e.npy" "$scan"
check "embed without --out" exits 2 "no --out" "$embed" --weights "$weights" "$scan"
check "embed without input" exits 2 "no input" "$embed" --weights "$weights" --out "$work/e.npy"
for wrong in "--format npx" "--size 0" "--size 5000" "--batch 0" "--batch x" "--window lungs" \
    "--threads -1" "--frame x" "--on-error ask"; do
    # shellcheck disable=SC2086 # several words on purpose
    check "embed $wrong" exits 2 "${wrong%% *}" "$embed" $wrong --weights "$weights" \
        --out "$work/e.npy" "$scan"
done

# ---- rows ----
shape() { # shape FILE ROWS: 64 features each
    head -c 128 "$1" | grep -aqF "'shape': ($2, 64)" && head -c 128 "$1" | grep -aqF "'<f4'"
}
# shellcheck disable=SC2086
{
    check "embed" exits 0 "64 features" "$embed" --weights "$weights" --out "$work/e.npy" \
        --index "$work/e.csv" $pair
    "$reduce" --quiet --strategy all $pair | cut -d, -f1-2 >"$work/all.csv"
    check "a row a slice" shape "$work/e.npy" "$(($(wc -l <"$work/all.csv") - 1))"
    check "the index names them" cmp -s "$work/e.csv" "$work/all.csv"
    check "rows are not all alike" test "$(tail -c +129 "$work/e.npy" | od -An -v -tf4 -w256 |
        sort -u | wc -l)" -gt 20
    check "embed: three threads" exits 0 "" "$embed" --threads 3 --weights "$weights" \
        --out "$work/e3.npy" $pair
    check "... the same bytes" cmp -s "$work/e.npy" "$work/e3.npy"
    check "embed --input" exits 0 "" "$embed" --quiet --weights "$weights" --out "$work/e4.npy" \
        --input $pair
    check "... the same bytes" cmp -s "$work/e.npy" "$work/e4.npy"
    check "... and quiet" test ! -s "$work/err"
    check "embed: another network" exits 0 "" "$embed" --weights "$other" --out "$work/eo.npy" $pair
    check "... other bytes" sh -c "! cmp -s '$work/e.npy' '$work/eo.npy'"
    check "embed: another window" exits 0 "" "$embed" --window lung --weights "$weights" \
        --out "$work/el.npy" $pair
    check "... other bytes" sh -c "! cmp -s '$work/e.npy' '$work/el.npy'"
    check "embed into npz" exits 0 "" "$embed" --weights "$weights" --out "$work/e.npz" $pair
    for key in embeddings volumes slices; do
        check "... holds $key" grep -aq "$key.npy" "$work/e.npz"
    done
}

# Only what is kept.
# shellcheck disable=SC2086
"$reduce" --quiet --manifest "$work/some.csv" $pair
awk -F, 'NR == 1 || $3 { print $1 "," $2 }' "$work/some.csv" >"$work/kept.csv"
# shellcheck disable=SC2086
check "embed --manifest with input" exits 0 "" "$embed" --weights "$weights" --manifest \
    "$work/some.csv" --index "$work/k.csv" --out "$work/k.npy" $pair
check "... what is kept" cmp -s "$work/k.csv" "$work/kept.csv"
check "... as many rows" shape "$work/k.npy" "$(kept <"$work/some.csv")"
check "embed --manifest alone" exits 0 "" "$embed" --weights "$weights" --manifest \
    "$work/some.csv" --out "$work/k2.npy"
check "... the same bytes" cmp -s "$work/k.npy" "$work/k2.npy"

# ---- what goes wrong ----
mkdir "$work/embed-bad"
cp "$ct/STS_002_CT.nii.gz" "$work/embed-bad/a.nii.gz"
head -c 200000 "$ct/STS_008_CT.nii.gz" >"$work/embed-bad/b.nii.gz"
rm -f "$work/x.npy"
check "embed: no weights there" exits 1 "nowhere" "$embed" --weights "$work/nowhere" \
    --out "$work/x.npy" "$scan"
head -c 100000 "$weights" >"$work/short.safetensors"
check "embed: weights cut short" exits 1 "short.safetensors" "$embed" --weights \
    "$work/short.safetensors" --out "$work/x.npy" "$scan"
check "embed: a volume cut short" exits 1 "b.nii.gz" "$embed" --weights "$weights" \
    --out "$work/x.npy" "$work/embed-bad"
check "nothing was written" test ! -e "$work/x.npy"
check "embed --on-error skip" exits 0 "cannot be read" "$embed" --on-error skip --weights \
    "$weights" --out "$work/x.npy" "$work/embed-bad"
check "embed: nowhere to write" exits 1 "no-such" "$embed" --weights "$weights" --out \
    "$work/no-such/x.npy" "$scan"

# ---- redux-reduce --encoder: as with the embeddings that redux-embed writes ----
as_embedded() { # as_embedded OPTIONS...
    # shellcheck disable=SC2086
    "$reduce" --quiet "$@" --embeddings "$work/e.npy" $pair >"$work/by-rows.csv" &&
        "$reduce" --quiet "$@" --encoder "$weights" $pair >"$work/by-net.csv" &&
        cmp "$work/by-rows.csv" "$work/by-net.csv" &&
        awk -F, 'NR > 1 { if ($3) n++; else m++ } END { exit !(n > 1 && m > 0) }' "$work/by-net.csv"
}
check "--encoder" as_embedded --strategy cosine --threshold 0.97
check "--encoder over the dataset" as_embedded --strategy cosine --threshold 0.97 --scope dataset
check "--encoder with a budget" as_embedded --strategy cosine --keep 20
check "--encoder with --then" as_embedded --threshold 20 --then cosine:0.97
check "--encoder with semdedup" as_embedded --strategy semdedup --threshold 0.97 --scope dataset
# shellcheck disable=SC2086
{
    check "--encoder with --calibrate" exits 0 "estimated from" "$reduce" --strategy cosine \
        --encoder "$weights" --calibrate $pair
    check "--encoder and --embeddings" exits 2 "omit --embeddings" "$reduce" --strategy cosine \
        --encoder "$weights" --embeddings "$work/e.npy" $pair
    check "--encoder of hashes" exits 2 "embeddings are for" "$reduce" --encoder "$weights" $pair
    check "--encoder is not there" exits 1 "nowhere" "$reduce" --strategy cosine --encoder \
        "$work/nowhere" $pair
    "$reduce" --quiet --strategy cosine --threshold 0.97 --encoder "$weights" $pair \
        >"$work/default.csv"
    check "--encoder: --window counts" exits 0 "" "$reduce" --strategy cosine --threshold 0.97 \
        --window lung --encoder "$weights" $pair
    check "... another result" sh -c "! cmp -s '$work/out' '$work/default.csv'"
    check "--encoder --on-error skip" exits 0 "b.nii.gz" "$reduce" --strategy cosine --on-error \
        skip --encoder "$weights" "$work/embed-bad"
}

# The JSON tells which encoder it was: its architecture and the CRC-32 of its file, as gzip has it.
crc_of() {
    gzip -c "$1" | tail -c 8 | head -c 4 | od -An -tx4 --endian=little | tr -d ' '
}
# shellcheck disable=SC2086
"$reduce" --quiet --strategy cosine --threshold 0.97 --encoder "$weights" --manifest \
    "$work/enc.csv" $pair
check "the JSON names the encoder" grep -qF "\"encoder\": \"resnet18 crc32 $(crc_of "$weights")\"" \
    "$work/enc.json"

# Another set, all of it or what a manifest keeps.
gone() { # gone AGAINST: all of STS_002 goes, STS_019 does not
    "$reduce" --quiet --strategy cosine --threshold 0.97 --encoder "$weights" --against "$1" \
        --manifest "$work/gone.csv" "$ct/STS_002_CT.nii.gz" "$scan" &&
        [ "$(grep -c "^$ct/STS_002.*,1,,,$" "$work/gone.csv")" = 0 ] &&
        [ "$(grep -c "^$scan.*,1,,,$" "$work/gone.csv")" -gt 0 ]
}
check "--encoder --against FILE" gone "$ct/STS_002_CT.nii.gz"
check "--encoder --against MANIFEST" gone "$work/enc.csv"

# Updates embed new volumes only, and end as a fresh start does; another encoder is refused.
encoded_updates() { # encoded_updates OPTIONS...
    # shellcheck disable=SC2086
    "$reduce" --quiet --strategy cosine --threshold 0.97 --encoder "$weights" "$@" --manifest \
        "$work/fresh-enc.csv" $pair "$scan" &&
        "$reduce" --quiet --strategy cosine --threshold 0.97 --encoder "$weights" "$@" \
            --manifest "$work/old-enc.csv" $pair &&
        "$reduce" --quiet --update "$work/old-enc.csv" --encoder "$weights" --manifest \
            "$work/new-enc.csv" "$scan" && cmp "$work/new-enc.csv" "$work/fresh-enc.csv"
}
check "--update --encoder" encoded_updates
check "--update --encoder over the dataset" encoded_updates --scope dataset
check "--update with another encoder" exits 1 "encoder differs from what" "$reduce" --update \
    "$work/old-enc.csv" --encoder "$other" "$scan"
check "--update without the encoder" exits 2 "encoder differs from what" "$reduce" --update \
    "$work/old-enc.csv" "$scan"
