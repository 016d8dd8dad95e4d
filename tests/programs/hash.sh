# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-hash: profiles, sizes, quality, formats, the binary form.

goldens=tests/golden/data/hash_profiles.tsv
pictures=tests/golden/data/hash_pictures.npz

digits() { # digits N OPTIONS...: as many hex digits for each of the 47 slices
    [ "$("$hash" --quiet "${@:2}" "$scan" | awk -F'\t' -v n="$1" \
        'NF == 3 && $3 ~ /^[0-9a-f]+$/ && length($3) == n' | wc -l)" = 47 ]
}
for name in average difference difference-vertical dct dct-simple wavelet; do
    check "--hash $name" digits 16 --hash $name
    check "--profile hu --hash $name" digits 16 --profile hu --window lung --hash $name
done
for name in average difference dct wavelet; do
    check "--profile imagededup --hash $name" digits 16 --profile imagededup --hash $name
done
check "--hash colour" digits 11 --hash colour
check "--hash pdq" digits 64 --hash pdq
check "--hash blockhash" digits 64 --hash blockhash
check "--hash block-mean-0" digits 64 --hash block-mean-0
check "--hash block-mean-1" digits 242 --hash block-mean-1
check "--hash marr-hildreth" digits 144 --hash marr-hildreth
check "--hash radial-variance" digits 80 --hash radial-variance
check "--size 16" digits 64 --profile imagehash --size 16
check "--size 5" digits 7 --profile imagehash --hash dct --size 5
for profile in pdq blockhash opencv; do
    "$hash" --quiet --profile $profile "$scan" >"$work/implied"
    check "--profile $profile alone" test "$(wc -l <"$work/implied")" = 48
done
check "--hash implies its profile" same "$work/implied" "$hash" --quiet --profile opencv --hash dct \
    "$scan"

# The same pixels as the peers' goldens, out of an archive.
golden() { # golden PROFILE HASH SIZE
    local size=()
    [ "$3" = 0 ] || size=(--size "$3")
    [ "$("$hash" --quiet --profile "$1" --hash "$2" "${size[@]}" "$pictures:waves" | grep -v '^#' | cut -f3)" = \
        "$(awk -F'\t' -v p="$1" -v h="$2" -v s="$3" \
            '$1 == "waves" && $2 == p && $3 == h && $4 == s { print $5 }' "$goldens")" ]
}
for case in "imagehash dct 16" "imagehash wavelet 8" "imagehash colour 3" "imagededup dct 0" \
    "pdq pdq 0" "blockhash blockhash 16" "opencv average 0" "opencv block-mean-1 0" \
    "opencv marr-hildreth 0" "opencv radial-variance 0"; do
    # shellcheck disable=SC2086
    check "golden $case" golden $case
done

# ---- usage ----
check "no such pair" exits 2 "it has average, dct, block-mean-0" "$hash" --profile opencv \
    --hash colour "$scan"
for wrong in "--hash wavelet --size 12" "--hash dct --size 1" "--hash dct --size 99" \
    "--hash pdq --size 8" "--hash blockhash --size 7" "--size x" "--format xml" \
    "--format binary" "--profile hu" "--profile hu --window slice" \
    "--profile paper-hash --window lung" "--profile own" "--hash md5" "--decode x --hash dct" \
    "--decode x"; do
    # shellcheck disable=SC2086
    check "$wrong" exits 2 "" "$hash" $wrong "$scan"
done

# ---- windows: without a profile, one that has them ----
check "--window alone" exits 0 "" "$hash" --window mediastinum "$scan"
cp "$work/out" "$work/windowed.txt"
check "... means profile imagehash" exits 0 "" "$hash" --profile imagehash --window mediastinum "$scan"
check "... the same codes" cmp -s "$work/out" "$work/windowed.txt"
check "... others than without" test "$("$hash" --quiet "$scan" | cksum)" != "$(cksum <"$work/out")"

# ---- quality, formats ----
check "--quality" test "$("$hash" --quiet --quality "$scan" | awk -F'\t' \
    'NF == 5 && $4 >= 0 && $4 <= 100 && $5 ~ /^(-|flat)$/' | wc -l)" = 47
"$hash" --quiet --hash pdq --quality "$scan" >"$work/q.txt"
"$hash" --quiet --hash pdq --quality --format csv --out "$work/pdq.csv" "$scan"
check "the text's first line" test "$(head -n 1 "$work/q.txt")" = \
    "$(printf '#redux-hash\t1\tpdq\tpdq\t16\tauto')"
check "CSV is the same" test "$(tail -n +2 "$work/pdq.csv" | sed 's/,$/,-/' | tr , '\t' | cksum)" = \
    "$(tail -n +2 "$work/q.txt" | cksum)"
