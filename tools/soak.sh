#!/bin/bash
# SPDX-License-Identifier: MIT
# tools/soak.sh HOURS: races, kills, faults and fuzzing in turns, until that many hours have passed after the build; then a
# table for docs/testing.md. Every kind has one turn at least, and a turn that has begun is finished or stopped after
# half an hour (faults of everything do not end by themselves in that time). MAKE, BUILD; KILLS, FAULTS as for
# `make check-programs`; FUZZ_SECONDS for each target. Logs are in build-soak. 1 if anything was found.
set -u
hours=${1:?tools/soak.sh HOURS}
MAKE=${MAKE:-make}
BUILD=${BUILD:-build}
export KILLS=${KILLS:-30} FAULTS=${FAULTS-all}
fuzz_seconds=${FUZZ_SECONDS:-60}
logs=build-soak
mkdir -p "$logs"
declare -A tried wrong seconds
turns=0
targets=$(basename -s .c tests/fuzz/*.c | grep -vx -e fuzz -e runner)

# note KIND TRIED WRONG SECONDS
note() {
    tried[$1]=$((${tried[$1]:-0} + $2))
    wrong[$1]=$((${wrong[$1]:-0} + $3))
    seconds[$1]=$((${seconds[$1]:-0} + $4))
}

# turn KIND COMMAND...: its last line is "... N passed, M failed"
turn() {
    local kind=$1 began log line
    shift
    began=$(date +%s)
    log=$logs/$kind.$((++turns)).log
    timeout 1800 "$@" >"$log" 2>&1
    if [ $? = 124 ]; then
        if grep -aqE ':[FE]:|[1-9][0-9]* failed|Sanitizer' "$log"; then
            note "$kind" 1 1 $(($(date +%s) - began))
            echo "$kind: stopped by the clock, with failures: $log"
        else
            note "$kind" 0 0 $(($(date +%s) - began))
            echo "$kind: stopped by the clock, no failure in its log: $log"
        fi
        return
    fi
    line=$(grep -aE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
    if [ -z "$line" ]; then # it did not come that far
        note "$kind" 1 1 $(($(date +%s) - began))
        echo "$kind: see $log"
        return
    fi
    local passed=${line% passed*} failed=${line% failed*}
    passed=${passed##* } failed=${failed##* }
    note "$kind" $((passed + failed)) "$failed" $(($(date +%s) - began))
    if [ "$failed" -gt 0 ]; then
        echo "$kind: see $log"
    else
        rm "$log"
    fi
}

# A target for a minute, from the corpus that earlier turns have left.
fuzz() {
    local target=$1 began row
    began=$(date +%s)
    row=$(BUILD=build-fuzz tests/fuzz/fuzz.sh "$fuzz_seconds" "$target" | tee "$logs/fuzz.$target.log" | awk -v t="$target" '$1 == t')
    note fuzzing "$(echo "$row" | awk '{ print $2 + 0 }')" "$(echo "$row" | awk '{ print $NF + 0 }')" \
        $(($(date +%s) - began))
    [ -z "$row" ] && note fuzzing 1 1 0
    ! grep -aq 'Test unit written' "$logs/fuzz.$target.log" || cat "$logs/fuzz.$target.log"
}

enough() {
    [ "$(date +%s)" -ge "$end" ]
}

if ! "$MAKE" all tests >"$logs/build.log" 2>&1 || ! "$MAKE" fuzz >>"$logs/build.log" 2>&1; then
    echo "soak: it does not build: $logs/build.log"
    exit 1
fi
"$MAKE" BUILD=build-tsan CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=thread' build-tsan/tests/test_stress \
    >>"$logs/build.log" 2>&1
end=$(($(date +%s) + $(awk -v h="$hours" 'BEGIN { print int(h * 3600) }')))
until enough; do
    turn races tests/support/run.sh races build-tsan/tests/test_stress
    turn races tests/support/run.sh races "$BUILD/tests/test_stress"
    turn kills "$MAKE" --no-print-directory check-programs PARTS="kills pretrain experiment"
    turn faults tests/support/run.sh faults "$BUILD/tests/test_faults"
    for target in $targets; do
        fuzz "$target"
        ! enough || break
    done
done

echo "| $(date +%Y-%m-%d), $hours h | tried | clock, s | wrong |"
echo "| --- | ---: | ---: | ---: |"
status=0
for kind in fuzzing faults kills races; do
    echo "| $kind | ${tried[$kind]:-0} | ${seconds[$kind]:-0} | ${wrong[$kind]:-0} |"
    [ "${wrong[$kind]:-0}" = 0 ] || status=1
done
exit $status
