# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# What a careless command or a stranger's file must not do: replace an input or somebody's file, write or read through
# links, hang, print control characters. Each check failed before it was repaired.

h=$work/hostile
mkdir "$h"
hostile_scan=$h/scan.nii.gz
cp "$scan" "$hostile_scan"
"$reduce" --quiet --strategy every-n --threshold 4 --export "$h/in" "$hostile_scan" >/dev/null
picture=$(find "$h/in" -name '*.png' | sort | head -n 1)
sums() { # sums PATH...: of every file below
    find "$@" -type f -exec cksum {} + | sort
}
keeps_all() { # keeps_all CODE WORDS COMMAND...: as exits, and no file below $h changes or comes or goes
    local before
    before=$(sums "$h")
    exits "$@" && [ "$(sums "$h")" = "$before" ]
}

# ---- an output never replaces an input ----
rm "$h/in/index.csv"
ln "$picture" "$h/hard"
ln -s "$picture" "$h/link"
check "--manifest on an input" keeps_all 1 "is an input" "$reduce" --manifest "$picture" "$h/in"
check "... not even with --overwrite" keeps_all 1 "is an input" "$reduce" --overwrite --manifest "$picture" "$h/in"
check "... nor by a hard link" keeps_all 1 "is an input" "$reduce" --overwrite --manifest "$h/hard" "$h/in"
check "... nor by a link" keeps_all 1 "is an input" "$reduce" --overwrite --manifest "$h/link" "$h/in"
check "--sheet on an input" keeps_all 1 "is an input" "$reduce" --overwrite --sheet "$picture" "$h/in"
check "redux-hash --out on an input" keeps_all 1 "is an input" "$hash" --overwrite --out "$hostile_scan" "$hostile_scan"
check "redux-hash --out on its list" exits 0 "" "$hash" --quiet --out "$h/list" "$hostile_scan"
check "... decoded over itself" keeps_all 1 "is an input" "$hash" --overwrite --decode "$h/list" --format csv --out "$h/list"
check "redux-compare --map on an input" keeps_all 1 "is an input" "$compare" --overwrite --map "$picture" \
    "$picture" "$picture"
"$reduce" --quiet --scope dataset --manifest "$h/m.csv" "$hostile_scan"
check "redux-report over its manifest" keeps_all 1 "is an input" "$BIN/redux-report" --overwrite --quiet \
    --out "$h/m.csv" "$h/m.csv"
check "redux-report over a scan that it reads" keeps_all 1 "is an input" "$BIN/redux-report" --overwrite --quiet \
    --out "$hostile_scan" "$h/m.csv"
check "the manifest of --update is its own output" exits 0 "" "$reduce" --quiet --update "$h/m.csv" \
    --manifest "$h/m.csv" "$hostile_scan"
check "... but no sheet goes there" keeps_all 1 "is an input" "$reduce" --overwrite --update "$h/m.csv" \
    --sheet "$h/m.csv" "$hostile_scan"
small=(--arch resnet18 --stem small --width 0.125 --size 16 --batch 8 --steps 1)
check "weights" exits 0 "" "$BIN/redux-pretrain" --quiet "${small[@]}" --out "$h/w" "$hostile_scan"
weights=$h/w/weights.safetensors
check "redux-embed --out on its weights" keeps_all 1 "is an input" "$BIN/redux-embed" --overwrite --weights "$weights" \
    --out "$weights" "$hostile_scan"

# ---- nor what is not ours ----
echo precious >"$h/notes"
for command in "$reduce --manifest" "$reduce --sheet" "$hash --out" "$hash --format json --out" \
    "$BIN/redux-report $h/m.csv --out"; do
    input=$hostile_scan
    [ "${command#*report}" = "$command" ] || input=
    # shellcheck disable=SC2086
    check "${command##*/} over somebody's file" keeps_all 1 "not an earlier output" $command "$h/notes" $input
done
check "a sheet over a manifest" keeps_all 1 "not an earlier output" "$reduce" --sheet "$h/m.csv" "$hostile_scan"
check "a manifest over a manifest" exits 0 "" "$reduce" --quiet --manifest "$h/m.csv" "$hostile_scan"
: >"$h/empty.csv"
check "... over an empty file" exits 0 "" "$reduce" --quiet --manifest "$h/empty.csv" "$hostile_scan"
for i in 1 2; do
    check "sheet ($i)" exits 0 "" "$reduce" --quiet --sheet "$h/sheet.png" "$hostile_scan"
    check "report ($i)" exits 0 "" "$BIN/redux-report" --quiet --no-pictures --out "$h/r.html" "$h/m.csv"
    check "list ($i)" exits 0 "" "$hash" --quiet --format json --out "$h/list.json" "$hostile_scan"
done
check "--overwrite" exits 0 "" "$reduce" --quiet --overwrite --manifest "$h/notes" "$hostile_scan"

