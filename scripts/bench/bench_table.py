#!/usr/bin/env python3
"""Writes the tables of measurements into README.md and scripts/bench/README.md.

    /usr/bin/python3 scripts/bench/compare.py --json scripts/bench/results/speed.jsonl
    /usr/bin/python3 scripts/bench/bench_generation.py --json scripts/bench/results/generation.jsonl
    /usr/bin/python3 scripts/bench/bench_quality.py VERSE --json scripts/bench/results/quality.jsonl
    scripts/bench/bench_table.py

A table replaces everything between its two marker lines. If a shape was measured more than once on
one machine, the last measurement counts. The full table of training speed has a row for every
preset (A to F): a preset that has not been measured on a GPU says so. The tables of quality have
the last measurement. The table of scaling has the estimates of scaling_model.py.
"""

import argparse
import os

from bench_shapes import PRESETS, fail, read_records, shape_of, with_range
from quality_results import (QUALITY_COLUMNS, QUALITY_HEADLINE_COLUMNS, quality_headline_rows,
                             quality_rows, read_quality)
from scaling_model import RANKS, column_names, read_estimates, readme_rows

BENCH = os.path.dirname(os.path.abspath(__file__))
PAGES = [os.path.normpath(os.path.join(BENCH, "..", "..", "README.md")),
         os.path.join(BENCH, "README.md")]
ORIGIN = ("date", "commit", "command")


def origin_of(record):
    return record["date"][:10], record["commit"], f"`{record['command']}`"


def speed_of(side):
    return f"{side['chars_per_second']['median']:,.0f}"


def latest(records, *fields):
    """The last record for each combination of shape, hardware and the given fields."""
    return {(shape_of(record), record["hardware"], *(record[field] for field in fields)): record
            for record in records}.values()


# ---- training ------------------------------------------------------------------------------------

TRAINING_COLUMNS = ("shape", "hardware", "tutorial, characters/s", "PyTorch as installed",
                    "best PyTorch", "lyrnn", "lyrnn / tutorial", "lyrnn / as installed",
                    "lyrnn / best", "share of the GEMM floor",
                    "MiB: tutorial, best, lyrnn", *ORIGIN)
HEADLINE_COLUMNS = ("training shape", "tutorial's script, characters/s", "best PyTorch",
                    "lyrnn (times the tutorial, times the best)")


def name_of(shape):
    return f"{shape.preset}: {shape.label()}" if shape.preset else shape.label()


def name_of_record(record):
    precision = "" if record["precision"] == "fp32" else f" {record['precision']}"
    return name_of(shape_of(record)) + precision


def by_shape(records):
    """Yields each shape with its records on GPUs and its records on CPUs. The presets come first,
    even without a record.
    """
    records = latest(records, "device", "precision")
    others = dict.fromkeys(shape for shape in map(shape_of, records) if not shape.preset)
    for shape in [*PRESETS.values(), *others]:
        yield shape, *([record for record in records
                        if (shape_of(record), record["device"]) == (shape, device)]
                       for device in ("cuda", "cpu"))


def training_row(record):
    sides, ratios = record["sides"], record["ratios"]
    speeds = {name: speed_of(side) for name, side in sides.items()}
    times = {name: with_range(ratio, ".2f") for name, ratio in ratios.items()}
    return (name_of_record(record), record["hardware"], speeds["article"],
            speeds.get("installed", "as best"), speeds["best"], speeds["lyrnn"], times["article"],
            times.get("installed", "as best"), times["best"],
            f"{sides['lyrnn']['share_of_floor']['median']:.0%}",
            ", ".join(f"{sides[name]['peak_bytes'] / 2**20:,.0f}"
                      for name in ("article", "best", "lyrnn")),
            *origin_of(record))


def training_rows(records):
    rows = []
    for shape, on_gpu, on_cpu in by_shape(records):
        if shape.preset and not on_gpu:
            rows.append((name_of(shape), "not measured on a GPU")
                        + ("",) * (len(TRAINING_COLUMNS) - 2))
        rows += map(training_row, on_gpu + on_cpu)
    return rows


def headline_row(record):
    sides, ratios = record["sides"], record["ratios"]
    machine = record["hardware"].partition(", OpenBLAS")[0]
    best, lyrnn = speed_of(sides["best"]), speed_of(sides["lyrnn"])
    times = f"{ratios['article']['median']:.2f}×, {ratios['best']['median']:.2f}×"
    if "installed" in sides:
        best += f" (as installed {speed_of(sides['installed'])})"
        times += f", as installed {ratios['installed']['median']:.2f}×"
    return (f"{name_of_record(record)}, {machine}", speed_of(sides["article"]), best,
            f"{lyrnn} ({times})")


def headline_rows(records):
    """Only shapes that have been measured."""
    return [headline_row(record) for _, on_gpu, on_cpu in by_shape(records)
            for record in on_gpu + on_cpu]


# ---- generation ----------------------------------------------------------------------------------

GENERATION_SIDES = ("article", "one", "many", "drawn")
GENERATION_COLUMNS = ("shape", "texts", "hardware", "tutorial, characters/s", "lyrnn, one text",
                      "many texts", "many texts, sampled", "one text / tutorial",
                      "many texts / one text", "many texts, share of the GEMM rate", *ORIGIN)


