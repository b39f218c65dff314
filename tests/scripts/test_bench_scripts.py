"""Tests of the benchmark scripts: costs, turns, the check of the losses, tables and bar chart.

Nothing here measures time. If this Python has PyTorch, its sides are compared with each other.
"""

import argparse
import contextlib
import io
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "bench"))

import bench_shapes
import bench_table
import compare
import plot_bars
import plot_metrics
from bench_shapes import PRESETS, Shape

try:
    import torch

    import bench_pytorch
    import pytorch_sides
except ImportError:
    torch = None

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SMALL = Shape("lstm", vocab_size=5, hidden_size=3, batch_size=2, num_steps=4, num_layers=2)


class FakeSide:
    """A side that returns the losses and the speeds of a test."""

    def __init__(self, name, losses=(2.0, 1.5), order=None, precision="fp32"):
        self.name, self.of_epochs, self.order, self.way, self.threads = name, losses, order, None, 1
        self.precision = precision

    def train(self, *_):
        pass

    def losses(self, *_):
        return list(self.of_epochs)

    def measure(self, *_):
        self.order.append(self.name)
        turn = len(self.order)
        speed = {"lyrnn": 300, "best": 200, "article": 100}[self.name] * turn
        return {"chars_per_second": speed, "ms_per_step": 1e3 / speed, "peak_bytes": turn,
                "gemm_gflops": turn, "precision": self.precision}


def record(shape, date="2030-01-01T00:00:00Z", **fields):
    """A record of compare.py with the fields that the tables need."""
    side = {"chars_per_second": bench_shapes.spread([1000, 3000, 2000]), "peak_bytes": 2**20,
            "share_of_floor": bench_shapes.spread([0.5])}
    names = bench_shapes.training_sides(fields.get("device", "cpu"))
    ratios = {name: bench_shapes.spread([2, 1, 4]) for name in names if name != "lyrnn"}
    return {**vars(shape), "date": date, "hardware": "a CPU", "device": "cpu", "precision": "fp32",
            "commit": "abc", "command": "scripts/bench/compare.py",
            "sides": dict.fromkeys(names, side), "ratios": ratios, **fields}


def with_notes(function, *arguments):
    """Returns the function's result, or the SystemExit with which it stops the program, and what it
    printed to standard error.
    """
    with contextlib.redirect_stderr(io.StringIO()) as notes:
        try:
            return function(*arguments), notes.getvalue()
        except SystemExit as stop:
            return stop, notes.getvalue()


def quietly(function, *arguments):
    return with_notes(function, *arguments)[0]


class Shapes(unittest.TestCase):
    def test_flop_of_a_step(self):
        # Two layers with 4 gates have 12*3 and 12*6 weights, and the output layer has 3*5. Each
        # weight takes 2 FLOPs in each of three products.
        self.assertAlmostEqual(SMALL.gflop_per_step(), 8 * 6 * (36 + 72 + 15) / 1e9)

    def test_presets_know_their_names(self):
        self.assertEqual([shape.preset for shape in PRESETS.values()], list("ABCDEF"))
        self.assertIsNone(SMALL.preset)

    def test_lyrnn_bench_has_the_same_presets(self):
        with open(os.path.join(ROOT, "host", "cli", "bench_shapes.c"), encoding="utf-8") as file:
            rows = re.findall(r"X\((\w), (\w+), (\d+), (\d+), (\d+), (\d+), (\d+)\)", file.read())
        shapes = {name: Shape(cell.lower(), vocab_size=int(V), hidden_size=int(H),
                              num_layers=int(L), batch_size=int(B), num_steps=int(T))
                  for name, cell, V, H, L, B, T in rows}
        self.assertEqual(shapes, PRESETS)

    def test_a_text_has_every_character_and_whole_batches(self):
        ids = bench_shapes.text_ids(SMALL, bench_shapes.text_length(SMALL, 3))
        self.assertEqual((len(ids), set(ids)), (2 * (3 * 4 + 1), set(range(5))))
        self.assertNotEqual(ids, sorted(ids))

    def test_random_ids_are_log_uniform(self):
        # test_bench.c checks the same of lyrnn bench.
        shape = Shape("rnn_tanh", vocab_size=3, hidden_size=4, batch_size=8, num_steps=64)
        length = 4096
        ids = bench_shapes.random_ids(shape, length)
        self.assertEqual((len(ids), set(ids)), (length, {0, 1, 2}))
        for i in range(3):
            expected = math.log((i + 2) / (i + 1)) / math.log(4)
            self.assertAlmostEqual(ids.count(i) / length, expected, delta=0.03)

    def test_spread(self):
        self.assertEqual(bench_shapes.spread([3, 1, 2, 9]),
                         {"median": 2.5, "min": 1, "max": 9, "rounds": [3, 1, 2, 9]})


