#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs Check programs one after the other: tests/run.sh LABEL PROGRAM...
# Prints each one's summary line and what failed, then "LABEL: N passed, N failed" over all checks.
# WRAPPER (valgrind ...) is put before each program.
label=$1
shift
export OPENBLAS_NUM_THREADS=1
export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-5}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
for program in "$@"; do
    # shellcheck disable=SC2086 # WRAPPER is a command with arguments
    $WRAPPER "$program" >"$log" 2>&1
    status=$?
    summary=$(grep -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' "$log" | tail -n 1)
    checks=$(echo "$summary" | sed -n 's/.*Checks: \([0-9]*\),.*/\1/p')
    bad=$(echo "$summary" | sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/p')
    checks=${checks:-0}
    bad=$((${bad:-0}))
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then # died, or a leak was found at the end
        bad=1
        [ "$checks" -gt 0 ] || checks=1
    fi
    [ "$status" -eq 0 ] || cat "$log"
    printf '  %-28s %s\n' "$(basename "$program")" "${summary:-no summary, exit status $status}"
    passed=$((passed + checks - bad))
    failed=$((failed + bad))
done
echo "$label: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
