# SPDX-License-Identifier: MIT
"""python/redux as a package: what people do with it, its examples, its types and its end."""
import contextlib
import copy
import ctypes
import doctest
import gc
import glob
import importlib
import io
import mmap
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

sys.path.insert(0, "python")
import redux  # noqa: E402

try:
    import torch
    import redux.torch as redux_torch
except ImportError:
    torch = None
try:
    from PIL import Image
except ImportError:
    Image = None
try:
    import pandas
except ImportError:
    pandas = None

CT = "data/ct"
SCAN = "data/ct/STS_019_CT.nii.gz"
MODULES = ["_lib", "_context", "_tensor", "_options", "_show", "metrics", "hashes", "datasets",
           "reduction", "training"]


def needs(module, package):
    return unittest.skipIf(module is None, f"{package} is not installed")


def run_python(code, **environment):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": "python", **environment})


class ExamplesTest(unittest.TestCase):
    def check(self, name):
        module = importlib.import_module("redux." + name)
        failed, tried = doctest.testmod(module, extraglobs={"redux": redux, "np": np})
        self.assertEqual(failed, 0, name)
        return tried

    def test_docstrings(self):
        self.assertGreater(sum(self.check(name) for name in MODULES), 20)

    @needs(torch, "python3-torch")
    def test_docstrings_of_torch(self):
        self.assertGreater(self.check("torch"), 3)

    def test_the_page(self):
        """docs/python.md as a newcomer follows it: each block, and what it prints."""
        ran = subprocess.run([sys.executable, "tests/python/page.py", "docs/python.md"],
                             capture_output=True, text=True,
                             env={**os.environ, "PYTHONPATH": os.path.abspath("python")})
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        print(re.sub("^.*examples ran.*\n", "", ran.stdout, flags=re.M), end="")
        self.assertGreaterEqual(int(re.search(r"(\d+) examples ran", ran.stdout)[1]), 9)

    def test_a_page_that_is_wrong_is_found(self):
        import page
        good = "# A\n\n```python\nx = 1\n```\n\n```python\nprint(x)\n```\n\n```text\n1\n```\n"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "page.md")
            for text, wanted in ((good, (2, [])), (good.replace("text\n1", "text\n2"), None),
                                 (good.replace("x = 1", "x = y"), None),
                                 (good.replace("x = 1", "import nowhere\nx = 1"), None)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                if wanted is None:
                    with self.assertRaises((AssertionError, NameError)):
                        page.run_page(path)
                else:
                    self.assertEqual(page.run_page(path), wanted)
            with open(path, "w", encoding="utf-8") as file:
                file.write("```python\nimport nowhere\n```\n")
            self.assertEqual(page.run_page(path), (0, [path + ":2: no nowhere"]))

    def test_every_public_name_is_described(self):
        for name in redux.__all__:
            if name != "ROW":
                self.assertTrue((getattr(redux, name).__doc__ or "").strip(), name)

    @unittest.skipIf(shutil.which("mypy") is None, "mypy is not installed")
    def test_types(self):
        found = subprocess.run(["mypy", "--config-file", "pyproject.toml",
                                "--cache-dir", os.devnull], cwd="python",
                               capture_output=True, text=True)
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)


class NotebookTest(unittest.TestCase):
    """Their code, without a kernel: `make check-notebooks` runs them as Jupyter does."""

    def run_notebook(self, name):
        import notebooks
        path = os.path.join(notebooks.FOLDER, name)
        missing, here = notebooks.missing_for(path), os.getcwd()
        if missing:
            self.skipTest(f"{path}: no {', '.join(missing)}")
        names = {"__name__": name}
        os.chdir(notebooks.FOLDER)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                for number, code in enumerate(notebooks.code_of(notebooks.read(name))):
                    exec(compile(code, f"{name}:{number}", "exec"), names)
        finally:
            os.chdir(here)
        return names

    def test_reduce_and_look(self):
        self.assertEqual(self.run_notebook("reduce_and_look.ipynb")["manifest"].kept.sum(), 40)

    def test_select_and_train(self):
        names = self.run_notebook("select_and_train.ipynb")
        self.assertEqual(names["chosen"].kept.sum(), 50)
        self.assertLess(names["loss"].item(), 4.6)  # a network that knows nothing has log 99

    def test_their_output_is_there_and_small(self):
        import notebooks
        found = glob.glob(notebooks.FOLDER + "/*.ipynb")
        self.assertEqual(len(found), 2)
        for path in found:
            self.assertLess(os.path.getsize(path), 120_000, path)
            cells = [c for c in notebooks.read(path)["cells"] if c["cell_type"] == "code"]
            self.assertEqual([c["execution_count"] for c in cells], [*range(1, len(cells) + 1)])
            kinds = [output["output_type"] for cell in cells for output in cell["outputs"]]
            self.assertNotIn("error", kinds)
            self.assertGreaterEqual(len(kinds), 4)


