#!/usr/bin/env python3
"""Estimates the cycles per time step of the recurrence kernels, from their machine code.

    sass_estimate.py --nvdisasm PROGRAM --print-plans PROGRAM --kernels FOLDER

print_plans makes the plans of shapes A to F for each card. For each kernel that a plan names, this
follows one time step through the control flow (how often each loop runs is known from the plan) and
counts its cycles (sass_latency.py). "model" is what the cost model of recurrence_plan.cu says. No
GPU has confirmed any of these numbers.
"""

import argparse
import dataclasses
import math
import os
import re
import subprocess
import sys

import sass
import sass_latency

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))

from bench_shapes import PRESETS  # noqa: E402

CELLS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
THREADS = 256
TILE_CHUNK = 4096


@dataclasses.dataclass(frozen=True)
class Device:
    name: str  # in tests/cards/cards.cpp
    folder: str
    ghz: float
    card: sass_latency.Card


# Lanes: CUDA Programming Guide, throughput of arithmetic instructions. Latency of L2: 281 cycles on
# a GH200 and 296 on an RTX 4090 (markdewing/AI_kernels, latency/README.md), 262 on an A100 (Luo et
# al. 2024, from memory). The bytes per cycle and multiprocessor are bandwidths of about 5.5, 4.9
# and 4.0 TB/s, if all multiprocessors use it. The clocks are those of a long computation.
DEVICES = {
    "H100 H200": Device("H100 SXM, H200", "sm_90_from_90", 1.755,
                        sass_latency.Card(1, 2, 281, 23.7)),
    "RTX 4090": Device("RTX 4090", "sm_89_from_80", 2.52,
                       sass_latency.Card(1, 64, 296, 15.2)),
    "A100": Device("A100", "sm_80_from_80", 1.41,
                   sass_latency.Card(2, 4, 262, 26.0)),
}


def count(instructions, *bases):
    return sum(instruction.base in bases for instruction in instructions)


class Walk:
    """One pass through a loop, as a list of instructions. Takes the longest way that is not
    avoided, because most branches only skip work. The subclasses know the kernels' loops.

    trips(loop, own)            how often a loop inside runs, given its own instructions; None: this
                                way is not taken
    is_avoided(block, loop)     a block that another way passes by, for example a slow path
    """

    def __init__(self, function, plan):
        self.function = function
        self.plan = plan
        self.own_of = {id(loop): function.own_instructions(loop) for loop in function.loops}
        self.time_loop = self.find_time_loop()

    def find_time_loop(self):
        """The loop around all multiplications that has a barrier."""
        for loop in self.function.loops:
            body = self.function.of_blocks(loop.blocks)
            if (loop.parent is None and count(body, "FFMA") >= 4
                    and count(body, "BAR", "UCGABAR_WAIT") > 0):
                return loop
        raise ValueError(f"{self.function.mangled}: no loop over time; teach sass_estimate.py")

    def step(self):
        return self.expand(self.time_loop)

    def children(self, loop):
        return [other for other in self.function.loops if other.parent is loop]

    def own(self, loop):
        return self.own_of[id(loop)]

    def expand(self, loop):
        """The longest way from the header back to it. Loops inside are one node."""
        blocks, children = self.function.blocks, self.children(loop)
        node_of = {block: block for block in loop.blocks}
        for child in children:
            node_of.update(dict.fromkeys(child.blocks, child.header))
        inner = {child.header: child for child in children}
        code, weight, edges, latches = {}, {}, {}, set()
        for block in loop.blocks:
            node = node_of[block]
            edges.setdefault(node, set())
            for successor in blocks[block].successors:
                if successor == loop.header:
                    latches.add(node)
                elif successor in loop.blocks and node_of[successor] != node:
                    edges[node].add(node_of[successor])
            if node not in inner:
                code[node] = blocks[block].instructions
                weight[node] = len(code[node]) - 1e6 * self.is_avoided(code[node], loop)
        for node, child in inner.items():
            trips = self.trips(child, self.own(child))
            code[node] = self.expand(child) * trips if trips else []
            weight[node] = len(code[node]) if trips is not None else -1e6
        return self.longest(node_of[loop.header], edges, weight, latches, code)

    @staticmethod
    def longest(start, edges, weight, latches, code):
        order, seen, stack = [], {start}, [(start, iter(edges[start]))]
        while stack:
            node, rest = stack[-1]
            following = next((n for n in rest if n not in seen), None)
            if following is None:
                order.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(edges[following])))
        best = {}  # node: (weight of the way to a latch, next node)
        for node in order:
            ways = [(best[n][0], n) for n in edges[node] if n in best]
            if node in latches:
                ways.append((0, -1))
            if ways:
                way = max(ways)
                best[node] = way[0] + weight[node], way[1]
        trace, node = [], start
        while node != -1:
            trace += code[node]
            node = best[node][1]
        return trace

    def is_other_barrier(self, block):
        """A kernel has both barriers, because a cluster may have one block."""
        cluster = count(block, "MEMBAR", "UCGABAR_ARV", "UCGABAR_WAIT", "CCTL")
        return count(block, "BAR") if self.plan["cluster"] > 1 else cluster

    def is_avoided(self, block, loop):
        # A call is the slow path of a division or a reciprocal.
        calls = count([i for i in block if not i.target], "CALL")
        return bool(calls or self.is_other_barrier(block))