def generation_row(record):
    sides, ratios = record["sides"], record["ratios"]
    return (f"{record['cell']} V{record['vocab_size']} H{record['hidden_size']}",
            f"{record['batch_size']} of {record['num_chars']:,} characters", record["hardware"],
            *(speed_of(sides[name]) for name in GENERATION_SIDES),
            with_range(ratios["one / article"], ".2f"), with_range(ratios["many / one"], ".2f"),
            f"{record['share_of_floor']['median']:.0%}", *origin_of(record))


def generation_rows(records):
    return [generation_row(record) for record in latest(records, "num_chars")]


# ---- ranks ---------------------------------------------------------------------------------------

RANKS_RATIOS = {"threads / one": "N threads / 1 thread", "tcp / one": "TCP / 1 thread",
                "mpi / one": "MPI / 1 thread", "tcp / threads": "TCP / N threads",
                "mpi / threads": "MPI / N threads", "tcp, weak / one": "TCP, weak / 1 thread",
                "mpi, weak / one": "MPI, weak / 1 thread"}
RANKS_COLUMNS = ("shape", "N", "hardware", "1 thread, characters/s", *RANKS_RATIOS.values(),
                 "communication of TCP: ms, floor, share", "of MPI", "load before", *ORIGIN)


def communication_of(side):
    if side is None:
        return "not measured"
    ms, floor, share = (side[f"communication_{key}"]["median"]
                        for key in ("ms", "floor_ms", "share"))
    return f"{ms:.3g}, {floor:.3g}, {share:.0%}"


def ranks_row(record):
    sides, ratios = record["sides"], record["ratios"]
    return (name_of(shape_of(record)), str(record["ranks"]), record["hardware"],
            speed_of(sides["one"]),
            *(with_range(ratios[key], ".2f") if key in ratios else "not measured"
              for key in RANKS_RATIOS),
            communication_of(sides["tcp"]), communication_of(sides.get("mpi")),
            f"{record['load'][0]:.1f}", *origin_of(record))


def ranks_rows(records):
    return [ranks_row(record) for record in latest(records, "ranks")]


# ---- pages ---------------------------------------------------------------------------------------


class Table:
    """A table between two marker lines. `read` gets the records of its results file."""

    def __init__(self, name, results, read, columns, rows):
        self.results = os.path.join(BENCH, "results", f"{results}.jsonl")
        self.read, self.columns, self.rows = read, columns, rows
        script = "scripts/bench/bench_table.py"
        self.begin = f"<!-- {name}: written by {script} from {results}.jsonl -->"
        self.end = f"<!-- end of {name} -->"

    def text(self):
        rows = self.rows(self.read([self.results]))
        lines = [self.columns, ("---",) * len(self.columns), *rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                         for line in lines)

    def write_into(self, page):
        """Returns the page with the table between the markers, or None if a marker is missing."""
        before, begin, rest = page.partition(self.begin)
        _, end, after = rest.partition(self.end)
        return f"{before}{begin}\n\n{self.text()}\n\n{end}{after}" if begin and end else None


COMPARE, GENERATION = "scripts/bench/compare.py", "scripts/bench/bench_generation.py"
RANKS_SCRIPT, RANKS_SIDES = "scripts/bench/bench_ranks.py", ("one", "threads", "tcp")


def read_trainings(paths):
    return read_records(paths, COMPARE)


def read_generations(paths):
    return read_records(paths, GENERATION, GENERATION_SIDES)


def read_ranks(paths):
    return read_records(paths, RANKS_SCRIPT, RANKS_SIDES)


TABLES = (Table("headline", "speed", read_trainings, HEADLINE_COLUMNS, headline_rows),
          Table("quality headline", "quality", read_quality, QUALITY_HEADLINE_COLUMNS,
                quality_headline_rows),
          Table("training", "speed", read_trainings, TRAINING_COLUMNS, training_rows),
          Table("generation", "generation", read_generations, GENERATION_COLUMNS, generation_rows),
          Table("quality", "quality", read_quality, QUALITY_COLUMNS, quality_rows),
          Table("ranks", "ranks", read_ranks, RANKS_COLUMNS, ranks_rows),
          Table("scaling", "recurrence_estimates", read_estimates, column_names(RANKS),
                readme_rows))


def read_page(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", nargs="+", default=PAGES, metavar="FILE",
                        help="the pages that have the marker lines [README.md "
                        "scripts/bench/README.md]")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail if a table differs from its results")
    args = parser.parse_args()
    pages = {path: read_page(path) for path in args.readme}
    written = dict(pages)
    for table in TABLES:
        path = next((path for path in pages if table.begin in pages[path]), args.readme[0])
        text = table.write_into(written[path])
        if text is None:
            fail(f"{path}: no line '{table.begin}' followed by '{table.end}'; add both")
        if args.check and text != written[path]:
            fail(f"{path}: a table differs from {table.results}; run scripts/bench/bench_table.py")
        written[path] = text
    for path, text in written.items():
        if text != pages[path]:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)


if __name__ == "__main__":
    main()