class InputTest(unittest.TestCase):
    def test_keep_is_as_the_programs_have_it(self):
        for keep, count in (("20%", 40), (30, 30), ("30", 30)):
            self.assertEqual(redux.reduce(CT, "every-n", keep=keep).kept.sum(), count)
        for keep in ("0%", "101%", 0.2, -1, "many", 0):
            with self.assertRaisesRegex(ValueError, "keep="):
                redux.reduce(CT, "every-n", keep=keep)

    def test_what_is_no_image_raises(self):
        masked = np.ma.masked_array(np.zeros((9, 9), np.uint8), mask=np.eye(9))
        for array in masked, np.zeros((9, 9), complex), np.full((9, 9), None):
            with self.assertRaises(TypeError):
                redux.hash(array)
            with self.assertRaises(TypeError):
                redux.entropy(array)

    @needs(torch, "python3-torch")
    def test_complex_numbers_of_torch(self):
        with self.assertRaisesRegex(TypeError, "complex64"):
            redux.entropy(torch.zeros(9, 9, dtype=torch.complex64))

    def test_ranges_of_floats(self):
        hu = np.linspace(-1000, 1000, 4096).reshape(64, 64)
        for work in redux.hash, redux.entropy:
            with self.assertRaises(redux.ReduxError):
                work(hu.astype(np.float32))
            with self.assertRaisesRegex(ValueError, "not within"):
                work(hu, range=(-500, 500))
        self.assertEqual(redux.hash(hu, range=(-1000, 1000)).hex,
                         redux.hash(((hu + 1000) / 2000).astype(np.float32)).hex)
        self.assertAlmostEqual(redux.ssim(hu, hu, range=(-1000, 1000)), 1)
        with self.assertRaises(ValueError):
            redux.hash(np.zeros((9, 9), np.uint8), range=(0, 255))

    def test_layouts(self):
        colour = np.zeros((40, 50, 3), np.uint8)
        with self.assertRaisesRegex(ValueError, "layout="):
            redux.hash(colour)
        with self.assertRaisesRegex(ValueError, "layout="):
            redux.Dataset.of_arrays({"a": colour})
        self.assertEqual(len(redux.hash(colour, layout="NHW")), 40)
        self.assertEqual(len(redux.hash(redux.luma(colour))), 1)
        self.assertEqual(len(redux.Dataset.of_arrays({"a": colour}, layout="NHW")), 40)
        self.assertEqual(len(redux.Dataset.of_arrays({"a": colour[None]})), 1)

    def test_a_missing_library_is_one_line(self):
        done = run_python("import redux", REDUX_LIBRARY="/nowhere/libredux.so")
        last = done.stderr.strip().split("\n")[-1]
        self.assertRegex(last, "^ImportError: libredux cannot be loaded: .*REDUX_LIBRARY")