class Resident(Walk):
    def trips(self, loop, own):
        if any("SR_GLOBALTIMER" in i.operands for i in own):
            return None  # the first poll finds what it waits for
        if count(own, "FFMA") >= self.plan["weights"]:
            return self.plan["streams"]
        if count(own, "STAS", "STS"):
            return self.plan["sends"]
        return 1

    def is_avoided(self, block, loop):
        """A kernel has both exchanges, because a cluster may have one block. A wait that is not
        over at once reads the clock, to know when to give up."""
        async_stores = count(block, "STAS") or any("TRYWAIT" in i.opcode for i in block)
        other = count(block, "STS", "BAR") if self.plan["cluster"] > 1 else async_stores
        waits = any("SR_GLOBALTIMER" in i.operands for i in block)
        return bool(other or waits) or super().is_avoided(block, loop)


class Block(Walk):
    """The weights of a thread in shared memory differ from those of other threads."""

    def step(self):
        trace = super().step()
        bases = [re.search(r"\[(R\d+)", i.operands).group(1) if i.opcode == "LDS.128" else ""
                 for i in trace]
        weights = self.plan["shared_quads"] * self.plan["streams"]
        if weights == 0:
            return trace
        base = next((b for b in bases if b and bases.count(b) == weights), None)
        if base is None:
            raise ValueError(f"{self.function.mangled}: no {weights} loads of weights; teach "
                             "sass_estimate.py")
        return [dataclasses.replace(i, opcode=i.opcode + sass_latency.DISTINCT)
                if b == base else i for i, b in zip(trace, bases, strict=True)]

    def trips(self, loop, own):
        return self.plan["streams"]


