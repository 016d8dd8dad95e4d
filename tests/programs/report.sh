# shellcheck shell=bash disable=SC2154 # sourced by tests/support/programs.sh, whose variables these are
# SPDX-License-Identifier: MIT
# redux-report: what is on the page is what the manifest says; it needs nothing from elsewhere.

page=$work/page.html
mkdir "$work/r"
"$reduce" --quiet "$ct" >"$work/hash.csv"
count() { # count PATTERN FILE: matches, not lines
    grep -oE -e "$1" "$2" | wc -l
}
balanced() { # balanced FILE: each element is closed where it has to be, in the right order
    tr '\n' ' ' <"$1" | sed 's|<style>.*</style>||; s|<!DOCTYPE html>||' | grep -oE '</?[a-z0-9]+[^>]*>' |
        awk '{ closed = /\/>$/; end = /^<\//; name = $0; gsub(/^<\/?|[ \/>].*$/, "", name) }
            closed || name ~ /^(meta|link|img|br)$/ { next }
            end { if (open[depth--] != name) { print "  </" name "> closes " open[depth + 1]; exit bad = 1 }
                next }
            { open[++depth] = name }
            END { if (!bad && depth) print "  not closed: " open[depth]; exit bad || depth }'
}
self_contained() { # self_contained FILE: no script, nothing from elsewhere, each picture inside
    ! grep -qiE '<script|javascript:|https?:|@import|url\(|<iframe' "$1" &&
        ! sed -E 's/="[^"]*"//g' "$1" | grep -qiE '<[^>]* on[a-z]+' &&
        [ "$(count ' (src|href)="' "$1")" = "$(count ' (src|href)="(data:|#)' "$1")" ]
}
unique_ids() {
    [ -z "$(grep -oE ' id="[^"]*"' "$1" | sort | uniq -d)" ]
}

check "redux-report --help" exits 0 "" "$report" --help
check "redux-report --help says usage" grep -q "^Usage: redux-report" "$work/out"
check "redux-report without a manifest" exits 2 "no manifest" "$report" --out "$page"
check "redux-report without --out" exits 2 "no --out" "$report" "$work/hash.csv"
for wrong in "--volumes -1" "--gallery 25" "--matrix 129" "--curve 1" "--window lungs" "--threads x"; do
    # shellcheck disable=SC2086 # several words on purpose
    check "redux-report $wrong" exits 2 "" "$report" $wrong "$work/hash.csv" --out "$page"
done

# ---- a real one ----
"$reduce" --quiet --calibrate --manifest "$work/r/h.csv" "$ct" 2>/dev/null
check "redux-report" exits 0 "" "$report" "$work/r/h.csv" --out "$page"
all=$(($(wc -l <"$work/r/h.csv") - 1))
is_kept=$(kept <"$work/r/h.csv")
check "... its numbers are the manifest's" grep -q \
    "$(awk "BEGIN { printf \"%.1f\", 100 * $is_kept / $all }")&thinsp;% <small>kept: $is_kept of $all slices" \
    "$page"
# shellcheck disable=SC2016 # $ is awk's
check "... each volume's too" test "$(awk -F, 'NR > 1 { n[$1]++; k[$1] += $3 }
    END { for (v in n) printf "%d of %d kept\n", k[v], n[v] }' "$work/r/h.csv" | sort)" = \
    "$(grep -oE '[0-9]+ of [0-9]+ kept' "$page" | sort)"
check "... a bar for each score" test "$(grep -oE 'Scores of dropped.*' "$page" | wc -l)" = 1
check "... 24 pictures a volume, and kept ones are marked" test \
    "$(count '<b>[0-9]+ kept</b>' "$page")" -gt 20 -a "$(count '<li class="(kept|gone)"' "$page")" -gt 96
check "... four matrices" test "$(count '<figure class="matrix">' "$page")" = 4
check "... whose scores are those recorded" grep -qE \
    '>[1-9][0-9]+ recorded scores were computed again.* All match' <(tr '\n' ' ' <"$page")
check "... eight pairs, all at the threshold" test \
    "$(count 'Hamming distance <b>6</b> bits, threshold 6' "$page")" = 8
# shellcheck disable=SC2016
check "... of those the pair that lies farthest apart first" grep -qzoP "$(awk -F, -v threshold=6 'NR > 1 && $6 == threshold {
    far = $5 < $2 ? $2 - $5 : $5 - $2
    if (far > most) { most = far; kept = $5; dropped = $2 } }
    END { printf "id=\"pairs1\"(?s:(?!dropped</b>).)*slice&nbsp;%d<(?s:(?!dropped</b>).)*dropped</b> slice&nbsp;%d<", kept, dropped }' \
    "$work/r/h.csv")" "$page"
check "... the window of its pictures is named" grep -q "is scaled to its own range" "$page"
check "... the curve is exact" grep -q "Exact: the data were reduced again" "$page"
# shellcheck disable=SC2016
for threshold in 3 6 9; do
    check "... and keeps at $threshold what redux-reduce keeps" grep -qE \
        ">$threshold</th><td class=\"number\">$("$reduce" --quiet --threshold $threshold "$ct" | kept)<" "$page"
done
check "... the calibrated null" grep -q "Calibrated null" "$page"
check "... every picture has words" test "$(count '<img ' "$page")" = "$(count '<img [^>]*alt="' "$page")"
check "... well-formed" balanced "$page"
check "... self-contained" self_contained "$page"
check "... every id once" unique_ids "$page"
check "... headings and landmarks" grep -qE '<main .*<h2' <(tr '\n' ' ' <"$page")
check "... under 5 MB" test "$(wc -c <"$page")" -lt 5000000
"$report" --quiet --threads 1 "$work/r/h.csv" --out "$work/r/again.html"
check "again with one thread: the same bytes" cmp -s "$page" "$work/r/again.html"
sed 's/,6$/,5/' "$work/r/h.csv" >"$work/r/false.csv"
cp "$work/r/h.json" "$work/r/false.json"
"$report" --quiet --no-curve "$work/r/false.csv" --out "$page"
check "scores that the data do not give are reported" grep -q "recorded scores differ from those of the data" "$page"
check "... shown in a window that is told" grep -q "Pictures show -125 to 225 HU" <(
    "$report" --quiet --no-curve --window mediastinum "$work/r/h.csv" --out "$work/r/w.html" && cat "$work/r/w.html")
check "--no-curve" test "$(count 'other thresholds' "$page")" = 0

# ---- what comes first; how it was made; the map ----
"$report" --quiet --no-curve "$work/r/h.csv" --out "$page"
in_order() { # in_order FILE ID...: each once, one after the other
    local file=$1 last=0 at
    shift
    for id in "$@"; do
        at=$(grep -nm1 "id=\"$id\"" "$file" | cut -d: -f1)
        [ -n "$at" ] && [ "$at" -gt "$last" ] || return 1
        last=$at
    done
}
check "the border comes before scores and volumes" in_order "$page" set1 pairs1 scores1 volumes1 gallery1 made1
check "... and the navigation has them all" test "$(sed -n '/<nav/,/<\/nav>/p' "$page" | grep -o 'href="#[a-z]*1"' | tr -d '\n')" = \
    'href="#set1"href="#pairs1"href="#scores1"href="#volumes1"href="#gallery1"href="#made1"'
check "... every kept slice has a picture" test "$(count '<b>[0-9]+ kept</b>' "$page")" = "$is_kept"
made_again() { # the command on the page, run, makes the same manifest
    local command
    command=$(sed -n 's/.*<pre class="command">redux-reduce\(.*\) --manifest h.csv INPUT...<.*/\1/p' "$page")
    # shellcheck disable=SC2086
    [ -n "$command" ] && "$reduce" --quiet $command "$ct" | cmp -s - "$work/r/h.csv"
}
check "... the command makes the same manifest" made_again
# With a budget for each group the summary has that number; the counts have the sum.
"$reduce" --quiet --strategy hash --keep 7 --each group --manifest "$work/r/e.csv" "$ct"
"$report" --quiet --out "$work/r/e.html" "$work/r/e.csv" 2>/dev/null
check "the command of a budget for each group" grep -q -- "--keep 7 --each group" "$work/r/e.html"
"$reduce" --quiet --strategy hash --keep 12.5% --each group --manifest "$work/r/e.csv" "$ct"
"$report" --quiet --overwrite --out "$work/r/e.html" "$work/r/e.csv" 2>/dev/null
check "... as a share" grep -q -- "--keep 12.5% --each group" "$work/r/e.html"
check "... where the data were" grep -q "4 inputs, .* MB as stored, under <code>$ct/</code>\|4 inputs, .*MB as stored" "$page"
array() { # array ROWS: .npy of bytes, three a row
    printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($1, 3), }"
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%c%c%c", 40 + i % 50, 40 + int(i / 3), 90 }'
}
array "$all" >"$work/r/map.npy"
array 7 >"$work/r/short.npy"
check "a map of embeddings" exits 0 "" "$report" --no-curve --embeddings "$work/r/map.npy" "$work/r/h.csv" --out "$page"
check "... with its points: dropped, kept, outliers" grep -qE \
    'class="map".*<path class="cross" d="M[0-9].*<path class="point" d="M[0-9].*class="ring"' "$page"
