#!/usr/bin/env python3
"""Writes what gpu_check.sh measured on a GPU as Markdown, next to what was predicted.

    scripts/gpu_report.py OUT > OUT/report.md

OUT is the folder of gpu_check.sh, which runs this script after each of its parts. The report names
every part that is missing, and why. It has only numbers that are in OUT's files: summary.json,
tune.jsonl, estimate.txt, bench.jsonl, speed.jsonl and profile.txt.
"""

import argparse
import contextlib
import csv
import json
import math
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench"))

from bench_shapes import fail, shape_of, with_range  # noqa: E402


class Missing(Exception):
    """A part of the report for which OUT has nothing."""


# ---- reading -------------------------------------------------------------------------------------


def read_text(out, name):
    try:
        with open(os.path.join(out, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise Missing(f"{name}: {error.strerror}") from None


def read_json(out, name):
    try:
        return json.loads(read_text(out, name))
    except ValueError:
        raise Missing(f"{name}: is not JSON") from None


def read_rows(out, name):
    """The objects of a file with one per line. A line that a stopped check did not finish is left
    out.
    """
    rows = []
    for line in read_text(out, name).splitlines():
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    if not rows:
        raise Missing(f"{name}: is empty")
    return rows


def why_missing(summary, part):
    """What summary.json says of a part without results."""
    checks = [check for check in summary["checks"] if check["part"] == part]
    reasons = dict.fromkeys(check["why"] for check in checks if check["result"] != "passed")
    if not checks:
        return "this part has not run"
    return "; ".join(reason for reason in reasons if reason) or "it has no results"


# ---- Markdown ------------------------------------------------------------------------------------


def table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |"
                     for line in lines)


def number(value, digits=3):
    """A number with that many digits that count; empty if there is none."""
    if value is None or not isinstance(value, (int, float)) or not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def ratio(measured, predicted):
    return f"{measured / predicted:.2f}" if measured and predicted else ""


# ---- the parts -----------------------------------------------------------------------------------


def name_of(row):
    shape = shape_of(row)
    return f"{shape.preset}: {shape.label()}" if shape.preset else shape.label()


def machine(summary):
    fields = [("date", summary["date"]), ("GPU (name, driver, compute capability, memory)",
                                          summary["gpu"]),
              ("CUDA toolkit", summary["toolkit"]), ("host", summary["host"]),
              ("commit", summary["commit"]), ("command", f"`{summary['command']}`"),
              ("time", f"{summary['seconds']} s of at most {summary['limit']} s")]
    if not summary["finished"]:
        running = f" while this ran: {summary['running']}" if summary["running"] else ""
        fields.append(("not finished", f"this is what there was{running}"))
    return table(("machine and run", ""), fields)


def checks(summary):
    """A row per part, and a line per check that has not passed."""
    of_parts = {}
    for check in summary["checks"]:
        of_parts.setdefault(check["part"], []).append(check)
    rows = [(part.replace("_", " "),
             *(sum(check["result"] == result for check in group)
               for result in ("passed", "failed", "not run")),
             sum(check["seconds"] for check in group)) for part, group in of_parts.items()]
    lines = [table(("part", "passed", "failed", "not run", "seconds"), rows)]
    lines += [f"- {check['result']}: {check['name']}: {check['why']}"
              + (f" (`{check['command']}`)" if check["result"] == "failed" else "")
              for check in summary["checks"] if check["result"] != "passed"]
    return "\n".join([lines[0], "", *lines[1:]]) if len(lines) > 1 else lines[0]


def device(summary):
    properties = summary["device"]
    if properties is None:
        raise Missing(why_missing(summary, "device"))
    clusters = properties.get("clusters_at_once") or {}
    rows = [(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value)
            for name, value in properties.items() if name != "clusters_at_once"]
    rows += [(f"clusters of {size} at once", count) for size, count in clusters.items()]
    if not clusters:
        rows.append(("clusters", "none before compute capability 9.0"))
    return table(("property", "value"), rows)


def read_estimates(out, gpu):
    """us per step by (shape, direction, path), from the machine code for a card like this one."""
    row = re.compile(r"(.{9}) (\S+) +(forward|backward) +(\S+) +(?:yes|no) .* (\S+) +\S+$")
    estimates = {}
    with contextlib.suppress(Missing):
        for line in read_text(out, "estimate.txt").splitlines():
            match = row.match(line)
            if match and any(word in gpu for word in re.findall(r"\S*\d{3,}", match[1])):
                with contextlib.suppress(ValueError):
                    estimates[match[2], match[3], match[4]] = float(match[5])
    return estimates


def path_of(plan):
    return plan["plan"].partition(".")[0]


def problem_of(plan):
    return shape_of(plan), plan["direction"], path_of(plan)


def recurrence(summary, out):
    """Each plan of each shape. The cost model predicts all of them, the machine code only the plan
    of each path that the cost model prefers.
    """
    try:
        plans = read_rows(out, "tune.jsonl")
    except Missing:
        raise Missing(why_missing(summary, "tune")) from None
    estimates = read_estimates(out, summary["gpu"])
    rows, ratios = [], {}
    for plan in plans:
        path = path_of(plan)
        measured, expected, error = plan["us"], plan["expected_us"], plan["error"]
        estimate = None
        if expected == min(other["expected_us"] for other in plans
                           if problem_of(other) == problem_of(plan)):
            estimate = estimates.get((shape_of(plan).preset, plan["direction"], path))
        rows.append((name_of(plan), plan["direction"],
                     f"**{plan['plan']}**" if plan["chosen"] else plan["plan"], number(measured),
                     number(expected), ratio(measured, expected), number(estimate),
                     ratio(measured, estimate), "" if error is None else f"{error:.1e}",
                     plan["fault"]))
        if measured and expected:
            ratios.setdefault(path, []).append(measured / expected)
    lines = [table(("shape", "direction", "plan (bold: chosen)", "measured, us per time step",
                    "cost model", "measured / cost model", "machine code",
                    "measured / machine code", "error", "fault"), rows), ""]
    lines += [f"- Path {path}: measured / cost model is {statistics.median(values):.2f} "
              f"({min(values):.2f} to {max(values):.2f}) over {len(values)} "
              f"plan{'s' if len(values) > 1 else ''}." for path, values in ratios.items()]
    return "\n".join(lines)


def step(summary, out):
    """Whole training steps. The estimate is the sum of the operations at the rates of this GPU."""
    try:
        rows = [row for row in read_rows(out, "bench.jsonl") if not row["variant"]]
    except Missing:
        rows = []
    if not rows:
        raise Missing(why_missing(summary, "bench"))
    return table(("shape", "precision", "ms per step", "estimate, ms", "measured / estimate",
                  "characters/s", "GEMM, GFLOP/s", "copy, GB/s", "bare time step, us",
                  "bare call, us", "plans"),
                 [(name_of(row), row["precision"], number(row["ms_per_step"]),
                   number(row["estimate_ms"]), ratio(row["ms_per_step"], row["estimate_ms"]),
                   number(row["chars_per_second"], 4), number(row["gemm_gflops"]),
                   number(row["copy_gbytes_per_second"]), number(row["bare_step_us"]),
                   number(row["bare_call_us"]), row["plan"]) for row in rows])


def priorities(summary, out):
    of_shapes = {}
    with contextlib.suppress(Missing):
        for row in read_rows(out, "bench.jsonl"):
            match = re.fullmatch(r"node priority ([01])", row["variant"])
            if match:
                of_shapes.setdefault(name_of(row), {})[match[1]] = row["ms_per_step"]
    if not of_shapes:
        raise Missing(why_missing(summary, "priorities"))
    return table(("shape", "every node at the priority of the launch, ms per step",
                  "each node at its own", "ratio"),
                 [(name, number(ms.get("0")), number(ms.get("1")), ratio(ms.get("1"), ms.get("0")))
                  for name, ms in of_shapes.items()])


def pytorch(summary, out):
    try:
        records = read_rows(out, "speed.jsonl")
    except Missing:
        raise Missing(why_missing(summary, "pytorch")) from None
    rows = []
    for record in records:
        speeds = {name: number(side["chars_per_second"]["median"], 4)
                  for name, side in record["sides"].items()}
        ratios = [with_range(record["ratios"][name], ".2f") if name in record["ratios"] else ""
                  for name in ("article", "installed", "best")]
        rows.append((name_of(record), record["precision"],
                     *(speeds.get(name, "") for name in ("article", "installed", "best", "lyrnn")),
                     *ratios, record["torch"], record["rounds"]))
    return table(("shape", "precision of lyrnn and best", "tutorial, characters/s",
                  "PyTorch as installed", "best PyTorch", "lyrnn", "lyrnn / tutorial",
                  "lyrnn / as installed", "lyrnn / best", "PyTorch", "rounds"), rows)


def read_profiles(out, tool):
    """The CSV that the tool printed for each shape. Other lines come before the CSV's header."""
    text = read_text(out, "profile.txt")
    parts = re.split(r"^== (\w+) (.*)\n", text, flags=re.MULTILINE)[1:]
    for name, shape, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        lines = body.splitlines()
        begin = next((i for i, line in enumerate(lines)
                      if line.count(",") > 4 and "Name" in line), None)
        if name == tool and begin is not None:
            yield shape, list(csv.DictReader(lines[begin:]))


def as_number(text):
    try:
        return float((text or "").replace(",", ""))
    except ValueError:
        return None


def kernel_times(summary, out):
    """The kernels that take most time, in the steps and in what else lyrnn bench measures."""
    rows = []
    with contextlib.suppress(Missing):
        for shape, kernels in read_profiles(out, "nsys"):
            rows += [(shape, f"`{kernel['Name'][:80]}`", kernel["Instances"],
                      number((as_number(kernel["Avg (ns)"]) or 0) / 1e3),
                      number(as_number(kernel["Time (%)"])))
                     for kernel in kernels[:12] if "Avg (ns)" in kernel]
    if not rows:
        raise Missing(why_missing(summary, "nsys"))
    return table(("shape", "kernel", "launches", "us each", "% of the time"), rows)


STALL = re.compile(r"issue_stalled_(\w+?)_per_(?:issue_active|warp_active)\.(?:ratio|pct)$")


def top_stalls(kernel):
    stalls = {match[1]: as_number(value) or 0 for name, value in kernel.items()
              if name and (match := STALL.search(name)) and not match[1].endswith("not_issued")}
    top = sorted(stalls, key=stalls.get, reverse=True)[:4]
    return ", ".join(f"{name} {number(stalls[name])}" for name in top)


def stalls(summary, out):
    """The recurrence kernels in Nsight Compute. A stall is a number of cycles per instruction."""
    rows = []
    with contextlib.suppress(Missing):
        for shape, kernels in read_profiles(out, "ncu"):
            # The first row has the units.
            units = kernels[0].get("gpu__time_duration.sum", "") if kernels else ""
            rows += [(shape, f"`{kernel['Kernel Name'][:80]}`", kernel.get("Grid Size", ""),
                      f"{kernel.get('gpu__time_duration.sum', '')} {units}",
                      kernel.get("launch__registers_per_thread", ""),
                      kernel.get("sm__throughput.avg.pct_of_peak_sustained_elapsed", ""),
                      top_stalls(kernel)) for kernel in kernels[1:] if kernel.get("Kernel Name")]
    if not rows:
        raise Missing(why_missing(summary, "ncu"))
    return table(("shape", "kernel", "grid", "time", "registers", "% of the SM's peak",
                  "largest stalls, cycles per instruction"), rows)


# Title, function and part of gpu_check.sh.
SECTIONS = (("Device", lambda summary, _: device(summary), "device"),
            ("Recurrence: measured against predicted", recurrence, "tune"),
            ("Training step: measured against predicted", step, "bench"),
            ("Priorities in a replayed graph", priorities, "priorities"),
            ("Against PyTorch", pytorch, "pytorch"),
            ("Kernels of a step (Nsight Systems)", kernel_times, "nsys"),
            ("Stalls of the recurrence (Nsight Compute)", stalls, "ncu"))


def section(title, write, part, summary, out):
    try:
        commands = dict.fromkeys(check["command"] for check in summary["checks"]
                                 if check["part"] == part and check["command"])
        body = write(summary, out) + "".join(f"\n\n    {command}" for command in commands)
    except Missing as missing:
        body = f"Not measured: {missing}."
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        body = f"Not reported: its results are not as expected ({type(error).__name__}: {error})."
    return f"## {title}\n\n{body}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", help="the folder that gpu_check.sh wrote")
    args = parser.parse_args()
    try:
        summary = read_json(args.out, "summary.json")
        head = machine(summary)
    except (Missing, KeyError, TypeError) as error:
        fail(f"{args.out}: no results of gpu_check.sh ({error}); name its folder OUT")
    print(f"# lyrnn on {summary['gpu'].partition(',')[0]}\n\n{head}\n\n"
          f"## Checks\n\n{checks(summary)}\n")
    for title, write, part in SECTIONS:
        print(section(title, write, part, summary, args.out))


if __name__ == "__main__":
    main()
