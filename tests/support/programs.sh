#!/bin/bash
# SPDX-License-Identifier: MIT
# What the parts of tests/programs share: tests/support/programs.sh PART runs tests/programs/PART.sh in a folder of its own,
# from the project's root, and prints "N passed, N failed". BIN: where the programs are (default build/bin).
# shellcheck disable=SC2034 # the part uses them
set -u
BIN=${BIN:-build/bin}
part=$1
audit=$BIN/redux-audit
bench=$BIN/redux-bench
compare=$BIN/redux-compare
embed=$BIN/redux-embed
evaluate=$BIN/redux-evaluate
experiment=$BIN/redux-experiment
hash=$BIN/redux-hash
info=$BIN/redux-info
merge=$BIN/redux-merge
pretrain=$BIN/redux-pretrain
reduce=$BIN/redux-reduce
report=$BIN/redux-report
ct=data/ct
scan=$ct/STS_019_CT.nii.gz
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
# shellcheck source=tests/support/check.sh
. tests/support/check.sh

# exits CODE WORDS COMMAND...: ends with CODE, says WORDS on stderr and nothing on stdout if it fails.
exits() {
    local code=$1 words=$2
    shift 2
    "$@" >"$work/out" 2>"$work/err"
    local status=$?
    if [ $status -ne "$code" ] || { [ -n "$words" ] && ! grep -qF -e "$words" "$work/err"; } ||
        { [ "$code" -ne 0 ] && [ -s "$work/out" ]; }; then
        echo "  exit $status, expected $code and '$words': $*"
        sed 's/^/    /' "$work/err"
        return 1
    fi
}

kept() { # how many rows of a manifest on stdin are kept
    awk -F, 'NR > 1 { n += $3 } END { print n + 0 }'
}

keeps() { # keeps N COMMAND...
    local n=$1
    shift
    [ "$("$@" 2>/dev/null | kept)" = "$n" ]
}

same() { # same FILE COMMAND...: prints just that
    "${@:2}" 2>/dev/null | cmp -s - "$1"
}

valid_json() { # as far as that can be told without other tools: balanced, and holds these keys
    [ "$(tr -cd '{' <"$1" | wc -c)" = "$(tr -cd '}' <"$1" | wc -c)" ] &&
        for key in version strategy threshold window parameters counts inputs skipped seconds; do
            grep -q "\"$key\":" "$1" || return 1
        done
}

# A program that is interrupted says so and leaves nothing behind. A fast machine may be done before the signal
# comes, or the signal come before the program listens: other moments are tried then.
interrupt() { # interrupt COMMAND...: Ctrl-C while it runs; its last words are in err
    local moment pid
    for moment in 0.5 0.2 0.1 0.05 1 2; do
        "$@" >/dev/null 2>"$work/err" &
        pid=$!
        sleep "$moment"
        kill -INT $pid 2>/dev/null
        wait $pid
        [ $? -ne 130 ] || ! grep -q interrupted "$work/err" || return 0
    done
    return 1
}

kill_at() { # kill_at I OF MS: the last job, at a random moment of the I-th part of MS; was it running?
    local ms=$((($3 * ($1 - 1) + RANDOM % $3) / $2))
    sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
    kill -9 $! 2>/dev/null
    local was=$?
    wait $! 2>/dev/null
    return $was
}

# Makes calls of programs fail (fault_shim.c); not of those that a sanitizer has.
shim=$(realpath "${BUILD:-build}")/tests/fault_shim.so
can_fail() {
    [ -e "$shim" ] && ! ldd "$reduce" | grep -q -e libasan -e libtsan -e libubsan
}

set -m # so that a background job gets SIGINT
check "$part is a script" bash -n "tests/programs/$part.sh"
# shellcheck source=/dev/null
. "tests/programs/$part.sh"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