check "... and its place in the navigation" grep -q 'href="#map1"' "$page"
check "... well-formed" balanced "$page"
check "... with classes" exits 0 "" "$report" --no-curve --embeddings "$work/r/map.npy" --labels "$ct/labels.csv" \
    --label tumour "$work/r/h.csv" --out "$page"
check "... in colours, with shapes as before" grep -qE \
    'class="map".*"cross c0" d="M[0-9].*"cross c1" d="M[0-9].*"point c0" d="M[0-9].*"point c1" d="M[0-9].*class="ring"' "$page"
check "... which the key names" grep -q '<span>tumour 0</span>.*<span>tumour 1</span>' "$page"
map_points() { # map_points CLASS: points and crosses of a colour; a cell may hide others
    grep -o "<path class=\"[a-z]* c$1\" d=\"[^\"]*" <(grep 'class="map"' "$page") | grep -oE 'M[0-9]+ [0-9]+' | wc -l
}
labelled() { # labelled CLASS: slices in the table
    awk -F, -v class="$1" 'NR > 1 && $3 == class' "$ct/labels.csv" | wc -l
}
for class in 0 1; do
    check "... about as many as there are of $class" test "$(map_points $class)" -le "$(labelled $class)" -a \
        "$(map_points $class)" -gt "$(($(labelled $class) / 4))"