class Comparing(unittest.TestCase):
    def check(self, losses, precision="fp32"):
        sides = [FakeSide("best", losses, precision=precision), FakeSide("lyrnn")]
        return with_notes(compare.check_losses, sides, SMALL)

    def test_same_losses_pass(self):
        result, notes = self.check((2.0, 1.5 * (1 + 1e-6)))
        self.assertLess(result["sides"]["best"]["difference"], 2e-6)
        self.assertEqual(result["sides"]["lyrnn"]["difference"], 0)
        self.assertNotIn("warning", notes)

    def test_losses_that_differ_a_little_cause_a_warning(self):
        for factor in (1 + 3e-6, 1 - 3e-6, 1 + 1.9e-5, 1 - 1.9e-5):
            result, notes = self.check((2.0, 1.5 * factor))
            difference = result["sides"]["best"]["difference"]
            self.assertAlmostEqual(difference, abs(factor - 1), delta=1e-9)
            self.assertRegex(notes, "warning: the losses of best and lyrnn differ by [0-9.e-]+; ")

    def test_the_coarser_precision_of_two_sides_decides(self):
        result, notes = self.check((2.0, 1.5 * (1 + 1.9e-4)), "tf32")
        self.assertEqual(result["sides"]["best"]["tolerance"], 2e-4)
        self.assertEqual(result["sides"]["lyrnn"]["tolerance"], 2e-5)
        self.assertNotIn("warning", notes)
        self.assertIsInstance(self.check((2.0, 1.5 * (1 + 2.1e-4)), "tf32")[0], SystemExit)

    def test_only_a_gpu_has_pytorch_as_installed(self):
        for device, names in (("cpu", ["article", "best", "lyrnn"]),
                              ("cuda", ["article", "installed", "best", "lyrnn"])):
            args = argparse.Namespace(device=device, precision="fp32", lyrnn="lyrnn",
                                      lyrnn_threads=1, rounds=2)
            sides = compare.sides_of(args)
            self.assertEqual([side.name for side in sides], names)
            self.assertEqual([side.precision for side in sides],
                             ["fp32", "fp32", "fp32"] if device == "cpu" else
                             ["tf32", "tf32", "fp32", "fp32"])
            self.assertEqual([side.command[side.command.index("--side") + 1]
                              for side in sides[:-1]], names[:-1])

    def test_other_losses_are_refused(self):
        for losses in ((2.0, 1.5 * (1 + 2.1e-5)), (2.0, 1.5 * (1 - 2.1e-5)), (2.0, float("nan")),
                       (2.0,), ()):
            message, _ = self.check(losses)
            self.assertIsInstance(message, SystemExit, losses)
            self.assertRegex(message.code, "^[^\n]*best computes something else than lyrnn[^\n]*$")

    def test_sides_take_turns_in_another_order_each_round(self):
        order = []
        sides = [FakeSide(name, order=order) for name in ("article", "best", "lyrnn")]
        results, gemm = quietly(compare.take_turns, sides, SMALL,
                                dict.fromkeys(("article", "best", "lyrnn"), 1), 3)
        self.assertEqual([order[:3], order[3:6], order[6:]],
                         [["article", "best", "lyrnn"], ["best", "lyrnn", "article"],
                          ["lyrnn", "article", "best"]])
        self.assertEqual(gemm, [3, 6, 9])
        summary = compare.summarize(sides[2], results["lyrnn"], 1, gflop=1, gemm_gflops=gemm)
        self.assertEqual(summary["chars_per_second"]["rounds"], [900, 1500, 2100])
        self.assertEqual(summary["peak_bytes"], 7)
        # A step of 1 GFLOP takes at least 1/3 s at 3 GFLOP/s. This one took 1/900 s.
        self.assertAlmostEqual(summary["share_of_floor"]["rounds"][0], 300)

    def test_hardware_names_cores_instead_of_threads(self):
        cores = len(os.sched_getaffinity(0))
        self.assertRegex(bench_shapes.hardware("AMD, 1 thread, X"), f"^AMD, {cores} cores?, X$")


