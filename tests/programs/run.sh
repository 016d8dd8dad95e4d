#!/bin/bash
# SPDX-License-Identifier: MIT
# The programs from end to end: what they print, how they exit, what they leave behind.
# tests/programs/run.sh [PART...], from the project's root: all of tests/programs, or what is named. Each part is
# one shell file on one subject and runs by itself (tests/support/programs.sh), JOBS at a time (all processors).
# BIN: where the programs are. Prints "N passed, N failed".
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
    printf "  %-28s %s, %d s\n" PART "$(tail -n 1 "$logs/PART")" $SECONDS'

passed=0
failed=0
for part in "$@"; do
    read -r good _ bad _ < <(tail -n 1 "$logs/$part")
    if [[ "$good $bad" =~ ^[0-9]+\ [0-9]+$ ]]; then
        passed=$((passed + good)) failed=$((failed + bad))
    else # it did not come to its end
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
