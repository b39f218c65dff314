"""Tests of bench_ranks.py: the commands of its sides, the ratios within rounds, and its table.

Nothing here measures time.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "bench"))

import bench_ranks
import bench_table
from bench_shapes import PRESETS

ARGS = argparse.Namespace(lyrnn="lyrnn", ranks=2, rounds=3)
SPEEDS = {"one": 100, "threads": 150, "tcp": 180, "mpi": 120}


def row(speed, scaling=None, carrier="TCP"):
    found = {"chars_per_second": speed, "ms_per_step": 1e3 / speed, "commit": "abc",
             "device_name": "AMD EPYC, 1 thread, OpenBLAS for X"}
    if scaling:
        found.update(scaling=scaling, carrier=carrier, communication_ms=2.0,
                     communication_floor_ms=1.0, communication_share=0.25, communication_mbytes=3.0,
                     link_gbytes_per_second=4.0, link_latency_us=5.0)
    return found


class FakeRuns:
    """Stands in for run_process: speeds per side, which grow with each round."""

    def __init__(self):
        self.commands, self.turns = [], dict.fromkeys(SPEEDS, 0)

    def side_of(self, command):
        if command[0] == "mpirun":
            return "mpi"
        if "--ranks" in command:
            return "tcp"
        return "one" if command[command.index("--threads") + 1] == "1" else "threads"

    def __call__(self, command):
        side = self.side_of(command)
        self.commands.append(command)
        self.turns[side] += 1
        speed = SPEEDS[side] * self.turns[side]
        rows = [row(speed)]
        if side in ("tcp", "mpi"):
            carrier = {"tcp": "TCP", "mpi": "TCP and MPI (a library)"}[side]
            rows = [row(100, "one", carrier), row(speed, "strong", carrier),
                    row(2 * speed, "weak", carrier)]
        return "".join(json.dumps(each) + "\n" for each in rows)


def compare(has_mpi=True):
    runs, notes = FakeRuns(), io.StringIO()
    with unittest.mock.patch.object(bench_ranks, "run_process", runs), \
            unittest.mock.patch("shutil.which", lambda _: "mpirun" if has_mpi else None), \
            contextlib.redirect_stderr(notes):
        record = bench_ranks.compare(PRESETS["A"], ARGS)
    return record, runs, notes.getvalue()


class BenchRanks(unittest.TestCase):
    def test_every_side_trains_the_same_shape(self):
        _, runs, _ = compare()
        self.assertEqual(runs.turns, {"one": 4, "threads": 3, "tcp": 3, "mpi": 3})
        for command in runs.commands:
            bench = command[command.index("lyrnn"):]
            self.assertEqual(bench[1], "bench")
            self.assertEqual(bench[2:2 + len(PRESETS["A"].options())], PRESETS["A"].options())
            side = runs.side_of(command)
            threads = bench[bench.index("--threads") + 1]
            self.assertEqual(threads, "2" if side == "threads" else "1")
            self.assertEqual("--ranks" in bench, side == "tcp")
            if side == "mpi":
                self.assertEqual(command[command.index("-n") + 1], "2")

    def test_the_order_changes_from_round_to_round(self):
        _, runs, _ = compare()
        sides = [runs.side_of(command) for command in runs.commands[1:]]
        self.assertEqual(sides[:4], ["one", "threads", "tcp", "mpi"])
        self.assertEqual(sides[4:8], ["threads", "tcp", "mpi", "one"])

    def test_ratios_are_those_of_a_round(self):
        record, _, _ = compare()
        # The first turn of "one" is the probe, so its rounds have 2, 3 and 4 times its speed.
        self.assertEqual(record["ratios"]["tcp / threads"]["rounds"], [1.2] * 3)
        self.assertEqual(record["ratios"]["tcp / one"]["rounds"],
                         [180 * turn / (100 * (turn + 1)) for turn in (1, 2, 3)])
        self.assertEqual(record["ratios"]["mpi, weak / one"]["rounds"],
                         [240 * turn / (100 * (turn + 1)) for turn in (1, 2, 3)])
        self.assertEqual(record["sides"]["tcp"]["communication_share"]["median"], 0.25)
        self.assertEqual(set(record["ratios"]), set(bench_table.RANKS_RATIOS))

    def test_mpi_is_skipped_and_said_to_be_where_there_is_no_mpirun(self):
        record, runs, notes = compare(has_mpi=False)
        self.assertEqual(runs.turns["mpi"], 0)
        self.assertIn("mpi: skipped: no mpirun", notes)
        self.assertNotIn("mpi / one", record["ratios"])
        table_row = dict(zip(bench_table.RANKS_COLUMNS, bench_table.ranks_row(record), strict=True))
        self.assertEqual(table_row["MPI / 1 thread"], "not measured")
        self.assertEqual(table_row["of MPI"], "not measured")

    def test_the_table_has_every_ratio(self):
        record, _, _ = compare()
        table_row = dict(zip(bench_table.RANKS_COLUMNS, bench_table.ranks_row(record), strict=True))
        self.assertEqual(table_row["TCP / N threads"], "1.20 (1.20 to 1.20)")
        self.assertEqual(table_row["communication of TCP: ms, floor, share"], "2, 1, 25%")
        self.assertEqual(table_row["N"], "2")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "ranks.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            self.assertEqual(bench_table.ranks_rows(bench_table.read_ranks([path])),
                             [bench_table.ranks_row(record)])

    def test_a_program_without_mpi_is_refused(self):
        carrier = "TCP (mpi: liblyrnn_mpi.so cannot be loaded; install Open MPI)"
        rows = [row(100, scaling, carrier) for scaling in ("one", "strong", "weak")]
        text = "".join(json.dumps(each) + "\n" for each in rows)
        with unittest.mock.patch.object(bench_ranks, "run_process", lambda _: text), \
                self.assertRaises(SystemExit) as stop:
            bench_ranks.measure("mpi", ARGS, PRESETS["A"], 1)
        self.assertIn("lyrnn: its ranks use TCP (mpi: ",
                      str(stop.exception))

    def test_a_program_without_ranks_is_refused(self):
        only_one = json.dumps(row(100, "one")) + "\n"
        with unittest.mock.patch.object(bench_ranks, "run_process", lambda _: only_one), \
                self.assertRaises(SystemExit) as stop:
            bench_ranks.measure("tcp", ARGS, PRESETS["A"], 1)
        self.assertIn("lyrnn: tcp printed rows for one and not for one, strong, weak",
                      str(stop.exception))


if __name__ == "__main__":
    unittest.main()
