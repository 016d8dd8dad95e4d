#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-debian.sh [FOLDER]: builds the Debian packages of the last commit, outside of git, and
# asks lintian. They are left in FOLDER if one is given.
set -eu
for needed in dpkg-buildpackage dh lintian; do
    command -v "$needed" >/dev/null || { echo "check-debian: skipped: no $needed"; exit 0; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/libredux"
git archive HEAD | tar -x -C "$work/libredux"
(cd "$work/libredux" && dpkg-buildpackage -us -uc -b) >"$work/log" 2>&1 ||
    { tail -n 40 "$work/log"; exit 1; }
grep -E '^[a-z-]+: [0-9]+ passed' "$work/log"
cd "$work"
ls -l ./*.deb
[ $# -eq 0 ] || cp ./*.deb "$1"
lintian --fail-on error,warning --tag-display-limit 0 ./*.changes