done
check "... well-formed" balanced "$page"
check "--labels without a map" exits 2 "--embeddings" "$report" --labels "$ct/labels.csv" "$work/r/h.csv" --out "$page"
check "no such column of labels" exits 1 "tumour" "$report" --embeddings "$work/r/map.npy" --labels "$ct/labels.csv" \
    --label none "$work/r/h.csv" --out "$page"
sed "s|$ct|gone|" "$work/r/h.csv" >"$work/r/gone.csv"
check "labels of files that are gone" exits 1 "--labels needs the files" "$report" --embeddings "$work/r/map.npy" \
    --labels "$ct/labels.csv" --label tumour "$work/r/gone.csv" --out "$page"
check "embeddings of other slices" exits 1 "one row of numbers for each slice" "$report" \
    --embeddings "$work/r/short.npy" "$work/r/h.csv" --out "$page"
check "embeddings of several manifests" exits 2 "needs one manifest" "$report" \
    --embeddings "$work/r/map.npy" "$work/r/h.csv" "$work/r/false.csv" --out "$page"

# ---- other sets, runs, several manifests ----
cp "$scan" "$work/r/copy.nii.gz"
"$reduce" --quiet --against "$work/r/h.csv" --manifest "$work/r/leak.csv" "$work/r/copy.nii.gz" 2>/dev/null
"$report" --quiet "$work/r/leak.csv" --out "$page"
leaks=$(grep -c 'STS_019_CT.nii.gz,[0-9]*,[0-9]' "$work/r/leak.csv")
check "leaks are told" grep -q "^<h3 id=\"leaks1\">\|$leaks of 47 slices are in the other set" "$page"
first_of() { # first_of PATTERN FILE: the line
    grep -nm1 "$1" "$2" | cut -d: -f1
}
check "... before the volumes, and the overview links there" test \
    "$(first_of 'id="leaks1"' "$page")" -lt "$(first_of 'id="volumes1"' "$page")" -a \
    "$(count 'href="#leaks1"' "$page")" = 2
