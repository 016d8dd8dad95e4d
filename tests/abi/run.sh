#!/bin/sh
# SPDX-License-Identifier: MIT
# Does tools/check-abi.sh see what would break programs? Builds one room of the library from a scratch
# copy, records it as the baseline and as two releases, plants changes, and looks at the verdicts.
set -u
: "${CC:=cc}"
if ! command -v abidw >/dev/null || [ "$(uname -m)" != x86_64 ]; then
    echo "check-abi planted: skipped: no abigail-tools, or not x86_64"
    exit 0
fi
top=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lib" "$work/abi" && cp -r include "$work" &&
    cp -r lib/base lib/kernels lib/libredux.map "$work/lib" || exit 1
cd "$work" && cp -r include pristine || exit 1
passed=0
failed=0
build() {
    rm -rf objects && mkdir objects || return 1
    for source in lib/base/*.c; do
        $CC -std=c11 -D_GNU_SOURCE -Iinclude -Ilib -g -O0 -fPIC -fvisibility=hidden -w -c \
            -o "objects/$(basename "$source").o" "$source" || return 1
    done
    $CC -shared -Wl,--version-script=lib/libredux.map -o libredux.so objects/*.o
}
# planted WHAT VERDICT HEADER SED_EXPRESSION...: after that change the check says VERDICT
planted() {
    what=$1 verdict=$2 header=$3
    shift 3
    rm -rf include && cp -r pristine include
    for expression; do sed -i "$expression" "include/redux/$header"; done
    if cmp -s "include/redux/$header" "pristine/redux/$header" || ! build; then
        echo "  check-abi planted: cannot plant: $what"
        failed=$((failed + 1))
        return
    fi
planted "a field at the end" "2 passed, 1 failed" context.h 's/^    const .*redux_communicator \*communicator;/&\n    uint64_t further;/'
    if tail -n 1 log | grep -qxF "check-abi: $verdict"; then
        passed=$((passed + 1))
    else
        echo "  check-abi planted: $what: wanted '$verdict'"
        sed 's/^/    /' log
        failed=$((failed + 1))
    fi
}
build && "$top/tools/check-abi.sh" write abi/libredux-1.abi libredux.so >/dev/null &&
    cp abi/libredux-1.abi abi/libredux-0.2.0.abi && cp abi/libredux-1.abi abi/libredux-0.2.1.abi || exit 1

# Of three: the development baseline and two releases.
planted "a comment" "3 passed, 0 failed" context.h '1i /* a comment */'
planted "two fields change places" "0 passed, 3 failed" context.h \
    's/^    int32_t threads;/    uint32_t first;/' 's/^    uint32_t flags;/    int32_t threads;/' 's/first;/flags;/'
planted "a field of another size" "0 passed, 3 failed" context.h 's/^    uint64_t max_bytes;/    uint32_t max_bytes;/'
planted "an enumerator of another value" "0 passed, 3 failed" status.h 's/REDUX_E_IO = 3/REDUX_E_IO = 33/'
planted "a function that is gone" "0 passed, 3 failed" context.h 's/^REDUX_API const char \*redux_cpu_tier/const char *redux_cpu_tier/'
planted "a field at the end" "2 passed, 1 failed" context.h 's/^    uint64_t max_bytes;/&\n    uint64_t further;/'
echo "check-abi planted: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
