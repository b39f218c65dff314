"""Counts the cycles of a trace of SASS: warps of one scheduler that issue in order.

Each cycle, a scheduler issues one instruction of a warp that is ready. A warp is ready when the
stall count of its last instruction is over and the barriers that the next one waits for are
released. The compiler puts the latency of most arithmetic into stall counts. Barriers guard what
takes a variable time; LATENCIES has how long. An instruction also keeps its pipe busy.

All four schedulers of a multiprocessor are taken to do the same, so what they share (shared memory,
L2) costs each of them four times as much. Not modeled: bank conflicts, the instruction cache, and
contention with other kernels.
"""

import re
from dataclasses import dataclass

SCHEDULERS = 4


@dataclass(frozen=True)
class Card:
    """Pipes in cycles per instruction of a warp and scheduler; latencies and bytes per cycle."""
    fma: float  # fp32; 32 lanes per scheduler: 1
    fp64: float
    l2: int  # latency of a hit
    l2_bytes: float  # per cycle and multiprocessor
    blocks: int = 1  # of the grid, for its barrier


# Cycles from the issue to the result, or for stores and reads of operands, until the barrier is
# released. Shared and distributed shared memory: Luo et al., "Benchmarking and Dissecting the
# Nvidia Hopper GPU Architecture via Microbenchmarking" (2024). Arithmetic: Abdelkhalik et al.,
# "Demystifying the Nvidia Ampere Architecture through Microbenchmarking and Instruction-level
# Analysis" (2022), and Jia et al. (2018). Barriers of a block: Zhang et al., "A Study of Single and
# Multi-device Synchronization Methods in Nvidia GPUs" (2020). We quote these papers from memory.
LATENCIES = {
    "LDS": 29, "LDSM": 33, "STS": 20, "SHFL": 24, "MUFU": 22, "I2F": 16, "F2I": 16, "F2F": 22,
    "POPC": 16, "LDC": 30, "ULDC": 16, "S2R": 30, "S2UR": 35, "CS2R": 10, "R2UR": 12, "VOTE": 12,
    "D": 48, "IMAD": 6, "HMMA": 33, "DSMEM": 180, "OPERANDS": 12, "BAR": 24, "SYNCS": 20,
    "DEFAULT": 20,
}

# What sass_estimate.py adds to the opcode of a load whose quads differ from lane to lane.
DISTINCT = ".DISTINCT"

FMA = {"FFMA", "FMUL", "FADD", "HFMA2", "FFMA2"}
FP64 = {"DADD", "DMUL", "DFMA", "DSETP"}
XU = {"MUFU", "I2F", "F2I", "F2F", "POPC", "FRND", "I2I"}
SHARED = {"LDS", "STS", "LDSM", "SHFL", "ATOMS"}
GLOBAL_LOADS = {"LDG", "LD", "LDGSTS"}
GLOBAL_STORES = {"STG", "ST", "ATOM", "ATOMG", "RED", "REDG", "STAS"}
FREE = {"BRA", "EXIT", "NOP", "BSSY", "BSYNC", "BAR", "YIELD", "WARPSYNC", "CALL", "RET", "ERRBAR",
        "CGAERRBAR", "CCTL", "DEPBAR", "LDGDEPBAR", "MEMBAR", "UCGABAR_ARV", "UCGABAR_WAIT",
        "SYNCS"}


def width_of(instruction):
    """Bytes per lane."""
    match = re.search(r"\.(64|128|256)\b", instruction.opcode)
    return int(match.group(1)) // 8 if match else 4


def is_distributed(instruction):
    """Asynchronous stores, and generic loads and stores: in our kernels, those of another block's
    shared memory. The grid's barrier polls with a strong one."""
    return instruction.base in ("LD", "ST", "STAS") and "STRONG" not in instruction.opcode


def is_meeting(instruction):
    """All warps of the block wait here: at a barrier, or for what all blocks of the cluster send."""
    return (instruction.base in ("BAR", "UCGABAR_WAIT")
            or instruction.base == "SYNCS" and "TRYWAIT" in instruction.opcode)