check "... equal slices have no difference" test "$(count 'no difference' "$page")" -gt 3
check "... with the other set's pictures" test "$(count '<b>kept in the other set</b> STS_0' "$page")" -gt 3 \
    -a "$(count 'no picture' "$page")" = 0
printf 'step,epoch,loss,rate,gradient_norm,images_per_second,seconds\n1,0,4.1,0.1,1,9,0.5\n2,0,3.9,0.1,1,9,1\n' \
    >"$work/r/log.csv"
printf '{"rows": [{"strategy": "<b>", "task": "t&t", "protocol": "linear", "seeds": 2, "kept": 5,
    "auc": {"mean": 0.8125, "deviation": 0.03}, "accuracy": {"mean": 0.75, "deviation": null}}]}' \
    >"$work/r/table.json"
"$reduce" --quiet --strategy ssim --manifest "$work/r/s.csv" "$scan"
check "two manifests, a run, an experiment" exits 0 "" "$report" "$work/r/h.csv" "$work/r/s.csv" \
    --training "$work/r" --experiment "$work/r" --gallery 2 --volumes 1 --title 'A "title" & <more>' --out "$page"
check "... side by side" grep -q 'href="#set2">s.csv' "$page"
check "... the run" grep -q "<dt>Loss at the end</dt><dd>3.9<" "$page"
check "... the experiment" grep -q "81.2 &plusmn; 3.0" "$page"
check "... escaped" grep -q 'A &quot;title&quot; &amp; &lt;more&gt;</title>' "$page"
check "... well-formed" balanced "$page"
check "... every id once" unique_ids "$page"
check "... self-contained" self_contained "$page"

check "a run alone" exits 0 "" "$report" --training "$work/r/log.csv" --out "$page"
check "... its numbers" grep -qE '<dt>Steps</dt><dd>2</dd>.*<dt>Epochs</dt><dd>1</dd>.*<dt>Time</dt><dd>1 s</dd>' \
    <(tr '\n' ' ' <"$page")
check "... its four curves" test "$(count '<path class="curve"|<polyline|class="curve"' "$page")" = 4
check "... its place in the navigation, and no other" test \
    "$(sed -n '/<nav/,/<\/nav>/p' "$page" | grep -o 'href="#[a-z0-9]*"')" = 'href="#training"'
check "... well-formed" balanced "$page"
check "... self-contained" self_contained "$page"
check "an experiment alone" exits 0 "" "$report" --experiment "$work/r" --out "$page"
check "... self-contained" self_contained "$page"
check "a run that is missing" exits 1 "away" "$report" --training "$work/away" --out "$page"

# ---- every kept slice ----
mkdir "$work/r/folder"
for i in $(seq 100 229); do
    { printf 'P5 8 8 255\n' && head -c 64 /dev/urandom; } >"$work/r/folder/$i.pgm"