class Table(unittest.TestCase):
    def test_presets_without_a_gpu_record_say_so(self):
        rows = bench_table.training_rows([record(PRESETS["A"])])
        self.assertEqual([row[1] for row in rows],
                         ["not measured on a GPU", "a CPU"] + 5 * ["not measured on a GPU"])

    def test_a_gpu_record_replaces_that_row(self):
        rows = bench_table.training_rows([record(PRESETS["B"], device="cuda", hardware="a GPU")])
        self.assertEqual([row[1] for row in rows][:3],
                         ["not measured on a GPU", "a GPU", "not measured on a GPU"])

    def test_pytorch_as_installed_stands_next_to_the_best(self):
        on_gpu, on_cpu = (record(PRESETS["B"], device=device) for device in ("cuda", "cpu"))
        slow = {"chars_per_second": bench_shapes.spread([7])}
        on_gpu = {**on_gpu, "sides": {**on_gpu["sides"], "installed": slow},
                  "ratios": {**on_gpu["ratios"], "installed": bench_shapes.spread([9])}}
        columns = [bench_table.TRAINING_COLUMNS.index(name)
                   for name in ("PyTorch as installed", "lyrnn / as installed")]
        for of_device, cells in ((on_gpu, ["7", "9.00 (9.00 to 9.00)"]),
                                 (on_cpu, ["as best", "as best"])):
            row = bench_table.training_row(of_device)
            self.assertEqual(len(row), len(bench_table.TRAINING_COLUMNS))
            self.assertEqual([row[column] for column in columns], cells)
        self.assertEqual(bench_table.headline_row(on_gpu)[2:],
                         ("2,000 (as installed 7)", "2,000 (2.00×, 2.00×, as installed 9.00×)"))

    def test_a_record_of_a_gpu_without_pytorch_as_installed_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "speed.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write(json.dumps({**record(SMALL), "device": "cuda"}) + "\n")
            message = quietly(bench_shapes.read_records, [path])
        self.assertIn("speed.jsonl:1: not a record", str(message))

    def test_the_headline_has_measured_shapes_only(self):
        records = [record(SMALL, hardware="a CPU, 2 cores, OpenBLAS for X"), record(PRESETS["B"]),
                   record(PRESETS["B"], device="cuda", hardware="a GPU")]
        self.assertEqual(bench_table.headline_rows(records), [
            ("B: lstm V4096 H512 B64 T128, a GPU", "2,000", "2,000 (as installed 2,000)",
             "2,000 (2.00×, 2.00×, as installed 2.00×)"),
            ("B: lstm V4096 H512 B64 T128, a CPU", "2,000", "2,000", "2,000 (2.00×, 2.00×)"),
            ("lstm V5 H3 B2 T4 L2, a CPU, 2 cores", "2,000", "2,000", "2,000 (2.00×, 2.00×)")])

    def test_the_last_measurement_counts(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "speed.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                for date in ("2030-02-02T00:00:00Z", "2030-01-01T00:00:00Z"):
                    file.write(json.dumps(record(SMALL, date)) + "\n")
            rows = bench_table.training_rows(bench_shapes.read_records([path]))
            with open(path, "a", encoding="utf-8") as file:
                file.write('{"date": "2030"}\n')
            message = quietly(bench_shapes.read_records, [path])
        self.assertEqual([row[11] for row in rows if row[1] == "a CPU"], ["2030-02-02"])
        self.assertIn("speed.jsonl:3: not a record", str(message))

    def test_a_row(self):
        row = bench_table.training_row(record(SMALL, precision="tf32"))
        self.assertEqual(row, ("lstm V5 H3 B2 T4 L2 tf32", "a CPU", "2,000", "as best", "2,000",
                               "2,000", "2.00 (1.00 to 4.00)", "as best", "2.00 (1.00 to 4.00)",
                               "50%", "1, 1, 1", "2030-01-01", "abc",
                               "`scripts/bench/compare.py`"))

    def test_a_row_of_generation(self):
        side = {"chars_per_second": bench_shapes.spread([1000, 3000, 2000])}
        ratio = bench_shapes.spread([2, 1, 4])
        fields = {"num_chars": 1000, "share_of_floor": bench_shapes.spread([0.5]),
                  "sides": dict.fromkeys(("article", "one", "many", "drawn"), side),
                  "ratios": dict.fromkeys(("one / article", "many / one"), ratio)}
        old, new, other = (record(SMALL, date, **{**fields, "num_chars": num_chars})
                           for date, num_chars in (("2030-01-01", 1000), ("2030-02-02", 1000),
                                                   ("2030-03-03", 9)))
        rows = bench_table.generation_rows([old, new, other])
        self.assertEqual(rows[0], ("lstm V5 H3", "2 of 1,000 characters", "a CPU",
                                   "2,000", "2,000", "2,000", "2,000",
                                   "2.00 (1.00 to 4.00)", "2.00 (1.00 to 4.00)", "50%",
                                   "2030-02-02", "abc", "`scripts/bench/compare.py`"))
        self.assertEqual([row[1] for row in rows[1:]], ["2 of 9 characters"])

    def test_pages_keep_the_text_around_the_tables(self):
        for table in bench_table.TABLES:
            begin, end, text = table.begin, table.end, table.text()
            self.assertEqual(table.write_into(f"a {begin} old {end} b"),
                             f"a {begin}\n\n{text}\n\n{end} b")
            self.assertIsNone(table.write_into(f"a {end} {begin}"))
            self.assertTrue(all(line.count("|") == len(table.columns) + 1
                                for line in text.splitlines()))

    def test_check_fails_if_a_table_differs_from_its_results(self):
        texts = [bench_table.read_page(page) for page in bench_table.PAGES]
        for table in bench_table.TABLES:
            with tempfile.TemporaryDirectory() as folder:
                pages = [os.path.join(folder, name) for name in ("README.md", "bench.md")]
                for page, text in zip(pages, texts, strict=True):
                    with open(page, "w", encoding="utf-8") as file:
                        file.write(text.replace(f"{table.begin}\n", f"{table.begin}\n9"))
                arguments = ["bench_table.py", "--readme", *pages]
                with unittest.mock.patch.object(sys, "argv", [*arguments, "--check"]):
                    self.assertIn("a table differs from", str(quietly(bench_table.main)))
                with unittest.mock.patch.object(sys, "argv", arguments):
                    self.assertIsNone(quietly(bench_table.main))
                self.assertEqual([bench_table.read_page(page) for page in pages], texts)

    def test_a_page_without_markers_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "README.md")
            with open(page, "w", encoding="utf-8") as file:
                file.write("text")
            with unittest.mock.patch.object(sys, "argv", ["bench_table.py", "--readme", page]):
                self.assertIn("no line '<!-- headline", str(quietly(bench_table.main)))
            self.assertEqual(bench_table.read_page(page), "text")