# ---- exports: the index and the folder agree ----
agrees() { # agrees FOLDER: the index names the files, and no others are there
    diff <(tail -n +2 "$1/index.csv" | cut -d, -f1 | sort -u) <(cd "$1" && find . -type f ! -name index.csv |
        sed 's|^\./||' | sort)
}
x=("$reduce" --quiet --strategy every-n --export "$h/x" "$hostile_scan")
check "export" exits 0 "" "${x[@]}" --threshold 3
check "... agrees" agrees "$h/x"
check "an export over an export" keeps_all 1 "not empty" "${x[@]}" --threshold 9
check "... with --overwrite" exits 0 "" "${x[@]}" --threshold 9 --overwrite
check "... leaves no stale file" agrees "$h/x"
check "... and nothing beside" test -z "$(find "$h" -name '.*')"
echo mine >"$h/x/notes.txt"
check "an export over one with a file of somebody's" keeps_all 1 "notes.txt" "${x[@]}" --threshold 3 --overwrite
mkdir "$h/other" && echo mine >"$h/other/notes.txt"
check "an export into a folder of others" keeps_all 1 "not of an earlier output" "$reduce" --overwrite --export "$h/other" \
    "$hostile_scan"
rm "$h/x/notes.txt"
check "an export over the input" keeps_all 1 "is an input" "$reduce" --overwrite --export "$h/x" "$h/x"
name=$(printf 'ä%.0s' $(seq 100))
cp "$hostile_scan" "$h/a$name.nii.gz"
"$reduce" --quiet --export "$h/long" "$h/a$name.nii.gz" >/dev/null
check "names are cut at characters" sh -c "ls '$h/long' | iconv -f UTF-8 -t UTF-8 >/dev/null"

# ---- links and temporary files ----
mkdir "$h/t"
echo victim >"$h/victim"
for trap_name in .m.csv.redux-tmp .m.csv.lock.redux-tmp; do
    rm -f "$h"/t/.m.csv.*
    ln -s "$h/victim" "$h/t/$trap_name"
    "$reduce" --quiet --manifest "$h/t/m.csv" "$hostile_scan" >/dev/null 2>&1
    rm -f "$h"/t/.m.csv.*
    ln "$h/victim" "$h/t/$trap_name"
    "$reduce" --quiet --manifest "$h/t/m.csv" "$hostile_scan" >/dev/null 2>&1
    check "a trap at $trap_name" grep -qx victim "$h/victim"
done
rm -rf "$h/t"
mkdir "$h/t"
printf '0123456789abcdef' >"$h/t/.m.csv.lock.redux-tmp"
echo leftover >"$h/t/.m.csv.0123456789abcdef.redux-tmp"
check "what a killed run left goes" exits 0 "" "$reduce" --quiet --manifest "$h/t/m.csv" "$hostile_scan"
check "... all of it" test "$(find "$h/t" -type f | wc -l)" = 2
check "two writers: the second is refused" exits 1 "being written by another process" \
    flock "$h/t/.m.csv.lock.redux-tmp" "$reduce" --quiet --manifest "$h/t/m.csv" "$hostile_scan"
rm -rf "$h/t"
for name in log.csv run.json weights.safetensors checkpoint.safetensors; do
    rm -rf "$h/run"
    mkdir "$h/run"
    ln -s "$h/victim-$name" "$h/run/$name" # of nothing: a file would appear there
    check "run/$name is a link" exits 1 "$name: is a link" "$BIN/redux-pretrain" --quiet "${small[@]}" \
        --out "$h/run" "$hostile_scan"
    check "... nothing is written through it" test ! -e "$h/victim-$name"
done

# ---- manifests from strangers ----
mkdir "$h/data" "$h/secret"
cp "$picture" "$h/secret/s.png"
cp "$picture" "$h/data/a.png"
ln -s "$h/secret/s.png" "$h/data/b.png"
ln -s "$h/secret" "$h/data/c"
rows() { # rows NAME...: a manifest that keeps these
    echo source,slice,kept,witness_source,witness_slice,score
    printf '%s,0,1,,,\n' "$@"
}
rows a.png >"$h/good.csv"
rows "$h/secret/s.png" >"$h/far.csv"
rows b.png >"$h/b.csv"
rows c/s.png >"$h/c.csv"
rows ../secret/s.png >"$h/up.csv"
rows /etc/passwd >"$h/etc.csv"
for program in embed pretrain; do
    command=("$BIN/redux-pretrain" --quiet "${small[@]}" --out "$h/run-$program" --overwrite)
    if [ $program = embed ]; then
        command=("$BIN/redux-embed" --quiet --weights "$weights" --out "$h/e.npy")
    fi
    for bad in far b c up etc; do
        check "redux-$program --data: $bad" exits 1 "" "${command[@]}" --data "$h/data" --manifest "$h/$bad.csv"
        check "... says where" grep -qF "$h/data" "$work/err"
    done
