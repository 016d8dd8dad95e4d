# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-reduce killed at any moment, and an update in place killed or stopped by a call that fails: what is there is whole,
# and the next run makes the rest. KILLS says how often.
export OPENBLAS_NUM_THREADS=1 # which a program sets itself, if it has the memory: another number gives other bits

for format in png npz; do
    killed=0
    long=(--quiet --strategy ssim --scope dataset --format "$format" "$ct")
    started=$(date +%s%N)
    "$reduce" "${long[@]}" --manifest "$work/whole-$format.csv" --export "$work/whole-$format"
    took=$((($(date +%s%N) - started) / 1000000))
    for i in $(seq "${KILLS:-3}"); do
        rm -rf "$work/k"
        mkdir "$work/k"
        "$reduce" "${long[@]}" --manifest "$work/k/m.csv" --export "$work/k/x" &
        kill_at "$i" "${KILLS:-3}" "$took" && killed=$((killed + 1))
        check "reduce killed ($format, $i): manifest whole or absent" \
            sh -c "[ ! -e '$work/k/m.csv' ] || cmp -s '$work/k/m.csv' '$work/whole-$format.csv'"
        check "reduce killed ($format, $i) runs again" exits 0 "" "$reduce" "${long[@]}" --overwrite \
            --manifest "$work/k/m.csv" --export "$work/k/x"
        check "reduce killed ($format, $i): same manifest" cmp -s "$work/whole-$format.csv" "$work/k/m.csv"
        check "reduce killed ($format, $i): same export, nothing left behind" \
            diff -qr "$work/whole-$format" "$work/k/x"
        check "reduce killed ($format, $i): three files" test "$(find "$work/k" -maxdepth 1 -type f | wc -l)" = 3
    done
    check "reduce was killed at least once" test "$killed" -gt 0
done

# And an update in place, which goes on from the very files that it replaces.
killed=0
update=("$reduce" --quiet --update "$work/k/m.csv" --manifest "$work/k/m.csv")
rm -rf "$work/k" "$work/before" "$work/whole-update"
mkdir "$work/before" "$work/k"
"$reduce" --quiet --scope dataset --manifest "$work/before/m.csv" "$ct/STS_002_CT.nii.gz"
cp "$work"/before/* "$work/k"
started=$(date +%s%N)
"${update[@]}" "$ct"
took=$((($(date +%s%N) - started) / 1000000))
cp -r "$work/k" "$work/whole-update"
updated() { # again, and then all of it is there, and nothing else
    "${update[@]}" "$ct" && cmp "$work/whole-update/m.csv" "$work/k/m.csv" &&
        cmp "$work/whole-update/m.exemplars" "$work/k/m.exemplars" && [ "$(find "$work/k" -type f | wc -l)" = 3 ]
}
for i in $(seq "${KILLS:-3}"); do
    rm -rf "$work/k"
    cp -r "$work/before" "$work/k"
    "${update[@]}" "$ct" &
    kill_at "$i" "${KILLS:-3}" "$took" && killed=$((killed + 1))
    check "update killed ($i) goes on" updated
done
check "update was killed at least once" test "$killed" -gt 0
update_fails() { # update_fails CALL: at its first, second, third ... call
    local n=1 status
    while :; do
        rm -rf "$work/k" "$work/mark"
        cp -r "$work/before" "$work/k"
        env LD_PRELOAD="$shim" REDUX_FAULT="$1:$n:EIO" REDUX_FAULT_MARK="$work/mark" \
            "${update[@]}" "$ct" 2>"$work/err"
        status=$?
        [ -e "$work/mark" ] || break
        [ "$status" -eq 1 ] && [ -s "$work/err" ] && updated || return 1
        n=$((n + 1))
    done
    [ "$n" -gt 1 ] && [ "$status" -eq 0 ]
}
if can_fail; then
    check "update: n-th rename fails" update_fails rename
    check "update: n-th fsync fails" update_fails fsync
fi
