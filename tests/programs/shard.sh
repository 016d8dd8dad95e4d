# shellcheck shell=bash disable=SC2154,SC2086 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# --shard in redux-reduce, redux-hash and redux-embed, and redux-merge: parts give the bytes of one
# run.

"$BIN/redux-pretrain" --width 0.125 --projection 8 --size 32 --batch 8 --window -160:240 --quiet \
    --steps 2 --warm-up 0 --out "$work/shard-w" "$scan"
weights=$work/shard-w/weights.safetensors
parts=$work/parts
mkdir "$parts"
check "redux-merge --help" exits 0 "" "$merge" --help
check "merge: what its help names, it knows" test -z "$("$merge" --help | grep -o -e '--[a-z][a-z-]*' |
    sort -u | while read -r option; do
    "$merge" "$option" 2>&1 </dev/null | grep "unknown option"
done)"
three="$ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz $ct/STS_019_CT.nii.gz"

in_parts() { # in_parts N PROGRAM OPTIONS...: all parts, in a mixed order
    local n=$1 i
    shift
    for i in $(seq "$n" -1 1); do
        "$@" --shard "$i/$n" --quiet || return 1
    done
}
without_seconds() {
    grep -v '"seconds"' "$1"
}
same_results() { # same_results A B: CSV, JSON and, if there are any, exemplars
    cmp "$1.csv" "$2.csv" && cmp <(without_seconds "$1.json") <(without_seconds "$2.json") || return 1
    if [ -e "$1.exemplars" ] || [ -e "$2.exemplars" ]; then
        cmp "$1.exemplars" "$2.exemplars"
    fi
}
merged_is_one() { # merged_is_one N INPUTS OPTIONS...
    local n=$1 inputs=$2
    shift 2
    rm -f "$parts"/*
    "$reduce" --quiet "$@" --manifest "$parts/one.csv" $inputs &&
        in_parts "$n" "$reduce" "$@" --manifest "$parts/p.csv" $inputs &&
        "$merge" --quiet --manifest "$parts/merged.csv" "$parts"/p.*.part &&
        same_results "$parts/one" "$parts/merged"
}
for n in 1 2 3 7 50; do
    check "hash in $n parts" merged_is_one $n "$three"
done
for options in "--strategy all" "--strategy every-n" "--strategy every-n --keep 10%" \
    "--strategy entropy --keep 20" "--strategy cosine --rule medoid" "--keep 20%" "--rule k-centre" \
    "--false-drops 1%" "--strategy semdedup" "--strategy ssim" "--strategy mi --rule complete-link" \
    "--strategy ssim --keep 3 --each group" "--strategy hash --threshold 12 --then ssim" \
    "--strategy information-gain --window lung" "--scope dataset" \
    "--scope dataset --strategy ssim --order lexicographic" "--scope dataset --strategy mi" \
    "--scope dataset --strategy cosine --keep 10%" "--scope dataset --strategy mattes --size 64" \
    "--scope dataset --strategy hierarchical --keep 10%" "--scope dataset --strategy density --keep 10%" \
    "--scope dataset --strategy hash --then ssim" "--scope dataset --strategy ssim --keep 12 --size 48" \
    "--scope dataset --strategy phase-correlation --calibrate --size 64"; do
    check "in 3 parts: $options" merged_is_one 3 "$three" $options
done

# A flat folder of three patients, one volume that groups cut.
flat=$work/shard-flat
mkdir "$flat"
number=0
for volume in $three; do
    number=$((number + 1))
    "$reduce" --quiet --strategy every-n --threshold 3 --window lung --export "$work/shard-x$number" \
        --manifest "$work/shard-x.csv" "$volume"
    for picture in "$work/shard-x$number"/*.png; do
        ln "$picture" "$flat/p${number}_${picture##*_}"
    done
done
by='(p[0-9]+)_([0-9]+)'
check "groups of one folder" merged_is_one 3 "$flat" --group-by "$by"
check "groups of one folder, ssim" merged_is_one 2 "$flat" --group-by "$by" --strategy ssim
check "volumes of grouped input, ssim" merged_is_one 2 "$flat" --group-by "$by" --strategy ssim --scope volume

# Input that cannot be read, another set, embeddings.
broken=$work/shard-broken
mkdir "$broken"
ln $ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz "$broken"
head -c 30000 $ct/STS_019_CT.nii.gz >"$broken/STS_000_CT.nii.gz"
for options in "" "--strategy ssim" "--strategy ssim --scope dataset" "--keep 10"; do
    check "skipped input: '$options'" merged_is_one 3 "$broken" --on-error skip $options
done
mkdir "$work/shard-flat-broken"
ln "$flat"/*.png "$work/shard-flat-broken"
head -c 500 "$flat/p2_0009.png" >"$work/shard-flat-broken/p2_9999.png"
check "skipped pictures" merged_is_one 2 "$work/shard-flat-broken" --on-error skip --group-by "$by" --strategy ssim
for options in "" "--strategy ssim" "--strategy mi --scope dataset" "--strategy hash --threshold 20 --then ssim"; do
    check "against another set: '$options'" merged_is_one 2 \
        "$ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz" --against $ct/STS_019_CT.nii.gz $options
done
check "against a broken set" merged_is_one 2 "$ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz" \
    --against "$broken" --on-error skip --strategy ssim
check "embeddings of an encoder" merged_is_one 3 "$three" --strategy cosine --encoder "$weights"
check "and against another set" merged_is_one 2 "$ct/STS_002_CT.nii.gz $ct/STS_012_CT.nii.gz" \
    --strategy cosine --encoder "$weights" --against $ct/STS_019_CT.nii.gz
"$embed" --quiet --weights "$weights" --out "$work/shard-e.npy" $three
check "embeddings of a file" merged_is_one 3 "$three" --strategy cosine --embeddings "$work/shard-e.npy" --scope dataset

# Hashes and embeddings.
for options in "" "--quality --format csv" "--format binary" "--format json --hash pdq" "--window lung --profile hu"; do
    rm -f "$parts"/*
    check "hashes in parts: '$options'" in_parts 3 "$hash" $options --out "$parts/h.x" $three
    "$hash" --quiet $options --out "$parts/one" $three
    "$merge" --quiet --out "$parts/merged" "$parts"/h.*.part
    check "hashes of one run: '$options'" cmp "$parts/one" "$parts/merged"
done
for options in "" "--manifest $work/shard-k.csv"; do
    rm -f "$parts"/*
    "$reduce" --quiet --manifest "$work/shard-k.csv" $three
    check "embeddings in parts: '$options'" in_parts 4 "$embed" --weights "$weights" $options --out "$parts/e.npy" $three
    "$embed" --quiet --weights "$weights" $options --out "$parts/one.npy" --index "$parts/one.csv" $three
    "$merge" --quiet --out "$parts/merged.npy" --index "$parts/merged.csv" "$parts"/e.*.part
    check "embeddings of one run: '$options'" cmp "$parts/one.npy" "$parts/merged.npy"
    check "their index: '$options'" cmp "$parts/one.csv" "$parts/merged.csv"
done
rm -f "$parts"/*
in_parts 2 "$embed" --weights "$weights" --on-error skip --out "$parts/e.npy" "$broken"
"$embed" --quiet --weights "$weights" --on-error skip --out "$parts/one.npy" "$broken"
"$merge" --quiet --out "$parts/merged.npy" "$parts"/e.*.part
check "embeddings of skipped input" cmp "$parts/one.npy" "$parts/merged.npy"

again() { # again PROGRAM...: the same part once more is left, and nothing else is said
    "$@" --shard 1/2 --resume 2>"$work/err" && grep -q "was complete" "$work/err" && [ "$(wc -l <"$work/err")" = 1 ]
}
check "redux-embed --resume" again "$embed" --weights "$weights" --on-error skip --out "$parts/e.npy" "$broken"
"$hash" --quiet --shard 1/2 --out "$parts/h.txt" $three
check "redux-hash --resume" again "$hash" --out "$parts/h.txt" $three
check "redux-embed --resume needs --shard" exits 2 "needs --shard" "$embed" --weights "$weights" --resume --out "$parts/x.npy" $scan

# Parts that are missing, killed, foreign, damaged, done again.
rm -f "$parts"/*
in_parts 4 "$reduce" --strategy ssim --manifest "$parts/p.csv" $three
rm "$parts/p.3-of-4.part"
check "a missing part" exits 1 "1 of 4 parts are missing" "$merge" --manifest "$parts/m.csv" "$parts"/p.*.part
check "and nothing is written" test ! -e "$parts/m.csv"
"$merge" --manifest "$parts/m.csv" "$parts"/p.*.part 2>"$work/shard-missing"
check "the command that makes it" sh -c "$(tail -n 1 "$work/shard-missing" | sed "s#^redux-reduce#$reduce#")"
check "and then all are there" "$merge" --quiet --manifest "$parts/m.csv" "$parts"/p.*.part
check "a part twice" exits 1 "are both part 2" "$merge" --manifest "$parts/m.csv" "$parts"/p.*.part "$parts"/p.2-*
"$reduce" --quiet --strategy ssim --threshold 0.8 --shard 2/4 --manifest "$parts/q.csv" $three
check "a foreign part" exits 1 "different jobs: threshold is 0.71" "$merge" --manifest "$parts/m.csv" \
    "$parts"/p.1-* "$parts"/q.2-*
"$reduce" --quiet --strategy ssim --shard 2/5 --manifest "$parts/q.csv" $three
check "of another number of parts" exits 1 "the number of parts" "$merge" --manifest "$parts/m.csv" \
    "$parts"/p.1-* "$parts"/q.2-of-5*
"$reduce" --quiet --strategy ssim --shard 2/4 --manifest "$parts/q.csv" $ct/STS_002_CT.nii.gz
check "of another dataset" exits 1 "the dataset that they are of" "$merge" --manifest "$parts/m.csv" \
    "$parts"/p.1-* "$parts"/q.2-of-4*
cp "$parts/p.1-of-4.part" "$parts/damaged"
printf 'x' | dd of="$parts/damaged" bs=1 seek=200 conv=notrunc 2>/dev/null
check "a damaged part" exits 1 "damaged" "$merge" --manifest "$parts/m.csv" "$parts/damaged"
head -c 300 "$parts/p.1-of-4.part" >"$parts/damaged"
check "a part that is cut short" exits 1 "cut short" "$merge" --manifest "$parts/m.csv" "$parts/damaged"
check "what is no part" exits 1 "not a part" "$merge" --manifest "$parts/m.csv" "$parts/m.csv"
check "a part is never an output" exits 1 "is an input" "$merge" --overwrite \
    --manifest "$parts/p.1-of-4.part" "$parts"/p.*.part
check "--resume leaves what is there" exits 0 "was complete" "$reduce" --resume --strategy ssim --shard 1/4 \
    --manifest "$parts/p.csv" $three
check "but not of another job" exits 1 "different jobs" "$reduce" --resume --strategy ssim --threshold 0.9 \
    --shard 1/4 --manifest "$parts/p.csv" $three
if [ "$(uname -m)" = x86_64 ]; then
    REDUX_TIER=portable "$reduce" --quiet --strategy ssim --shard 2/4 --manifest "$parts/t.csv" $three
    check "of another instruction set" exits 1 "the machine that made them" "$merge" --manifest "$parts/m.csv" \
        "$parts"/p.1-* "$parts"/t.2-*
    REDUX_TIER=portable "$reduce" --quiet --shard 2/2 --manifest "$parts/t.csv" $three
    "$reduce" --quiet --shard 1/2 --manifest "$parts/t.csv" $three
    check "hashes are the same on each" "$merge" --quiet --manifest "$parts/m.csv" "$parts"/t.?-of-2.part
fi
rm -f "$parts"/*
killed=(--quiet --strategy mi --scope dataset --size 512 --shard 1/2 --manifest "$parts/killed.csv")
whole_or_nothing() { # what a killed run left
    [ ! -e "$parts/killed.1-of-2.part" ] ||
        exits 0 "was complete" "$reduce" "${killed[@]:1}" --resume $three
}
for moment in 1 2 3; do
    "$reduce" "${killed[@]}" $three 2>/dev/null &
    kill_at $moment 3 400 || true
    check "a part killed at moment $moment: whole or nothing" whole_or_nothing
    rm -f "$parts/killed.1-of-2.part"
done
"$reduce" "${killed[@]}" $three
check "and the next run makes it" test -s "$parts/killed.1-of-2.part"
check "without leftovers" test -z "$(find "$parts" -name '*redux-tmp*')"

cp "$reduce" "$work/alone" # where no libredux-mpi is beside it
check "--mpi without libredux-mpi" exits 1 "make MPI=1" "$work/alone" --mpi $scan
check "--mpi-timeout that is no time" exits 2 "--mpi-timeout 'soon'" "$reduce" --mpi --mpi-timeout soon $scan
check "--mpi-timeout without --mpi" exits 2 "needs --mpi" "$reduce" --mpi-timeout 5 --manifest "$parts/p.csv" $scan
check "--mpi and --shard" exits 2 "exclude each other" "$reduce" --mpi --shard 1/2 --manifest "$parts/p.csv" $scan
check "--shard needs --manifest" exits 2 "name it by --manifest" "$reduce" --shard 1/2 $scan
check "no part 3 of 2" exits 2 "with I from 1 to N" "$reduce" --shard 3/2 --manifest "$parts/p.csv" $scan
check "--resume needs --shard" exits 2 "needs --shard" "$reduce" --resume --manifest "$parts/p.csv" $scan
check "a budget over all" exits 2 "MPI" "$reduce" --shard 1/2 --strategy ssim --keep 10% --manifest "$parts/p.csv" $scan
check "false drops over all" exits 2 "MPI" "$reduce" --shard 1/2 --strategy ssim --false-drops 1% --manifest "$parts/p.csv" $scan
check "no update in parts" exits 2 "without update" "$reduce" --shard 1/2 --update "$work/shard-k.csv" \
    --manifest "$parts/p.csv" $scan
check "no export in parts" exits 2 "redux-merge" "$reduce" --shard 1/2 --export "$parts/x" --manifest "$parts/p.csv" $scan
check "merge: neither" exits 2 "expected --manifest" "$merge" "$parts/p"
in_parts 1 "$reduce" --manifest "$parts/p.csv" $scan
check "merge: wrong output" exits 2 "name --manifest" "$merge" --out "$parts/x" "$parts"/p.*.part
check "merge exports" "$merge" --quiet --manifest "$parts/m.csv" --export "$parts/x" --sheet "$parts/s.png" "$parts"/p.*.part
check "a sheet" test -s "$parts/s.png"
mkdir "$parts/here" && cp $scan "$parts/here/s.nii.gz"
(program=$(realpath "$reduce") && cd "$parts" && "$program" --quiet --shard 1/1 --manifest r.csv here)
check "from another folder" exits 1 "the parts were made in" "$merge" --manifest "$parts/m.csv" "$parts"/r.*.part

# What runs on a cluster: a job array and make.
cluster() { # cluster COMMAND...: with a stand-in for Slurm
    mkdir -p "$work/slurm"
    PATH=$(realpath "$BIN"):$(realpath tests/support):$PATH SBATCH_STATE=$work/slurm "$@"
}
"$reduce" --quiet --strategy ssim --manifest "$work/one.csv" $three
check "a job array" cluster sh examples/cluster/submit.sh 3 "$work/array.csv" --strategy ssim $three >"$work/out"
check "gives one run's result" same_results "$work/one" "$work/array"
rm "$work/array.parts/part.2-of-3.part" "$work/array.csv"
check "a task that failed is submitted again" cluster sh examples/cluster/submit.sh 3 "$work/array.csv" \
    --strategy ssim $three >"$work/out"
check "and gives it, too" same_results "$work/one" "$work/array"
check "make" cluster make -s -j2 -f examples/cluster/Makefile N=3 OUT="$work/made.csv" INPUT="$three" OPTIONS="--strategy ssim"
check "makes it as well" same_results "$work/one" "$work/made"
check "and knows when nothing is to be done" cluster make -q -f examples/cluster/Makefile N=3 OUT="$work/made.csv" INPUT="$three"

# Parts from strangers: a header of any text, with length and checksum made right.
number() { # number VALUE BYTES: little-endian
    local value=$1 i
    for ((i = 0; i < $2; i++, value >>= 8)); do
        # shellcheck disable=SC2059 # an escape sequence is made
        printf "\\x$(printf %x $((value & 255)))"
    done
}
edited() { # edited PART SCRIPT FILE: its header after sed's script
    local begin
    begin=$(tail -c 28 "$1" | od -An -tu8 -N8)
    head -c "$((begin))" "$1" >"$3"
    tail -c +"$((begin + 1))" "$1" | head -c -28 | sed "$2" >>"$3"
    local length=$(($(wc -c <"$3") - begin))
    gzip -c "$3" | tail -c 8 | head -c 4 >"$work/crc"
    { number "$((begin))" 8 && number $length 8 && cat "$work/crc" && printf 'rdxpart\n'; } >>"$3"
}
rm -rf "${parts:?}"/*
in_parts 2 "$reduce" --strategy ssim --manifest "$parts/p.csv" $three
first=$parts/p.1-of-2.part second=$parts/p.2-of-2.part
edited "$first" '' "$parts/same"
check "an edit that changes nothing" cmp "$first" "$parts/same"
edited "$first" 's/"count":2/"count":100000000000000/' "$parts/many"
check "parts beyond all numbers" exits 1 "calls itself part" \
    sh -c "ulimit -f 2000; exec '$merge' --manifest '$parts/m.csv' '$parts/many'" # it listed what is missing, for ever
for key in pairs_compared pairs_skipped; do
    edited "$first" "s/\"$key\":[0-9]*/\"$key\":9223372036854775807/" "$parts/a"
    edited "$second" "s/\"$key\":[0-9]*/\"$key\":9223372036854775807/" "$parts/b"
    check "$key beyond all numbers" exits 1 "number of $key is damaged" "$merge" --manifest "$parts/m.csv" "$parts/a" "$parts/b"
    edited "$first" "s/\"$key\":[0-9]*/\"$key\":-1/" "$parts/a"
    check "$key below zero" exits 1 "number of $key is damaged" "$merge" --manifest "$parts/m.csv" "$parts/a" "$second"
done
note='{"other":false,"reason":"r","row":0,"source":"s","whole":false}'
edited "$first" "s/\"skipped\":\[\]/\"skipped\":[$note$(printf ",$note%.0s" $(seq 300))]/" "$parts/a"
check "more notes than slices" exits 1 "list of skipped slices is damaged" "$merge" --manifest "$parts/m.csv" "$parts/a" "$second"
for member in folder program arguments; do # a terminal gets no commands from them
    edited "$first" 's/\\"'$member'\\":\[*\\"/&\\\\u001b[31m/' "$parts/a"
    check "a command in its $member" exits 2 "not of redux-reduce" "$merge" --manifest "$parts/m.csv" "$parts/a"
done
edited "$first" 's/\\"--strategy\\"/\\"--overwrite\\",&/' "$parts/a"
edited "$second" 's/\\"--strategy\\"/\\"--overwrite\\",&/' "$parts/b"
echo words >"$parts/notes"
check "a part's --overwrite is not the merge's" exits 1 "not an earlier output" "$merge" --manifest "$parts/notes" "$parts/a" "$parts/b"
check "... whose own works" exits 0 "" "$merge" --overwrite --manifest "$parts/notes" "$parts/a" "$parts/b"
check "a part's --manifest is not written" test ! -e "$parts/p.csv"
check "is none that --shard writes" exits 2 "control character" "$reduce" --shard 1/2 --manifest "$parts/$(printf 'a\033b').csv" $scan
