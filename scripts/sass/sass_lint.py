#!/usr/bin/env python3
"""Counts what machine code should not contain, and the instruction mix of every loop.

    sass_lint.py --nvdisasm PROGRAM [--tables FOLDER] [--update [REASON]] ARCH=FOLDER...

FOLDER has the cubins of an architecture. Two tables are in scripts/sass:

    allowed.txt  CLASS | KERNEL | REASON: the kernels (a pattern) that may contain a class at all
    counts.txt   ARCH KERNEL WHERE NAME=COUNT... [| REASON]: what was counted last

WHERE is "all" or a loop in the order of addresses, with the instructions that are in no loop inside
it. The check fails if a kernel has a class that allowed.txt does not allow, or if a count of
counts.txt got worse. --update writes counts.txt; it needs a REASON if something got worse. If a
loop's FMAs change in number, its other counts are compared per FMA. Exit status: 0 or 1; 2: usage.
"""

import argparse
import collections
import fnmatch
import os
import re
import sys

import sass

CLASSES = {
    "fp64": "fp64 instructions (2 lanes per multiprocessor on GeForce)",
    "local": "accesses to local memory (spills, or an array with a variable index)",
    "calls": "calls (slow paths of divisions and square roots, or a function that is not inlined)",
    "divisions": "integer divisions in loops",
    "membar": "memory fences in loops (MEMBAR, which waits for all earlier stores)",
    "cctl": "invalidations of L1 in loops (CCTL)",
    "guarded": "scalar loads in loops behind a branch or a predicate",
}
USEFUL = ("ffma", "mma")


def is_fp64(instruction):
    return (re.match(r"D(ADD|MUL|FMA|SETP|MNMX|MMA)\b", instruction.opcode) is not None
            or ".F64" in instruction.opcode
            or instruction.base == "MUFU" and "64H" in instruction.opcode)


def is_scalar_load(instruction):
    return instruction.base in ("LDG", "LD") and not re.search(r"\.(64|128|256)\b",
                                                               instruction.opcode)


def guarded_loads(function):
    """Scalar loads in loops that are predicated, or inside a BSSY of the same loop."""
    count = 0
    for loop in function.loops:
        own = function.own_instructions(loop)
        regions = [(i.address, function.instructions[function.labels[i.target]].address)
                   for i in own if i.base == "BSSY"]
        count += sum(is_scalar_load(i) and (i.guard not in ("", "PT") or any(
            start < i.address < end for start, end in regions)) for i in own)
    return count


def count_classes(function):
    in_loops = function.in_loops()
    return {
        "fp64": sum(map(is_fp64, function.instructions)),
        "local": sum(i.base in ("LDL", "STL") for i in function.instructions),
        "calls": sum(i.base == "CALL" and not i.target for i in function.reachable()),
        # A division by a variable begins with the reciprocal of the divisor.
        "divisions": sum(re.match(r"I2F\S*\.RP\b", i.opcode) is not None for i in in_loops),
        "membar": sum(i.base == "MEMBAR" for i in in_loops),
        "cctl": sum(i.base == "CCTL" for i in in_loops),
        "guarded": guarded_loads(function),
    }


def kind_of(instruction):
    """The name under which counts.txt counts an instruction; None: only in the total."""
    base, opcode = instruction.base, instruction.opcode
    if base in ("LDS", "LDG", "STS", "STG"):
        width = re.search(r"\.(64|128|256)\b", opcode)
        return f"{base.lower()}{width.group(1) if width else 32}"
    if base in ("LD", "ST", "MUFU", "SHFL", "FFMA", "LDSM", "LDC", "BSSY"):
        return base.lower()
    if base in ("HMMA", "IMMA", "DMMA", "HGMMA"):
        return "mma"
    if base in ("BAR", "UCGABAR_WAIT"):
        return "barrier"
    return None


def count_mix(instructions):
    mix = collections.Counter(filter(None, map(kind_of, instructions)))
    return {"instructions": len(instructions), **dict(sorted(mix.items()))}


def count_function(function):
    rows = {"all": count_classes(function)}
    for number, loop in enumerate(function.loops, 1):
        rows[f"loop{number}"] = count_mix(function.own_instructions(loop))
    return rows


def count_folder(nvdisasm, folder):
    """{(kernel, where): {name: count}} of the cubins in a folder."""
    functions = [function for name in sorted(os.listdir(folder)) if name.endswith(".cubin")
                 for function in sass.disassemble(nvdisasm, os.path.join(folder, name))]
    names = sass.short_names([function.mangled for function in functions])
    return {(names[function.mangled], where): {n: c for n, c in counts.items() if c}
            for function in functions for where, counts in count_function(function).items()}


def read_allowed(path):
    with open(path) as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    return [tuple(part.strip() for part in line.split("|")) for line in lines]


def check_allowed(counts, allowed):
    """What is not allowed, and the lines that allow what no kernel contains."""
    problems, used = [], set()
    for (arch, kernel, where), found in counts.items():
        for name in CLASSES if where == "all" else ():
            matching = [line for line in allowed
                        if line[0] == name and fnmatch.fnmatch(kernel, line[1])]
            if found.get(name) and matching:
                used.update(matching)
            elif found.get(name):
                problems.append(f"{kernel} (sm_{arch}): {found[name]} {CLASSES[name]}; remove them "
                                "or allow them in scripts/sass/allowed.txt with a reason")
    problems += [f"scripts/sass/allowed.txt: {' | '.join(line)}: no kernel needs this; remove it"
                 for line in allowed if line not in used]
    return problems


