#!/usr/bin/env python3
"""Compares lyrnn's training speed with PyTorch's, on the same CPU cores or the same GPU.

The sides are `lyrnn bench` and those of bench_pytorch.py: the tutorial's script, on a GPU PyTorch
as installed, and the best PyTorch with lyrnn's --precision. Each side uses its fastest number of
CPU threads, and PyTorch uses lyrnn's OpenBLAS. First all sides train from the same weights on the
same text. The script stops if their losses differ. Then the sides take turns. Each turn is a new
process, and every round has another order, so that other programs on the machine slow down all
sides. This script needs a Python that has PyTorch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from bench_shapes import (add_machine_options, add_record, add_shape_options, characters,
                          check_machine_options, chosen_shapes, fail, note, origin, positive,
                          run_process, spread, steps_for, text_ids, text_length, thread_counts,
                          training_sides, with_range)

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
CHECK_STEPS, CHECK_EPOCHS = 10, 2
# Relative differences of an epoch's mean losses: the largest one that passes without a warning, and
# the largest one that passes. On CPUs in fp32, sides that differ only in the order of their sums
# stay within 2e-7. Other libraries may differ more, because Adam's first steps have the same size
# for small and for large gradients. A learning rate that is 1 % off, missing clipping, a missing
# state or a missing bias causes at least 2e-4. In the CUDA simulator, which rounds operands as
# tensor cores do, TF32 differs from fp32 by 2e-6 and bf16 by 2e-5 at shape A. Their values here are
# guesses, because no GPU has confirmed that.
USUAL_DIFFERENCE = {"fp32": 2e-6, "tf32": 2e-4, "bf16": 5e-3}
LOSS_TOLERANCE = {"fp32": 2e-5, "tf32": 2e-4, "bf16": 5e-3}
SECONDS_PER_TURN = 2


# ---- processes -----------------------------------------------------------------------------------


def openblas_folder(program):
    """The folder of the program's OpenBLAS, if a PyTorch that uses the distribution's BLAS can load
    it too. None otherwise.
    """
    try:
        libraries = subprocess.run(["ldd", program], capture_output=True, text=True,
                                   check=False).stdout
    except OSError:
        return None
    for line in libraries.splitlines():
        name, _, path = line.strip().partition(" => ")
        folder = os.path.dirname(path.split(" ")[0])
        if name.startswith("libopenblas") and os.path.exists(f"{folder}/libblas.so.3"):
            return folder
    return None


class LyrnnSide:
    name, way = "lyrnn", None

    def __init__(self, args):
        self.program, self.threads, self.precision = args.lyrnn, args.lyrnn_threads, args.precision
        self.machine = ["--device", args.device, "--precision", args.precision]

    def measure(self, shape, steps, repetitions):
        command = [self.program, "bench", *shape.options(), *self.machine, "--format", "jsonl",
                   "--threads", str(self.threads or 0), "--steps", str(steps),
                   "--repetitions", str(repetitions)]
        return json.loads(run_process(command))

    def choose(self, shape):
        """Chooses the fastest number of threads and returns its ms per step."""
        fastest = {}
        for threads in [self.threads] if self.threads else thread_counts(self.machine[1]):
            self.threads = threads
            probe = self.measure(shape, 2, 1)["ms_per_step"]
            steps = steps_for(SECONDS_PER_TURN / 4, probe)
            fastest[threads] = self.measure(shape, steps, 3)["ms_per_step_p10"]
            note(f"  lyrnn: {threads} threads: {fastest[threads]:.3g} ms per step")
        self.threads = min(fastest, key=fastest.get)
        return fastest[self.threads]

    def train(self, shape, corpus, out, *options):
        run_process([self.program, "train", corpus, *self.machine, "--threads", str(self.threads),
                     *shape_without_vocabulary(shape), "--out", out, "--pred-period", "1000000",
                     "--prefix", characters([0]), *options])

    def losses(self, shape, corpus, weights):
        out = os.path.join(os.path.dirname(corpus), "trained")
        self.train(shape, corpus, out, "--init", weights, "--num-epochs", str(CHECK_EPOCHS),
                   "--overwrite")
        with open(os.path.join(out, "metrics.jsonl"), encoding="utf-8") as file:
            return [json.loads(line)["loss"] for line in file]


class TorchSide:
    def __init__(self, name, args):
        self.name, self.way, self.threads = name, None, None
        keeps_defaults = name != "best" and args.device == "cuda"
        self.precision = "tf32" if keeps_defaults else args.precision
        self.command = [sys.executable, os.path.join(SCRIPTS, "bench_pytorch.py"), "--side", name,
                        "--device", args.device, "--precision", args.precision]
        folder = openblas_folder(args.lyrnn)
        self.environment = {}
        if folder:
            others = os.environ.get("LD_LIBRARY_PATH")
            self.environment["LD_LIBRARY_PATH"] = f"{folder}:{others}" if others else folder

    def run(self, shape, *options):
        fixed = ["--way", self.way] if self.way and self.name != "article" else []
        fixed += ["--threads", str(self.threads)] if self.threads else []
        command = [*self.command, *shape.options(), *fixed, *options]
        return json.loads(run_process(command, self.environment))

    def measure(self, shape, steps, repetitions):
        return self.run(shape, "--steps", str(steps), "--repetitions", str(repetitions))

    def choose(self, shape):
        result = self.run(shape, "--repetitions", "1")
        self.way, self.threads = result["way"], result["threads"]
        note(f"  {self.name}: {self.way}, {self.threads} threads: "
             f"{result['ms_per_step']:.3g} ms per step")
        return result["ms_per_step"]

    def losses(self, shape, corpus, weights):
        return self.run(shape, "--corpus", corpus, "--init", weights,
                        "--num-epochs", str(CHECK_EPOCHS))["losses"]


def shape_without_vocabulary(shape):
    """The shape as options of a command that takes its vocabulary from a text."""
    options = shape.options()
    at = options.index("--vocab-size")
    return options[:at] + options[at + 2 :]


# ---- the check that all sides do the same work ---------------------------------------------------


def difference_of(losses, reference):
    """The largest relative difference; infinite if an epoch is missing or a loss is NaN."""
    if len(losses) != len(reference):
        return float("inf")
    differences = [abs(loss - other) / abs(other)
                   for loss, other in zip(losses, reference, strict=True)]
    return max(d if d == d else float("inf") for d in differences)


def allowed_differences(side, lyrnn):
    """The usual and the largest difference of their losses: those of the coarser precision."""
    precisions = side.precision, lyrnn.precision
    return (max(USUAL_DIFFERENCE[precision] for precision in precisions),
            max(LOSS_TOLERANCE[precision] for precision in precisions))


def check_losses(sides, shape):
    """Trains all sides from lyrnn's untrained model on one text. Stops if their losses differ."""
    lyrnn = next(side for side in sides if side.name == "lyrnn")
    with tempfile.TemporaryDirectory() as directory:
        steps = CHECK_STEPS
        while text_length(shape, steps) < shape.vocab_size:
            steps *= 2
        corpus = os.path.join(directory, "corpus.txt")
        with open(corpus, "w", encoding="utf-8") as file:
            file.write(characters(text_ids(shape, text_length(shape, steps))))
        lyrnn.train(shape, corpus, os.path.join(directory, "untrained"), "--num-epochs", "0")
        weights = os.path.join(directory, "untrained", "latest", "model.safetensors")
        losses = {side.name: side.losses(shape, corpus, weights) for side in sides}
    checked = {}
    for side in sides:
        difference = difference_of(losses[side.name], losses["lyrnn"])
        usual, tolerance = allowed_differences(side, lyrnn)
        if not difference <= tolerance:
            fail(f"{shape.label()}: {side.name} computes something else than lyrnn: the mean "
                 f"losses of {CHECK_EPOCHS} epochs of {steps} steps from the same weights are "
                 f"{losses[side.name]} and {losses['lyrnn']} (tolerance {tolerance:g}); correct "
                 "one of them first")
        if difference > usual:
            note(f"  warning: the losses of {side.name} and lyrnn differ by {difference:.1g}; "
                 f"{usual:g} is usual, and {tolerance:g} stops the comparison")
        checked[side.name] = {"losses": losses[side.name], "difference": difference,
                              "tolerance": tolerance}
    note("  same losses: "
         + ", ".join(f"{name} {values[-1]:.6f}" for name, values in losses.items()))
    return {"steps": steps, "epochs": CHECK_EPOCHS, "sides": checked}


