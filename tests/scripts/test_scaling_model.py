"""Tests of the scaling model: closed forms, monotony, the picture, and the command's errors.

Nothing here measures time.
"""

import dataclasses
import json
import math
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "bench"))

import bench_shapes
import plot_scaling
import scaling_model
from bench_shapes import PRESETS
from scaling_model import SYSTEMS, all_reduce_seconds, scaling_rows
from test_bench_scripts import description_in_png

SCRIPT = scaling_model.__file__
H200 = SYSTEMS["h200-ib400"]


def with_links(system, **fields):
    """The system with these fields in both links."""
    return dataclasses.replace(system, node=dataclasses.replace(system.node, **fields),
                               network=dataclasses.replace(system.network, **fields))


class AllReduce(unittest.TestCase):
    def test_one_rank_sends_nothing(self):
        for system in SYSTEMS.values():
            self.assertEqual(all_reduce_seconds(1e9, 1, system), 0)

    def test_within_a_node(self):
        rate, memory = 370e9, 4.8e12
        for ranks in (2, 8):
            expected = (6.6e-6 + (ranks - 1) * 0.6e-6 + 8.4e-6 + (ranks - 1) * 3.4e-6 + 2e-6
                        + 2 * (ranks - 1) / ranks * 3e8 / rate + 3e8 * (1 + 1 / ranks) / memory)
            self.assertAlmostEqual(all_reduce_seconds(3e8, ranks, H200), expected, places=12)

    def test_over_a_network(self):
        # All-to-all: 56 of 64 pieces leave by one eighth of the node's network, which is the
        # slower way. All-gather: a ring with seven hops between nodes, at NVLink's rate.
        expected = (6.6e-6 + 7 * 0.6e-6 + 56 * 2.7e-6 + 56 / 64 * 3e8 / 48e9
                    + 2e-6 + 3e8 * (1 + 1 / 64) / 4.8e12
                    + 8.4e-6 + 56 * 3.4e-6 + 7 * 14e-6 + 63 / 64 * 3e8 / 370e9)
        self.assertAlmostEqual(all_reduce_seconds(3e8, 64, H200), expected, places=12)

    def test_a_measured_all_to_all(self):
        # NVIDIA/nccl issue 1531: 8 MiB per rank, 64 H800 in 8 nodes: 296 to 338 us. The model's
        # all-gather and sum are taken away again.
        size, piece = 8 * 2**20, 8 * 2**20 / 64
        rest = (2e-6 + (size + piece) / 4.8e12 + 8.4e-6 + 56 * 3.4e-6 + 7 * 14e-6
                + 63 * piece / 370e9)
        all_to_all = all_reduce_seconds(size, 64, H200) - rest
        self.assertTrue(296e-6 < all_to_all < 338e-6, all_to_all)

    def test_the_expectations_of_the_design(self):
        size = 4 * scaling_model.num_parameters(PRESETS["F"])
        self.assertAlmostEqual(size / 1e6, 313, delta=0.5)
        self.assertAlmostEqual(1e3 * all_reduce_seconds(size, 2, SYSTEMS["rtx4090-eth25"]), 26.6,
                               delta=0.5)
        self.assertAlmostEqual(1e3 * all_reduce_seconds(size, 8, H200), 1.6, delta=0.1)

    def test_without_latency_twice_the_bytes_take_twice_as_long(self):
        system = with_links(H200, message=0.0, hop=0.0)
        fixed = all_reduce_seconds(0, 16, system)
        once, twice = (all_reduce_seconds(size, 16, system) - fixed for size in (1e8, 2e8))
        self.assertAlmostEqual(twice, 2 * once, places=12)

    def test_with_infinite_rates_only_latency_is_left(self):
        system = dataclasses.replace(with_links(H200, rate=math.inf), card=dataclasses.replace(
            H200.card, memory_rate=math.inf))
        self.assertEqual(all_reduce_seconds(1e12, 64, system), all_reduce_seconds(0, 64, system))
        self.assertGreater(all_reduce_seconds(0, 64, system), 0)

    def test_more_bytes_or_slower_links_never_help(self):
        for system in SYSTEMS.values():
            for ranks in (2, 4, 8, 16, 64):
                times = [all_reduce_seconds(size, ranks, system) for size in (0, 1e6, 1e7, 1e8)]
                self.assertEqual(times, sorted(times))
                slow = with_links(system, rate=1e9)
                self.assertGreater(all_reduce_seconds(1e8, ranks, slow), times[-1])
            of_ranks = [all_reduce_seconds(1e8, 2**k, system) for k in range(7)]
            self.assertEqual(of_ranks, sorted(of_ranks))


