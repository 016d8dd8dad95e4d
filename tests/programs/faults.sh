# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# The programs with a system call or an allocation that fails (tests/support/fault_shim.c): a message and an exit status,
# no half-written file under its final name, no temporary file; interrupted and short calls are survived. FAULTS=all
# tries every n-th call, else strides grow.
out=$work/faults
"$reduce" --quiet "$ct" >"$work/hash.csv"
tiny_run=("$BIN/redux-pretrain" --width 0.125 --projection 16 --size 32 --batch 16 --window -160:240 --quiet
    --epochs 1 --warm-up 0)
faults_tried=0
export OPENBLAS_NUM_THREADS=1 # which a program sets itself, if it has the memory: another number gives other bits

fault_program() { # fault_program NAME: runs it, its files go to $out
    case $1 in
    reduce) "$reduce" --quiet --manifest "$out/m.csv" --export "$out/x" --format npz "$scan" ;;
    pictures) "$reduce" --quiet --strategy ssim --keep 5 --manifest "$out/m.csv" --export "$out/x" "$scan" ;;
    hash) "$hash" --quiet --format binary --out "$out/h.rdx" "$scan" ;;
    report) "$BIN/redux-report" --quiet --volumes 1 --gallery 1 --no-curve --out "$out/r.html" "$work/hash.csv" ;;
    audit)
        "$BIN/redux-audit" --quiet --json --on-error stop --skip redundancy --labels "$ct/labels.csv" --label tumour --out "$out/a" \
            --write-clean "$out/c.csv" "$scan"
        ;;
    embed) "$BIN/redux-embed" --quiet --weights "$work/faults-pretrain/p/weights.safetensors" --out "$out/e.npy" "$scan" ;;
    pretrain) "${tiny_run[@]}" --out "$out/p" "$scan" ;;
    evaluate)
        "$BIN/redux-evaluate" --quiet --weights none --width 0.125 --size 32 --labels "$ct/labels.csv" --label tumour \
            --validation 0.25 --test 0.25 --seeds 1 --protocol knn --resamples 10 --predictions "$out/p.csv"
        ;;
    esac
}

# What is there is whole: as without faults, or (files with times in them) with an end.
files_whole() { # files_whole REFERENCE
    local file
    [ -z "$(find "$out" -name '*redux-tmp*')" ] || return 1
    while read -r file; do
        case $file in
        *log.csv | *checkpoint.safetensors) ;; # grow, or hold seconds: --resume reads them (pretrain.sh)
        *.html) [ "$(tail -n 1 "$out/$file")" = "</html>" ] || return 1 ;; # pictures that fail are left out, and told
        *.json) [ "$(tail -c 2 "$out/$file")" = "}" ] || return 1 ;;
        *) cmp -s "$1/$file" "$out/$file" || return 1 ;;
        esac
    done < <(cd "$out" && find . -type f)
}

with_fault() { # with_fault FAULT PROGRAM: its exit status
    rm -rf "$out" "$work/mark"
    mkdir "$out"
    faults_tried=$((faults_tried + 1))
    (export LD_PRELOAD=$shim REDUX_FAULT=$1 REDUX_FAULT_MARK=$work/mark
        fault_program "$2") >"$work/out" 2>"$work/err"
}

failed_well() { # failed_well FAULT PROGRAM STATUS
    if files_whole "$work/faults-$2" && case $3 in
        0) [ "$(find "$out" -type f | wc -l)" = "$(find "$work/faults-$2" -type f | wc -l)" ] ;;
        1) [ -s "$work/err" ] && ! grep -q ': $' "$work/err" ;; # a message, and not an empty one
        *) false ;;
        esac then
        return 0
    fi
    echo "  $2 with $1: exit $3; files: $(find "$out" -type f | tr '\n' ' ')"
    sed 's/^/    /' "$work/err"
    return 1
}

each_call_fails() { # each_call_fails CALL ERROR PROGRAM
    local n=1 status result=0
    while :; do
        with_fault "$1:$n:$2" "$3"
        status=$?
        failed_well "$1:$n:$2" "$3" $status || result=1
        [ -e "$work/mark" ] || break
        [ "${FAULTS:-}" = all ] && n=$((n + 1)) || n=$((2 * n + 1))
    done
    return $result
}

if can_fail; then
    failures="read:EIO write:ENOSPC open:EMFILE close:EIO fsync:EIO rename:EIO"
    grep -q __gcov_exit "$reduce" || failures="malloc:ENOMEM $failures" # gcov's own end does not survive that
    for program in pretrain reduce pictures hash report audit embed evaluate; do
        rm -rf "$out"
        mkdir "$out"
        fault_program $program >/dev/null 2>&1
        rm -rf "$work/faults-$program"
        mv "$out" "$work/faults-$program"
        for fault in $failures; do
            check "$program: n-th ${fault%:*} fails" each_call_fails "${fault%:*}" "${fault#*:}" $program
        done
        for fault in read:all:EINTR write:all:EINTR open:all:EINTR fsync:all:EINTR read:all:short write:all:short; do
            with_fault $fault $program
            check "$program survives $fault" failed_well $fault $program $?
            check "$program: $fault is no failure" test -n "$(find "$out" -type f)"
        done
    done
    echo "faults in programs: $faults_tried"
fi
