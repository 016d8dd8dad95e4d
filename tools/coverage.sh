#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/coverage.sh BUILD_FOLDER: line coverage of lib/ from the counts that the tests left there.
set -eu
build=$1
command -v lcov >/dev/null || { echo "coverage: lcov is not installed (make deps-dev)" >&2; exit 1; }
# The kernels' templates are compiled once a tier: lcov adds the tiers up.
lcov --quiet --capture --directory "$build/obj/lib" --base-directory . --no-external \
    --output-file "$build/all.info" 2>"$build/lcov.log" || { cat "$build/lcov.log" >&2; exit 1; }
lcov --quiet --extract "$build/all.info" "$PWD/lib/*" --output-file "$build/lib.info"
genhtml --quiet --prefix "$PWD" --output-directory "$build/html" "$build/lib.info"
lcov --list "$build/lib.info" | sed -n '3,$p'
lcov --summary "$build/lib.info" 2>&1 | sed -n 's/^ *lines\.*: /coverage of lib\/: lines /p'
echo "$build/html/index.html"
