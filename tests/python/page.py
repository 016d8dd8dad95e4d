# SPDX-License-Identifier: MIT
"""Runs the examples of a page: page.py FILE.md [FOLDER]. FOLDER (default: .) has data/.

The ```python blocks are one program, run in an empty folder beside data/; a ```text block after one
is what it prints. Blocks that import what is not installed are skipped by name.
"""
import contextlib
import importlib.util
import io
import os
import re
import sys
import tempfile

BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\s*```text\n(.*?)^```\n)?", re.M | re.S)


def lacking(code):
    """The modules a block imports that are not installed; redux.torch needs torch."""
    wanted = set(re.findall(r"^(?:import|from) (?:redux\.)?(\w+)", code, re.M)) - {"redux"}
    return sorted(name for name in wanted if importlib.util.find_spec(name) is None)


def run(code, printed, place, names):
    """Raises where the block does, or prints something else than the page says."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, place, "exec"), names)
    if out.getvalue() != (printed or ""):
        raise AssertionError(f"{place} prints\n{out.getvalue()}and the page says\n{printed or ''}")


def run_page(path, folder="."):
    """How many blocks ran, and why others did not."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    names, ran, skipped, here = {"__name__": "page"}, 0, [], os.getcwd()
    with tempfile.TemporaryDirectory() as empty:
        os.symlink(os.path.abspath(os.path.join(folder, "data")), os.path.join(empty, "data"))
        os.environ["XDG_CACHE_HOME"] = empty
        os.chdir(empty)
        try:
            for block in BLOCK.finditer(text):
                place = f"{path}:{text.count(chr(10), 0, block.start()) + 2}"
                missing = lacking(block[1])
                if missing:
                    skipped.append(f"{place}: no {', '.join(missing)}")
                    continue
                run(block[1], block[2], place, names)
                ran += 1
        finally:
            os.chdir(here)
    return ran, skipped


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    done, left_out = run_page(*sys.argv[1:])
    for reason in left_out:
        print(f"  skipped: {reason}")
    print(f"{sys.argv[1]}: {done} examples ran, {len(left_out)} skipped")
