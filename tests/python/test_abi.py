# SPDX-License-Identifier: MIT
"""python/redux/_abi.py: what ctypes cannot check, because it is written down a second time."""
import ctypes
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "python")
from redux import _abi  # noqa: E402

FOREIGN = {"Sized", "DLManagedTensor"}
WITHOUT_MACRO = {"redux_reduce_summary", "redux_run_set_counts"}


def text_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def headers():
    text = "".join(text_of(name) for name in sorted(glob.glob("include/redux/*.h")))
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def c_name(kind):
    return "redux" + re.sub(r"([A-Z])", lambda m: "_" + m.group(1).lower(), kind.__name__)


def structs():
    return [value for name, value in sorted(vars(_abi).items()) if isinstance(value, type)
            and issubclass(value, ctypes.Structure) and name not in FOREIGN]


class AbiTest(unittest.TestCase):
    def test_every_options_struct_is_there(self):
        declared = set(re.findall(r"\} (redux_\w+_options);", headers()))
        own = {c_name(kind) for kind in structs()}
        self.assertGreater(len(declared), 35)
        self.assertEqual(declared - own, set())
        self.assertEqual({name for name in own if name.endswith("_options")} - declared, set())

    def test_structs_have_the_compiler_s_layout_and_defaults(self):
        lines, expected = [], []
        for kind in structs():
            name = c_name(kind)
            expected.append(f"{name} {ctypes.sizeof(kind)}")
            lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
            for field, _ in kind._fields_:
                place = getattr(kind, field)
                expected.append(f"{name}.{field} {place.offset} {place.size}")
                lines.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                             f"sizeof((({name} *)0)->{field}));")
            # Options have an ..._INIT macro; padding is not compared, so by fields.
            if issubclass(kind, _abi.Sized) and name not in WITHOUT_MACRO:
                self.add_defaults(lines, expected, kind, name)
        source = ("#include <redux.h>\n#include <stddef.h>\n#include <stdio.h>\n"
                  "static void hex(const void *p, size_t n) { for (size_t i = 0; i < n; i++)"
                  ' printf("%02x", ((const unsigned char *)p)[i]); }\n'
                  "int main(void) {\n" + "\n".join(lines) + "\nreturn 0; }\n")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "layout")
            subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c11", "-Iinclude", "-x", "c",
                            "-o", path, "-"], input=source.encode(), check=True)
            printed = subprocess.run([path], capture_output=True, check=True).stdout.decode()
        for line, wanted in zip(printed.split("\n"), expected):
            self.assertEqual(line, wanted)

    @staticmethod
    def add_defaults(lines, expected, kind, name):
        one = bytes(kind())
        for field, _ in kind._fields_:
            place = getattr(kind, field)
            raw = one[place.offset:place.offset + place.size]
            code = f"hex(&o.{field}, sizeof o.{field});"
            if field == "window" and place.size == 24:
                raw, code = raw[:4] + raw[8:], f"hex(&o.{field}.kind, 4); hex(&o.{field}.low, 16);"
            expected.append(f"{name}.{field}={raw.hex()}")
            lines.append(f"{{ {name} o = {name.upper()}_INIT; "
                         f'printf("{name}.{field}="); {code} puts(""); }}')

    def test_signatures_are_those_of_the_headers(self):
        declared = {name: (result.strip(), arguments) for result, name, arguments in re.findall(
            r"REDUX_API ([^;(]*?)\s*\bredux_(\w+)\(([^;]*?)\);", headers())}
        results = {"status": "redux_status", None: "void", ctypes.c_char_p: "const char *",
                   ctypes.c_int: "int", ctypes.c_int64: "int64_t", _abi.Window: "redux_window",
                   ctypes.c_void_p: "const int64_t *"}
        enums = "redux_hash_profile", "redux_hash", "redux_dtype"
        for name, result, letters in _abi.signatures():
            seen, arguments = declared[name]
            seen = "int" if seen in enums else seen
            self.assertEqual(seen, results[result], name)
            parts = [] if arguments.strip() == "void" else arguments.split(",")
            self.assertEqual("".join(self.letter(part) for part in parts), letters, name)

    @staticmethod
    def letter(argument):
        text = " ".join(argument.split())
        stars = text.count("*")
        if stars == 0:
            kind = text.split()[-2]
            return {"double": "d", "int64_t": "l", "redux_window": "W", "redux_pair_fn": "F",
                    "redux_visit_fn": "V"}.get(kind, "i" if not text.startswith("void") else "?")
        if "redux_tensor *" in text and stars == 1:
            return "T"
        return "s" if re.match(r"const char \*\w+$", text) else "P"


if __name__ == "__main__":
    unittest.main()
