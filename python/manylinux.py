#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Wheels for other machines: what goes in, which tag that gives, and whether it keeps the rules.

    python3 manylinux.py WHEEL...    checks: PEP 600's libraries and symbol versions, licences, size
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

# PEP 600: what every machine of that glibc has (auditwheel's policy), as far as it concerns us.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libz.so.1",
          "libgcc_s.so.1", "libstdc++.so.6", "ld-linux-x86-64.so.2"}
MOST_BYTES = 20 << 20
# What is bundled or linked in, by the Debian package whose licence goes with it.
LICENCES = {"libopenblas": "libopenblas-dev", "libpng16": "libpng16-16",
            "libjpeg": "libjpeg62-turbo", "libjansson": "libjansson4", "libminizip": "libminizip1",
            "libwebp": "libwebp7",
            "libzstd": "libzstd1", "libnifti2": "libnifti2-2", "libznz": "libznz3",
            "libgfortran": "libgfortran5", "libquadmath": "libquadmath0"}


def make_options(here):
    """Without FFTW (GPL), TIFF (its libjbig is GPL) and GDCM (its libexpat asks for glibc 2.36).
    OpenBLAS is linked in, so that no other copy in the process is met, nor its Fortran."""
    return ["FFTW=0", "TIFF=0", "GDCM=0", "ISAL=0", "CFLAGS=-O3",
            "LDFLAGS=-Wl,--exclude-libs,ALL -s",
            f"CPPFLAGS=-include {here}/glibc.h",
            "BLAS_LIBS=" + " ".join(["-L" + os.path.dirname(static_blas()), "-l:libopenblas.a"])]


def static_blas():
    found = sorted(glob.glob("/usr/lib/*/openblas-pthread/libopenblas.a"))
    if not found:
        sys.exit("libopenblas.a is missing: install libopenblas-pthread-dev")
    return found[0]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", path))


def glibc(path):
    """The highest symbol version of glibc that a library asks for."""
    found = re.findall(r"GLIBC_(\d+)\.(\d+)", run("objdump", "-T", path))
    return max((int(major), int(minor)) for major, minor in found)


def tag(libraries):
    return "manylinux_{}_{}_x86_64".format(*max(glibc(path) for path in libraries))


def resolve(path):
    """Which file the loader takes for each library that this one needs."""
    return dict(re.findall(r"^\s*(\S+) => (/\S+)", run("ldd", path), flags=re.M))


def licence_of(name):
    package = LICENCES[name.split(".so")[0]]
    with open(f"/usr/share/doc/{package}/copyright", encoding="utf-8") as file:
        return f"{name} (Debian's {package})\n\n{file.read()}"


def bundle(library, folder):
    """Copies a library and what the system may lack, under names that meet no other copy."""
    found, pending, names = {}, [library], {}
    while pending:
        path = pending.pop()
        name = os.path.basename(path)
        found[name] = shutil.copy(path, os.path.join(folder, name))
        places = resolve(path)
        pending += [places[n] for n in needed(path) if n not in SYSTEM and n not in found]
    own = os.path.basename(library)
    for name in found:
        if name != own:
            names[name] = "libredux-" + name
    for name, path in found.items():
        changes = [word for n in needed(path) if n in names
                   for word in ("--replace-needed", n, names[n])]
        run("patchelf", "--set-rpath", "$ORIGIN", *changes, path)
        if name in names:
            run("patchelf", "--set-soname", names[name], path)
            os.rename(path, os.path.join(folder, names[name]))
    with open(os.path.join(folder, "LICENCES.txt"), "w", encoding="utf-8") as file:
        file.write(("\n" + "=" * 80 + "\n").join(
            licence_of(name) for name in ["libopenblas.so", *sorted(names)]))


def wrong_in_library(path, allowed, limit):
    name = os.path.basename(path)
    for library in needed(path):
        if library not in allowed:
            yield f"{name} needs {library}, which is neither bundled nor every system's"
    if glibc(path) > limit:
        yield f"{name} needs glibc {glibc(path)}, and the tag says {limit}"
    dynamic = run("readelf", "-d", path)
    for entry in re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic):
        if entry != "$ORIGIN":
            yield f"{name} looks for libraries in {entry}"
    if "TEXTREL" in dynamic:
        yield f"{name} has text relocations"
    if re.search(r"GNU_STACK.*\n.*RWE", run("readelf", "-l", path)):
        yield f"{name} asks for an executable stack"


def wrong_in_loading(library):
    """All symbols are looked up at once: what is missing would otherwise come to light in use."""
    code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    loaded = subprocess.run([sys.executable, "-c", code, library],
                            env={**os.environ, "LD_BIND_NOW": "1"}, capture_output=True, text=True)
    if loaded.returncode != 0:
        yield f"{os.path.basename(library)} does not load: {loaded.stderr.strip().splitlines()[-1]}"


def wrong_in_wheel(wheel):
    found = re.search(r"-py3-none-manylinux_(\d+)_(\d+)_x86_64\.whl$", wheel)
    if found is None:
        yield "its name has no tag py3-none-manylinux_X_Y_x86_64"
        return
    if os.path.getsize(wheel) > MOST_BYTES:
        yield f"it has {os.path.getsize(wheel)} bytes, more than {MOST_BYTES}"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        libraries = glob.glob(folder + "/**/redux/libs/*.so*", recursive=True)
        names = {os.path.basename(path) for path in libraries}
        for path in libraries:
            yield from wrong_in_library(path, SYSTEM | names, tuple(map(int, found.groups())))
            yield from wrong_in_loading(path)
        if not any(name.startswith("libredux.so.") for name in names):
            yield "libredux is not in it"
        with open(glob.glob(folder + "/**/LICENCES.txt", recursive=True)[0],
                  encoding="utf-8") as file:
            licences = file.read()
        for name in names:
            plain = name.replace("libredux-", "")
            if not name.startswith("libredux.so") and plain + " (" not in licences:
                yield f"{name} has no licence in LICENCES.txt"
        if re.search("fftw|jbig|expat", " ".join(names)):
            yield "it has a library that is to stay out"


def main(wheels):
    failed = 0
    for wheel in wheels:
        faults = list(wrong_in_wheel(wheel))
        for fault in faults:
            print(f"{wheel}: {fault}")
        failed += bool(faults)
        print(f"{os.path.basename(wheel)}: {os.path.getsize(wheel) / 1e6:.1f} MB, "
              f"{len(faults)} faults")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