class Grid(Walk):
    def __init__(self, function, plan):
        super().__init__(function, plan)
        self.chunk_depth = min(TILE_CHUNK // plan["streams"], plan["depth"])
        # Copies of a chunk per thread, and the group's share of the chunk's depth.
        self.copies = math.ceil(plan["streams"] * self.chunk_depth / (4 * THREADS))
        self.own_k = math.ceil(self.chunk_depth / plan["groups"])

    def is_chunk_loop(self, loop):
        return loop is not self.time_loop and any(
            count(self.own(child), "FFMA") >= 64 for child in self.children(loop))

    @staticmethod
    def drop_copies(trace, first):
        """The copies from number `first` on have nothing to copy."""
        copies = [i for i, instruction in enumerate(trace) if instruction.base == "LDGSTS"]
        dropped = set(copies[first:])
        return [dataclasses.replace(instruction, opcode="NOP") if i in dropped else instruction
                for i, instruction in enumerate(trace)]

    def expand(self, loop):
        if not self.is_chunk_loop(loop):
            return super().expand(loop)
        # A chunk copies the next one, if there is one.
        chunks = math.ceil(self.plan["depth"] / self.chunk_depth)
        body = super().expand(loop)
        return self.drop_copies(body, self.copies) * (chunks - 1) + self.drop_copies(body, 0)

    def trips(self, loop, own):
        if self.is_chunk_loop(loop):
            return 1  # expand() has all chunks
        if count(own, "FFMA") >= 64:
            return self.own_k * 64 // count(own, "FFMA")
        if count(own, "STS"):
            sums = self.plan["columns"] * self.plan["streams"]
            return math.ceil(sums / (4 * THREADS)) if self.plan["groups"] > 1 else 0
        if count(own, "STG"):
            units = self.plan["streams"] * self.plan["units"]
            return math.ceil(units / (THREADS * self.plan["cluster"]))
        if count(own, "LDS") >= 4:
            # Unrolled; what is left is in no loop.
            return (self.plan["groups"] - 1) % 16 // 4 if count(own, "LDS") == 4 else \
                (self.plan["groups"] - 1) // 16
        return 1 if any("STRONG" in i.opcode for i in own) else 0

    def is_other_barrier(self, block):
        """A cluster of one block has another barrier, a block of code without anything else."""
        if self.plan["cluster"] > 1:
            return len(block) == 1 and block[0].base == "BAR"
        return count(block, "UCGABAR_ARV", "UCGABAR_WAIT")

    def is_other_cluster(self, block):
        """The sums over the blocks of a cluster: there is one block of code for each number of
        them. It may share one read with the others."""
        gates = 1 if self.plan["backward"] else (1, 1, 4, 3)[self.plan["cell"]]
        reads, wanted = count(block, "LD"), gates * self.plan["cluster"]
        return reads > 1 and reads not in (wanted, wanted - 1)

    def is_avoided(self, block, loop):
        if self.is_chunk_loop(loop):
            # The odd value of k: the loop takes two at a time.
            return count(block, "FFMA") >= 32 and self.own_k % 2 == 0
        expires = any("EXCH" in i.opcode for i in block)
        return expires or self.is_other_cluster(block) or super().is_avoided(block, loop)


def read_plans(program, device):
    arguments = [device.name]
    for shape in PRESETS.values():
        arguments += [str(CELLS.index(shape.cell)), str(shape.batch_size), str(shape.hidden_size),
                      str(shape.num_steps)]
    output = subprocess.run([program, *arguments], capture_output=True, text=True,
                            check=True).stdout
    plans = [dict(pair.split("=") for pair in line.split()) for line in output.splitlines()]
    return [{name: value if name == "path" else float(value) if "." in value else int(value)
             for name, value in plan.items()} for plan in plans]


def read_kernels(nvdisasm, folder):
    functions = []
    for name in ("recurrence_resident", "recurrence_block", "recurrence_grid"):
        functions += sass.disassemble(nvdisasm, os.path.join(folder, name + ".cubin"))
    names = sass.short_names([function.mangled for function in functions])
    return {names[function.mangled]: function for function in functions}


def kernel_of(plan):
    cell = CELLS[plan["cell"]]
    direction = "backward" if plan["backward"] else "forward"
    if plan["path"] == "resident":
        return f"resident_{direction}_kernel<{cell},{plan['weights']},{plan['slices']}>"
    if plan["path"] == "block":
        return f"block_{direction}_kernel<{cell},{plan['max_h']}>"
    return f"grid_{direction}_kernel<{cell}>"


def estimate(function, plan, card):
    walk = {"resident": Resident, "block": Block, "grid": Grid}[plan["path"]](function, plan)
    trace = walk.step()
    warps = math.ceil(plan["threads"] / 32 / sass_latency.SCHEDULERS)
    # Few blocks have the bandwidth of L2 to themselves, up to what a multiprocessor's port takes.
    l2_bytes = min(64, card.l2_bytes * max(1, plan["sms"] / plan["blocks"]))
    card = dataclasses.replace(card, l2_bytes=l2_bytes, blocks=plan["blocks"])
    return sass_latency.cycles_per_pass(trace, warps, card), trace


def shape_name(plan):
    for name, shape in PRESETS.items():
        if (CELLS.index(shape.cell), shape.batch_size, shape.hidden_size) == (
                plan["cell"], plan["B"], plan["H"]):
            return name
    raise ValueError("no such shape")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvdisasm", required=True)
    parser.add_argument("--print-plans", required=True)
    parser.add_argument("--kernels", required=True)
    args = parser.parse_args()
    print(f"{'card':<9} {'shape':<5} {'direction':<9} {'path':<9} {'runs':<4} {'instructions':>12} "
          f"{'ffma':>6} {'cycles':>7} {'us/step':>8} {'model':>7}")
    for name, device in DEVICES.items():
        kernels = read_kernels(args.nvdisasm, os.path.join(args.kernels, device.folder))
        for plan in read_plans(args.print_plans, device):
            direction = "backward" if plan["backward"] else "forward"
            row = (f"{name:<9} {shape_name(plan):<5} {direction:<9} {plan['path']:<9} "
                   f"{'yes' if plan['chosen'] else 'no':<4} ")
            if plan["path"] == "steps":
                print(f"{row}{'-':>12} {'-':>6} {'-':>7} {'-':>8} {plan['expected_us']:>7.2f}")
                continue
            cycles, trace = estimate(kernels[kernel_of(plan)], plan, device.card)
            print(f"{row}{len(trace):>12} {count(trace, 'FFMA'):>6} {cycles:>7.0f} "
                  f"{cycles / device.ghz / 1e3:>8.2f} {plan['expected_us']:>7.2f}")


if __name__ == "__main__":
    main()
