#!/usr/bin/env python3
"""Draws the training speed of lyrnn and PyTorch over the batch size and over the hidden size.

The input is the JSON of compare.py for several sizes. For example, at the tutorial's shape:

    /usr/bin/python3 scripts/bench/compare.py --batch-size 8,16,32,64,128 --json sweep.jsonl
    /usr/bin/python3 scripts/bench/compare.py --hidden-size 64,128,256,512,1024 --json sweep.jsonl
    /usr/bin/python3 scripts/bench/plot_bench.py sweep.jsonl

A panel shows shapes that differ only in the panel's size. If there are several such series, it
shows the longest. A line is the median over the rounds, and its band goes from the slowest to the
fastest round.
"""

import argparse
import dataclasses

from bench_shapes import fail, read_records, shape_of

SIDES = {"lyrnn": "lyrnn", "best": "best PyTorch", "installed": "PyTorch as installed",
         "article": "the tutorial's script"}
PANELS = {"batch_size": "batch size B", "hidden_size": "hidden size H"}


def longest_series(records, field):
    """The records that differ only in the given field of the shape, sorted by it. If a shape has
    several records, the last one counts.
    """
    series = {}
    for record in records:
        shape = shape_of(record)
        others = (dataclasses.replace(shape, **{field: 0}), record["hardware"], record["precision"])
        series.setdefault(others, {})[getattr(shape, field)] = record
    longest = max(series.values(), key=len)
    return [longest[size] for size in sorted(longest)]


def rest_of_label(shape, field):
    varied = {"batch_size": f"B{shape.batch_size}", "hidden_size": f"H{shape.hidden_size}"}[field]
    return " ".join(word for word in shape.label().split() if word != varied)


def draw_panel(axes, records, field):
    from figures import COLORS, style_axes
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    sizes = [record[field] for record in records]
    for side, label in SIDES.items():
        if side not in records[0]["sides"]:  # PyTorch as installed is measured on GPUs only
            continue
        rates = [record["sides"][side]["chars_per_second"] for record in records]
        axes.plot(sizes, [rate["median"] for rate in rates], marker="o", markersize=4,
                  linewidth=1.8, color=COLORS[side], label=label)
        axes.fill_between(sizes, [rate["min"] for rate in rates], [rate["max"] for rate in rates],
                          color=COLORS[side], alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(bottom=0)
    axes.set(xlabel=PANELS[field], title=rest_of_label(shape_of(records[0]), field))
    style_axes(axes)


def draw(records, output):
    # Only drawing needs matplotlib, --help does not.
    from figures import plt, save_figure

    figure, panels = plt.subplots(1, len(PANELS), figsize=(10, 4), dpi=110, constrained_layout=True)
    for axes, field in zip(panels, PANELS, strict=True):
        draw_panel(axes, longest_series(records, field), field)
    panels[0].set_ylabel("characters/s")
    panels[0].legend(frameon=False)
    last = records[-1]
    figure.suptitle(f"Training speed: {last['hardware']}, {last['date'][:10]}", fontsize=11)
    save_figure(figure, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", metavar="RESULTS",
                        help="files that compare.py --json wrote")
    parser.add_argument("--output", default="speed.png", metavar="FILE", help="[speed.png]")
    args = parser.parse_args()
    records = read_records(args.results)
    if not records:
        fail(f"{' '.join(args.results)}: no records; add some with compare.py --json")
    draw(records, args.output)


if __name__ == "__main__":
    main()
