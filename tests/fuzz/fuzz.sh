#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/fuzz/fuzz.sh SECONDS TARGET...: fuzzes each in turn on one core. BUILD is where `make fuzz`
# built them. The last lines of each say executions, coverage and what was found; 1 if anything was.
set -u
seconds=$1
shift
status=0
for target in "$@"; do
    corpus=$BUILD/corpus/$target
    mkdir -p "$corpus" "$BUILD/found"
    quiet=
    [ "$target" = experiment ] && quiet=-close_fd_mask=2
    "$BUILD/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        ${quiet:+"$quiet"} -artifact_prefix="$BUILD/found/$target-" "$corpus" "tests/fuzz/corpus/$target" \
        >"$BUILD/found/$target.log" 2>&1 || status=1
    grep -aE '^(Done|stat::number_of_exec|SUMMARY|fuzz target|.*Test unit written)' "$BUILD/found/$target.log" |
        sed "s/^/$target: /"
    grep -a 'cov:' "$BUILD/found/$target.log" | tail -n 1 | sed "s/^/$target: /"
done
exit $status
