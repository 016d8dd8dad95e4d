#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/coverage.sh BUILD_FOLDER: line and branch coverage of lib/ from the counts that the tests left
# there, and the files below 95 % of lines or 85 % of branches, with both.
set -eu
build=$1
lcov() { command lcov --rc lcov_branch_coverage=1 "$@"; }
[ -x "$(command -v genhtml)" ] || { echo "coverage: lcov is not installed (make deps-dev)" >&2; exit 1; }
# The kernels' templates are compiled once a tier: lcov adds the tiers up.
lcov --quiet --capture --directory "$build/obj/lib" --base-directory . --no-external \
    --output-file "$build/all.info" 2>"$build/lcov.log" || { cat "$build/lcov.log" >&2; exit 1; }
lcov --quiet --extract "$build/all.info" "$PWD/lib/*" --output-file "$build/lib.info"
genhtml --quiet --branch-coverage --prefix "$PWD" --output-directory "$build/html" "$build/lib.info"
# file, lines found and hit, branches found and hit
awk -F '[:,]' '/^SF:/ { file = $2 } /^LF:/ { l = $2 } /^LH:/ { lh = $2 } /^BRF:/ { b = $2 } /^BRH:/ { bh = $2 }
    /^end_of_record/ { printf "%s %d %d %d %d\n", file, l, lh, b, bh; l = lh = b = bh = 0 }' \
    "$build/lib.info" | sed "s|^$PWD/||" | sort >"$build/files.txt"
echo 'below 95 % of lines or 85 % of branches:'
awk '{ l = $2 > 0 ? 100 * $3 / $2 : 100; b = $4 > 0 ? 100 * $5 / $4 : 100 }
    l < 95 || b < 85 { printf "  %-36s lines %5.1f %%, branches %5.1f %%\n", $1, l, b }' "$build/files.txt"
awk '{ l += $2; lh += $3; b += $4; bh += $5 } END { printf "coverage of lib/: lines %.1f %% (%d of %d), " \
    "branches %.1f %% (%d of %d)\n", 100 * lh / l, lh, l, 100 * bh / b, bh, b }' "$build/files.txt"
echo "$build/html/index.html"