class DatasetTest(unittest.TestCase):
    def test_slices_groups_and_table(self):
        dataset = redux.Dataset(CT, group_by="folder")
        self.assertEqual([len(dataset[3:9:2]), len(dataset[[1, 5]])], [3, 2])
        np.testing.assert_array_equal(dataset[3:9:2][1], dataset[5])
        self.assertEqual(len(dataset.groups), 199)
        self.assertEqual(len(set(dataset.groups)), 1)
        self.assertIn("STS_019_CT.nii.gz  47", repr(dataset.info()))
        self.assertIn("<td>47</td>", dataset.info()._repr_html_())

    @needs(pandas, "python3-pandas")
    def test_pandas(self):
        frame = redux.Dataset(CT).info().to_pandas()
        self.assertEqual(frame["slices"].sum(), 199)
        rows = redux.reduce(CT, "every-n").to_pandas()
        self.assertEqual((len(rows), rows["kept"].sum()), (199, 22))

    def test_a_picture_changed_in_place_changes_the_fingerprint(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in "a.pgm", "b.pgm":
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(b"P5 16 16 255\n" + bytes(range(256)))
            before = redux.Dataset(folder).fingerprint()
            self.assertEqual(redux.Dataset(folder).fingerprint(), before)
            with open(os.path.join(folder, "b.pgm"), "r+b") as file:  # its folder's time stays
                file.seek(100)
                file.write(b"\0")
            self.assertNotEqual(redux.Dataset(folder).fingerprint(), before)

    def test_notebooks_show_pictures(self):
        dataset = redux.Dataset(CT)
        self.assertEqual(dataset._repr_html_().count("<img"), 24)
        shown = redux.reduce(dataset, "ssim").show(5)
        self.assertEqual(str(shown).count("<img"), 10)
        with tempfile.TemporaryDirectory() as folder:
            shown.save(folder + "/report.html")
            self.assertGreater(os.path.getsize(folder + "/report.html"), 10000)

    @needs(Image, "python3-pil")
    def test_png(self):
        from redux import _show
        grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
        with Image.open(io.BytesIO(_show.png(grey))) as picture:
            np.testing.assert_array_equal(np.asarray(picture), grey)

    def test_the_least_similar_pairs_are_shown(self):
        manifest = redux.reduce(SCAN, "ssim")
        worst = np.nanargmin(np.where(manifest.kept, np.nan, manifest.rows["score"]))
        self.assertIn(f"dropped {worst} (", str(manifest.show(1)))

    def test_a_million_rows(self):
        """Columns of NumPy: no Python object a row, neither by load() nor by its rows."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "long.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("source,slice,kept,witness_source,witness_slice,score\n")
                for v in range(1000):
                    name = f"scans/{v:04}.nii.gz"
                    file.write(f"{name},0,1,,,\n")
                    file.writelines(f"{name},{s},0,{name},{s - 1},0.5\n" for s in range(1, 1000))
            gc.collect()
            before, begin = sys.getallocatedblocks(), time.perf_counter()
            manifest = redux.Manifest.load(path)
            seconds = time.perf_counter() - begin
            self.assertLess(sys.getallocatedblocks() - before, 5000)
        print(f"  check-python: a manifest of 1,000,000 rows is read in {seconds:.2f} s, ", end="")
        self.assertEqual((len(manifest), manifest.kept.sum()), (10**6, 1000))
        begin = time.perf_counter()
        row = manifest.rows[999_998]
        print(f"its rows made in {time.perf_counter() - begin:.2f} s")
        self.assertEqual(row.tolist(),
                         ("scans/0999.nii.gz", 998, False, "scans/0999.nii.gz", 997, 0.5))
        self.assertLess(sys.getallocatedblocks() - before, 5000)
        first = manifest.rows[0].tolist()
        self.assertEqual(first[:5], ("scans/0000.nii.gz", 0, True, None, -1))
        self.assertNotEqual(first[5], first[5])
        self.assertIn("1000 of 1000000 slices kept", str(manifest.show()))

    def test_groups_of_a_manifest_are_those_of_its_file(self):
        made = redux.reduce(CT, "every-n", group_by="folder")
        with tempfile.TemporaryDirectory() as folder:
            made.save(folder + "/kept.csv")
            loaded = redux.Manifest.load(folder + "/kept.csv")
        for manifest in made, loaded:
            self.assertEqual(manifest.columns.groups, made.dataset.groups[:1])
            self.assertEqual(manifest.data_list()[198]["group"], made.dataset.groups[198])
        np.testing.assert_array_equal(made.rows["score"], loaded.rows["score"])
        for name in "source", "slice", "kept", "witness_source", "witness_slice":
            self.assertEqual(made.rows[name].tolist(), loaded.rows[name].tolist(), name)

    def test_witnesses_outside_the_dataset(self):
        """reduce(against=...) names the other dataset's slices; several rows have one of them."""
        other = redux.Dataset(SCAN)
        stack = np.stack([np.asarray(other.stored(i)) for i in (5, 5, 9)])
        own = redux.Dataset.of_arrays({"copies": stack}, scan=True)
        made = redux.reduce(own, "ssim", 0.99, scope="dataset", against=other._handle)
        self.assertEqual(made.kept.tolist(), [False] * 3)
        self.assertEqual(made.rows["witness_source"].tolist(), [SCAN] * 3)
        self.assertEqual(made.columns.sources, ["copies", SCAN])

    def test_an_exception_of_a_visitor_comes_back(self):
        def stop(number, image):
            raise ZeroDivisionError
        with self.assertRaises(ZeroDivisionError):
            redux.Dataset(SCAN).visit(stop)


class SelectTest(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(5)
        centres = 9 * rng.standard_normal((10, 12))
        self.label = np.arange(500) % 10
        rows = centres[self.label] + rng.standard_normal((500, 12))
        self.rows = rows.astype(np.float32)

    def test_every_method_keeps_what_it_is_asked_for(self):
        for method in "k-centre", "semdedup", "hierarchical", "density", "cosine":
            chosen = redux.select(self.rows, keep="10%", method=method)
            self.assertEqual(chosen.kept.sum(), 50, method)
            self.assertGreaterEqual(len(set(self.label[chosen.indices])), 9, method)
        with self.assertRaisesRegex(ValueError, "k-centre"):
            redux.select(self.rows, keep=3, method="kcentre")
        with self.assertRaisesRegex(ValueError, "embeddings are"):
            redux.select(self.rows[0], keep=3)
        with self.assertRaisesRegex(ValueError, "not both"):
            redux.select(self.rows, keep=3, threshold=0.9, method="semdedup")

    def test_k_centre_is_the_farthest_point(self):
        unit = self.rows / np.linalg.norm(self.rows, axis=1, keepdims=True)
        chosen, nearest = [0], unit @ unit[0]
        for _ in range(7):
            chosen.append(int(nearest.argmin()))
            nearest = np.maximum(nearest, unit @ unit[chosen[-1]])
        self.assertEqual(redux.select(self.rows, keep=8).indices.tolist(), sorted(chosen))

    @needs(torch, "python3-torch")
    def test_embeddings_of_torch(self):
        own = redux.select(torch.from_numpy(self.rows), keep=20)
        np.testing.assert_array_equal(own.kept, redux.select(self.rows, keep=20).kept)

    def test_lists_of_files(self):
        files = sorted(glob.glob(CT + "/*.nii.gz"))
        marked = redux.mark([{"image": f, "label": i} for i, f in enumerate(files)], keep=25)
        self.assertEqual([item["label"] for item in marked], [0, 1, 2, 3])
        self.assertEqual(sum(len(item["kept_slices"]) for item in marked), 25)
        self.assertEqual(redux.mark(files, keep=25)[1]["kept_slices"], marked[1]["kept_slices"])
        listed = redux.reduce(CT, keep=25).data_list(only_kept=True)
        self.assertEqual([(item["image"], item["slice"]) for item in listed],
                         [(i["image"], k) for i in marked for k in i["kept_slices"]])
        self.assertEqual(listed[0]["group"], files[0])


@needs(Image, "python3-pil")
class ImageHashTest(unittest.TestCase):
    """What imagehash's README and docstrings promise of its objects."""

    def pictures(self):
        rng = np.random.default_rng(1)
        grey = np.kron(rng.integers(0, 255, (6, 6)), np.ones((20, 30))).astype(np.uint8)
        return Image.fromarray(grey), Image.fromarray(np.stack([grey, grey[::-1], grey], 2))

    def test_comparison_difference_and_text(self):
        grey, colour = self.pictures()
        a, b = redux.hash([grey, colour], "average", "imagehash")
        self.assertTrue(a == redux.hash(grey, "average", "imagehash"))
        self.assertFalse(a == b)
        self.assertTrue(a != b)
        self.assertEqual(a - b, np.count_nonzero(a.hash != b.hash))
        self.assertEqual(a - a, 0)
        self.assertEqual((a.hash.shape, a.hash.dtype, len(a)), ((8, 8), bool, 64))
        self.assertEqual(redux.hex_to_hash(str(a)), a)
        self.assertEqual(hash(a), hash(pickle.loads(pickle.dumps(a))))
        self.assertEqual(len({a, copy.copy(a), b}), 2)
        self.assertFalse(a == None)  # noqa: E711
        with self.assertRaisesRegex(TypeError, "must not be None"):
            a - None
        with self.assertRaisesRegex(TypeError, "same shape"):
            a - redux.hash(grey, "average", "imagehash", 16)

    def test_average_hash_is_the_definition(self):
        for picture in self.pictures():
            small = np.asarray(picture.convert("L").resize((8, 8), Image.Resampling.LANCZOS))
            np.testing.assert_array_equal(redux.hash(picture, "average", "imagehash").hash,
                                          small > small.mean())

    def test_difference_hash_and_other_modes(self):
        grey, colour = self.pictures()
        small = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(redux.hash(grey, "difference", "imagehash").hash,
                                      small[:, 1:] > small[:, :-1])
        for mode in "P", "1", "CMYK", "YCbCr":
            other = colour.convert(mode)
            self.assertEqual(redux.hash(other, "dct"), redux.hash(other.convert("L"), "dct"))
        with self.assertRaisesRegex(TypeError, "range"):
            redux.hash(grey.convert("F"))


def pages_in_memory(path):
    """The share of a file's pages that the system holds."""
    mapped = np.memmap(path, np.uint8, "r")
    pages = np.zeros(-(-mapped.size // mmap.PAGESIZE), np.uint8)
    call = ctypes.CDLL(None, use_errno=True).mincore
    if call(ctypes.c_void_p(mapped.ctypes.data), ctypes.c_size_t(mapped.size),
            ctypes.c_void_p(pages.ctypes.data)) != 0:
        raise OSError(ctypes.get_errno(), "mincore")
    return float((pages & 1).mean())


@needs(torch, "python3-torch")
class TorchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.cache = folder.name
        cls.dataset = redux.Dataset(CT)
        cls.manifest = redux.reduce(cls.dataset, "every-n", threshold=5)

    def test_items_are_those_of_inputs(self):
        inputs = redux.Inputs(self.dataset, "lung", 48, 0.4, 0.2)
        for cache in self.cache, "memory":
            data = redux_torch.SliceDataset(self.dataset, self.manifest, "lung", 48, mean=0.4,
                                            deviation=0.2, channels=3, cache=cache,
                                            labels=range(199))
            self.assertEqual(len(data), 42)
            for i in 0, 13, -1:
                item, label = data[i]
                self.assertEqual((item.shape, label), ((3, 48, 48), self.manifest.indices[i]))
                np.testing.assert_array_equal(item[2], inputs[label][0])
            with self.assertRaises(IndexError):
                data[42]

    def test_the_file_is_found_again_and_changes_with_the_options(self):
        with tempfile.TemporaryDirectory() as folder:
            for options, files in (({}, 1), ({}, 1), ({"size": 32}, 2), ({"window": "bone"}, 3)):
                redux_torch.SliceDataset(CT, self.manifest, cache=folder, **options)
                self.assertEqual(len(os.listdir(folder)), files)
            with self.assertRaises(redux.ReduxError):  # nothing is left of one that fails
                redux_torch.SliceDataset(CT, window="full", cache=folder)
            self.assertEqual(len(os.listdir(folder)), 3)

    def test_workers_by_fork_and_spawn(self):
        for cache in self.cache, "memory":
            data = redux_torch.SliceDataset(self.dataset, self.manifest, size=32, cache=cache)
            whole = torch.stack([data[i] for i in range(len(data))])
            for workers, start in ((0, None), (2, "fork"), (2, "spawn")):
                loader = torch.utils.data.DataLoader(data, 8, num_workers=workers,
                                                     multiprocessing_context=start)
                self.assertTrue(torch.equal(torch.cat(list(loader)), whole), (workers, start))

    def test_views(self):
        data = redux_torch.SliceDataset(self.dataset, self.manifest, "lung", 56, seed=3,
                                        views="paper-swav-crops", cache=self.cache)
        torch.manual_seed(1)
        first, second = data[4], data[4]
        self.assertEqual([v.shape[-1] for v in first], [56] * 2 + [24] * 6)
        self.assertFalse(torch.equal(first[0], second[0]))
        torch.manual_seed(1)
        self.assertTrue(all(torch.equal(a, b) for a, b in zip(first, data[4])))
        batches = list(torch.utils.data.DataLoader(data, 8, num_workers=2))
        self.assertEqual(batches[0][7].shape, (8, 1, 24, 24))
        plain = redux_torch.SliceDataset(self.dataset, None, "lung", 56, views="none",
                                         cache=self.cache)
        np.testing.assert_array_equal(plain[7][0], redux.Inputs(self.dataset, "lung", 56)[7])
        with self.assertRaisesRegex(TypeError, "no such strength"):
            redux_torch.SliceDataset(CT, views={"blurr": 1}, cache=self.cache)

    def test_views_are_the_loader_s(self):
        """The same strengths, key and slice as redux.Loader: so one function makes both."""
        dataset = redux.Dataset(SCAN)
        rows, views = next(redux.Loader(dataset, 5, size=32, seed=9, views="moco-medical"))
        data = redux_torch.SliceDataset(dataset, size=32, views="moco-medical", seed=9,
                                        cache="memory")
        old = torch.randint
        torch.randint = lambda *_: torch.tensor(0)
        try:
            for i, row in enumerate(rows):
                np.testing.assert_array_equal(data[int(row)][1][0], views[1][i, :, :, 0])
        finally:
            torch.randint = old

    def test_pictures_of_different_sizes(self):
        data = redux_torch.SliceDataset(self.dataset, self.manifest, "lung", None, labels=[7] * 199,
                                        cache="memory")
        images, sizes, labels = redux_torch.pad_collate([data[0], data[41]])
        self.assertEqual(sizes.tolist(), [[143, 161], [134, 136]])
        self.assertEqual((images.shape, labels.tolist()), ((2, 1, 143, 161), [7, 7]))
        np.testing.assert_array_equal(images[1, 0, :134, :136],
                                      self.dataset.read(self.manifest.indices[41], "lung"))
        self.assertEqual(images[1, 0, 134:].abs().sum(), 0)

    def test_a_manifest_of_other_data_raises(self):
        with self.assertRaisesRegex(ValueError, "199 slices, the dataset of 47"):
            redux_torch.SliceDataset(SCAN, self.manifest, cache="memory")

    def test_the_whole_file_is_read_ahead(self):
        """More of it than Linux reads for one advice (read_ahead_kb, 8 MB here and there)."""
        arrays = {"a": np.random.default_rng(0).integers(0, 255, (1600, 64, 64), np.uint8)}
        with tempfile.TemporaryDirectory() as folder:
            data = redux_torch.SliceDataset(redux.Dataset.of_arrays(arrays), cache=folder)
            path = data._store._path
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            data[0]
            for _ in range(200):
                if pages_in_memory(path) == 1:
                    break
                time.sleep(0.05)
            self.assertEqual(pages_in_memory(path), 1)

    def test_the_end_is_silent(self):
        code = """if __name__ == "__main__":
            import redux.torch, torch
            dataset = redux.Dataset("data/ct")
            data = redux.torch.SliceDataset(dataset, redux.reduce(dataset), cache="memory")
            inputs = redux.Inputs(dataset)
            context = redux.Context(2)
            loader = redux.Loader(dataset, 8, epochs=3, threads=2)
            next(loader)
            for wanted in data, inputs:
                for start in "fork", "spawn":
                    for batch in torch.utils.data.DataLoader(wanted, 50, num_workers=2,
                                                             multiprocessing_context=start):
                        pass
            print("done", len(batch))
            """
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "main.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(re.sub("\n {8}", "\n", code))
            done = subprocess.run([sys.executable, path], capture_output=True, text=True,
                                  env={**os.environ, "PYTHONPATH": "python"})
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "done 49\n", ""))

    def test_checkpoints_of_lightning(self):
        torchvision = importlib.import_module("torchvision")
        model = torchvision.models.resnet18()
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/last.ckpt"
            torch.save({"epoch": 3, "state_dict": {"backbone." + name: value for name, value in
                                                   model.state_dict().items()}}, path)
            other = redux.load_torchvision(path, torchvision.models.resnet18())
            for name, value in model.state_dict().items():
                self.assertTrue(torch.equal(value, other.state_dict()[name]), name)
            torch.save({"weight": torch.zeros(3)}, path)
            with self.assertRaisesRegex(redux.ReduxError, "conv1.weight") as raised:
                redux.state_dict(path)
            self.assertNotIn("\n", str(raised.exception))
