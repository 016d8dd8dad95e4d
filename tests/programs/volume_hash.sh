# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-hash --volume: hashes of whole volumes, and which are in another set.

volumes=$work/volumes
mkdir "$volumes" "$volumes/a" "$volumes/b"
cp "$ct/STS_002_CT.nii.gz" "$ct/STS_008_CT.nii.gz" "$volumes/a"
cp "$ct/STS_008_CT.nii.gz" "$ct/STS_012_CT.nii.gz" "$volumes/b"

lines_match() { # lines_match N PATTERN COMMAND...: prints N lines after the first, all of the pattern
    local n=$1 pattern=$2
    shift 2
    "$@" 2>/dev/null | tail -n +2 >"$work/lines" && [ "$(wc -l <"$work/lines")" = "$n" ] &&
        [ "$(grep -cE -e "$pattern" "$work/lines")" = "$n" ]
}
check "--volume --help" exits 0 "" "$hash" --volume --help
check "--volume --help says usage" grep -q "^Usage: redux-hash --volume" "$work/out"
check "--volume --version" exits 0 "" "$hash" --version --volume
for name in dct difference block-mean; do
    check "--volume --hash $name" lines_match 2 "STS_00[28]_CT.nii.gz	[0-9a-f]{128}\$" \
        "$hash" --volume --hash $name "$volumes/a"
done
check "--volume --size 4" lines_match 2 "	[0-9a-f]{16}\$" "$hash" --volume --size 4 "$volumes/a"
"$hash" --volume "$volumes/a" >"$work/a.tsv"
check "--volume: threads do not matter" same "$work/a.tsv" "$hash" --volume --threads 1 "$volumes/a"
check "--volume --rotations prints one code" lines_match 2 "	[0-9a-f]{128}\$" "$hash" --volume \
    --rotations "$volumes/a"
check "... which is another one" test "$(tail -n +2 "$work/a.tsv" | cut -f2 | sort)" != \
    "$(cut -f2 "$work/lines" | sort)"

# Of B one volume is in A.
leak() { # leak OPTIONS...
    "$hash" --volume --quiet "$@" "$volumes/b" >"$work/leak.csv" &&
        [ "$(head -n 1 "$work/leak.csv")" = "source,kept,nearest,distance,turn" ] &&
        grep -qx "$volumes/b/STS_008_CT.nii.gz,0,$volumes/a/STS_008_CT.nii.gz,0,0" "$work/leak.csv" &&
        [ "$(grep -c "^$volumes/b/STS_012_CT.nii.gz,1,$volumes/a/.*" "$work/leak.csv")" = 1 ] &&
        [ "$(wc -l <"$work/leak.csv")" = 3 ]
}
check "--volume --against FOLDER" leak --against "$volumes/a"
check "--volume --against FILE.tsv" leak --against "$work/a.tsv"
check "--volume --against, in all rotations" leak --rotations --against "$volumes/a"
check "--volume --against, with flips" leak --flips --against "$volumes/a"
for name in difference block-mean; do
    check "--volume --against, by $name" leak --hash $name --against "$volumes/a"
done
check "--against counts" exits 0 "1 of 2 volumes are in" "$hash" --volume --against "$work/a.tsv" \
    "$volumes/b"
check "--threshold of all bits" exits 0 "2 of 2 volumes" "$hash" --volume --against "$work/a.tsv" \
    --threshold 512 "$volumes/b"
: >"$work/empty.tsv"
check "--against an empty list" exits 0 "0 of 2 volumes" "$hash" --volume --against \
    "$work/empty.tsv" "$volumes/b"
check "... has no nearest one" grep -qx "$volumes/b/STS_008_CT.nii.gz,1,,," "$work/out"

# What is wrong.
check "--volume without input" exits 2 "no input" "$hash" --volume
check "--volume --hash pdq" exits 2 "volume hash 'pdq'" "$hash" --volume --hash pdq "$scan"
check "--volume --size 17" exits 2 "2 to 16" "$hash" --volume --size 17 "$scan"
check "--volume --window slice" exits 2 "does not suit a volume" "$hash" --volume --window slice "$scan"
check "--volume --profile" exits 2 "unknown option" "$hash" --volume --profile pdq "$scan"
check "--threshold without --against" exits 2 "needs --against" "$hash" --volume --threshold 3 "$scan"
check "--threshold beyond the bits" exits 2 "has 64 bits" "$hash" --volume --size 4 --threshold 65 \
    --against "$volumes/a" "$scan"
check "--volume of nothing" exits 1 "no-such" "$hash" --volume no-such.nii
check "--against nothing" exits 1 "no-such" "$hash" --volume --against no-such "$scan"
check "--against a list that is not there" exits 1 "no-such.tsv" "$hash" --volume --against \
    no-such.tsv "$scan"
check "--against a list of another size" exits 1 "another --hash, --size" "$hash" --volume --size 4 --against \
    "$work/a.tsv" "$scan"
head -c 40000 "$ct/STS_002_CT.nii.gz" >"$work/cut.nii.gz"
check "--volume of a cut file" exits 1 "cut.nii.gz" "$hash" --volume "$work/cut.nii.gz"

# All rows or none: a damaged volume after a good one.
mkdir -p "$work/halves" && cp "$ct/STS_019_CT.nii.gz" "$work/halves/a.nii.gz"
head -c 40000 "$ct/STS_002_CT.nii.gz" >"$work/halves/b.nii.gz"
check "--volume prints all or nothing" exits 1 "b.nii.gz" "$hash" --volume "$work/halves"
