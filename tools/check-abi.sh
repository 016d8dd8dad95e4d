#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-abi.sh check|write BASELINE SHARED_LIBRARY
# Compares the library's ABI, types of the public headers included, with the recorded baseline:
# removals, changes and additions all fail, until `make abi-baseline` records them.
set -eu
action=$1 baseline=$2 library=$3
private=$(dirname "$baseline")/private.abignore
options="--exported-interfaces-only --no-show-locs"
skip() {
    echo "check-abi: skipped: $1"
    exit 0
}
command -v abidw >/dev/null || skip "abigail-tools is not installed (make deps-dev)"
# The baseline is of one architecture.
[ "$(uname -m)" = x86_64 ] || skip "the baseline is of x86_64, this is $(uname -m)"

if [ "$action" = write ]; then
    mkdir -p "$(dirname "$baseline")"
    # shellcheck disable=SC2086
    abidw $options --suppressions "$private" --no-corpus-path --no-comp-dir-path \
        --out-file "$baseline" "$library"
    echo "$baseline: $(wc -c <"$baseline") bytes"
    exit 0
fi
[ -f "$baseline" ] || { echo "check-abi: 0 passed, 1 failed: no $baseline"; exit 1; }
# shellcheck disable=SC2086
if report=$(abidiff $options --suppressions "$private" "$baseline" "$library"); then
    echo "check-abi: 1 passed, 0 failed"
else
    echo "$report"
    echo "Intended? Then: make abi-baseline, and an entry under \"ABI\" in CHANGELOG.md (docs/abi.md)."
    echo "check-abi: 0 passed, 1 failed"
    exit 1
fi