done
check "redux-embed --data: good" exits 0 "" "$BIN/redux-embed" --quiet --weights "$weights" \
    --out "$h/e.npy" --data "$h/data" --manifest "$h/good.csv"
for bad in far b c up; do
    "$BIN/redux-report" --quiet --data "$h/data" --out "$h/r.html" "$h/$bad.csv" >/dev/null 2>&1
    check "redux-report --data: $bad shows no picture" sh -c "! grep -q 'data:image' '$h/r.html'"
done
printf 'ObjectType = Image\nNDims = 2\nDimSize = 4 4\nElementType = MET_UCHAR\nElementDataFile = v.raw\n' >"$h/data/v.mhd"
head -c 16 /dev/zero >"$h/secret/v.raw"
ln -s "$h/secret/v.raw" "$h/data/v.raw"
rows v.mhd >"$h/v.csv"
check "voxels by a link" exits 1 "leads out of" "$BIN/redux-pretrain" --quiet "${small[@]}" --out "$h/run-v" \
    --data "$h/data" --manifest "$h/v.csv"

# ---- pipes and devices ----
mkfifo "$h/pipe" "$h/pipe.tsv" "$h/pipe.csv"
refuses_pipe() { # refuses_pipe COMMAND...: ends by itself, with an error
    timeout 10 "$@" >/dev/null 2>"$work/err"
    local status=$?
    [ $status = 1 ] || [ $status = 2 ]
}
check "a pipe as input" refuses_pipe "$reduce" "$h/pipe"
check "a pipe --against" refuses_pipe "$reduce" --against "$h/pipe" "$hostile_scan"
check "a pipe --update" refuses_pipe "$reduce" --update "$h/pipe" "$hostile_scan"
check "a pipe of hashes" refuses_pipe "$hash" --volume --against "$h/pipe.tsv" "$hostile_scan"
check "a pipe --decode" refuses_pipe "$hash" --decode "$h/pipe"
check "a pipe --training" refuses_pipe "$BIN/redux-report" --out "$h/r2.html" --training "$h/pipe" "$h/m.csv"
check "a pipe --experiment" refuses_pipe "$BIN/redux-report" --out "$h/r2.html" --experiment "$h/pipe" "$h/m.csv"
check "a pipe as configuration" refuses_pipe "$BIN/redux-experiment" "$h/pipe" --data "$ct" --out "$h/e"
check "a pipe of labels" refuses_pipe "$BIN/redux-evaluate" --weights none --labels "$h/pipe.csv"
check "/dev/zero as a table" refuses_pipe "$BIN/redux-evaluate" --weights none --labels /dev/zero

# ---- limits: a message, no crash, no hang ----
limited() { # limited WORDS LIMITS COMMAND...: fails with these words under ulimit
    local words=$1 limits=$2 status
    shift 2
    # shellcheck disable=SC2086
    (ulimit $limits && exec timeout 30 "$@") >/dev/null 2>"$work/err"
    status=$?
    [ $status = 1 ] && grep -qF -e "$words" "$work/err"
}
deep=$h/deep
for _ in $(seq 200); do deep=$deep/d; done
mkdir -p "$deep"
check "folders in folders, with a small stack" limited "folders deep" "-s 128" "$reduce" --threads 1 "$h/deep"
rm -rf "$h/deep"

# ---- signals ----
# As for `interrupt`: the work may be done before the signal comes, or not yet listen.
ends_soon() { # ends_soon SIGNAL COMMAND...: within a second, with 130, leaving nothing
    local signal=$1 moment pid started
    shift
    for moment in 0.2 0.3 0.1 0.05 0.5 1; do
        "$@" >/dev/null 2>"$work/err" &
        pid=$!
        sleep "$moment"
        started=$(date +%s%N)
        kill "-$signal" $pid 2>/dev/null
        wait $pid
        [ $? = 130 ] || continue
        [ $((($(date +%s%N) - started) / 1000000)) -lt 1500 ] && [ -z "$(find "$h" -name '*redux-tmp*')" ]
        return
    done
    return 1
}
long=("$reduce" --quiet --strategy ssim --scope dataset --keep 50% --manifest "$h/i.csv" "$ct" "$ct" "$ct" "$ct")
for signal in INT TERM HUP; do
    check "SIG$signal" ends_soon $signal "${long[@]}"
done
check "an ignored SIGHUP stays ignored" bash -c "trap '' HUP; '$reduce' --quiet --strategy ssim '$ct' >'$h/nohup' & \
    sleep 0.3; kill -HUP \$!; wait \$!"

