# SPDX-License-Identifier: MIT
"""Has make build the library and puts it into the package. In the environment:

    REDUX_WHEEL=1        a wheel for other machines: with what the library needs (manylinux.py)
    REDUX_WITHOUT_LIB=1  the Python files alone, for the system's library (Debian's python3-redux)
"""
import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import manylinux  # noqa: E402

SOURCES = os.path.join(HERE, "csrc")  # in an sdist
if not os.path.isdir(SOURCES):
    SOURCES = os.path.dirname(HERE)
FOR_OTHERS = os.environ.get("REDUX_WHEEL") == "1"
WITHOUT_LIB = os.environ.get("REDUX_WITHOUT_LIB") == "1"
# The same sources give the same bytes: times in archives are this one, the earliest that ZIP has.
EPOCH = os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")


def version_part(name):
    with open(os.path.join(SOURCES, "include/redux/version.h"), encoding="utf-8") as header:
        return re.search(rf"#define REDUX_{name} (\d+)", header.read()).group(1)


SONAME = "libredux.so." + version_part("ABI_VERSION")


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        if not WITHOUT_LIB:
            self.build_library(os.path.join(self.build_lib, "redux", "libs"))

    def build_library(self, folder):
        build = "build/wheel" if FOR_OTHERS else os.environ.get("BUILD", "build")
        os.makedirs(folder, exist_ok=True)
        command = [os.environ.get("MAKE", "make"), "-C", SOURCES, "BUILD=" + build,
                   f"-j{os.cpu_count() or 1}"]
        made = [build + "/lib/libredux.so"]
        if FOR_OTHERS:
            command += manylinux.make_options(os.path.relpath(HERE, SOURCES))
        subprocess.run([*command, *made], check=True, env=self.environment())
        library = os.path.join(SOURCES, build, "lib", SONAME)
        if FOR_OTHERS:
            manylinux.bundle(library, folder)
        else:
            shutil.copy(library, os.path.join(folder, SONAME))
            module = "libredux-gdcm.so." + version_part("ABI_VERSION")
            if os.path.exists(os.path.join(SOURCES, build, "lib", module)):
                shutil.copy(os.path.join(SOURCES, build, "lib", module), folder)

    @staticmethod
    def environment():  # this may run below another make, with options of its own
        return {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}


class WithLibrary(Distribution):
    """Goes where packages of one platform are, though it has no extension module."""

    def has_ext_modules(self):
        return not WITHOUT_LIB


class PlatformWheel(bdist_wheel):
    """One for every Python: ctypes needs no extension module."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = WITHOUT_LIB

    def get_tag(self):
        platform = super().get_tag()[2]
        if FOR_OTHERS:
            built = self.get_finalized_command("build_py").build_lib
            libraries = glob.glob(os.path.join(built, "redux", "libs", "*.so*"))
            platform = manylinux.tag(libraries)
        return "py3", "none", platform


class SourceWithC(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        os.makedirs(os.path.join(base_dir, "csrc"), exist_ok=True)
        for name in "Makefile", "LICENSE", "lib", "include":
            path, copy = os.path.join(SOURCES, name), os.path.join(base_dir, "csrc", name)
            if os.path.isdir(path):
                shutil.copytree(path, copy, dirs_exist_ok=True)
            else:
                shutil.copy(path, copy)

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        path = base_name + ".tar.gz"
        with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, int(EPOCH)) as packed, \
                tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(base_dir, filter=nobodys)
        return path


def nobodys(member):
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime, member.mode = int(EPOCH), 0o755 if member.mode & 0o100 else 0o644
    return member


setup(distclass=WithLibrary,
      version=".".join(version_part("VERSION_" + part) for part in ("MAJOR", "MINOR", "PATCH")),
      cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel, "sdist": SourceWithC})