"$hash" --quiet --hash pdq --format json "$scan" >"$work/q.json"
check "JSON has every slice" test "$(grep -c '"hash":"[0-9a-f]\{64\}"' "$work/q.json")" = 47
check "3 threads, same bytes" same "$work/q.txt" "$hash" --quiet --hash pdq --quality --threads 3 "$scan"

check "flat pictures are flagged" test "$("$hash" --quiet --quality --hash pdq "$pictures:flat" |
    tail -n 1 | cut -f4-)" = "$(printf '0\tflat')"
check "... and told of" exits 0 "1 of 1 slices are flat" "$hash" "$pictures:flat"
check "... but not when quiet" test -z "$("$hash" --quiet "$pictures:flat" 2>&1 >/dev/null)"
check "others are not" exits 0 "" "$hash" "$pictures:waves"
check "... and nothing is said" test ! -s "$work/err"

# ---- the binary form ----
check "--format binary" exits 0 "" "$hash" --quiet --hash pdq --format binary --out "$work/q.rdx" "$scan"
check "--decode" same "$work/q.txt" "$hash" --decode "$work/q.rdx" --quality
check "--decode as CSV" same "$work/pdq.csv" "$hash" --decode "$work/q.rdx" --quality --format csv
head -c 1000 "$work/q.rdx" >"$work/cut.rdx"
check "--decode of a part" exits 1 "cut.rdx: the list of hashes is cut short" "$hash" --decode \
    "$work/cut.rdx"
check "--decode of text" same "$work/q.txt" "$hash" --decode "$work/q.txt" --quality
check "--decode of something else" exits 1 "is not a list of hashes" "$hash" --decode "$work/pdq.csv"
check "--decode of nothing" exits 1 "no-such-file" "$hash" --decode "$work/no-such-file"
check "--out in no folder" exits 1 "nowhere" "$hash" --quiet --out "$work/nowhere/h.txt" "$scan"
if [ -e /dev/full ]; then
    check "hashes to a full output" bash -c "! '$hash' --quiet '$scan' >/dev/full 2>/dev/null"
fi

# Pairs: what a comparison of all printed codes gives.
"$hash" --quiet --hash dct "$scan" | tail -n +2 >"$work/codes"
awk -F'\t' 'BEGIN { for (i = 0; i < 16; i++) for (j = 0; j < 16; j++) { n = 0
        for (b = 1; b < 16; b *= 2) n += int(i / b) % 2 != int(j / b) % 2
        bits[sprintf("%x%x", i, j)] = n } }
    { source[NR] = $1; slice[NR] = $2; code[NR] = $3
        for (k = 1; k < NR; k++) { d = 0
            for (i = 1; i <= 16; i++) d += bits[substr($3, i, 1) substr(code[k], i, 1)]
            if (d <= 10) print source[k] "\t" slice[k] "\t" $1 "\t" $2 "\t" d } }' "$work/codes" \
    >"$work/pairs"
check "--pairs: there are some" test "$(wc -l <"$work/pairs")" -gt 20
check "--pairs" same "$work/pairs" "$hash" --quiet --hash dct --pairs 10 "$scan"
(echo source,slice,other_source,other_slice,distance && tr '\t' , <"$work/pairs") >"$work/pairs.csv"
check "--pairs as CSV" same "$work/pairs.csv" "$hash" --quiet --hash dct --pairs 10 --format csv "$scan"
"$hash" --quiet --hash dct --format binary --out "$work/codes.bin" "$scan"
check "--pairs of a list" same "$work/pairs" "$hash" --quiet --decode "$work/codes.bin" --pairs 10
mkdir "$work/comma, and \"quotes\""
cp "$scan" "$work/comma, and \"quotes\"/a.nii.gz"
"$hash" --quiet --pairs 0 --format csv "$work/comma, and \"quotes\"/a.nii.gz" "$scan" >"$work/quoted.csv"
check "--pairs: names in quotes" grep -q '^".*/comma, and ""quotes""/a.nii.gz",0,.*STS_019_CT.nii.gz,0,0$' \
    "$work/quoted.csv"
check "--pairs: no bits" exits 2 "a hash of bits" "$hash" --hash radial-variance --pairs 3 "$scan"
check "--pairs -1" exits 2 "0 to 4096" "$hash" --pairs -1 "$scan"
check "--pairs as JSON" exits 2 "text or csv" "$hash" --pairs 3 --format json "$scan"
if [ -e /dev/full ]; then
    check "--pairs to a full output" \
        bash -c "! '$hash' --quiet --pairs 64 '$scan' >/dev/full 2>/dev/null"
fi
