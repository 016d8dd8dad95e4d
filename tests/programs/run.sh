#!/bin/bash
# SPDX-License-Identifier: MIT
# The programs from end to end: what they print, how they exit, what they leave behind.
# tests/programs/run.sh [PART...], from the project's root: all of tests/programs, or what is named. Each part is
# one shell file on one subject and runs by itself (tests/support/programs.sh), JOBS at a time (all processors).
# BIN: where the programs are. Prints "N passed, N failed". RESULTS: as in tests/support/run.sh, a line for each part.
set -u
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export logs
if [ $# -eq 0 ]; then # the longest first, so that none begins when all others are done
    set -- faults kills shard pretrain report
    for part in tests/programs/*.sh; do
        part=$(basename "$part" .sh)
        [[ " run $* " == *" $part "* ]] || set -- "$@" "$part"
    done
fi

# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I PART bash -c '
    tests/support/programs.sh PART >"$logs/PART" 2>&1
    grep -vx "[0-9]* passed, [0-9]* failed" "$logs/PART"
    printf "  %-28s %s, %d s\n" PART "$(tail -n 1 "$logs/PART")" $SECONDS
    times >"$logs/PART.times"'

passed=0
failed=0
for part in "$@"; do
    read -r good _ bad _ < <(tail -n 1 "$logs/$part")
    [[ "$good $bad" =~ ^[0-9]+\ [0-9]+$ ]] || good=0 bad=1 # it did not come to its end
    passed=$((passed + good)) failed=$((failed + bad))
    printf 'check-programs\t%s\t%d\t%d\t%d\n' "$part" "$good" "$bad" "$(awk -F '[ms ]+' 'NR == 2 { print int($1 * 60 + $2 + $3 * 60 + $4 + 0.5) }' "$logs/$part.times")" >>"${RESULTS:-/dev/null}"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
