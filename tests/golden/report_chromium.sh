#!/bin/bash
# SPDX-License-Identifier: MIT
# Looks at a report with headless Chromium: screenshots in light, dark and at the width of a phone,
# and a PDF, into a folder; fails on console errors, on anything fetched, and where the page is
# wider than the phone. Not part of make check: needs chromium.
#   tests/golden/report_chromium.sh REPORT.html FOLDER
set -u
[ $# -eq 2 ] || { echo "usage: $0 REPORT.html FOLDER" >&2 && exit 2; }
page=$(realpath "$1")
folder=$2
mkdir -p "$folder"
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
failed=0

# A phone's width: headless Chromium has no window narrower than 500 pixels, so a frame stands in.
phone() { # phone FILE: also writes how wide the page is into the frame's title
    cat >"$profile/phone.html" <<END
<!DOCTYPE html><title>phone</title><style>body{margin:0}iframe{border:0;width:390px;height:$1px}
</style><iframe src="file://$page"></iframe>
END
}

run() { # run LOG OPTIONS...: chromium, and no word of an error from the page
    local log=$folder/$1.log
    shift
    if ! nice -n 10 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
        --user-data-dir="$profile/data" --enable-logging=stderr --v=0 \
        --host-resolver-rules='MAP * ~NOTFOUND' --virtual-time-budget=5000 "$@" \
        2>"$log" >"$log.out" || grep -E 'CONSOLE|ERR_|Refused|Uncaught' "$log"; then
        echo "$log: errors" >&2
        failed=1
    fi
}

height=${HEIGHT:-6000}
run light --window-size="1280,$height" --screenshot="$folder/light.png" "file://$page"
run dark --window-size="1280,$height" --force-dark-mode --enable-features=WebContentsForceDark:x/y \
    --blink-settings=preferredColorScheme=0 --screenshot="$folder/dark.png" "file://$page"
phone "$height"
run phone --window-size="500,$height" --screenshot="$folder/phone.png" "file://$profile/phone.html"
run print --print-to-pdf="$folder/print.pdf" --no-pdf-header-footer "file://$page"

# The page's own measure of its width at 390 pixels.
sed "s|</body>|<script>document.title=document.documentElement.scrollWidth</script></body>|" \
    "$page" >"$profile/measured.html"
cat >"$profile/measure.html" <<END
<!DOCTYPE html><style>iframe{border:0;width:390px;height:800px}</style>
<iframe id="f" src="measured.html"></iframe><pre id="w"></pre><script>
addEventListener("load", () => { const d = document.getElementById("f").contentDocument;
document.getElementById("w").textContent = "width " + d.documentElement.scrollWidth; });</script>
END
run width --allow-file-access-from-files --dump-dom "file://$profile/measure.html"
width=$(grep -o 'width [0-9][0-9]*' "$folder/width.log.out")
[ "$width" = "width 390" ] || { echo "at 390 pixels the page has: $width" >&2 && failed=1; }
for file in light.png dark.png phone.png print.pdf; do
    [ -s "$folder/$file" ] || { echo "$folder/$file: not made" >&2 && failed=1; }
done
exit $failed