# ---- turns ---------------------------------------------------------------------------------------


def take_turns(sides, shape, steps, rounds):
    """Returns each side's result per round, and the highest GEMM rate of each round."""
    results, gemm_gflops = {side.name: [] for side in sides}, []
    for number in range(rounds):
        first = number % len(sides)
        for side in sides[first:] + sides[:first]:
            results[side.name].append(side.measure(shape, steps[side.name], 1))
        latest = {name: of_side[-1] for name, of_side in results.items()}
        gemm_gflops.append(max(r["gemm_gflops"] for r in latest.values()))
        note(f"  round {number + 1}: " + ", ".join(
            f"{name} {r['chars_per_second']:,.0f}" for name, r in latest.items())
            + f" characters/s; GEMM {gemm_gflops[-1]:,.0f} GFLOP/s")
    return results, gemm_gflops


def summarize(side, results, steps, gflop, gemm_gflops):
    speeds = [result["chars_per_second"] for result in results]
    ms = [result["ms_per_step"] for result in results]
    return {"way": side.way, "threads": side.threads, "steps": steps,
            "precision": results[-1]["precision"], "settings": results[-1].get("settings"),
            "chars_per_second": spread(speeds), "ms_per_step": spread(ms),
            "share_of_floor": spread([1e3 * gflop / rate / each
                                      for each, rate in zip(ms, gemm_gflops, strict=True)]),
            "peak_bytes": max(result["peak_bytes"] for result in results),
            "blas": results[-1].get("blas")}


