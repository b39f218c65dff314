"""The shapes at which speed is measured, and what all benchmark scripts share.

Shapes use the option names of `lyrnn bench`. The shared parts are the options, the texts, the
thread counts to try, the statistics and the JSON records. This module needs only Python.
"""

import argparse
import dataclasses
import datetime
import json
import os
import random
import re
import shlex
import statistics
import subprocess
import sys

CELLS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


@dataclasses.dataclass(frozen=True)
class Shape:
    cell: str
    vocab_size: int
    hidden_size: int
    batch_size: int
    num_steps: int
    num_layers: int = 1

    @property
    def preset(self):
        """This shape's name in PRESETS, or None."""
        return next((name for name, shape in PRESETS.items() if shape == self), None)

    def label(self):
        layers = f" L{self.num_layers}" if self.num_layers > 1 else ""
        return (f"{self.cell} V{self.vocab_size} H{self.hidden_size} B{self.batch_size} "
                f"T{self.num_steps}{layers}")

    def chars_per_step(self):
        return self.batch_size * self.num_steps

    def gflop_per_step(self):
        """Counts matrix products only. Backward takes twice as many FLOPs as forward. Layer 1's
        input is a lookup and takes no product.
        """
        H, gates = self.hidden_size, GATES[self.cell] * self.hidden_size
        products = H * self.vocab_size + (2 * self.num_layers - 1) * gates * H
        return 3 * 2 * self.chars_per_step() * products / 1e9

    def options(self):
        """This shape as command-line options of `lyrnn bench` and bench_pytorch.py."""
        return [word for field in dataclasses.fields(self)
                for word in ("--" + field.name.replace("_", "-"), str(getattr(self, field.name)))]


PRESETS = {
    "A": Shape("rnn_tanh", vocab_size=1027, hidden_size=256, batch_size=32, num_steps=35),
    "B": Shape("lstm", vocab_size=4096, hidden_size=512, batch_size=64, num_steps=128),
    "C": Shape("gru", vocab_size=4096, hidden_size=512, batch_size=64, num_steps=128),
    "D": Shape("lstm", vocab_size=4096, hidden_size=1024, batch_size=128, num_steps=128,
               num_layers=2),
    "E": Shape("rnn_tanh", vocab_size=4096, hidden_size=2048, batch_size=128, num_steps=128),
    "F": Shape("lstm", vocab_size=6000, hidden_size=2048, batch_size=256, num_steps=256),
}
PRESET_GROUPS = {"article": ["A"], "ladder": list(PRESETS)}


def shape_of(record):
    """The shape in a JSON object written by lyrnn bench, bench_pytorch.py or compare.py."""
    return Shape(**{field.name: record[field.name] for field in dataclasses.fields(Shape)})


# ---- command line --------------------------------------------------------------------------------


def fail(message):
    sys.exit(f"{sys.argv[0].rpartition('/')[2]}: {message}")


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a positive whole number")
    return int(text)


def positives(text):
    return [positive(word) for word in text.split(",")]


def add_shape_options(parser):
    parser.add_argument("--preset", default="article", choices=[*PRESET_GROUPS, *PRESETS],
                        help="the tutorial's shape (article, which is A), all six shapes (ladder), "
                        "or one of them [article]")
    parser.add_argument("--cell", choices=CELLS, help="use this cell instead of the preset's")
    for name, letter in (("vocab-size", "V"), ("hidden-size", "H"), ("num-layers", "L"),
                         ("batch-size", "B"), ("num-steps", "T")):
        parser.add_argument("--" + name, type=positives, metavar=f"{letter}[,{letter}...]",
                            help="use these sizes instead of the preset's")


def chosen_shapes(args):
    """The chosen presets. An option with several sizes makes one shape per size."""
    shapes = [PRESETS[name] for name in PRESET_GROUPS.get(args.preset, [args.preset])]
    for field in dataclasses.fields(Shape):
        values = getattr(args, field.name)
        if values is not None:
            values = [values] if field.name == "cell" else values
            shapes = [dataclasses.replace(shape, **{field.name: value})
                      for shape in shapes for value in values]
    return list(dict.fromkeys(shapes))


