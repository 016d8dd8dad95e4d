#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/api-index.sh [check]: docs/api-index.md, every public function, type and macro with the first
# sentence of its comment. With `check` nothing is written; the status is 1 where the page is out of date.
set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."
page=docs/api-index.md
work=$(mktemp)
trap 'rm -f "$work"' EXIT

# entries HEADER...: NAME|KIND|HEADER|TEXT. A comment belongs to the declarations that follow it until
# the next blank line.
entries() {
    awk '
    function sentence(text,   cut) {
        gsub(/[ \t]+/, " ", text); sub(/^ /, "", text)
        if (match(text, /\.( |$)/)) text = substr(text, 1, RSTART)
        if (length(text) > 100) # to its last clause, parenthesis or list that begins before
            for (cut = 100; cut > 15; cut--)
                if (substr(text, cut) ~ /^([:;]| [(])/) { text = substr(text, 1, cut - 1); break }
        sub(/[ :;.]+$/, "", text)
        gsub(/\|/, "\\|", text); gsub(/\*/, "\\*", text)
        return text
    }
    function emit(name, kind) {
        if (seen[name]++) return
        header = FILENAME; sub(/^include\//, "", header)
        print name "|" kind "|" header "|" sentence(doc)
    }
    FNR == 1 { doc = ""; comment = body = 0; declaration = "" }
    /^\/\*\*( |$)/ && !/@file/ { comment = 1; paragraph = 1; doc = "" }
    comment {
        line = $0
        ended = line ~ /\*\//
        sub(/^\/\*\* ?/, "", line); sub(/^ \* ?/, "", line); sub(/ *\*\/.*/, "", line)
        if (line ~ /^ *$/ || line ~ /^ *- /) paragraph = 0
        if (paragraph) doc = doc " " line
        if (ended) comment = 0
        next
    }
    /^$/ && !body && declaration == "" { doc = "" }
    /^#define REDUX_[A-Z0-9_]+_H$/ { next }
    /^#define REDUX_/ {
        name = $2; sub(/\(.*/, "", name)
        struct = tolower(name); sub(/_init$/, "", struct)
        if (name ~ /_DEFAULTS$|^REDUX_(SET_FIELD|NAME_FIELD|DEFINE_INIT|INIT|BEGIN_DECLS|END_DECLS)$/) next
        if (name ~ /_INIT$/) doc = "Initialises a " struct " with its defaults"
        emit(name, "macro")
        next
    }
    /^typedef (struct|enum) redux_[a-z0-9_]+/ { emit($3 ~ /;$/ ? substr($3, 1, length($3) - 1) : $3, $2); body = /\{/ && !/\}/; next }
    /^typedef .*\(\*redux_[a-z0-9_]+\)/ { name = $0; sub(/.*\(\*/, "", name); sub(/\).*/, "", name); emit(name, "callback") }
    body && /^\}/ { body = 0; doc = ""; next }
    /^REDUX_API / { declaration = $0 }
    declaration != "" && !/^REDUX_API / { declaration = declaration " " $0 }
    declaration != "" && /;$/ {
        name = declaration; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name)
        emit(name, "function"); declaration = ""
    }' "$@"
}

{
    echo '# Index of the C interface'
    echo
    # shellcheck disable=SC2016 # backquotes of Markdown
    echo 'Made by `tools/api-index.sh` from the headers; the comments there say everything else. For a task see'
    # shellcheck disable=SC2016
    echo '[which function do I want](which-function.md). (`REDUX_X_DEFAULTS`, left out here, is what `REDUX_X_INIT` is made of.)'
    entries include/redux/*.h | sort -f -t '|' -k 1,1 | awk '{
        first = toupper(substr($0, 7, 1))
        if (first != letter) printf "\n## %s\n\n| Name | Kind | Header | |\n| --- | --- | --- | --- |\n", first
        letter = first
        split($0, part, "|")
        text = substr($0, length(part[1] part[2] part[3]) + 4)
        printf "| `%s` | %s | [%s](../include/%s) | %s |\n", part[1], part[2], part[3], part[3], text
    }'
} >"$work"

without=$(grep -c '|  |$' "$work" || true)
if [ "$without" -gt 0 ]; then
    echo "without a comment in the headers:"
    grep '|  |$' "$work"
    exit 1
fi
if [ "${1:-}" = check ]; then
    cmp -s "$work" "$page" || { echo "$page is out of date: run tools/api-index.sh"; exit 1; }
else
    cp "$work" "$page"
fi