def pipe_of(instruction, card):
    """(pipe, cycles that it is busy)."""
    base = instruction.base
    if base in FMA:
        return "fma", card.fma
    if base in FP64:
        return "fp64", card.fp64
    if base in XU:
        return "xu", 8
    if base in SHARED:
        # A cycle moves 128 bytes, those of 32 lanes. Lanes that read the same quad share it: a
        # thread's quads are half a warp's, so a load of 128 bits takes two cycles and not four,
        # unless all quads differ.
        wide = width_of(instruction) > 4 and base == "LDS" and DISTINCT not in instruction.opcode
        return "shared", SCHEDULERS * (2 if wide else width_of(instruction) // 4)
    if base in GLOBAL_LOADS | GLOBAL_STORES:
        return "l2", SCHEDULERS * 32 * width_of(instruction) / card.l2_bytes
    if base in FREE:
        return "free", 0
    if base[0] == "U" or base in ("S2UR", "R2UR"):
        return "uniform", 2
    return "int", 2


def latency_of(instruction, card):
    base = instruction.base
    if is_distributed(instruction):
        return LATENCIES["DSMEM"]
    if base in ("ATOM", "ATOMG") and "ADD" in instruction.opcode:
        # L2 adds for one block after the other.
        return card.l2 + 2 * card.blocks
    if base in GLOBAL_LOADS | GLOBAL_STORES:
        return card.l2
    if base in FP64:
        return LATENCIES["D"]
    extra = 8 if base == "LDS" and width_of(instruction) > 4 else 0
    return LATENCIES.get(base, LATENCIES["DEFAULT"]) + extra


class Warp:
    def __init__(self):
        self.next = 0
        self.ready = 0
        self.released = [0] * 6
        self.stored = 0  # when all stores so far are visible
        self.copied = 0  # when all asynchronous copies so far are in shared memory
        self.sent = 0  # when all asynchronous stores so far have arrived

    def earliest(self, instruction):
        time = max([self.ready] + [self.released[b] for b in range(6) if instruction.wait >> b & 1])
        if instruction.base == "DEPBAR":
            barrier = re.match(r"SB(\d)", instruction.operands)
            time = max(time, self.released[int(barrier.group(1))]) if barrier else time
        return time


def meet(warps, trace, card):
    """All warps wait at the same place: moves them past it. A block's four schedulers arrive
    together; so do the blocks of a cluster, a message later. A poll of an mbarrier ends when the
    last value is there."""
    instruction = trace[warps[0].next]
    time = max(warp.earliest(instruction) for warp in warps)
    if instruction.base == "SYNCS":
        time = max([time] + [warp.sent for warp in warps]) + LATENCIES["SYNCS"]
    else:
        time += LATENCIES["DSMEM"] if instruction.base == "UCGABAR_WAIT" else LATENCIES["BAR"]
    for warp in warps:
        warp.next += 1
        warp.ready = time
        if instruction.write_barrier < 6:
            warp.released[instruction.write_barrier] = time


def issue(warp, instruction, time, card, busy):
    warp.next += 1
    warp.ready = time + max(instruction.stall, 1)
    pipe, cycles = pipe_of(instruction, card)
    busy[pipe] = max(busy.get(pipe, 0), time) + cycles
    queued = busy[pipe] - time - cycles
    done = time + queued + latency_of(instruction, card)
    if instruction.base == "MEMBAR":
        # Waits until L2 has acknowledged the stores, and then for its own way there.
        warp.ready = max(warp.stored, time) + card.l2
    if instruction.base == "STAS":
        warp.sent = max(warp.sent, done)
    elif instruction.base in GLOBAL_STORES:
        warp.stored = max(warp.stored, done)
    if instruction.base == "LDGSTS":
        warp.copied = max(warp.copied, done)
    if instruction.base == "LDGDEPBAR":
        done = max(time, warp.copied)
    for barrier, latency in ((instruction.write_barrier, done),
                             (instruction.read_barrier, time + queued + LATENCIES["OPERANDS"])):
        if barrier < 6:
            warp.released[barrier] = max(warp.released[barrier], latency)


# Arithmetic must wait until its pipe is free. Memory instructions queue behind it.
BLOCKING = {"fma", "fp64", "xu", "int", "uniform"}


def cycles_of(trace, warps, card):
    """The cycles until the last of the warps has issued all of the trace."""
    running, busy, scheduler = [Warp() for _ in range(warps)], {}, 0
    while True:
        best = None
        for warp in running:
            if warp.next == len(trace) or is_meeting(trace[warp.next]):
                continue
            instruction = trace[warp.next]
            pipe, _ = pipe_of(instruction, card)
            time = max(warp.earliest(instruction), scheduler)
            if pipe in BLOCKING:
                time = max(time, busy.get(pipe, 0))
            if best is None or time < best[0]:
                best = time, warp, instruction
        if best is not None:
            time, warp, instruction = best
            issue(warp, instruction, time, card, busy)
            scheduler = time + 1
        elif running[0].next == len(trace):
            return max(warp.ready for warp in running)
        else:
            meet(running, trace, card)


def cycles_per_pass(trace, warps, card):
    """The cycles of one more pass through a loop whose body is the trace."""
    return cycles_of(trace * 2, warps, card) - cycles_of(trace, warps, card)
