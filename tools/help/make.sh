#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/help/make.sh PROGRAM SHARE VERSION DATE PROGRAMS: from what PROGRAM --help prints, its man
# page and its completions for bash and zsh, below the folder SHARE as they are installed.
# PROGRAMS: the names of all, for "see also".
set -eu
program=$1 share=$2 version=$3 date=$4 programs=$5
name=$(basename "$program")
here=$(dirname "$0")
help=$(mktemp)
trap 'rm -f "$help"' EXIT
LC_ALL=C
export LC_ALL

"$program" --help >"$help"
sed -n 's/^[U ][s ].* \(--[a-z]*\) \[--help .*/\1/p' "$help" | while read -r mode; do
    "$program" "$mode" --help >>"$help" # told by a help of its own
done
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions"
awk -v program="$name" -v version="$version" -v date="$date" -v others="$programs" \
    -f "$here/man.awk" "$help" >"$share/man/man1/$name.1"
awk -f "$here/table.awk" "$help" >"$help.table"
trap 'rm -f "$help" "$help.table"' EXIT
awk -v program="$name" -v shell=bash -f "$here/complete.awk" "$help.table" \
    >"$share/bash-completion/completions/$name"
awk -v program="$name" -v shell=zsh -f "$here/complete.awk" "$help.table" \
    >"$share/zsh/site-functions/_$name"