# ---- text ----
evil=$(printf 'e\033]0;title\007vil\tx\\y')
mkdir "$h/text"
cp "$hostile_scan" "$h/text/$evil.nii.gz"
"$hash" --quiet "$h/text/$evil.nii.gz" >"$h/lines"
check "names in lists: one tab a column" test "$(awk -F'\t' 'NR > 1 && NF != 3' "$h/lines" | wc -l)" = 0
check "... read back" same "$h/lines" "$hash" --decode "$h/lines"
"$hash" --volume --quiet "$h/text/$evil.nii.gz" >"$h/set.tsv"
check "--volume lists are read back" exits 0 "1 of 1 volumes" "$hash" --volume --against "$h/set.tsv" \
    "$h/text/$evil.nii.gz"
sed 1d "$h/set.tsv" >"$h/old.tsv"
check "... those without a version are refused" exits 1 "no list of this version" "$hash" --volume \
    --against "$h/old.tsv" "$hostile_scan"
head -c 1000 "$hostile_scan" >"$h/text/$evil-cut.nii.gz"
check "messages show control characters" exits 1 '\x1b]0;title\x07' "$hash" "$h/text/$evil-cut.nii.gz"
check "... and hold none" sh -c "! LC_ALL=C grep -q '[[:cntrl:]]' '$work/err'"
if command -v script >/dev/null; then # on a terminal
    script -qec "'$reduce' --quiet '$h/text'" /dev/null </dev/null >"$h/typed" 2>&1
    check "terminals get no control characters" sh -c "tr -d '\r\n\t' <'$h/typed' | LC_ALL=C grep -vq '[[:cntrl:]]'"
fi

# ---- umask ----
umasked() { # umasked MASK FILES FOLDERS: outputs of all kinds have just these modes
    rm -rf "$h/u" && (
        umask "$1"
        mkdir "$h/u"
        "$reduce" --quiet --keep 3 --manifest "$h/u/m.csv" --sheet "$h/u/s.png" --export "$h/u/png" "$hostile_scan" &&
            "$reduce" --quiet --keep 3 --export "$h/u/npz" --format npz "$hostile_scan" >"$h/u/out.csv" &&
            "$hash" --quiet --out "$h/u/list" "$hostile_scan" &&
            "$BIN/redux-report" --quiet --out "$h/u/r.html" "$h/u/m.csv" &&
            "$BIN/redux-embed" --quiet --weights "$weights" --out "$h/u/e.npy" "$hostile_scan" &&
            "$BIN/redux-pretrain" --quiet "${small[@]}" --out "$h/u/run" "$hostile_scan"
    ) && [ "$(find "$h/u" -type f | wc -l)" -ge 15 ] && ! find "$h/u" -type f ! -perm "$2" | grep . &&
        ! find "$h/u" -type d ! -perm "$3" | grep .
}
check "outputs obey umask 022" umasked 022 644 755
check "... 077" umasked 077 600 700
check "... 000" umasked 000 666 777

# ---- time and memory ----
tiny_reduce=("$reduce" --threads 1 --quiet --strategy cosine --scope dataset "$hostile_scan")
for kib in 150000 250000; do # OpenBLAS waited for ever
    check "cosine in $kib KiB" limited "no memory for OpenBLAS" "-v $kib" "${tiny_reduce[@]}"
done
check "pretrain in 350000 KiB" limited "no memory for OpenBLAS" "-v 350000" "$BIN/redux-pretrain" --quiet --threads 2 \
    "${small[@]}" --out "$h/run-v" --overwrite "$hostile_scan"
if python3 -c 'import numpy' 2>/dev/null; then # an archive was read once for each of its arrays
    python3 - "$h/many.npz" <<'PYTHON'
import sys, zipfile, io, numpy as np
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_STORED) as z:
    for name, array in [("big", np.zeros(64 << 20, np.uint8))] + [(f"a{i:04}", np.full((1, 4, 4), i % 251, np.uint8))
                                                                  for i in range(3000)]:
        f = io.BytesIO()
        np.save(f, array)
        z.writestr(name + ".npy", f.getvalue())
PYTHON
    check "checksums: each file once" timeout 60 "$reduce" --quiet --strategy all --manifest "$h/many.csv" "$h/many.npz"
    rm -f "$h/many.npz"
fi
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then # root has no such limit
    cp "$reduce" "$h/reduce"
    chmod go+rx "$work" "$h" "$h/reduce" && chmod go+r "$hostile_scan"
    OPENBLAS_NUM_THREADS=1 setpriv --reuid=64123 --clear-groups bash -c "ulimit -u 1; exec '$h/reduce' --threads 4 \
        --quiet '$hostile_scan'" >/dev/null 2>"$work/err"
    check "no more processes: exit status" test $? = 1
    check "... and a message" grep -q "cannot start thread 2 of 4" "$work/err"
    rm "$h/reduce"
fi
