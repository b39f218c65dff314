"""Tests of the benchmark of held-out quality: its split, its scores, its tables and its curves.

The first argument is the lyrnn program. If this Python has PyTorch, a benchmark of a second per
side runs, which compares PyTorch's scores of lyrnn's models with lyrnn's own.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "bench"))

import bench_quality
import plot_quality
import quality_results
from quality_text import split_text

try:
    import quality_pytorch
    import torch
except SystemExit:
    torch = None

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BENCH = os.path.join(ROOT, "scripts", "bench")
LYRNN = os.path.abspath(sys.argv.pop(1))
SAMPLE = os.path.join(ROOT, "host", "data", "sample_lyrics.txt")
# Small networks, so that a second is enough.
TINY = {"tutorial": "--preset tutorial --max-chars 0 --newlines keep --hidden-size 16",
        "lyrnn": "--cell gru --hidden-size 16 --num-steps 16",
        "tied": "--cell lstm --hidden-size 16 --embedding-size 8 --tie --sampling consecutive",
        "pytorch": "--hidden-size 16 --embedding-size 8"}


def record(side, seed, best, date="2030-01-01T00:00:00Z", **fields):
    return {"date": date, "hardware": "a CPU, 1 core, OpenBLAS for X", "commit": "abc",
            "command": "bench", "corpus": ["verse.txt"], "minutes": 10, "threads": 1, "side": side,
            "text": {"sha256": "0", "targets": 9, "chars": 150000}, "seed": seed,
            "options": f"--{side}", "reading": "poems", "parameters": 1000, "epochs": 50,
            "chars_per_second": 2000, "train_perplexity": 50.0, "best_perplexity": best,
            "best_seconds": 300.0, "curve": [[60, 2 * best], [300, best], [600, 3 * best]],
            **fields}


class Splitting(unittest.TestCase):
    def test_the_last_whole_poems_are_held_out(self):
        split = split_text("ab\ncd\n\nefg\n\n\nhi\n", 0.2)
        self.assertEqual(split.starts, (0, 7, 13))
        self.assertEqual((split.cut, split.held_out, len(split.text)), (13, [(13, 15)], 15))
        self.assertEqual(split.num_targets, 1)
        self.assertEqual(split_text("ab\ncd\n\nefg\n\n\nhi", 0.6).held_out, [(7, 13), (13, 15)])
        self.assertEqual(split_text("ab\n\ncd", 0.99).cut, 4)  # the first poem is always learned

    def test_the_fraction_holds_out_as_many_characters(self):
        for length in range(5000, 200000, 3331):
            text = "x" * (length - 1007) + "\n\n" + "y" * 1005
            split = split_text(text, 1005 / length)
            # lyrnn keeps the option as a 32-bit number.
            rounded = memoryview(bytearray(4)).cast("f")
            rounded[0] = float(split.val_fraction)
            self.assertEqual(int(length * rounded[0]), 1005)


class Results(unittest.TestCase):
    RECORDS = (record("tutorial", 1, 150.0), record("tutorial", 2, 160.0),
               record("pytorch", 1, 125.0), record("lyrnn", 1, 100.0), record("lyrnn", 2, 98.0),
               record("lyrnn", 3, 104.0))

    def test_the_rows(self):
        rows = quality_results.quality_rows(self.RECORDS)
        self.assertEqual([row[:4] for row in rows],
                         [("tutorial", "155.0 (150.0 to 160.0)", "7.276", "+55.0 %"),
                          ("pytorch", "125.0 (125.0 to 125.0)", "6.966", "+25.0 %"),
                          ("lyrnn", "100.0 (98.0 to 104.0)", "6.644", "")])
        self.assertTrue(all(len(row) == len(quality_results.QUALITY_COLUMNS) for row in rows))
        self.assertEqual(quality_results.quality_headline_rows(self.RECORDS),
                         [("150,000 characters, 10 minutes on 1 core, 3 seeds",
                           "155.0 (150.0 to 160.0)", "125.0 (125.0 to 125.0)",
                           "100.0 (98.0 to 104.0)", "−35.5 %, −20.0 %")])

    def test_the_last_training_of_a_seed_counts_and_other_options_begin_again(self):
        again = record("lyrnn", 1, 90.0, options="--lyrnn")
        other = record("pytorch", 2, 80.0, options="--lstm")
        (group,) = quality_results.quality_groups([*self.RECORDS, again, other])
        self.assertEqual([run["best_perplexity"] for run in group["lyrnn"]], [90.0, 98.0, 104.0])
        self.assertEqual([run["best_perplexity"] for run in group["pytorch"]], [80.0])

    def test_measurements_are_not_mixed(self):
        for fields in ({"minutes": 5}, {"threads": 2}, {"hardware": "another"},
                       {"text": {"sha256": "1", "targets": 9, "chars": 150000}}):
            groups = quality_results.quality_groups(
                [*self.RECORDS, record("lyrnn", 1, 7.0, **fields)])
            self.assertEqual([len(group) for group in groups], [3, 1], fields)

    def test_a_damaged_record_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "quality.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write(json.dumps(record("lyrnn", 1, 9.0)) + '\n{"date": "2030"}\n')
            with self.assertRaises(SystemExit) as stop:
                quality_results.read_quality([path])
        self.assertIn("quality.jsonl:2: not a record of scripts/bench/bench_quality.py",
                      str(stop.exception))

    def test_nothing_measured_says_so(self):
        self.assertEqual(quality_results.quality_rows([])[0][0], "not measured yet")
        self.assertEqual(quality_results.quality_headline_rows([record("lyrnn", 1, 9.0)])[0][0],
                         "not measured yet")

    def test_the_band_is_between_the_seeds(self):
        runs = [record("lyrnn", 1, 10.0), record("lyrnn", 2, 12.0), record("lyrnn", 3, 20.0)]
        self.assertEqual(plot_quality.band(runs, [0, 180, 300, 700]),
                         [(3, 15.0, 18.0, 30.0), (5, 10.0, 12.0, 20.0)])

    def test_the_picture_is_drawn(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.skipTest("this Python has no matplotlib")
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "picture.png")
            plot_quality.draw({"lyrnn": [record("lyrnn", 1, 9.0), record("lyrnn", 2, 8.0)]}, output)
            self.assertGreater(os.path.getsize(output), 1000)

    def test_the_best_so_far(self):
        curve = record("lyrnn", 1, 10.0)["curve"]
        self.assertEqual([bench_quality.best_until(curve, seconds) for seconds in (60, 299, 600)],
                         [20.0, 20.0, 10.0])
        self.assertTrue(math.isnan(bench_quality.best_until(curve, 59)))


class Recipe(unittest.TestCase):
    def test_a_recipe_without_a_part_has_all_the_others(self):
        recipe = {"cell": "gru", "hidden_size": 256, "embedding_size": 128, "tie": True,
                  "dropout_input": 0.25, "sampling": "songs", "keep_duplicates": False}
        self.assertEqual(bench_quality.options_of(recipe),
                         "--cell gru --hidden-size 256 --embedding-size 128 --tie "
                         "--dropout-input 0.25 --sampling songs")

    def test_every_part_is_an_option_that_can_be_switched_off(self):
        parts = {name for names in bench_quality.PARTS.values() for name in names}
        self.assertEqual(parts, {name for name, off in bench_quality.RECIPE.items()
                                 if off is not None})

    def test_ablations_lack_what_the_side_has(self):
        options = "--cell gru --hidden-size 8 --num-layers 2 --dropout 0.25"
        with tempfile.TemporaryDirectory() as folder:
            args = arguments(folder)
            side = bench_quality.LyrnnSide("lyrnn", options, args)
            sides = bench_quality.ablations(side, bench_quality.core_sets(args)[0])
        self.assertEqual(list(sides), ["lyrnn without dropout between layers",
                                       "lyrnn without songs"])
        self.assertIn("--dropout 0 ", sides["lyrnn without dropout between layers"] + " ")
        self.assertIn("--sampling songs", sides["lyrnn without dropout between layers"])
        self.assertIn("--sampling consecutive", sides["lyrnn without songs"])
        self.assertIn("--hidden-size 8 --num-layers 2", sides["lyrnn without songs"])


def arguments(folder):
    """The arguments that the sides of the benchmark use, with a text of two poems."""
    split = split_text("春眠不觉晓\n处处闻啼鸟\n\n夜来风雨声\n花落知多少", 0.4)
    text = os.path.join(folder, "text.txt")
    bench_quality.write_text(text, split.text)
    return argparse.Namespace(lyrnn=LYRNN, text=text, split=split, threads=1, parallel=False,
                              minutes=1, held_out=0.4)


@unittest.skipUnless(torch, "this Python has no PyTorch")
class Scoring(unittest.TestCase):
    TEXT = "春眠不觉晓\n处处闻啼鸟\n\n夜来风雨声\n花落知多少\n\n床前\n\n疑是地上霜"

    def test_a_model_that_knows_only_the_last_character_scores_as_counted_by_hand(self):
        split = split_text(self.TEXT, 0.6)
        vocabulary, V = split.vocabulary, len(split.vocabulary)
        id_of = {char: i for i, char in enumerate(vocabulary)}
        torch.manual_seed(1)
        logits = torch.randn(V, V)
        expected = []
        for begin, end in split.held_out:
            for i in range(begin + 1, end):
                row = logits[id_of[split.text[i - 1]]].log_softmax(0)
                expected.append(-row[id_of[split.text[i]]].item())
        self.assertEqual(len(expected), split.num_targets)

        class Bigram(torch.nn.Module):
            def forward(self, inputs, state):
                return logits[inputs], state

        for streams in (1, 2, 32):  # the poems and the streams are cut in several ways
            with unittest.mock.patch.multiple(quality_pytorch.Scorer, STREAMS=streams, STEPS=3,
                                              CONTEXT=4):
                nats = quality_pytorch.Scorer(split, vocabulary).score(Bigram())
            for reading in ("poems", "running"):
                self.assertAlmostEqual(nats[reading], sum(expected) / len(expected), places=5)

    def test_running_text_continues_with_the_state_and_poems_do_not(self):
        split = split_text(self.TEXT, 0.6)

        class Counter(torch.nn.Module):
            """Its state is the number of characters that it has read, which it predicts by."""

            def forward(self, inputs, state):
                start = 0 if state is None else state
                rows = torch.arange(start, start + len(inputs), dtype=torch.float)
                logits = torch.zeros(*inputs.shape, len(split.vocabulary))
                logits[:, :, 0] = rows[:, None]  # the newline
                return logits, start + len(inputs)

        with unittest.mock.patch.multiple(quality_pytorch.Scorer, STREAMS=2, STEPS=3):
            nats = quality_pytorch.Scorer(split, split.vocabulary).score(Counter())
        self.assertGreater(nats["running"], nats["poems"] + 1)


@unittest.skipUnless(torch, "this Python has no PyTorch")
class Benchmark(unittest.TestCase):
    def test_all_sides_train_and_are_scored_on_the_same_characters(self):
        # bench_quality.py itself compares each best model of lyrnn with lyrnn eval.
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "quality.jsonl")
            command = [sys.executable, os.path.join(BENCH, "bench_quality.py"), SAMPLE, "--lyrnn",
                       LYRNN, "--chars", "3000", "--minutes", "0.02", "--seeds", "7", "--parallel",
                       "--work", folder, "--json", path]
            for name, options in TINY.items():
                command += ["--side", f"{name}={options}"]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            records = quality_results.read_quality([path])
            self.assertEqual(os.listdir(folder), ["quality.jsonl"])
        self.assertEqual({run["side"] for run in records}, set(TINY))
        for run in records:
            self.assertLess(run["best_perplexity"], run["text"]["vocab_size"], run["side"])
            self.assertLessEqual(run["curve"][-1][0], 1.5, run["side"])
            self.assertEqual(run["seed"], 7)
            self.assertIn(f"  {run['side']} ", result.stdout)
        self.assertEqual(next(run for run in records if run["side"] == "lyrnn")["reading"], "poems")

    def test_wrong_options_are_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            for options, message in ((["--sides", "lyrn"], "--sides lyrn: no such side; define it"),
                                     (["--side", "lyrnn"], "--side lyrnn: no options; write NAME"),
                                     (["--side", "lyrnn=--hidden-units 3"], "hidden-units")):
                command = [sys.executable, os.path.join(BENCH, "bench_quality.py"), SAMPLE,
                           "--lyrnn", LYRNN, "--chars", "3000", "--minutes", "0.02",
                           "--work", folder, "--sides", "lyrnn", *options]
                result = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(message, result.stderr.splitlines()[-1])
                self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
