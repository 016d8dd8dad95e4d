#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-abi.sh check|write BASELINE SHARED_LIBRARY
# check: compares the library's ABI, types of the public headers included, with the development
# baseline: removals, changes and additions all fail, until `make abi-baseline` (write) records them.
# Then with every release since 0.2.0, libredux-X.Y.Z.abi beside the baseline, which nothing writes
# again: whatever would break a program that was built against it fails, while functions, enumerators
# and members at the end of structs may have come.
set -eu
action=$1 baseline=$2 library=$3
skip() {
    echo "check-abi: skipped: $1"
    exit 0
}
command -v abidw >/dev/null || skip "abigail-tools is not installed (make deps-dev)"
# The baseline is of one architecture.
[ "$(uname -m)" = x86_64 ] || skip "the baseline is of x86_64, this is $(uname -m)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# suppress NAMES-ON-STDIN LINE...: these types, as a section of libabigail's suppressions
suppress() {
    printf '[suppress_type]\n  name_regexp = ^(%s)$\n' "$(sort -u | paste -s -d '|')"
    printf '  %s\n' "$@"
}
# Types that programs only hold pointers to: what is inside them is no part of the ABI. (Not
# --headers-dir: libabigail tells headers apart by file name alone, and lib/ has files of the same names.)
opaque() {
    echo 'rdx_.*'
    sed -n 's/^typedef struct \(redux_[a-z0-9_]*\) \1;$/\1/p' include/redux/*.h
}
# Structs that say their own size; none lies in another one, or is returned, by value (test_options_abi).
growing() {
    awk '/^typedef struct redux_[a-z0-9_]* \{/ { name = $3 }
        name != "" && /struct_size;/ { print name; name = "" }' include/redux/*.h
}
opaque | suppress 'drop = yes' >"$work/opaque.abignore"
growing | suppress 'type_kind = struct' 'has_data_member_inserted_at = end' >"$work/growing.abignore"
options="--exported-interfaces-only --no-show-locs --suppressions $work/opaque.abignore"

if [ "$action" = write ]; then
    mkdir -p "$(dirname "$baseline")"
    # shellcheck disable=SC2086
    abidw $options --no-corpus-path --no-comp-dir-path --out-file "$baseline" "$library"
    echo "$baseline: $(wc -c <"$baseline") bytes"
    exit 0
fi

failed=0 passed=0
# The suppression of members that came at the end also hides members that changed: no report may have any.
members_stay() {
    # shellcheck disable=SC2086
    moved=$(abidiff $options "$1" "$library") && return 0
    ! echo "$moved" | grep -qE '[0-9]+ data member (change|deletion|replacement)' || { report=$moved; return 1; }
}
# compare BASELINE MESSAGE OPTION...
compare() {
    file=$1 message=$2
    shift 2
    # shellcheck disable=SC2086
    if report=$(abidiff $options "$@" "$file" "$library") && members_stay "$file"; then
        passed=$((passed + 1))
    else
        printf '%s\n%s: %s\n' "$report" "$file" "$message"
        failed=$((failed + 1))
    fi
}
[ -f "$baseline" ] || { echo "check-abi: 0 passed, 1 failed: no $baseline"; exit 1; }
compare "$baseline" 'Intended? Then: make abi-baseline, and an entry under "ABI" in CHANGELOG.md (docs/abi.md).' --harmless
for release in "$(dirname "$baseline")"/libredux-*.*.*.abi; do
    [ ! -f "$release" ] || compare "$release" 'programs built against this release would break: that needs another ABI number.' \
        --no-added-syms --suppressions "$work/growing.abignore"
done
echo "check-abi: $passed passed, $failed failed"
[ "$failed" = 0 ]
