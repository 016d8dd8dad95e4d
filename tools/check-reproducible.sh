#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-reproducible.sh ARCHIVE: unpacks the source archive (make dist) into two folders of
# different names, outside of git, builds both, and compares every library and program byte by byte.
# TEST=1 also runs the tests in one of them. "check-reproducible: N passed, N failed".
: "${MAKE:=make}" "${JOBS:=$(nproc)}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
for folder in one another-folder; do
    mkdir "$work/$folder"
    tar -xzf "$1" -C "$work/$folder" --strip-components=1
    if ! (cd "$work/$folder" && TZ="Etc/GMT+$(printf %s "$folder" | wc -c)" GIT_DIR=/none \
        "$MAKE" -j"$JOBS" all) >"$work/log" 2>&1; then
        tail -n 20 "$work/log"
        echo "check-reproducible: the archive does not build: 0 passed, 1 failed"
        exit 1
    fi
done
for file in "$work"/one/build/lib/* "$work"/one/build/bin/*; do
    name=${file#"$work/one/"}
    if cmp "$file" "$work/another-folder/$name"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
if [ "${TEST:-0}" = 1 ]; then
    if (cd "$work/one" && "$MAKE" -j"$JOBS" check-tests) >"$work/log" 2>&1; then
        tail -n 1 "$work/log"
        passed=$((passed + 1))
    else
        tail -n 20 "$work/log"
        failed=$((failed + 1))
    fi
fi
echo "check-reproducible: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
