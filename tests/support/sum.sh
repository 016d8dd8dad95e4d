#!/bin/sh
# SPDX-License-Identifier: MIT
# Adds up the "N passed, N failed" lines of a log. "STAGE FAILED" lines name the stages that ended
# in failure; one that printed no failed count of its own counts as one.
awk '
    /[0-9]+ passed, [0-9]+ failed$/ {
        passed += $(NF - 3)
        failed += $(NF - 1)
        counted += $(NF - 1)
    }
    / FAILED$/ {
        if (counted == 0)
            failed++
        counted = 0
        names = names " " $1
    }
    END {
        if (names != "")
            print "failed:" names
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0
    }' "$1"
