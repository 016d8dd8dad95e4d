#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-wheel.sh WHEEL [ROOT]: what a newcomer does with the wheel, in a fresh Debian 12 that has
# python3-venv and python3-numpy only: no compiler, no library of ours, no index. As root, by debootstrap
# from this machine's source of packages; ROOT is made if it is missing, and kept.
set -eu
[ $# -ge 1 ] || { sed -n 's/^# //p' "$0" | sed 1d >&2; exit 2; }
wheel=$(realpath "$1")
if ! command -v debootstrap >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "check-wheel: skipped: needs debootstrap and root"
    exit 0
fi
cd "$(dirname "$0")/.."
if [ $# -gt 1 ]; then
    root=$2
else
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
fi
if [ ! -e "$root/usr/bin/python3" ]; then
    source=$(sed -n 's/^URIs: //p; s/^deb \(http[^ ]*\) bookworm main.*/\1/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    debootstrap --variant=minbase bookworm "$root" "$source" >"$root.log" 2>&1 ||
        { tail "$root.log"; exit 1; }
    chroot "$root" sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
        --no-install-recommends python3-venv python3-numpy' >"$root.log" 2>&1 || { tail "$root.log"; exit 1; }
    rm -f "$root.log"
fi
rm -rf "$root/try"
mkdir -p "$root/try/wheels" "$root/try/tests"
cp "$wheel" "$root/try/wheels"
cp -r data docs "$root/try"
cp tests/python/page.py "$root/try/tests"
# shellcheck disable=SC2016 # expanded by the inner shells
# In a mount namespace of its own: PyTorch, where ROOT has it, needs /proc and shared memory.
unshare --mount sh -euc '
    mkdir -p "$1/proc" "$1/dev/shm"
    mount -t proc proc "$1/proc"
    mount -t tmpfs tmpfs "$1/dev/shm"
    exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -euc "$2"' sh "$root" '
    cd /try
    if command -v cc gcc make; then echo "check-wheel: a compiler is here"; exit 1; fi
    python3 -m venv --system-site-packages venv
    venv/bin/pip install --quiet --no-index --find-links wheels libredux
    venv/bin/python -c "import redux; print(\"libredux\", redux.__version__, redux._lib.path)"
    venv/bin/python tests/page.py docs/python.md'
rm -rf "$root/try"
echo "check-wheel: passed"
