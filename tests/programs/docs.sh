# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# What the documentation says of programs and functions: options that exist, files and functions that are
# there.

# Command lines in code blocks, continuation lines joined: PROGRAM OPTION, a line each.
options_in_docs() {
    sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$@" | sed 's/#.*//' | grep -oE '^ *(\$ )?redux-[a-z]+ .*' |
        tr '|' '\n' | awk '{ program = ""; for (i = 1; i <= NF; i++) { if ($i ~ /^redux-[a-z]+$/) program = $i
            else if (program != "" && $i ~ /^--[a-z-]+/) { sub(/[^a-z-].*/, "", $i); print program, $i } } }' | sort -u
}
option_exists() { # option_exists PROGRAM OPTION
    { "$BIN/$1" --help && { [ "$1" != redux-hash ] || "$BIN/$1" --volume --help; }; } |
        grep -qE -e "(^|[ |])$2([ ,|.;:]|$)"
}
options_in_docs README.md docs/*.md >"$work/options.txt"
check "the documentation shows options" test "$(wc -l <"$work/options.txt")" -gt 20
while read -r program option; do
    check "$program $option is an option" option_exists "$program" "$option"
done <"$work/options.txt"

# Links between the pages, and to files.
links_in() {
    grep -oE '\]\([^)# ]+' "$1" | sed 's/^](//' | grep -v '^[a-z]*:'
}
for page in README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md examples/README.md docs/*.md lib/*/README.md; do
    for link in $(links_in "$page"); do
        check "$page links to $link" test -e "$(dirname "$page")/$link"
    done
done

# What holds a promise of SECURITY.md is there, by its name.
# shellcheck disable=SC2016 # backquotes of Markdown
grep -oE '`(test_[a-z_]+|tests/[a-z_/.]+|make [a-z]+)[*`]' SECURITY.md | tr -d '`' | sort -u >"$work/holders.txt"
test_of_name() { # test_of_name PATTERN
    find tests/unit tests/system -name "$1.c" | grep -q .
}
check "SECURITY.md names tests" test "$(wc -l <"$work/holders.txt")" -gt 8
while read -r name; do
    case $name in
    make\ *) check "SECURITY.md: $name is a goal" grep -qE "^([a-z -]+ )?${name#make }( [a-z -]+)?:" Makefile ;;
    tests/*) check "SECURITY.md: $name is there" test -e "$name" ;;
    *) check "SECURITY.md: $name is there" test_of_name "$name" ;;
    esac
done <"$work/holders.txt"

# The index is made from the headers; the functions by task are in it.
check "docs/api-index.md is up to date (tools/api-index.sh)" tools/api-index.sh check
# shellcheck disable=SC2016 # backquotes of Markdown
grep -oE '`redux_[a-z0-9_]+`' docs/which-function.md | sort -u >"$work/named.txt"
check "docs/which-function.md names functions" test "$(wc -l <"$work/named.txt")" -gt 40
while read -r name; do
    check "docs/which-function.md: $name is a function" grep -qF "| $name | function |" docs/api-index.md
done <"$work/named.txt"