class Steps(unittest.TestCase):
    def rows(self, **fields):
        return [row for row in scaling_rows(SYSTEMS, (1, 2, 8, 64))
                if all(row[key] == value for key, value in fields.items())]

    def test_parameters(self):
        self.assertEqual(scaling_model.num_parameters(PRESETS["A"]),
                         256 * 1027 + 256 * 256 + 2 * 256 + 1027 * 256 + 1027)
        self.assertEqual(scaling_model.num_parameters(PRESETS["D"]),
                         4096 * (4096 + 1024 + 2) + 4096 * (1024 + 1024 + 2) + 1025 * 4096)

    def test_the_tutorials_step_on_an_h100_is_near_the_estimate_by_hand(self):
        row = self.rows(preset="A", ranks=1, scaling="weak", system=H200.label())[0]
        self.assertTrue(0.08 < row["step_ms"] < 0.12, row)  # cuda/README.md: 80 us

    def test_one_card_has_efficiency_one(self):
        rows = self.rows(ranks=1)
        self.assertEqual(len(rows), 2 * len(PRESETS) * len(SYSTEMS))
        self.assertEqual({(row["efficiency"], row["exposed_ms"]) for row in rows}, {(1.0, 0.0)})

    def test_efficiency_falls_with_the_number_of_cards(self):
        for system in SYSTEMS.values():
            for preset in PRESETS:
                for scaling in ("strong", "weak"):
                    values = [row["efficiency"] for row in self.rows(
                        preset=preset, scaling=scaling, system=system.label())]
                    self.assertEqual(values, sorted(values, reverse=True))

    def test_weak_scaling_computes_what_one_card_computes(self):
        for row in self.rows(scaling="weak"):
            self.assertAlmostEqual(row["compute_ms"], row["one_card_ms"], places=9)
            self.assertAlmostEqual(row["efficiency"], row["one_card_ms"] / row["step_ms"], places=9)

    def test_strong_scaling_keeps_the_latencies_of_the_recurrence(self):
        for row in self.rows(scaling="strong", ranks=8):
            self.assertGreater(row["compute_ms"], row["one_card_ms"] / 8)
        a_one, a_eight = (self.rows(preset="A", scaling="strong", ranks=ranks,
                                    system=H200.label())[0] for ranks in (1, 8))
        self.assertGreater(a_eight["step_ms"], a_one["step_ms"])

    def test_a_batch_that_does_not_split_has_no_row(self):
        self.assertEqual(self.rows(preset="A", scaling="strong", ranks=64), [])

    def test_two_buckets_hide_the_dense_layer_unless_the_recurrence_fills_the_card(self):
        rows = {number: scaling_rows(["h200-ib400"], (8,), buckets=number) for number in (1, 2)}
        hidden = {(one["preset"], one["scaling"]) for one, two in zip(rows[1], rows[2], strict=True)
                  if two["exposed_ms"] < one["exposed_ms"]}
        self.assertEqual(hidden, {("F", "strong"), ("F", "weak")})
        for row in rows[1]:
            self.assertAlmostEqual(row["exposed_ms"], row["all_reduce_ms"], places=9)


class Output(unittest.TestCase):
    def run_script(self, *arguments):
        return subprocess.run([sys.executable, SCRIPT, *arguments], text=True, capture_output=True,
                              check=False)

    def test_every_output_says_that_it_is_a_model(self):
        table = self.run_script("--system", "a100-ib200", "--ranks", "8")
        self.assertEqual((table.returncode, table.stderr), (0, ""))
        self.assertTrue(table.stdout.startswith("model, not measured"))
        self.assertEqual(len(table.stdout.splitlines()), 2 + len(PRESETS))
        output = json.loads(self.run_script("--format", "json", "--ranks", "2").stdout)
        self.assertEqual(output["label"], "model, not measured")
        self.assertEqual(len(output["rows"]), 2 * len(PRESETS) * len(SYSTEMS))
        self.assertIn("model, not measured", plot_scaling.TITLE)

    def test_a_wrong_option_gives_one_line(self):
        for arguments, text in ((("--ranks", "3"), "3: must be a power of two"),
                                (("--ranks", "x"), "x: must be a positive whole number"),
                                (("--ranks", "2048"), "2048: must be a power of two"),
                                (("--system", "cray"), "invalid choice: 'cray'"),
                                (("--buckets", "3"), "invalid choice: 3"),
                                (("--speed",), "unrecognized arguments: --speed")):
            result = self.run_script(*arguments)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, r"^scaling_model\.py: [^\n]+\n$")
            self.assertIn(text, result.stderr)

    def test_a_damaged_file_of_estimates_is_refused(self):
        with self.assertRaises(SystemExit) as stop:
            scaling_model.read_estimates([os.path.join(os.path.dirname(SCRIPT), "results",
                                                       "speed.jsonl")])
        self.assertIn("speed.jsonl:1: not a record", str(stop.exception))

    def test_every_split_of_the_presets_has_an_estimate(self):
        estimates = scaling_model.read_estimates()
        for system in SYSTEMS.values():
            for preset, shape in bench_shapes.PRESETS.items():
                streams = shape.batch_size
                while streams:
                    self.assertIn((system.card.estimates, preset, streams), estimates)
                    streams //= 2

    def test_the_picture_shows_the_model(self):
        self.assertEqual(description_in_png(plot_scaling.PICTURE),
                         plot_scaling.description_of(plot_scaling.curves()))


if __name__ == "__main__":
    unittest.main()
