#!/usr/bin/env python3
"""Writes the README's table of speeds, between its two marker lines, from what compare.py measured.

    /usr/bin/python3 scripts/compare.py --json scripts/results/speed.jsonl && scripts/bench_table.py

Of several measurements of one shape on one machine the last counts. Rows of the ladder (A to F) that
have not been measured on a GPU say so.
"""

import argparse
import os

from bench_shapes import PRESETS, fail, read_records, shape_of

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(SCRIPTS, "results", "speed.jsonl")
README = os.path.join(SCRIPTS, "..", "README.md")
BEGIN = "<!-- Speeds: scripts/bench_table.py writes what follows. -->"
END = "<!-- End of the speeds. -->"
COLUMNS = ("shape", "hardware", "article, characters/s", "best PyTorch", "lyrnn", "lyrnn / article",
           "lyrnn / best", "of the GEMM floor", "MiB: article, best, lyrnn", "date", "commit", "command")


def with_range(values, form):
    return f"{values['median']:{form}} ({values['min']:{form}} to {values['max']:{form}})"


def name_of(shape):
    return f"{shape.preset}: {shape.label()}" if shape.preset else shape.label()


def measured_row(record):
    sides, ratios = record["sides"], record["ratios"]
    precision = "" if record["precision"] == "fp32" else f" {record['precision']}"
    return (name_of(shape_of(record)) + precision, record["hardware"],
            *(f"{sides[name]['chars_per_second']['median']:,.0f}"
              for name in ("article", "best", "lyrnn")),
            with_range(ratios["article"], ".2f"), with_range(ratios["best"], ".2f"),
            f"{sides['lyrnn']['share_of_floor']['median']:.0%}",
            ", ".join(f"{sides[name]['peak_bytes'] / 2**20:,.0f}"
                      for name in ("article", "best", "lyrnn")),
            record["date"][:10], record["commit"], f"`{record['command']}`")


def rows(records):
    """The ladder's first, each GPU's before the CPUs'; then shapes of other sizes."""
    latest = {(shape_of(record), record["device"], record["hardware"], record["precision"]): record
              for record in records}

    def measured(shape, device):
        return [measured_row(record) for key, record in latest.items() if key[:2] == (shape, device)]

    others = dict.fromkeys(shape for shape, *_ in latest if not shape.preset)
    table = []
    for shape in [*PRESETS.values(), *others]:
        on_gpu = measured(shape, "cuda")
        if shape.preset and not on_gpu:
            on_gpu = [(name_of(shape), "not run on a GPU") + ("",) * (len(COLUMNS) - 2)]
        table += on_gpu + measured(shape, "cpu")
    return table


def table_text(records):
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows(records)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                     for line in lines)


def with_table(readme, table):
    """The README's text with the table between the markers; None where these are not."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}" if begin and end else None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", default=[RESULTS], metavar="RESULTS",
                        help="files of compare.py --json [scripts/results/speed.jsonl]")
    parser.add_argument("--readme", default=README, metavar="FILE", help="[README.md]")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail where the table is not what the results give")
    args = parser.parse_args()
    try:
        with open(args.readme, encoding="utf-8") as file:
            readme = file.read()
    except OSError as error:
        fail(f"{args.readme}: {error.strerror}")
    written = with_table(readme, table_text(read_records(args.results)))
    if written is None:
        fail(f"{args.readme}: has no line {BEGIN} with {END} after it")
    if written == readme:
        return
    if args.check:
        fail(f"{args.readme}: its table of speeds is not what {' '.join(args.results)} gives; "
             "run scripts/bench_table.py")
    with open(args.readme, "w", encoding="utf-8") as file:
        file.write(written)


if __name__ == "__main__":
    main()
