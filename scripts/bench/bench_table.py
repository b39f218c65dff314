#!/usr/bin/env python3
"""Writes the README's tables of speed, each between its two marker lines, from what was measured:

    /usr/bin/python3 scripts/bench/compare.py --json scripts/bench/results/speed.jsonl
    /usr/bin/python3 scripts/bench/bench_generation.py --json scripts/bench/results/generation.jsonl
    scripts/bench/bench_table.py

Of several measurements of one shape on one machine the last counts. In the table of training, rows of
the ladder (A to F) that have not been measured on a GPU say so.
"""

import argparse
import os

from bench_shapes import PRESETS, fail, read_records, shape_of, with_range

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(SCRIPTS, "..", "..", "README.md")
ORIGIN = ("date", "commit", "command")


def origin_of(record):
    return record["date"][:10], record["commit"], f"`{record['command']}`"


def speed_of(side):
    return f"{side['chars_per_second']['median']:,.0f}"


def latest(records, *fields):
    """The last record of each shape, machine and value of the fields."""
    return {(shape_of(record), record["hardware"], *(record[field] for field in fields)): record
            for record in records}.values()


# ---- training ------------------------------------------------------------------------------------

TRAINING_SIDES = ("article", "best", "lyrnn")
TRAINING_COLUMNS = ("shape", "hardware", "article, characters/s", "best PyTorch", "lyrnn",
                    "lyrnn / article", "lyrnn / best", "of the GEMM floor",
                    "MiB: article, best, lyrnn", *ORIGIN)


def name_of(shape):
    return f"{shape.preset}: {shape.label()}" if shape.preset else shape.label()


def training_row(record):
    sides, ratios = record["sides"], record["ratios"]
    precision = "" if record["precision"] == "fp32" else f" {record['precision']}"
    return (name_of(shape_of(record)) + precision, record["hardware"],
            *(speed_of(sides[name]) for name in TRAINING_SIDES),
            with_range(ratios["article"], ".2f"), with_range(ratios["best"], ".2f"),
            f"{sides['lyrnn']['share_of_floor']['median']:.0%}",
            ", ".join(f"{sides[name]['peak_bytes'] / 2**20:,.0f}" for name in TRAINING_SIDES),
            *origin_of(record))


def training_rows(records):
    """The ladder's first, each GPU's before the CPUs'; then shapes of other sizes."""
    records = latest(records, "device", "precision")

    def measured(shape, device):
        return [training_row(record) for record in records
                if (shape_of(record), record["device"]) == (shape, device)]

    others = dict.fromkeys(shape for shape in map(shape_of, records) if not shape.preset)
    table = []
    for shape in [*PRESETS.values(), *others]:
        on_gpu = measured(shape, "cuda")
        if shape.preset and not on_gpu:
            on_gpu = [(name_of(shape), "not run on a GPU") + ("",) * (len(TRAINING_COLUMNS) - 2)]
        table += on_gpu + measured(shape, "cpu")
    return table


# ---- writing -------------------------------------------------------------------------------------

WRITING_SIDES = ("article", "one", "many", "drawn")
WRITING_COLUMNS = ("shape", "texts", "hardware", "article, characters/s", "lyrnn, one text",
                   "side by side", "drawn", "one / article", "side by side / one",
                   "side by side, of the GEMM floor", *ORIGIN)


def writing_row(record):
    sides, ratios = record["sides"], record["ratios"]
    return (f"{record['cell']} V{record['vocab_size']} H{record['hidden_size']}",
            f"{record['batch_size']} of {record['num_chars']:,} characters", record["hardware"],
            *(speed_of(sides[name]) for name in WRITING_SIDES),
            with_range(ratios["one / article"], ".2f"), with_range(ratios["many / one"], ".2f"),
            f"{record['share_of_floor']['median']:.0%}", *origin_of(record))


def writing_rows(records):
    return [writing_row(record) for record in latest(records, "num_chars")]


# ---- the README ----------------------------------------------------------------------------------


class Table:
    """name: of the file of results, and in the marker lines."""

    def __init__(self, name, script, sides, columns, rows):
        self.results = os.path.join(SCRIPTS, "results", f"{name}.jsonl")
        self.script, self.sides, self.columns, self.rows = script, sides, columns, rows
        self.begin = f"<!-- From {name}.jsonl: scripts/bench/bench_table.py writes what follows. -->"
        self.end = f"<!-- End of {name}.jsonl. -->"

    def text(self):
        rows = self.rows(read_records([self.results], self.script, self.sides))
        lines = [self.columns, ("---",) * len(self.columns), *rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                         for line in lines)

    def write_into(self, readme):
        """The README's text with the table between the markers; None where these are not."""
        before, begin, rest = readme.partition(self.begin)
        _, end, after = rest.partition(self.end)
        return f"{before}{begin}\n\n{self.text()}\n\n{end}{after}" if begin and end else None


TABLES = (Table("speed", "scripts/bench/compare.py", TRAINING_SIDES, TRAINING_COLUMNS, training_rows),
          Table("generation", "scripts/bench/bench_generation.py", WRITING_SIDES, WRITING_COLUMNS,
                writing_rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", default=README, metavar="FILE", help="[README.md]")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail where a table is not what its results give")
    args = parser.parse_args()
    try:
        with open(args.readme, encoding="utf-8") as file:
            readme = file.read()
    except OSError as error:
        fail(f"{args.readme}: {error.strerror}")
    written = readme
    for table in TABLES:
        before, written = written, table.write_into(written)
        if written is None:
            fail(f"{args.readme}: has no line {table.begin} with {table.end} after it")
        if args.check and written != before:
            fail(f"{args.readme}: its table is not what {table.results} gives; run "
                 "scripts/bench/bench_table.py")
    if written == readme:
        return
    with open(args.readme, "w", encoding="utf-8") as file:
        file.write(written)


if __name__ == "__main__":
    main()
