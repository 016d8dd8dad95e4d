#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs Check programs: tests/support/run.sh LABEL PROGRAM...
# Prints each one's summary line, the whole output of those that fail, and at the end
# "LABEL: N passed, N failed" over all checks. JOBS programs run at a time (all processors);
# WRAPPER (valgrind ...) is put before each. CORPUS: each program NAME gets CORPUS/NAME to run.
label=$1
shift
export OPENBLAS_NUM_THREADS=1
export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-15}"
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export WRAPPER logs

# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -I PROGRAM sh -c '
    name=$(basename PROGRAM)
    $WRAPPER PROGRAM ${CORPUS:+"$CORPUS/$name"} >"$logs/$name.log" 2>&1
    echo $? >"$logs/$name.status"'

passed=0
failed=0
for program in "$@"; do
    name=$(basename "$program")
    log=$logs/$name.log
    status=$(cat "$logs/$name.status" 2>/dev/null || echo 127)
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
    printf '  %-28s %s\n' "$name" "${summary:-no summary, exit status $status}"
    passed=$((passed + checks - bad))
    failed=$((failed + bad))
done
echo "$label: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
