#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs Check programs: tests/support/run.sh LABEL PROGRAM...
# Prints each one's summary line and seconds of a processor, the whole output of those that fail, and at the end
# "LABEL: N passed, N failed" over all checks. JOBS programs run at a time (all processors);
# WRAPPER (valgrind ...) is put before each. CORPUS: each program NAME gets CORPUS/NAME to run.
# LIMIT: seconds after which a program is stopped; its checks count as neither passed nor failed.
# RESULTS: a file that gets a line for each program: LABEL NAME PASSED FAILED SECONDS, by tabs; "-" where it was stopped.
label=$1
shift
export OPENBLAS_NUM_THREADS=1
export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-15}"
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export WRAPPER logs LIMIT

# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I PROGRAM sh -c '
    name=$(basename PROGRAM)
    ${LIMIT:+timeout -k 10 "$LIMIT"} $WRAPPER PROGRAM ${CORPUS:+"$CORPUS/$name"} >"$logs/$name.log" 2>&1
    echo $? >"$logs/$name.status"
    times >"$logs/$name.times"'

passed=0
failed=0
for program in "$@"; do
    name=$(basename "$program")
    log=$logs/$name.log
    status=$(cat "$logs/$name.status" 2>/dev/null || echo 127)
    seconds=$(awk -F '[ms ]+' 'NR == 2 { print int($1 * 60 + $2 + $3 * 60 + $4 + 0.5) }' "$logs/$name.times")
    if [ -n "${LIMIT:-}" ] && { [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; }; then
        printf '  %-28s stopped after %s s\n' "$name" "$LIMIT"
        printf '%s\t%s\t-\t-\t%d\n' "$label" "$name" "$seconds" >>"${RESULTS:-/dev/null}"
        continue
    fi
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
    printf '  %-28s %s, %d s\n' "$name" "${summary:-no summary, exit status $status}" "$seconds"
    printf '%s\t%s\t%d\t%d\t%d\n' "$label" "$name" $((checks - bad)) "$bad" "$seconds" >>"${RESULTS:-/dev/null}"
    passed=$((passed + checks - bad))
    failed=$((failed + bad))
done
echo "$label: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
