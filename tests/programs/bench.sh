# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-bench: rows, JSON, peers. Not how fast anything is.

check "bench: unknown option" exits 2 "--nonsense" "$bench" --nonsense
check "bench: --rounds 0" exits 2 "--rounds '0'" "$bench" --rounds 0
check "bench: --seconds 0" exits 2 "--seconds '0'" "$bench" --seconds 0
"$bench" --seconds 0.001 --filter "reading volumes" nowhere.nii >"$work/bench.txt" 2>"$work/err"
check "bench: no such volume" test $? = 1
check "bench: which" grep -q "nowhere.nii" "$work/err"

"$bench" --seconds 0.001 --filter entropy >"$work/bench.txt" 2>&1
check "bench: one row" grep -q '^entropy  *1 .*images' "$work/bench.txt"
check "bench: no other row" test "$(grep -c 'images/*s*  *+-' "$work/bench.txt")" = 1
check "bench: the limits" grep -q 'GFLOP/s float32' "$work/bench.txt"

if grep -q 'tier avx512' "$work/bench.txt"; then
    OPENBLAS_CORETYPE=Haswell "$bench" --seconds 0.001 --filter entropy >"$work/bench.txt"
    check "bench: slow kernels" grep -q 'Haswell (SKYLAKEX would be faster)' "$work/bench.txt"
    OPENBLAS_CORETYPE=SkylakeX "$bench" --seconds 0.001 --filter entropy >"$work/bench.txt"
    check "bench: fast kernels" grep -q 'kernels: SkylakeX, threads' "$work/bench.txt"
fi

# A peer that says how fast it is; what it says of others does not count.
mkdir "$work/peers"
cat >"$work/peers/information_peers.py" <<'PEER'
#!/bin/sh
echo '{"peer": "scikit-image 9", "case": "SSIM", "rate": 5, "unit": "per second"}'
echo 'no JSON at all'
echo '{"peer": "scikit-image 9", "case": "entropy", "rate": 2, "unit": "per second"}'
PEER
chmod +x "$work/peers/information_peers.py"
"$bench" --seconds 0.001 --filter entropy --rounds 1 --json --peers "$work/peers" "$scan" \
    >"$work/bench.json" 2>"$work/err"
check "bench: the peer's rate" grep -q \
    '"name": "entropy".*"peer": "scikit-image 9", "peer_rate": 2, "ratio": [0-9.e+]*, "spread"' \
    "$work/bench.json"
check "bench: nothing is wrong" test ! -s "$work/err"
check "bench: balanced JSON" test "$(tr -cd '{[' <"$work/bench.json" | wc -c)" = \
    "$(tr -cd '}]' <"$work/bench.json" | wc -c)"
ratio=$(sed -n 's/.*"rate": \([0-9.e+]*\), .*"ratio": \([0-9.e+]*\),.*/\1 \2/p' "$work/bench.json")
check "bench: the ratio is ours over the peer's" awk -v r="$ratio" \
    'BEGIN { split(r, a, " "); exit !(a[2] > 0.99 * a[1] / 2 && a[2] < 1.01 * a[1] / 2) }'

mkdir "$work/no-peers"
"$bench" --seconds 0.001 --filter entropy --rounds 1 --json --peers "$work/no-peers" \
    >"$work/bench.json" 2>"$work/err"
check "bench: a peer that is not there" grep -q '"peer": null, "peer_rate": null, "ratio": null' \
    "$work/bench.json"
check "bench: says so" grep -q "information_peers.py" "$work/err"
"$bench" --seconds 0.001 --filter entropy --rounds 1 --peers "$work/no-peers" \
    --peers "$work/peers" >"$work/bench.txt" 2>"$work/err"
check "bench: a peer of the second folder" grep -q 'x scikit-image 9' "$work/bench.txt"
"$bench" --seconds 0.001 --filter "reading volumes" "$scan" >"$work/bench.txt"
check "bench: reads what is given" grep -q '^reading volumes .* [kMG]bytes' "$work/bench.txt"
check "bench: also by all threads" grep -q '^reading volumes, all threads .* [kMG]bytes' \
    "$work/bench.txt"

"$bench" --seconds 60 --filter "window slice" >"$work/bench.txt" 2>"$work/err" &
pid=$!
for _ in $(seq 100); do # until it measures
    ! grep -q '^limits' "$work/bench.txt" || break
    sleep 0.1
done
kill -INT $pid
wait $pid
check "bench: Ctrl-C" test $? = 130
check "bench: says that it was interrupted" grep -qx 'redux-bench: interrupted' "$work/err"

# Ratios that fell beyond the spread are found.
cat >"$work/record.md" <<'RECORD'
<!-- bench avx2 -->
| path | threads | ours | spread | of the limit | peer | its rate | ratio |
| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |
| entropy | 1 | 12.6 kimages/s | 4 % | 25 % | scikit-image 0.19.3 | 106 images/s | 100 |
| views | 1 | 12.6 kimages/s | 4 % |  |  |  |  |
<!-- /bench avx2 -->
RECORD
gate() { # gate TIER RATIO STATUS WORDS
    printf '{"machine": {"tier": "%s"}, "results": [{"name": "entropy", "threads": 1,
        "peer": "scikit-image 0.20", "ratio": %s, "spread": 0.03}]}' "$1" "$2" >"$work/gate.json"
    tools/bench-check.py "$work/record.md" "$work/gate.json" >"$work/gate.txt"
    test $? = "$3" && grep -q "$4" "$work/gate.txt"
}
check "bench-check: within the spread" gate avx2 74 0 '^holds  entropy'
check "bench-check: a loss" gate avx2 72 1 '^LOST   entropy'
check "bench-check: another tier" gate avx512 100 2 'no row'
