#!/usr/bin/env python3
"""Compares the held-out perplexity that lyrnn and PyTorch reach in the same time on the same cores.

All sides learn the same text and are scored on the same characters of its last poems. A side is a
name and options: `--side NAME=OPTIONS` adds one, or replaces one of the first three. A name that
begins with "pytorch" takes the options of quality_pytorch.py, any other those of `lyrnn train`.

Only the time of training steps counts, for every side: no start-up, no validation, no checkpoints.
A side of lyrnn first trains two epochs to learn how many fit, because a schedule must end in time.
These two count. Epochs that end after the time are left out.

A side that reads songs is scored poem by poem, as its own validation does. Any other is scored poem
by poem and as running text, and the better way counts. At the end, `lyrnn eval` scores each best
model of lyrnn again, and the script stops if the numbers differ.

Each training adds a record to --json. bench_table.py and plot_quality.py show them. This script
needs a Python that has PyTorch.
"""

import argparse
import concurrent.futures
import json
import math
import os
import queue
import shlex
import statistics
import sys
import tempfile

from bench_shapes import add_record, fail, note, origin, positive, positives, run_process
from compare import openblas_folder
from quality_text import read_text

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
SIDES = {
    # The tutorial's recipe on the whole text and with its lines.
    "tutorial": "--preset tutorial --max-chars 0 --newlines keep",
    "lyrnn": "--preset medium",
    # The best of the usual recipe's sizes, cells and dropouts in this time.
    "pytorch": "--cell gru --hidden-size 512 --embedding-size 512",
}
PROBE_EPOCHS, MAX_SCORED = 2, 30
# lyrnn eval and the other scores add up the same numbers in another order.
LARGEST_DIFFERENCE = 1e-4


# ---- one training --------------------------------------------------------------------------------


class Side:
    def __init__(self, name, options, args):
        self.name, self.options, self.args = name, shlex.split(options), args

    def run(self, command, cores):
        """Runs the command on these cores only, with the OpenBLAS of lyrnn."""
        folder = openblas_folder(self.args.lyrnn)
        others = os.environ.get("LD_LIBRARY_PATH")
        path = ":".join(filter(None, [folder, others]))
        return run_process(["taskset", "-c", ",".join(map(str, cores)), *command],
                           {"LD_LIBRARY_PATH": path} if path else None)

    def pytorch(self, options, cores):
        """Runs quality_pytorch.py and returns its reports."""
        command = [sys.executable, os.path.join(SCRIPTS, "quality_pytorch.py"), self.args.text,
                   "--held-out", str(self.args.held_out), "--threads", str(self.args.threads)]
        return [json.loads(line) for line in self.run([*command, *options], cores).splitlines()]


class PyTorchSide(Side):
    def train(self, seed, cores, _):
        reports = self.pytorch([*self.options, "--seed", str(seed), "--seconds",
                                str(60 * self.args.minutes)], cores)
        last = reports[-1]
        reading = better_reading(report["nats"] for report in reports)
        return {"options": shlex.join(self.options), "torch": last["torch"], "reading": reading,
                "parameters": last["parameters"], "epochs": len(reports),
                "chars_per_second": last["chars"] / last["seconds"],
                "train_perplexity": math.exp(last["loss"]),
                "curve": [[report["seconds"], math.exp(report["nats"][reading])]
                          for report in reports]}