def add_machine_options(parser):
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="[cpu]")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32",
                        help="round the operands of matrix products to this format, except on the "
                        "sides that keep PyTorch's defaults; tf32 and bf16 need --device cuda "
                        "[fp32]")


def check_machine_options(parser, args):
    if args.precision != "fp32" and args.device == "cpu":
        parser.error(f"--precision {args.precision}: works only on a GPU; add --device cuda")


# On a CPU, PyTorch's defaults are fp32, so that "installed" would repeat "best".
def training_sides(device):
    """The sides of compare.py in the order of the tables."""
    return ("article", *(("installed",) if device == "cuda" else ()), "best", "lyrnn")


# ---- texts ---------------------------------------------------------------------------------------


def text_length(shape, num_batches):
    """The length of a text that gives num_batches batches per epoch."""
    return shape.batch_size * (num_batches * shape.num_steps + 1)


def random_ids(shape, length, seed=1):
    """Samples ids like `lyrnn bench`: log-uniform, with a frequency of about 1 / (k + 1) for id k.
    Character frequencies in real texts are similar.
    """
    rng = random.Random(seed)
    return [int((shape.vocab_size + 1) ** rng.random()) - 1 for _ in range(length)]


def text_ids(shape, length, seed=1):
    """Contains every id once if length allows; the other ids are sampled."""
    ids = list(range(min(shape.vocab_size, length)))
    ids += random_ids(shape, length - len(ids), seed)
    random.Random(seed).shuffle(ids)
    return ids


def characters(ids):
    """Maps ids to ascending code points. A vocabulary in code-point order maps them back."""
    return "".join(chr(0x4E00 + i) for i in ids)


# ---- measuring -----------------------------------------------------------------------------------


def thread_counts(device):
    """The thread counts to try: the powers of two up to the number of cores, and all cores."""
    if device != "cpu":
        return [1]
    cores = len(os.sched_getaffinity(0))
    return sorted({cores} | {2**k for k in range(cores.bit_length()) if 2**k <= cores})


def steps_for(seconds, ms_per_step):
    return max(2, round(1e3 * seconds / ms_per_step))


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "rounds": list(values)}


def with_range(values, form):
    return f"{values['median']:{form}} ({values['min']:{form}} to {values['max']:{form}})"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def note(text):
    print(text, file=sys.stderr, flush=True)


def run_process(command, environment=None):
    """Runs the command and returns its standard output. Stops this script if the command fails."""
    try:
        process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 check=False, env={**os.environ, **(environment or {})})
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}")
    if process.returncode != 0:
        lines = process.stderr.strip().splitlines() or [f"exit status {process.returncode}"]
        fail(f"{shlex.join(command)}: {lines[-1]}")
    return process.stdout


# ---- records: one line of JSON per measurement, the source of tables and pictures ----------------


def hardware(device_name):
    """lyrnn's device name, with the machine's cores instead of the threads that the run used."""
    cores = len(os.sched_getaffinity(0))
    return re.sub(r"\b\d+ threads?\b", f"{cores} core{'s' if cores > 1 else ''}", device_name)


def origin(row):
    """A record's first fields: date, hardware, commit, command. row comes from lyrnn bench."""
    script = f"scripts/bench/{os.path.basename(sys.argv[0])}"
    return {"date": now(), "hardware": hardware(row["device_name"]), "commit": row["commit"],
            "command": shlex.join([script, *sys.argv[1:]])}


def add_record(path, record):
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def read_lines(paths, script, check):
    """The JSON objects of all files, which the script wrote, one per line. check raises KeyError,
    TypeError or ValueError for an object that is none of the script's.
    """
    records = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    record = json.loads(line)
                    check(record)
                    records.append(record)
        except OSError as error:
            fail(f"{path}: {error.strerror}; create it with {script} --json {path}")
        except (ValueError, TypeError, KeyError):
            fail(f"{path}:{number}: not a record of {script} --json; remove this line")
    return records


def read_records(paths, script="scripts/bench/compare.py", sides=None):
    """The records of all files, oldest first. script wrote them; each must have all sides. None:
    those of compare.py.
    """
    records = read_lines(paths, script, lambda record: (
        shape_of(record), record["date"],
        [record["sides"][side] for side in sides or training_sides(record["device"])]))
    return sorted(records, key=lambda record: record["date"])
