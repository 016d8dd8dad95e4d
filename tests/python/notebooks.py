# SPDX-License-Identifier: MIT
"""The notebooks of python/notebooks: notebooks.py [write]

By nbconvert and a kernel of their own (`make check-notebooks`; with `write` their output is kept in
the repository). test_package.py runs their code alone, for which neither is needed.
"""
import glob
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

from page import lacking

FOLDER = "python/notebooks"


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def code_of(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def missing_for(path):
    return lacking("\n".join(code_of(read(path))))


def execute(path):
    """The notebook with its output, as nbconvert makes it; the end where a cell raises."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute",
                               "--output-dir", folder, path], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": os.path.abspath("python")})
        if done.returncode != 0:
            sys.exit(f"{path}: {done.stderr}")
        return read(os.path.join(folder, os.path.basename(path)))


def write(path, notebook):
    """For the repository, what is the same from run to run: no times, no warnings of others."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"] = [o for o in cell["outputs"] if o.get("name") != "stderr"]
    notebook["metadata"] = {"kernelspec": notebook["metadata"]["kernelspec"],
                            "language_info": {"name": "python"}}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(notebook, file, indent=1)
        file.write("\n")


def main(arguments):
    if arguments not in ([], ["write"]):
        sys.exit(__doc__)
    absent = [name for name in ("nbconvert", "ipykernel") if importlib.util.find_spec(name) is None]
    ran = 0
    for path in sorted(glob.glob(FOLDER + "/*.ipynb")):
        missing = absent + missing_for(path)
        if missing:
            print(f"  check-notebooks: skipped: {path}: no {', '.join(missing)}")
            continue
        notebook = execute(path)
        ran += 1
        if arguments:
            write(path, notebook)
    print(f"check-notebooks: {ran} passed, 0 failed")


if __name__ == "__main__":
    main(sys.argv[1:])