class LyrnnSide(Side):
    def train(self, seed, cores, folder):
        probe = self.train_epochs(PROBE_EPOCHS, seed, cores, os.path.join(folder, "probe"))
        spent = sum(epoch["seconds"] for epoch in probe)
        budget = 60 * self.args.minutes
        num_epochs = int((budget - spent) / (spent / len(probe)))
        if num_epochs < 1:
            fail(f"--minutes {self.args.minutes:g}: {self.name} needs {spent:.3g} seconds for "
                 f"{len(probe)} epochs; give it more time")
        run = os.path.join(folder, "run")
        metrics = self.train_epochs(num_epochs, seed, cores, run)
        with open(os.path.join(run, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        curve, reading = self.curve(metrics, config, run, cores)
        ends = [spent + sum(epoch["seconds"] for epoch in metrics[: i + 1])
                for i in range(len(metrics))]
        curve = [[ends[epoch - 1], perplexity] for epoch, perplexity in curve]
        in_time = [epoch for epoch, end in zip(metrics, ends, strict=True) if end <= budget]
        if not in_time or curve[0][0] > budget:
            fail(f"{self.name}: no epoch ended in time; give it more --minutes")
        return {"options": shlex.join(self.options), "reading": reading,
                "parameters": self.num_parameters(run, cores), "epochs": len(in_time),
                "chars_per_second": statistics.median(epoch["chars_per_second"]
                                                      for epoch in in_time),
                "train_perplexity": in_time[-1]["perplexity"],
                "recipe": {name: value for name, value in config.items() if name in RECIPE},
                "curve": [point for point in curve if point[0] <= budget]}

    def train_epochs(self, num_epochs, seed, cores, run):
        every = max(1, math.ceil(num_epochs / MAX_SCORED))
        self.run([self.args.lyrnn, "train", self.args.text, "--out", run, *self.options,
                  "--val-fraction", self.args.split.val_fraction, "--patience", "0",
                  "--num-epochs", str(num_epochs), "--seed", str(seed), "--device", "cpu",
                  "--threads", str(self.args.threads), "--pred-period", "1000000",
                  "--pred-len", "1", "--report-every", "0", "--checkpoint-every", str(every)],
                 cores)
        with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def curve(self, metrics, config, run, cores):
        """(epoch, perplexity) by time, and how the poems were read."""
        validation = [(epoch["epoch"], epoch["val_perplexity"]) for epoch in metrics
                      if epoch["val_perplexity"] is not None]
        best = min(validation, key=lambda point: point[1])[0]
        if config["sampling"] == "songs":
            self.check(run, best, dict(validation)[best], cores)
            return validation, "poems"
        # The validation of running text has other characters: it is scored from the checkpoints.
        folders = {int(name.rpartition("-")[2]): os.path.join(run, "checkpoints", name)
                   for name in os.listdir(os.path.join(run, "checkpoints"))}
        epochs = sorted(folders)
        reports = self.pytorch(["--score", *(os.path.join(folders[epoch], "model.safetensors")
                                             for epoch in epochs)], cores)
        nats = {epoch: report["nats"] for epoch, report in zip(epochs, reports, strict=True)}
        self.check(run, best, math.exp(nats[best]["poems"]), cores)
        reading = better_reading(nats.values())
        return [(epoch, math.exp(nats[epoch][reading])) for epoch in epochs], reading

    def check(self, run, epoch, perplexity, cores):
        """lyrnn eval must find the same perplexity, from the same number of characters."""
        model = os.path.join(run, "checkpoints", f"epoch-{epoch:06d}", "model.safetensors")
        result = json.loads(self.run([self.args.lyrnn, "eval", "--json", "--songs", "blank-line",
                                      "--device", "cpu", "--threads", str(self.args.threads), model,
                                      self.args.held_out_text], cores))["total"]
        targets = self.args.split.num_targets
        if result["scored"] != targets or result["unknown"] != 0:
            fail(f"{self.name}: lyrnn eval scored {result['scored']} characters instead of "
                 f"{targets}; correct the split")
        if not abs(result["perplexity"] / perplexity - 1) <= LARGEST_DIFFERENCE:
            fail(f"{self.name}: lyrnn eval finds a perplexity of {result['perplexity']:.6g}, not "
                 f"{perplexity:.6g}, at epoch {epoch}; correct one of them")

    def num_parameters(self, run, cores):
        model = json.loads(self.run([self.args.lyrnn, "info", "--json", run], cores))
        return model["num_parameters"]


def better_reading(nats):
    """The way to read, "poems" or "running", in which the best epoch is better."""
    nats = list(nats)
    return min(nats[0], key=lambda reading: min(of_epoch[reading] for of_epoch in nats))


# ---- the parts of the recipe ---------------------------------------------------------------------

# The options of config.json that make the recipe, with the values that switch them off.
RECIPE = {"cell": None, "hidden_size": None, "num_layers": None, "batch_size": None,
          "num_steps": None, "lr": None, "clip_norm": None, "sampling": "consecutive",
          "embedding_size": 0, "tie": False, "dropout_input": 0, "dropout_output": 0, "dropout": 0,
          "dropout_weight": 0, "schedule": "constant", "warmup": 0, "weight_decay": 0,
          "beta2": 0.999, "ema": 0, "shards": None}
# What is switched off together. Tying and dropout on the input need an embedding.
PARTS = {"embedding": ("embedding_size", "tie", "dropout_input"), "tied output": ("tie",),
         "locked dropout": ("dropout_input", "dropout_output"),
         "dropout between layers": ("dropout",), "weight dropping": ("dropout_weight",),
         "schedule": ("schedule", "warmup"), "weight decay": ("weight_decay",),
         "beta2": ("beta2",), "averaging": ("ema",), "songs": ("sampling",)}


def options_of(recipe):
    """The options of lyrnn train for this recipe, without any preset."""
    options = []
    for name, value in recipe.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            options.append(option)
        elif value is not False:
            options += [option, str(value)]
    return shlex.join(options)


def ablations(side, cores):
    """Sides that each lack one part of the recipe of the given side, by name."""
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        side.train_epochs(0, 1, cores, run)
        with open(os.path.join(run, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
    recipe = {name: config[name] for name in RECIPE if name in config}
    sides = {}
    for part, names in PARTS.items():
        off = {name: RECIPE[name] for name in names if name in recipe}
        if any(recipe[name] != value for name, value in off.items()):
            sides[f"lyrnn without {part}"] = options_of({**recipe, **off})
    return sides


# ---- all trainings -------------------------------------------------------------------------------


def core_sets(args):
    """Disjoint sets of cores: as many as fit if sides run in parallel, otherwise one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < args.threads:
        fail(f"--threads {args.threads}: there are {len(cores)} cores; use fewer threads")
    num_sets = len(cores) // args.threads if args.parallel else 1
    return [cores[i * args.threads : (i + 1) * args.threads] for i in range(num_sets)]


def run_jobs(sides, args, common):
    """Trains every side with every seed, seed by seed. Yields a record per training."""
    free = queue.Queue()
    for cores in core_sets(args):
        free.put(cores)

    def run_job(side, seed):
        cores = free.get()
        try:
            with tempfile.TemporaryDirectory(dir=args.work) as folder:
                return {**common, "side": side.name, "seed": seed,
                        **rounded(side.train(seed, cores, folder))}
        finally:
            free.put(cores)

    with concurrent.futures.ThreadPoolExecutor(free.qsize()) as pool:
        jobs = [pool.submit(run_job, side, seed) for seed in args.seeds for side in sides]
        for job in concurrent.futures.as_completed(jobs):
            if job.exception() is not None:
                pool.shutdown(wait=False, cancel_futures=True)
            yield job.result()


def rounded(run):
    """Adds the best point of the curve. Rounds what a reader of the record does not need."""
    best = min(run["curve"], key=lambda point: point[1])
    return {**run, "chars_per_second": round(run["chars_per_second"]),
            "train_perplexity": round(run["train_perplexity"], 3),
            "best_perplexity": round(best[1], 3), "best_seconds": round(best[0], 1),
            "bits_per_char": round(math.log2(best[1]), 4),
            "curve": [[round(seconds, 1), round(perplexity, 2)]
                      for seconds, perplexity in run["curve"]]}


# ---- output --------------------------------------------------------------------------------------


def best_until(curve, seconds):
    """The lowest perplexity by that time; NaN if there is none yet."""
    return min((perplexity for end, perplexity in curve if end <= seconds), default=math.nan)


def print_text(records, args):
    sides = dict.fromkeys(record["side"] for record in records)
    marks = [60 * args.minutes * share for share in (1 / 8, 1 / 4, 1 / 2, 1)]
    print(f"{'lowest held-out perplexity after':34}"
          + "".join(f"{mark / 60:>8.3g} min" for mark in marks))
    for side in sides:
        curves = [record["curve"] for record in records if record["side"] == side]
        values = [statistics.median(best_until(curve, mark) for curve in curves) for mark in marks]
        print(f"  {side:32}" + "".join(f"{value:>12.2f}" for value in values))
    print(f"\n{'at the best epoch':34}{'perplexity (min to max)':>28}{'bits/char':>11}"
          f"{'minutes':>9}{'epochs':>8}{'characters/s':>14}  read")
    for side in sides:
        runs = [record for record in records if record["side"] == side]
        best = [run["best_perplexity"] for run in runs]
        middle = {name: statistics.median(run[name] for run in runs)
                  for name in ("best_seconds", "epochs", "chars_per_second")}
        perplexity = statistics.median(best)
        print(f"  {side:32}{f'{perplexity:.2f} ({min(best):.2f} to {max(best):.2f})':>28}"
              f"{math.log2(perplexity):>11.3f}{middle['best_seconds'] / 60:>9.2f}"
              f"{middle['epochs']:>8.0f}{middle['chars_per_second']:>14,.0f}"
              f"  {', '.join(dict.fromkeys(run['reading'] for run in runs))}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="+", metavar="CORPUS",
                        help="verse, as lyrnn train reads it")
    parser.add_argument("--lyrnn", default="build/lyrnn", metavar="PATH",
                        help="the lyrnn program [build/lyrnn]")
    parser.add_argument("--chars", type=positive, default=150000, metavar="N",
                        help="read the first N characters [150000]")
    parser.add_argument("--held-out", type=float, default=0.17, metavar="SHARE",
                        help="hold out the last poems, about this SHARE of the text [0.17]")
    parser.add_argument("--minutes", type=float, default=10, metavar="M",
                        help="minutes of training per side and seed [10]")
    parser.add_argument("--seeds", type=positives, default=[1, 2, 3], metavar="S[,S...]",
                        help="[1,2,3]")
    parser.add_argument("--threads", type=positive, default=1, metavar="N",
                        help="threads and cores of each side [1]")
    parser.add_argument("--parallel", action="store_true",
                        help="train several sides at once, each on its own cores")
    parser.add_argument("--sides", default=",".join(SIDES), metavar="NAME[,NAME...]",
                        help=f"those to train [{','.join(SIDES)}]")
    parser.add_argument("--side", action="append", default=[], metavar="NAME=OPTIONS",
                        help="another side, or other options of a side; repeatable")
    parser.add_argument("--ablation", action="store_true",
                        help="also train the lyrnn side without each part of its recipe")
    parser.add_argument("--work", metavar="DIR",
                        help="where the trainings are written, and removed after it [$TMPDIR]")
    parser.add_argument("--json", metavar="FILE",
                        help="append each training to this file as one line of JSON")
    args = parser.parse_args()
    if not os.access(args.lyrnn, os.X_OK):
        fail(f"{args.lyrnn}: no such program; build it or name it with --lyrnn")
    if not 0 < args.held_out < 1:
        parser.error(f"--held-out {args.held_out:g}: must be between 0 and 1")
    return args


def chosen_sides(args):
    options = dict(SIDES)
    names = args.sides.split(",")
    for side in args.side:
        name, equals, its_options = side.partition("=")
        if not equals:
            fail(f"--side {side}: no options; write NAME=OPTIONS")
        options[name] = its_options
        names.append(name)
    unknown = [name for name in names if name not in options]
    if unknown:
        fail(f"--sides {unknown[0]}: no such side; define it with --side '{unknown[0]}=OPTIONS'")
    if args.ablation:
        more = ablations(LyrnnSide("lyrnn", options["lyrnn"], args), core_sets(args)[0])
        options.update(more)
        names += more
    return [(PyTorchSide if name.startswith("pytorch") else LyrnnSide)(name, options[name], args)
            for name in dict.fromkeys(names)]


def write_text(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return path


def common_fields(args):
    """What the records of all trainings have in common. Paths of this machine are left out."""
    about = run_process([args.lyrnn, "bench", "--vocab-size", "16", "--hidden-size", "8",
                         "--batch-size", "1", "--num-steps", "1", "--steps", "1",
                         "--repetitions", "1", "--threads", "1", "--format", "jsonl"])
    words = [os.path.basename(word) if word in args.corpus else word for word in sys.argv[1:]]
    return {**origin(json.loads(about)),
            "command": shlex.join(["scripts/bench/bench_quality.py", *words]),
            "corpus": [os.path.basename(path) for path in args.corpus],
            "text": args.split.record(), "minutes": args.minutes, "threads": args.threads,
            "at_once": len(core_sets(args))}


def main():
    args = parse_arguments()
    args.split = read_text(args.lyrnn, args.corpus, args.chars, args.held_out)
    with tempfile.TemporaryDirectory() as folder:
        args.text = write_text(os.path.join(folder, "text.txt"), args.split.text)
        args.held_out_text = write_text(os.path.join(folder, "held_out.txt"),
                                        args.split.text[args.split.cut :])
        sides, common, records = chosen_sides(args), common_fields(args), []
        text = common["text"]
        note(f"{' '.join(common['corpus'])}: {text['chars']:,} characters, "
             f"{text['vocab_size']:,} distinct; {text['held_out_poems']:,} poems held out, "
             f"{text['targets']:,} characters to predict")
        for record in run_jobs(sides, args, common):
            records.append(record)
            note(f"  {record['side']}, seed {record['seed']}: {record['best_perplexity']:.2f} "
                 f"after {record['best_seconds']:.0f} s; {record['epochs']} epochs")
            if args.json:
                add_record(args.json, record)
    print_text(records, args)


if __name__ == "__main__":
    main()