done
"$reduce" --quiet --strategy all --manifest "$work/r/all.csv" "$work/r/folder"
"$report" --quiet --no-curve --matrix 0 "$work/r/all.csv" --out "$page"
pictured() { # kept slices with pictures in the strips
    sed -n '/<article/,/<\/article>/p' "$page" | grep -o '<li class="kept"><img' | wc -l
}
check "all kept slices of a volume have pictures" test "$(pictured)" = 130
printf 'P2 8 8 255\n' >"$work/r/black.pgm"
seq 0 63 >>"$work/r/black.pgm"
awk 'BEGIN { print "source,slice,kept,witness_source,witness_slice,score" }' >"$work/r/dense.csv"
mkdir "$work/r/dense"
for i in $(seq 1000 2499); do
    cp "$work/r/black.pgm" "$work/r/dense/$i.pgm"
    echo "$work/r/dense/$i.pgm,0,1,,," >>"$work/r/dense.csv"
done
check "1,500 kept slices" exits 0 "" timeout 60 "$report" --no-curve --matrix 0 "$work/r/dense.csv" --out "$page"
check "... all have pictures" test "$(pictured)" = 1500

# ---- data that are gone; hostile names; many slices ----
name='<script>alert(1)</script>&amp;"x'\''y" onload=z'
name+=$'\x01\xff\xe2\x80\xae'
{
    echo source,slice,kept,witness_source,witness_slice,score
    for s in 0 1 2; do
        printf '"%s.nii",%d,%d,%s,%s,%s\n' "${name//\"/\"\"}" $s $((s == 0)) \
            "$([ $s = 0 ] || printf '"%s.nii"' "${name//\"/\"\"}")" "$([ $s = 0 ] || echo 0)" "$([ $s = 0 ] || echo 0.5)"
    done
} >"$work/r/hostile.csv"
check "hostile names" exits 0 "" "$report" "$work/r/hostile.csv" --out "$page"
check "... are text" grep -q '&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;&quot;x' "$page"
check "... and nothing else" self_contained "$page"
check "... well-formed" balanced "$page"
check "... no control characters, no turned names" test \
    "$(LC_ALL=C grep -cP '[\x00-\x08\x0b-\x1f\xff]|\xe2\x80\xae' "$page")" = 0
check "... the data are gone, which is told" grep -q "pictures are missing" "$page"
check "... without a summary nothing is called bits" test "$(count 'bits' "$page")" = 0
check "... and no threshold is invented" grep -q '<dt>Threshold</dt><dd>unknown</dd>' "$page"
check "... nor drawn" test "$(count 'class="mark"|, threshold|other thresholds|mean more similar slices[.]' "$page")" = 0
awk 'BEGIN { print "source,slice,kept,witness_source,witness_slice,score"
    for (v = 0; v < 200; v++) for (s = 0; s < 100; s++)
        printf s % 4 ? "gone/%d.nii,%d,0,gone/%d.nii,%d,%d\n" : "gone/%d.nii,%d,1,,,\n", v, s, v, s - s % 4, s % 7 }' \
    >"$work/r/many.csv"
check "20,000 slices in bounded time" exits 0 "" timeout 20 "$report" "$work/r/many.csv" --out "$page"
check "... all volumes are in the table" test "$(count '<td class="number">100</td>' "$page")" = 200
check "... kept of all" grep -q "kept: 5000 of 20&#8239;000 slices" "$page"
check "... under 1 MB" test "$(wc -c <"$page")" -lt 1000000
check "... well-formed" balanced "$page"
mkdir -p "$work/r/moved/deep"
"$reduce" --quiet --manifest "$work/r/m.csv" "$work/r/copy.nii.gz"
mv "$work/r/copy.nii.gz" "$work/r/moved/deep"
"$report" --quiet "$work/r/m.csv" --out "$page"
check "moved data: no pictures" test "$(count '<img ' "$page")" = 0
"$report" --quiet "$work/r/m.csv" --data "$work/r/moved/deep" --out "$page"
check "... --data says where they are" test "$(count '<img ' "$page")" -gt 40

