"""Reads the records of bench_quality.py, one per training, and makes rows of tables of them."""

import math
import statistics

from bench_shapes import read_lines

SCRIPT = "scripts/bench/bench_quality.py"
NEEDED = ("date", "hardware", "commit", "command", "corpus", "text", "minutes", "threads", "side",
          "seed", "options", "reading", "parameters", "epochs", "chars_per_second",
          "train_perplexity", "best_perplexity", "best_seconds", "curve")
QUALITY_COLUMNS = ("side", "held-out perplexity", "bits per character", "against lyrnn",
                   "best epoch after", "epochs", "characters/s", "training perplexity",
                   "parameters", "options", "read", "date", "commit")
QUALITY_HEADLINE_COLUMNS = ("same text, cores and time", "tutorial's recipe",
                            "PyTorch's usual recipe", "lyrnn", "lyrnn against both")


def read_quality(paths):
    """All records, oldest first."""
    records = read_lines(paths, SCRIPT, lambda record: [record[name] for name in NEEDED])
    return sorted(records, key=lambda record: record["date"])


def quality_groups(records):
    """The measurements, the last one at the end. In a measurement, the text, the time and the
    machine are the same. Each maps a side to its records, one per seed. If a side was trained more
    than once with a seed, the last record counts, and it drops those with other options.
    """
    groups = {}
    for record in records:
        text = record["text"]
        key = (text["sha256"], text["targets"], record["minutes"], record["threads"],
               record["hardware"])
        group = groups.pop(key, {})
        groups[key] = group
        runs = group.setdefault(record["side"], {})
        for seed in [seed for seed, run in runs.items() if run["options"] != record["options"]]:
            del runs[seed]
        runs[record["seed"]] = record
    return [{side: list(runs.values()) for side, runs in group.items()}
            for group in groups.values()]


def median_of(runs, field):
    return statistics.median(run[field] for run in runs)


def perplexity_of(runs):
    best = [run["best_perplexity"] for run in runs]
    return f"{statistics.median(best):.1f} ({min(best):.1f} to {max(best):.1f})"


def difference(runs, others):
    """By how many percent the median perplexity of runs differs from that of others."""
    ratio = median_of(runs, "best_perplexity") / median_of(others, "best_perplexity")
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def quality_row(side, runs, lyrnn):
    last = max(runs, key=lambda run: run["date"])
    perplexity = median_of(runs, "best_perplexity")
    reading = {"poems": "poem by poem", "running": "as running text"}
    return (side, perplexity_of(runs), f"{math.log2(perplexity):.3f}",
            difference(runs, lyrnn) if lyrnn and lyrnn is not runs else "",
            f"{median_of(runs, 'best_seconds') / 60:.1f} min", f"{median_of(runs, 'epochs'):.0f}",
            f"{median_of(runs, 'chars_per_second'):,.0f}",
            f"{median_of(runs, 'train_perplexity'):.1f}", f"{last['parameters']:,}",
            f"`{last['options']}`",
            ", ".join(dict.fromkeys(reading[run["reading"]] for run in runs)), last["date"][:10],
            last["commit"])


def quality_rows(records):
    """The last measurement, the highest perplexity first."""
    groups = quality_groups(records)
    if not groups:
        return [("not measured yet",) + ("",) * (len(QUALITY_COLUMNS) - 1)]
    sides = sorted(groups[-1].items(), key=lambda item: -median_of(item[1], "best_perplexity"))
    return [quality_row(side, runs, groups[-1].get("lyrnn")) for side, runs in sides]


def quality_headline_rows(records):
    """The last measurement that has all three sides."""
    names = ("tutorial", "pytorch", "lyrnn")
    groups = [group for group in quality_groups(records) if all(name in group for name in names)]
    if not groups:
        return [("not measured yet", "", "", "", "")]
    tutorial, pytorch, lyrnn = (groups[-1][name] for name in names)
    last = lyrnn[-1]
    text, threads = last["text"], last["threads"]
    what = (f"{text['chars']:,} characters, {last['minutes']:g} minutes on {threads} "
            f"core{'s' if threads > 1 else ''}, {len(lyrnn)} seeds")
    return [(what, perplexity_of(tutorial), perplexity_of(pytorch), perplexity_of(lyrnn),
             f"{difference(lyrnn, tutorial)}, {difference(lyrnn, pytorch)}")]
