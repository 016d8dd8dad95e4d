# shellcheck shell=bash disable=SC2154,SC2086 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-compare: every metric and option.

value() { # value NAME ARGUMENT...: the value of one metric
    "$compare" --quiet --metric "$1" "${@:2}" 2>/dev/null | cut -f 2
}
within() { # within LOW HIGH VALUE
    awk -v low="$1" -v high="$2" -v v="$3" 'BEGIN { exit !(v != "" && v >= low && v <= high) }'
}
phase=$("$compare" --quiet --metric phase-correlation $scan:20 $scan:20 2>"$work/phase.err")

for metric in ssim ssim-uniform ms-ssim nmi cosine; do
    check "$metric of a slice with itself" within 0.9999999 1.0000001 "$(value $metric $scan:20 $scan:20)"
    check "$metric of two slices" within 0.01 0.999 "$(value $metric $scan:20 $scan:21)"
done
for metric in mi mattes vi entropy-a entropy-b entropy-joint entropy-a-given-b entropy-b-given-a; do
    check "$metric of two slices" within 0.1 16 "$(value $metric $scan:20 $scan:21)"
done
for metric in average difference dct; do
    check "$metric of two slices" within 0 64 "$(value $metric $scan:20 $scan:21)"
done
check "conditional-entropy is entropy-b-given-a" test "$(value conditional-entropy $scan:20 $scan:21)" = \
    "$(value entropy-b-given-a $scan:20 $scan:21)"
check "conditional-entropy is not symmetric" test "$(value conditional-entropy $scan:20 $scan:21)" != \
    "$(value conditional-entropy $scan:21 $scan:20)"
check "mattes is not symmetric" test "$(value mattes $scan:20 $scan:21)" != "$(value mattes $scan:21 $scan:20)"
check "mattes takes --bins" test "$(value mattes $scan:20 $scan:21)" != "$(value mattes --bins 20 $scan:20 $scan:21)"
check "mattes at its default" test "$(value mattes $scan:20 $scan:21)" = "$(value mattes --bins 50 $scan:20 $scan:21)"
check "mattes takes no 4 bins" exits 1 "bins is 4" "$compare" --metric mattes --bins 4 $scan:20 $scan:21

# A build without FFTW says so, and leaves it out of `all`.
if [ -n "$phase" ]; then
    check "phase-correlation with itself" within 0.9999 1 "$(value phase-correlation $scan:20 $scan:20)"
    check "no shift" within 0 0 "$(value shift-y $scan:20 $scan:20)"
    check "a shift" within -5 5 "$(value shift-x --upsample 10 $scan:20 $scan:21)"
    check "--upsample" exits 2 "1 to 100" "$compare" --upsample 0 $scan:20 $scan:21
    check "phase-correlation is among all" grep -q "^phase-correlation" <("$compare" $scan:20 $scan:21)
else
    check "phase-correlation without FFTW" grep -q "FFTW=0" "$work/phase.err"
    check "all without FFTW" exits 0 "" "$compare" $scan:20 $scan:21
fi

# The normalisations, from what else is printed.
normalisations() {
    local a b joint mi kind
    a=$(value entropy-a $scan:20 $scan:21) b=$(value entropy-b $scan:20 $scan:21)
    joint=$(value entropy-joint $scan:20 $scan:21) mi=$(value mi $scan:20 $scan:21)
    for kind in arithmetic studholme geometric min max joint bits; do
        awk -v a="$a" -v b="$b" -v j="$joint" -v mi="$mi" -v kind=$kind \
            -v v="$(value nmi --normalisation $kind $scan:20 $scan:21)" 'BEGIN {
            want["arithmetic"] = 2 * mi / (a + b); want["studholme"] = (a + b) / j
            want["geometric"] = mi / sqrt(a * b); want["min"] = mi / (a < b ? a : b)
            want["max"] = mi / (a > b ? a : b); want["joint"] = mi / j; want["bits"] = mi
            d = v - want[kind]; exit !(v != "" && d < 1e-7 && d > -1e-7) }' || return 1
    done
}
check "--normalisation" normalisations
check "no such normalisation" exits 2 "geometric" "$compare" --normalisation mean $scan:20 $scan:21

check "--range" test "$(value entropy-a $scan:20 $scan:21)" != "$(value entropy-a --range 100:200 $scan:20 $scan:21)"
check "--range of every value" test "$(value mi --bins 256 --range 0:256 $scan:20 $scan:21)" = \
    "$(value mi $scan:20 $scan:21)"
check "--range own" within 0.1 8 "$(value entropy-a --range own --bins 100 $scan:20 $scan:21)"
for range in 5 5:5 7:5 a:b :; do
    check "--range $range" exits 2 "--range '$range'" "$compare" --range $range $scan:20 $scan:21
done

# The map: read back as a slice, and its mean is about the SSIM.
check "--map npy" exits 0 "" "$compare" --metric ssim --map "$work/map.npy" $scan:20 $scan:21
check "the map is float32" grep -aq "'descr': '<f4'" "$work/map.npy"
check "--map png" exits 0 "" "$compare" --metric ssim --map "$work/map.png" $scan:20 $scan:21
check "the maps are one" within 0.99 1.01 "$(value ssim --window full "$work/map.png" "$work/map.png")"
check "the map is no flat picture" within 1 8 "$(value entropy-a "$work/map.png" "$work/map.png")"
check "--map of another kind" exits 2 ".npy or .png" "$compare" --map "$work/map.txt" $scan:20 $scan:21
check "--map into nothing" exits 1 "nowhere" "$compare" --quiet --metric cosine \
    --map "$work/nowhere/map.npy" $scan:20 $scan:21

# Along a volume: the first line is an entropy, the others what redux-compare says of the pairs.
neighbours() {
    "$compare" --quiet --neighbours --bins 64 $scan >"$work/neighbours" || return 1
    [ "$(sed -n 22p "$work/neighbours")" = "21	$(value entropy-b-given-a --bins 64 $scan:20 $scan:21)" ] &&
        [ "$(sed -n 1p "$work/neighbours")" = "0	$(value entropy-a --bins 64 $scan:0 $scan:1)" ]
}
check "--neighbours" neighbours
check "--neighbours of two" exits 2 "one volume" "$compare" --neighbours $scan $scan
check "--neighbours of a folder" exits 1 "takes one" "$compare" --neighbours $ct
check "--neighbours has no metric" exits 2 "cannot be combined" "$compare" --neighbours --metric ssim $scan
check "sizes differ" exits 1 "" "$compare" --quiet --metric ms-ssim $scan:20 $ct/STS_002_CT.nii.gz:20