def description_in_png(path):
    """The text that matplotlib wrote into the tEXt chunk with the keyword Description."""
    with open(path, "rb") as file:
        data = file.read()
    at = 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        keyword, _, text = data[at + 8 : at + 8 + length].partition(b"\0")
        if kind == b"tEXt" and keyword == b"Description":
            return text.decode("latin-1")
        at += 12 + length
    return None


class Metrics(unittest.TestCase):
    def read(self, *lines):
        with tempfile.TemporaryDirectory() as run:
            with open(os.path.join(run, "metrics.jsonl"), "w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
            return quietly(plot_metrics.read_metrics, run)

    def line(self, epoch, perplexity, **members):
        return {"epoch": epoch, "perplexity": perplexity, "chars_per_second": 1000, **members}

    def test_null_is_a_gap(self):
        epochs, training, validation, rates = self.read(
            self.line(1, None), self.line(2, 7.5), self.line(3, None, chars_per_second=None))
        self.assertEqual((epochs, rates, validation), ((1, 2, 3), [1000, 1000], None))
        self.assertEqual(str(training), "(nan, 7.5, nan)")
        self.assertEqual(plot_metrics.training_label("a", epochs, training, rates),
                         "a: not finite at epoch 3, 1,000 characters/s")
        self.assertEqual(plot_metrics.training_label("a", epochs, (1, 2, 3.25), []),
                         "a: 3.250 at epoch 3")

    def test_the_validation_is_a_curve_of_its_own(self):
        epochs, training, validation, _ = self.read(
            self.line(1, 9, val_perplexity=8), self.line(2, 7, val_perplexity=None),
            self.line(3, 6, val_perplexity=10))
        self.assertEqual((training, str(validation)), ((9, 7, 6), "(8.0, nan, 10.0)"))
        self.assertEqual(plot_metrics.validation_label("a", epochs, validation),
                         "a, validation: 8.000 at epoch 1")
        self.assertEqual(plot_metrics.validation_label("a", (1,), (math.nan,)),
                         "a, validation: never finite")

    def test_other_lines_are_refused(self):
        for line in ([1], 7, {"epoch": 1, "perplexity": "x", "chars_per_second": 1}):
            self.assertRegex(str(self.read(self.line(1, 2), line)), ":2: is not the JSON of an epo")
        self.assertRegex(str(self.read({"epoch": 1, "perplexity": 2})), ":1: lacks 'chars_per_sec")
        self.assertRegex(str(self.read()), "has no epoch")

    def test_several_runs_are_drawn_into_one_picture(self):
        try:
            from matplotlib.axes import Axes
        except ImportError:
            self.skipTest("this Python has no matplotlib")
        with tempfile.TemporaryDirectory() as folder:
            for run in "abc":
                os.mkdir(os.path.join(folder, run))
                with open(os.path.join(folder, run, "metrics.jsonl"), "w",
                          encoding="utf-8") as file:
                    for epoch in (1, 2):
                        value = None if run == "c" else 9.5 - epoch
                        line = self.line(epoch, value, val_perplexity=value)
                        file.write(json.dumps(line) + "\n")
            runs = [os.path.join(folder, run) for run in "abc"]
            output = os.path.join(folder, "picture.png")
            with unittest.mock.patch.object(Axes, "plot", autospec=True,
                                            side_effect=Axes.plot) as plot:
                plot_metrics.draw(runs, "a title", output)
            self.assertEqual([call.kwargs["label"].split(":")[0] for call in plot.mock_calls],
                             ["a", "a, validation", "b", "b, validation", "c", "c, validation"])
            self.assertEqual([call.kwargs["color"] for call in plot.mock_calls],
                             ["C0", "C0", "C1", "C1", "C2", "C2"])
            self.assertGreater(os.path.getsize(output), 1000)


class Help(unittest.TestCase):
    def test_no_script_needs_a_package_for_its_help(self):
        scripts = os.path.join(ROOT, "scripts")
        paths = [os.path.join(folder, name) for folder in (scripts, os.path.join(scripts, "bench"))
                 for name in sorted(os.listdir(folder)) if name.endswith(".py")]
        with_options = 0
        for path in paths:
            with open(path, encoding="utf-8") as file:
                if "ArgumentParser(" not in file.read():
                    continue
            with_options += 1
            with self.subTest(script=path):  # -S hides the installed packages
                result = subprocess.run([sys.executable, "-S", path, "--help"], text=True,
                                        capture_output=True, check=False)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn("usage: " + os.path.basename(path), result.stdout)
        self.assertGreaterEqual(with_options, 8)


class BarChart(unittest.TestCase):
    def test_the_picture_shows_the_recorded_results(self):
        training, generation = plot_bars.last_records()
        expected = plot_bars.description_of(plot_bars.title_of(training),
                                            plot_bars.groups_of(training, generation))
        self.assertEqual(description_in_png(plot_bars.PICTURE), expected)


@unittest.skipUnless(torch, "this Python has no PyTorch")
class PyTorchSides(unittest.TestCase):
    def test_every_way_trains_like_the_tutorials_script(self):
        for cell in bench_shapes.CELLS:
            shape = Shape(cell, vocab_size=50, hidden_size=24, batch_size=4, num_steps=9,
                          num_layers=2)
            ids = torch.tensor(bench_shapes.text_ids(shape, bench_shapes.text_length(shape, 10)))
            trainers = {"article": pytorch_sides.tutorial_trainer,
                        **pytorch_sides.ways("cpu", cell)}
            losses = {}
            for name, trainer in trainers.items():
                torch.manual_seed(1)
                epoch = trainer(*pytorch_sides.initial_model(shape), ids, shape,
                                contextlib.nullcontext)
                losses[name] = [epoch() for _ in range(3)]
                with self.subTest(cell=cell, way=name):
                    self.assertLess(compare.difference_of(losses[name], losses["article"]), 5e-7)
            self.assertLess(losses["article"][2], 0.995 * losses["article"][0])

    def test_only_the_best_side_follows_the_precision(self):
        def flags(*_):
            return (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)

        # PyTorch's documentation has False (since 1.12) and True as the defaults.
        for side, precision, expected in (("best", "tf32", (True, True)),
                                          ("article", "tf32", (False, True)),
                                          ("best", "fp32", (False, False)),
                                          ("article", "fp32", (False, True)),
                                          ("installed", "fp32", (False, True)),
                                          ("best", "fp32", (False, False))):
            args = argparse.Namespace(device="cpu", precision=precision)
            with self.subTest(side=side, precision=precision):
                self.assertEqual(bench_pytorch.make_trainer(side, flags, SMALL, args,
                                                            torch.zeros(1)), expected)


if __name__ == "__main__":
    unittest.main()