mkdir "$work/r/series"
number=9
for file in tests/golden/data/dicom/STS_019/*.dcm; do # from head to feet, without endings
    cp "$file" "$work/r/series/$((number--))"
done
"$reduce" --quiet --threshold 12 --manifest "$work/r/d.csv" "$work/r/series"
"$report" --quiet "$work/r/d.csv" --out "$page"
check "DICOM: a series is a volume, its slices told by their files" test \
    "$(count '<article' "$page")" = 1 -a "$(count 'no picture' "$page")" = 0 -a \
    "$(grep -oE '[0-9]+ recorded scores were' "$page")" = "$(($(wc -l <"$work/r/d.csv") - 1 - $(kept <"$work/r/d.csv"))) recorded scores were"

printf 'step,epoch,loss,rate,gradient_norm,images_per_second,seconds\n1,0,nan,inf,1,9,0.5\n2,0,1e308,0,1,9,1\n3,0,-1e308,0,1,9,1\n' \
    >"$work/r/wild.csv"
sed '2,$s/,[0-9.]*$/,1e18/' "$work/r/many.csv" | awk -F, -v OFS=, 'NR > 1 && $3 { $6 = "" } 1' >"$work/r/wild-scores.csv"
check "wild numbers" exits 0 "" "$report" "$work/r/wild-scores.csv" --training "$work/r/wild.csv" --out "$page"
check "... draw nothing that is no number" test "$(count '[" -](nan|inf)["< ]' "$page")" = 0
check "... well-formed" balanced "$page"

# ---- what cannot be ----
cp "$page" "$work/r/before.html"
echo '{"strategy": ' >"$work/r/h.json"
printf 'no manifest' >"$work/r/none.csv"
printf '{"rows": 3}' >"$work/r/norows.json"
check "broken summary" exits 1 "h.json" "$report" "$work/r/h.csv" --out "$page"
check "no manifest" exits 1 "none.csv" "$report" "$work/r/none.csv" --out "$page"
check "missing manifest" exits 1 "missing.csv" "$report" "$work/missing.csv" --out "$page"
check "no training log" exits 1 "hash.csv" "$report" "$work/r/s.csv" --training "$work/hash.csv" --out "$page"
check "no experiment" exits 1 "norows.json" "$report" "$work/r/s.csv" --experiment "$work/r/norows.json" --out "$page"
check "an experiment that is missing" exits 1 "away" "$report" "$work/r/s.csv" --experiment "$work/away" --out "$page"
check "... the old page is still there" cmp -s "$page" "$work/r/before.html"
ln -s "$work/r/target.html" "$work/r/link.html"
cp "$page" "$work/r/target.html"
"$report" --quiet --no-pictures --no-curve "$work/r/s.csv" --out "$work/r/link.html"
check "a link stays one" test -L "$work/r/link.html" -a "$(count 'Overview' "$work/r/target.html")" -gt 0
"$report" --quiet --no-pictures --no-curve "$work/r/s.csv" --out /dev/stdout | cat >"$work/r/piped.html"
check "into a pipe: the same" cmp -s "$work/r/piped.html" "$work/r/target.html"
if [ -c /dev/full ]; then
    check "full" exits 1 "No space" "$report" --no-pictures "$work/r/s.csv" --out /dev/full
    check "... which is a device still" test -c /dev/full
fi
check "out into no folder" exits 1 "nowhere" "$report" "$work/r/s.csv" --out "$work/nowhere/x.html"
"$reduce" --quiet --strategy ssim --scope dataset --manifest "$work/r/slow.csv" "$ct"
check "redux-report: Ctrl-C" interrupt "$report" "$work/r/slow.csv" --curve 64 --out "$page"
check "... the old page is still there" cmp -s "$page" "$work/r/before.html"
check "... and nothing else" test -z "$(find "$work" -name '*redux-tmp*')"
