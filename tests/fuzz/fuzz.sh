#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/fuzz/fuzz.sh SECONDS TARGET...: fuzzes each in turn for so much time of a processor, however
# busy the machine. BUILD is where `make fuzz` built them. A row each: executions, seconds by the clock
# and of a processor, edges, findings; then what was found. 1 if anything was.
set -u
seconds=$1
shift
status=0
found=$BUILD/found

# Sets `processor`: the seconds that this shell's children have had. (A $(...) would be told its own.)
read_processor() {
    times >"$found/times.$$"
    processor=$(awk 'NR == 2 { gsub(/[ms]/, " "); print int(60 * $1 + $2 + 60 * $3 + $4) }' "$found/times.$$")
    rm "$found/times.$$"
}

# fuzz_for TARGET SECONDS: 1 when something was found
fuzz_for() {
    quiet=
    [ "$1" = experiment ] && quiet=-close_fd_mask=2
    "$BUILD/fuzz/$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        ${quiet:+"$quiet"} -artifact_prefix="$found/$1-" "$BUILD/corpus/$1" "tests/fuzz/corpus/$1" \
        >>"$found/$1.log" 2>&1
}

# only_waited TARGET: an input that takes less than ten seconds of a processor waited for a busy machine, and is no finding
only_waited() {
    waited=1
    for input in "$found/$1"-*; do
        case $input in
        *-timeout-*) (ulimit -t 10 && "$BUILD/fuzz/$1" -timeout=600 "$input") >/dev/null 2>&1 || return 1 ;;
        *) return 1 ;;
        esac
        rm "$input"
        waited=0
    done
    return $waited
}

mkdir -p "$found"
printf '%-12s %12s %9s %12s %7s %9s\n' target executions 'clock, s' 'processor, s' edges findings
for target in "$@"; do
    mkdir -p "$BUILD/corpus/$target"
    : >"$found/$target.log"
    read_processor
    clock=$(date +%s) before=$processor spent=0 findings=0
    # A busy machine gives less of a processor than of the clock: what is missing is asked for again.
    while [ "$spent" -lt "$seconds" ]; do
        fuzz_for "$target" $((seconds - spent)) || only_waited "$target" || findings=1 status=1
        read_processor
        spent=$((processor - before))
        [ "$findings" -eq 0 ] || break
    done
    executions=$(awk '/^stat::number_of_executed_units/ { n += $2 } END { print n + 0 }' "$found/$target.log")
    edges=$(grep -ao 'cov: [0-9]*' "$found/$target.log" | tail -n 1 | cut -d ' ' -f 2)
    printf '%-12s %12d %9d %12d %7s %9d\n' "$target" "$executions" $(($(date +%s) - clock)) "$spent" "$edges" "$findings"
    grep -aE '^(SUMMARY|fuzz target|.*Test unit written)' "$found/$target.log" | sed "s/^/$target: /"
done
exit $status
