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
grep -E '^[a-z-]+: [0-9]+ passed' "$work/log" || echo "  skipped: the tests (DEB_BUILD_OPTIONS=nocheck)"
# What a user would do with them, unpacked in a folder: compile, link, run.
for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done
library=$(dirname "$(find "$work/root" -name libredux.so)")
export PKG_CONFIG_PATH="$library/pkgconfig" LD_LIBRARY_PATH="$library"
# shellcheck disable=SC2046 # a list of flags
${CC:-cc} -o "$work/consumer" tests/install/consumer.c $(pkg-config --cflags --libs libredux)
"$work/consumer"
"$work/root/usr/bin/redux-reduce" --quiet data/ct | tail -n 1
if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$work/root/usr/lib/python3/dist-packages \
        /usr/bin/python3 tests/python/page.py docs/python.md
else
    echo "  skipped: docs/python.md: no Python with NumPy"
fi
cd "$work"
ls -l ./*.deb
[ $# -eq 0 ] || cp ./*.deb "$1"
lintian --fail-on error,warning --tag-display-limit 0 ./*.changes