def sides_of(args):
    return [LyrnnSide(args) if name == "lyrnn" else TorchSide(name, args)
            for name in training_sides(args.device)]


def compare(shape, args):
    note(shape.label() + ":")
    sides = sides_of(args)
    steps = {side.name: steps_for(SECONDS_PER_TURN, side.choose(shape)) for side in sides}
    check = check_losses(sides, shape)
    results, gemm_gflops = take_turns(sides, shape, steps, args.rounds)
    gflop = shape.gflop_per_step()
    summaries = {side.name: summarize(side, results[side.name], steps[side.name], gflop,
                                      gemm_gflops) for side in sides}
    # A ratio within each round: if the machine is slow for a minute, both speeds are.
    rounds = {side: summaries[side]["chars_per_second"]["rounds"] for side in summaries}
    ratios = {other: spread([ours / theirs for ours, theirs in
                             zip(rounds["lyrnn"], rounds[other], strict=True)])
              for other in rounds if other != "lyrnn"}
    return {**origin(results["lyrnn"][-1]),
            "preset": shape.preset, **vars(shape), "device": args.device,
            "precision": args.precision, "torch": results["best"][-1]["torch"],
            "rounds": args.rounds, "gflop_per_step": gflop, "gemm_gflops": spread(gemm_gflops),
            "floor_ms": spread([1e3 * gflop / rate for rate in gemm_gflops]),
            "sides": summaries, "ratios": ratios, "loss_check": check}


# ---- output --------------------------------------------------------------------------------------


def print_text(record, shape):
    print(f"{shape.label()}, {record['precision']}; {record['hardware']}; "
          f"PyTorch {record['torch']}; {record['rounds']} rounds")
    for name, side in record["sides"].items():
        print(f"  {name:10}{with_range(side['chars_per_second'], ',.0f'):>36} characters/s,"
              f"{side['ms_per_step']['median']:>9.3g} ms per step, {side['threads']} threads, "
              f"{side['peak_bytes'] / 2**20:,.0f} MiB, share of the floor "
              f"{with_range(side['share_of_floor'], '.0%')}; {side['precision']}" +
              (f"; {side['way']}" if side["way"] else ""))
    for other, ratio in record["ratios"].items():
        print(f"  lyrnn / {other}: {with_range(ratio, '.2f')}")
    print(f"  floor: {record['gflop_per_step']:.2f} GFLOP per step at "
          f"{record['gemm_gflops']['median']:,.0f} GFLOP/s: "
          f"{record['floor_ms']['median']:.3g} ms")
    check = record["loss_check"]
    differences = ", ".join(f"{name} {side['difference']:.1g} (tolerance {side['tolerance']:g})"
                            for name, side in check["sides"].items() if name != "lyrnn")
    print(f"  losses after {check['epochs'] * check['steps']} steps from the same weights differ "
          f"from lyrnn's: {differences}", flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lyrnn", default="build/lyrnn", metavar="PATH",
                        help="the lyrnn program [build/lyrnn]")
    parser.add_argument("--lyrnn-threads", type=positive, metavar="N",
                        help="lyrnn's --threads [the fastest]")
    add_shape_options(parser)
    add_machine_options(parser)
    parser.add_argument("--rounds", type=positive, default=5, metavar="N",
                        help="rounds in which the sides take turns [5]")
    parser.add_argument("--json", metavar="FILE",
                        help="append each comparison to this file as one line of JSON")
    args = parser.parse_args()
    check_machine_options(parser, args)
    if not os.access(args.lyrnn, os.X_OK):
        fail(f"{args.lyrnn}: no such program; build it or name it with --lyrnn")
    return args


def main():
    args = parse_arguments()
    for shape in chosen_shapes(args):
        record = compare(shape, args)
        print_text(record, shape)
        if args.json:
            add_record(args.json, record)


if __name__ == "__main__":
    main()
