#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154 # part: the name of what is tested, set by the script that reads this
# Counts checks.
passed=0
failed=0

check() { # check NAME COMMAND...: succeeds
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$part: FAILED: $name"
    fi
}