def read_counts(path):
    """The toolkit, {(arch, kernel, where): counts} and {(arch, kernel, where): reason}."""
    toolkit, counts, reasons = "", {}, {}
    with open(path) as file:
        for line in file:
            if line.startswith("# nvcc "):
                toolkit = line.split()[2]
            if line.startswith("#") or not line.strip():
                continue
            line, _, reason = line.partition(" | ")
            arch, kernel, where, *pairs = line.split()
            key = (arch, kernel, where)
            counts[key] = {name: int(value) for name, value in (p.split("=") for p in pairs)}
            if reason:
                reasons[key] = reason.strip()
    return toolkit, counts, reasons


def write_counts(path, toolkit, counts, reasons):
    with open(path, "w") as file:
        file.write("# What sass_lint.py counted last; sass_lint.sh --update writes this file.\n"
                   f"# nvcc {toolkit}\n")
        for key, found in counts.items():
            pairs = " ".join(f"{name}={count}" for name, count in found.items())
            line = " ".join(key) + (" " + pairs if pairs else "")
            file.write(line + (f" | {reasons[key]}" if key in reasons else "") + "\n")


def compare(old, new):
    """(worse, better): the names of the counts that changed for the worse or for the better."""
    def work(counts):
        return sum(counts.get(name, 0) for name in USEFUL) or 1

    scale_old, scale_new = work(old), work(new)
    worse, better = [], []
    for name in sorted(set(old) | set(new)):
        was, now = old.get(name, 0) * scale_new, new.get(name, 0) * scale_old
        if name not in USEFUL and was != now:
            (worse if now > was else better).append(
                f"{name} {old.get(name, 0)} -> {new.get(name, 0)}")
    return worse, better


def sum_loops(counts, arch, kernel):
    total = collections.Counter()
    for (a, k, where), found in counts.items():
        if (a, k) == (arch, kernel) and where != "all":
            total.update(found)
    return dict(total)


def loops_of(counts, arch, kernel):
    return [where for a, k, where in counts if (a, k) == (arch, kernel)]


def compare_all(old, new):
    """{key: text} of what got worse and of what got better. If a kernel's number of loops changed,
    its sums over all loops decide."""
    worse, better = {}, {}

    def judge(key, before, after, what):
        bad, good = compare(before, after)
        if bad:
            worse[key] = f"{key[1]} (sm_{key[0]}), {what}: {', '.join(bad)}"
        elif good:
            better[key] = f"{key[1]} (sm_{key[0]}), {what}: {', '.join(good)}"

    for arch, kernel in dict.fromkeys((a, k) for a, k, _ in new):
        before, after = (loops_of(table, arch, kernel) for table in (old, new))
        if not before:
            better[arch, kernel, "all"] = f"{kernel} (sm_{arch}): is new"
        elif set(before) != set(after):
            judge((arch, kernel, "all"), old[arch, kernel, "all"], new[arch, kernel, "all"], "all")
            judge((arch, kernel, "loop1"), sum_loops(old, arch, kernel),
                  sum_loops(new, arch, kernel), f"sum of {len(after) - 1} loops")
        else:
            for where in after:
                key = (arch, kernel, where)
                judge(key, old[key], new[key], where)
    for key in old:
        if key not in new and key[2] == "all":
            better[key] = f"{key[1]} (sm_{key[0]}): is gone"
    return worse, better


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", metavar="ARCH=FOLDER")
    parser.add_argument("--nvdisasm", required=True)
    parser.add_argument("--nvcc-version", default="")
    parser.add_argument("--tables", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--update", nargs="?", const="", metavar="REASON")
    return parser.parse_args()


def main():
    args = parse_arguments()
    counts = {}
    for argument in args.folders:
        arch, _, folder = argument.partition("=")
        for key, found in sorted(count_folder(args.nvdisasm, folder).items()):
            counts[(arch, *key)] = found
    path = os.path.join(args.tables, "counts.txt")
    toolkit, old, reasons = read_counts(path)
    worse, better = compare_all(old, counts)
    problems = check_allowed(counts, read_allowed(os.path.join(args.tables, "allowed.txt")))
    if args.update is not None:
        if worse and not args.update:
            problems += [*worse.values(), "to accept this, give --update a reason in one line"]
        else:
            reasons = {key: reason for key, reason in reasons.items()
                       if key in counts and key not in better}
            reasons.update({key: args.update for key in worse if key in counts})
            write_counts(path, args.nvcc_version, counts, reasons)
    else:
        problems += [f"worse: {text}" for text in worse.values()]
        if better:
            print(*(f"better: {text}" for text in better.values()),
                  "scripts/sass_lint.sh --update writes the new counts.", sep="\n")
    print(*problems, sep="\n", end="\n" if problems else "")
    # Another compiler makes other code, so only the one that made the table can judge it.
    if problems and toolkit != args.nvcc_version and args.update is None:
        print(f"nvcc {args.nvcc_version}: scripts/sass/counts.txt is for {toolkit}")
        sys.exit(77)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
