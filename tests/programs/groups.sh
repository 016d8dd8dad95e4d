# shellcheck shell=bash disable=SC2154,SC2086 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-info, and what slices belong to: --group-by and --each in the programs.

# A flat folder of three patients: slices of three scans as pictures, PATIENT_SLICE.png.
flat=$work/flat
mkdir "$flat"
number=0
for volume in $ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz $ct/STS_019_CT.nii.gz; do
    number=$((number + 1))
    "$reduce" --quiet --strategy all --window lung --export "$work/all$number" --manifest \
        "$work/all$number.csv" "$volume"
    for picture in "$work/all$number"/*.png; do
        name=${picture##*_}
        ln "$picture" "$flat/p${number}_${name}"
    done
    mkdir "$work/folders$number"
    cp "$flat"/p${number}_* "$work/folders$number"
done
by='(p[0-9]+)_([0-9]+)'
same_but_paths() { # two manifests, sorted by slice
    cmp <(cut -d, -f1-6 "$1" | sed 's#[^,]*/##g' | sort) <(cut -d, -f1-6 "$2" | sed 's#[^,]*/##g' | sort)
}
for options in "" "--strategy ssim --threshold 0.7" "--strategy every-n" "--keep 20%" "--rule medoid"; do
    "$reduce" --quiet $options --manifest "$work/folders.csv" "$work"/folders?
    "$reduce" --quiet $options --manifest "$work/grouped.csv" --group-by "$by" "$flat"
    check "groups are as folders are: '$options'" same_but_paths "$work/folders.csv" "$work/grouped.csv"
done
check "the first line counts groups" exits 0 "in 3 groups" "$reduce" --group-by "$by" "$flat"
check "the manifest names groups" grep -q ",p2$" "$work/grouped.csv"

shares() { # shares FILE PERCENT: each group is within one slice of its share
    awk -F, -v p="$2" 'NR > 1 { n[$NF]++; k[$NF] += $3 } END {
        if (length(n) != 3) exit 1
        for (g in n) { d = k[g] - n[g] * p / 100; if (d > 1 || d < -1) exit 1 } }' "$1"
}
for strategy in hash ssim cosine entropy every-n; do
    "$reduce" --quiet --strategy $strategy --keep 15% --each group --group-by "$by" \
        --manifest "$work/each.csv" "$flat"
    check "--each group of $strategy" shares "$work/each.csv" 15
done
check "--each needs --keep" exits 2 "each needs keep" "$reduce" --each group $scan
check "--each not over the dataset" exits 2 "scope" "$reduce" --each group --keep 5 --scope dataset $scan
check "no parentheses" exits 2 "parentheses" "$reduce" --group-by p1 "$flat"
check "no match" exits 1 "such as" "$reduce" --group-by '(absent-[0-9])' "$flat"
check "a budget beyond the default" exits 0 "beyond the default" "$reduce" --keep 3% --group-by "$by" "$flat"

# A run remembers a slice of each group, for redux-evaluate, though the folder is one volume.
"$pretrain" --quiet --group-by "$by" --width 0.125 --projection 8 --size 24 --batch 16 --epochs 1 --out \
    "$work/grouprun" "$flat"
check "a run has seen three groups" test "$(tr -d ' \n' <"$work/grouprun/run.json" | grep -o '"seen":\[[^]]*\]' | grep -o '"[0-9a-f]\{16\}"' | wc -l)" = 3
rm -r "$work/grouprun"

# A table, which may stand elsewhere and name files by other paths.
{
    echo "file,who"
    for picture in "$flat"/*.png; do
        name=${picture##*/}
        echo "../${flat##*/}/./$name,${name%%_*}"
    done
} >"$work/all1/table.csv"
"$reduce" --quiet --manifest "$work/byname.csv" --group-by "$by" "$flat"
"$reduce" --quiet --manifest "$work/bytable.csv" --group-by "$work/all1/table.csv:who" "$flat"
check "a table says the same" cmp "$work/byname.csv" "$work/bytable.csv"
check "the table is an input" exits 1 "is an input" "$reduce" --overwrite --manifest "$work/all1/table.csv" \
    --group-by "$work/all1/table.csv:who" "$flat"
check "patients of pictures" exits 1 "PatientID" "$reduce" --group-by patient "$flat"

# What follows from a manifest.
check "--against finds the same patients" exits 0 "3 groups" "$reduce" --group-by "$by" --against "$flat" \
    "$work"/folders?
mkdir "$work/old" "$work/new"
cp "$flat"/p1_* "$flat"/p2_* "$work/old"
cp -r "$work/old/." "$flat"/p3_* "$work/new"
check "--update without the option" exits 0 "" "$reduce" --manifest "$work/upd1.csv" --group-by "$by" "$work/old"
mv "$work/new"/p3_* "$work/old"
check "a new patient" exits 0 "taken over" "$reduce" --update "$work/upd1.csv" --manifest "$work/upd2.csv" "$work/old"
check "... is grouped as before" grep -q "p3_.*,p3$" "$work/upd2.csv"
one=("$flat"/p1_*)
cp "${one[0]}" "$work/old/p1_9999.png"
check "a known patient has grown" exits 1 "group p1" "$reduce" --update "$work/upd1.csv" --manifest "$work/upd3.csv" \
    "$work/old"

# redux-info
check "info" exits 0 "" "$info" "$scan"
check "info: format, size, type" grep -q "^nifti .*134 x 136.*int16.*3.27 x 0.9766" "$work/out"
check "info: range and window" grep -q -- "-1000 ... 1478.*slice" "$work/out"
check "info --headers" exits 0 "" "$info" --headers "$scan"
check "info --headers reads no values" test "$(grep -c "1478\|inf" "$work/out")" = 0
check "info: groups" exits 0 "" "$info" --group-by "$by" "$flat"
check "info: how many" grep -q "volumes: 1, groups: 3" "$work/out"
printf 'x' >"$flat/notes.bmp"
printf '\211HDF\r\n\032\n' >"$flat/array"
head -c 20 "${one[0]}" >"$work/cut.png"
cp "$work/cut.png" "$flat/cut.png"
mkdir "$flat/.hidden"
check "info: what is passed over" exits 0 "" "$info" "$flat"
for words in "(.bmp: " "HDF5" "hidden folders" "cannot be read: .*cut.png"; do
    check "info says $words" grep -q -- "$words" "$work/out"
done
if [ "$(id -u)" = 0 ]; then # who may open everything
    cp "$work/cut.png" "$flat/closed"
    chmod 700 "$flat/closed"
    chmod 755 "$work"
    check "info says what it may not open" exits 0 "they may be slices" setpriv --reuid=65534 --clear-groups "$info" "$flat"
    rm "$flat/closed"
fi
check "info --on-error stop" exits 1 "cut.png" "$info" --on-error stop "$flat"
check "info --json" exits 0 "" "$info" --json "$flat"
check "info --json: reasons" grep -q '"reason": "files that look like HDF5' "$work/out"
check "reduce says it, too" exits 1 "(.bmp: " "$reduce" "$flat"
check "info of nothing" exits 1 "" "$info" "$work/none"
check "info without input" exits 2 "no input" "$info"
rm -rf "$flat" "$work"/folders? "$work"/all? "$work/old" "$work/new"
