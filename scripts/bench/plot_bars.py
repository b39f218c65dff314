#!/usr/bin/env python3
"""Draws the main README's bar chart: characters per second of the tutorial, PyTorch and lyrnn.

    /usr/bin/python3 scripts/bench/plot_bars.py

The chart shows the last training at the tutorial's shape in results/speed.jsonl, and the last
generation with the same model on the same machine in results/generation.jsonl. A bar is the median
over the rounds, and its line goes from the slowest to the fastest round. The picture's description
holds the numbers, so that a test can compare it with the results.
"""

import argparse
import os

from bench_shapes import PRESETS, fail, read_records, shape_of
from bench_table import BENCH, COMPARE, GENERATION, GENERATION_SIDES

PICTURE = os.path.join(BENCH, "pictures", "speed_bars.png")
TRAINING_BARS = {"article": "the tutorial's script", "installed": "PyTorch as installed",
                 "best": "best PyTorch", "lyrnn": "lyrnn"}
GENERATION_BARS = {"article": "the tutorial's predict loop", "one": "lyrnn"}


def last_records():
    """The last training at the tutorial's shape, and the last generation that matches it."""
    folder = os.path.join(BENCH, "results")
    trainings = read_records([os.path.join(folder, "speed.jsonl")], COMPARE)
    generations = read_records([os.path.join(folder, "generation.jsonl")], GENERATION,
                               GENERATION_SIDES)
    training = next((record for record in reversed(trainings)
                     if shape_of(record) == PRESETS["A"]), None)
    if training is None:
        fail(f"{folder}/speed.jsonl: no training at the tutorial's shape; run {COMPARE}")
    same = ("cell", "vocab_size", "hidden_size", "num_layers", "hardware")
    generation = next((record for record in reversed(generations)
                       if all(record[field] == training[field] for field in same)), None)
    if generation is None:
        fail(f"{folder}/generation.jsonl: no generation with the model and on the machine of "
             f"speed.jsonl; run {GENERATION}")
    return training, generation


def title_of(training):
    """For example: Characters per second on a CPU: AMD EPYC, 2 cores, 2026-11-24"""
    device = {"cpu": "a CPU", "cuda": "a GPU"}[training["device"]]
    machine = training["hardware"].partition(", OpenBLAS")[0]
    return f"Characters per second on {device}: {machine}, {training['date'][:10]}"


def groups_of(training, generation):
    """The groups of bars: a heading, and for each bar its side, name, speeds and written value."""
    model = (f"{training['cell']}, {training['vocab_size']:,} distinct characters, "
             f"{training['hidden_size']} hidden units")

    def bars(record, names, ratio):
        for side, name in names.items():
            if side not in record["sides"]:  # on a CPU, PyTorch as installed is the best
                continue
            speeds = record["sides"][side]["chars_per_second"]
            times = f"  ({record['ratios'][ratio]['median']:.1f}×)" if name == "lyrnn" else ""
            yield side, name, speeds, f"{speeds['median']:,.0f}{times}"

    return [(f"Training ({model})", list(bars(training, TRAINING_BARS, "article"))),
            ("Generation (one text, the same model)",
             list(bars(generation, GENERATION_BARS, "one / article")))]


def description_of(title, groups):
    return "; ".join([title, *(f"{heading}: {name} {value}"
                               for heading, bars in groups for _, name, _, value in bars)])


def draw(title, groups, output):
    # Only drawing needs matplotlib; the tests import this file without it.
    from figures import COLORS, plt, save_figure

    figure, axes = plt.subplots(figsize=(8, 3.3), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    y, names = 0.0, {}
    for heading, bars in groups:
        axes.text(0, y, f" {heading}", fontsize=10, fontweight="bold", va="center")
        for side, name, speeds, value in bars:
            y -= 1
            names[y] = name
            axes.barh(y, speeds["median"], height=0.72, color=COLORS[side])
            axes.plot([speeds["min"], speeds["max"]], [y, y], color="0.25", linewidth=1)
            axes.annotate(value, (speeds["max"], y), xytext=(6, 0), textcoords="offset points",
                          fontsize=11, va="center")
        y -= 1.1
    axes.set_yticks(list(names), list(names.values()), fontsize=11)
    axes.tick_params(left=False)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.margins(x=0.2, y=0.06)
    axes.set_xlim(left=0)
    figure.suptitle(title, fontsize=12)
    figure.supxlabel("bars: medians; lines: slowest to fastest round; ×: times the tutorial",
                     fontsize=9, color="0.4")
    save_figure(figure, output, metadata={"Description": description_of(title, groups)})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default=PICTURE, metavar="FILE",
                        help="[scripts/bench/pictures/speed_bars.png]")
    args = parser.parse_args()
    training, generation = last_records()
    draw(title_of(training), groups_of(training, generation), args.output)


if __name__ == "__main__":
    main()
