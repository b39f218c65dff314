#!/usr/bin/env python3
"""Compares trainings of several ranks on this machine's CPU with trainings of one process.

    /usr/bin/python3 scripts/bench/bench_ranks.py --json scripts/bench/results/ranks.jsonl

The sides are one process with one thread, one process with N threads, N ranks of `lyrnn bench
--ranks N` over TCP, and N ranks that mpirun starts over MPI, if it is installed. A rank has one
thread. All sides train the same batch (strong scaling); the ranks also train a batch that is N
times as large (weak scaling). The sides take turns. Every turn is a new run, and every round has
another order, so that other programs on the machine slow down all sides.
"""

import argparse
import json
import os
import shutil

from bench_shapes import (add_record, add_shape_options, chosen_shapes, fail, note, origin,
                          positive, run_process, spread, steps_for, with_range)

SIDES = ("one", "threads", "tcp", "mpi")
SECONDS_PER_REPETITION, REPETITIONS = 0.2, 3


def command_of(side, args, shape, steps):
    bench = [args.lyrnn, "bench", *shape.options(), "--device", "cpu", "--format", "jsonl",
             "--steps", str(steps), "--repetitions", str(REPETITIONS)]
    number = str(args.ranks)
    if side == "threads":
        return [*bench, "--threads", number]
    bench += ["--threads", "1"]
    if side == "tcp":
        return [*bench, "--ranks", number]
    if side == "mpi":
        as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        return ["mpirun", *as_root, "--oversubscribe", "--bind-to", "none", "-n", number, *bench]
    return bench


def measure(side, args, shape, steps):
    """The rows of one run by their scaling. A process without ranks has the row "strong"."""
    lines = run_process(command_of(side, args, shape, steps)).splitlines()
    rows = {row.get("scaling", "strong"): row for row in map(json.loads, lines)}
    expected = {"one", "strong", "weak"} if side in ("tcp", "mpi") else {"strong"}
    if set(rows) != expected:
        fail(f"{args.lyrnn}: {side} printed rows for {', '.join(rows) or 'nothing'} and not for "
             f"{', '.join(sorted(expected))}; build it from this commit")
    if side == "mpi" and not rows["strong"]["carrier"].startswith("TCP and MPI"):
        fail(f"{args.lyrnn}: its ranks use {rows['strong']['carrier']} under mpirun; build it with "
             "MPI (libopenmpi-dev)")
    return rows


def take_turns(sides, args, shape, steps):
    """Returns the rows of each side per round."""
    results = {side: [] for side in sides}
    for number in range(args.rounds):
        first = number % len(sides)
        for side in sides[first:] + sides[:first]:
            results[side].append(measure(side, args, shape, steps))
        note(f"  round {number + 1}: " + ", ".join(
            f"{side} {rows[-1]['strong']['chars_per_second']:,.0f}"
            for side, rows in results.items()) + " characters/s")
    return results


def speeds(rounds, scaling="strong"):
    return [rows[scaling]["chars_per_second"] for rows in rounds]


def ratios_of(results):
    """The speeds of ranks divided by those of a process, each within its round."""
    def ratio(side, other, scaling):
        return spread([ours / theirs for ours, theirs in
                       zip(speeds(results[side], scaling), speeds(results[other]), strict=True)])

    ranks = [side for side in ("tcp", "mpi") if side in results]
    found = {f"{side} / {other}": ratio(side, other, "strong")
             for side in ("threads", *ranks) for other in ("one", "threads") if side != other}
    found.update({f"{side}, weak / one": ratio(side, "one", "weak") for side in ranks})
    return found


def summarize(rounds):
    def over_rounds(scaling, key):
        return spread([rows[scaling][key] for rows in rounds])

    summary = {"chars_per_second": over_rounds("strong", "chars_per_second"),
               "ms_per_step": over_rounds("strong", "ms_per_step")}
    if "weak" in rounds[0]:
        summary["weak_chars_per_second"] = over_rounds("weak", "chars_per_second")
        summary.update({key: over_rounds("strong", key) for key in (
            "communication_ms", "communication_share", "communication_floor_ms",
            "communication_mbytes", "link_gbytes_per_second", "link_latency_us")})
    return summary


def compare(shape, args):
    note(shape.label() + ":")
    sides = [side for side in SIDES if side != "mpi" or shutil.which("mpirun")]
    if "mpi" not in sides:
        note("  mpi: skipped: no mpirun; on Debian and Ubuntu install openmpi-bin")
    probe = measure("one", args, shape, 1)["strong"]
    steps = steps_for(SECONDS_PER_REPETITION, probe["ms_per_step"])
    before = os.getloadavg()[0]
    results = take_turns(sides, args, shape, steps)
    return {**origin(probe), "preset": shape.preset, **vars(shape), "ranks": args.ranks,
            "rounds": args.rounds, "steps": steps, "load": [before, os.getloadavg()[0]],
            "carriers": {side: results[side][-1]["strong"]["carrier"]
                         for side in ("tcp", "mpi") if side in results},
            "sides": {side: summarize(rounds) for side, rounds in results.items()},
            "ratios": ratios_of(results)}


def print_text(record, shape):
    print(f"{shape.label()}; {record['ranks']} ranks; {record['hardware']}; "
          f"{record['rounds']} rounds; load {record['load'][0]:.2f} before them")
    for name, side in record["sides"].items():
        print(f"  {name:8}{with_range(side['chars_per_second'], ',.0f')} characters/s")
        if "communication_ms" in side:
            print(f"          communication {side['communication_ms']['median']:.3g} ms per step, "
                  f"at least {side['communication_floor_ms']['median']:.3g}; "
                  f"{side['link_gbytes_per_second']['median']:.3g} GB/s, "
                  f"{side['link_latency_us']['median']:.3g} us")
    for names, ratio in record["ratios"].items():
        print(f"  {names}: {with_range(ratio, '.2f')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lyrnn", default="build/lyrnn", metavar="PATH",
                        help="the lyrnn program [build/lyrnn]")
    add_shape_options(parser)
    parser.add_argument("--ranks", type=positive, default=2, metavar="N",
                        help="ranks, and threads of the process with several [2]")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N",
                        help="rounds in which the sides take turns [5]")
    parser.add_argument("--json", metavar="FILE",
                        help="append each comparison to this file as one line of JSON")
    args = parser.parse_args()
    if not os.access(args.lyrnn, os.X_OK):
        fail(f"{args.lyrnn}: no such program; build it or name it with --lyrnn")
    for shape in chosen_shapes(args):
        record = compare(shape, args)
        print_text(record, shape)
        if args.json:
            add_record(args.json, record)


if __name__ == "__main__":
    main()
