#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/help/library.sh OUT VERSION DATE PROGRAMS HEADER...: writes redux.3, with what each header says
# of itself, and the README's program for an example.
set -eu
out=$1 version=$2 date=$3 programs=$4
shift 4
here=$(dirname "$0")
LC_ALL=C
export LC_ALL
headers() { # the first sentence of each header's comment
    for header in "$@"; do
        printf '.TP\n.I redux/%s\n' "$(basename "$header")"
        awk 'NR > 1 && /^ \*/ { sub(/^ \* ?/, ""); text = text (text == "" ? "" : " ") $0
                 if ($0 == "" || /[.;]( |$)|\*\//) exit }
             END { sub(/ *\*\/.*/, "", text)
                 if (match(text, /[.;]( |$)/)) text = substr(text, 1, RSTART - 1)
                 gsub(/-/, "\\-", text); if (text ~ /^[.]/) text = "\\&" text
                 print text "." }' "$header"
    done
}
example() {
    awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 }
         on { gsub(/\\/, "\\e"); gsub(/-/, "\\-"); if (/^[.]/) $0 = "\\&" $0; print }' README.md
}
mkdir -p "$(dirname "$out")"
while IFS= read -r line; do
    case $line in
    @HEADERS@) headers "$@" ;;
    @EXAMPLE@) example ;;
    @PROGRAMS@)
        for name in $programs; do echo ".BR $name (1),"; done |
            sed 's/-/\\-/g; $s/,$//' ;;
    *) printf '%s\n' "$line" | sed "s/@VERSION@/$version/; s/@DATE@/$date/" ;;
    esac
done <"$here/redux.3.in" >"$out"
