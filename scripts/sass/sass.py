"""Reads the machine code (SASS) of kernels: nvdisasm's text, its control flow and its loops.

NVIDIA documents neither the encoding nor the control bits of an instruction. From compute
capability 7.0 on, an instruction is 128 bits, and bits 105 to 121 tell the scheduler when it may
issue. Their layout is from Jia et al., "Dissecting the NVIDIA Volta GPU Architecture via
Microbenchmarking" (2018), section 2.1.
"""

import re
import subprocess
from dataclasses import dataclass, field

FUNCTION = re.compile(r"\s*\.section\s+\.text\.(\S+?),")
LABEL = re.compile(r"(\.L_x_\d+|\$\S+):$")
INSTRUCTION = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;?\s*/\* 0x([0-9a-f]{16}) \*/")
ENCODING = re.compile(r"\s+/\* 0x([0-9a-f]{16}) \*/")
TARGET = re.compile(r"`\((\.L_x_\d+)\)")
GUARD = re.compile(r"@(!?U?P\w+)\s+")

NO_BARRIER = 7


@dataclass
class Instruction:
    address: int
    text: str
    guard: str = ""  # "P0", "!P0" or "": the predicate
    opcode: str = ""  # with its modifiers: "LDG.E.128"
    operands: str = ""
    target: str = ""  # the label of a branch or of BSSY
    # The control bits: cycles until the next instruction may issue; the barriers (0 to 5) that a
    # result and that the read of operands release; and the mask of barriers to wait for.
    stall: int = 1
    write_barrier: int = NO_BARRIER
    read_barrier: int = NO_BARRIER
    wait: int = 0

    @property
    def base(self):
        return self.opcode.partition(".")[0]


@dataclass
class Block:
    instructions: list
    successors: list = field(default_factory=list)


@dataclass
class Loop:
    header: int
    blocks: set  # with those of the loops inside
    parent: "Loop" = None


class Function:
    """A kernel: its instructions, and its control flow as far as the entry reaches it."""

    def __init__(self, mangled):
        self.mangled = mangled
        self.instructions = []
        self.labels = {}  # name: index of the instruction that follows
        self.blocks = []
        self.loops = []  # outer loops before those inside; otherwise by address

    def finish(self):
        if self.instructions:
            make_blocks(self)
            find_loops(self)

    def own_instructions(self, loop):
        """The instructions of a loop that are in no loop inside it."""
        inner = set().union(*(other.blocks for other in self.loops if other.parent is loop))
        return self.of_blocks(loop.blocks - inner)

    def in_loops(self):
        """All instructions that are in any loop."""
        return self.of_blocks(set().union(*(loop.blocks for loop in self.loops)))

    def reachable(self):
        """All instructions but those of subroutines and of lanes that are apart."""
        return self.of_blocks(reverse_postorder(self.blocks))

    def of_blocks(self, blocks):
        return [instruction for block in sorted(blocks)
                for instruction in self.blocks[block].instructions]


def parse_instruction(address, text):
    instruction = Instruction(address, text)
    guard = GUARD.match(text)
    if guard:
        instruction.guard = guard.group(1)
        text = text[guard.end():]
    instruction.opcode, _, instruction.operands = text.partition(" ")
    target = TARGET.search(text)
    if target:
        instruction.target = target.group(1)
    return instruction


def read_control(instruction, high):
    """high: the upper 64 of the 128 bits."""
    instruction.stall = high >> 41 & 0xf
    instruction.write_barrier = high >> 46 & 7
    instruction.read_barrier = high >> 49 & 7
    instruction.wait = high >> 52 & 0x3f


def parse(text):
    """The functions of the output of nvdisasm -c -hex."""
    functions, current, last = [], None, None
    for line in text.splitlines():
        start = FUNCTION.match(line)
        label = LABEL.match(line)
        instruction = INSTRUCTION.match(line)
        encoding = ENCODING.match(line)
        if start:
            current = Function(start.group(1))
            functions.append(current)
        elif current is None:
            continue
        elif label:
            current.labels[label.group(1)] = len(current.instructions)
        elif instruction:
            last = parse_instruction(int(instruction.group(1), 16), instruction.group(2))
            current.instructions.append(last)
        elif encoding and last:
            read_control(last, int(encoding.group(1), 16))
            last = None
    for function in functions:
        function.finish()
    return functions


def is_branch(instruction):
    """ptxas also leaves a loop by a CALL to a label of the same function that never returns."""
    return instruction.base == "BRA" or instruction.base == "CALL" and instruction.target != ""


def ends_block(instruction):
    return is_branch(instruction) or instruction.base in ("EXIT", "RET", "BPT", "BSYNC", "BRX",
                                                          "JMP", "JMX")


def make_blocks(function):
    instructions = function.instructions
    starts = {0} | {index for index in function.labels.values() if index < len(instructions)}
    starts |= {i + 1 for i, instruction in enumerate(instructions[:-1]) if ends_block(instruction)}
    starts = sorted(starts)
    number = {start: block for block, start in enumerate(starts)}
    function.blocks = [Block(instructions[start:end])
                       for start, end in zip(starts, starts[1:] + [len(instructions)], strict=True)]
    # BSYNC continues where the BSSY of the same barrier register says. A walk from the entry keeps
    # that place for each register.
    waiting, seen = [(0, ())], set()
    while waiting:
        block, places = waiting.pop()
        if block in seen:
            continue
        seen.add(block)
        places = dict(places)
        for instruction in function.blocks[block].instructions:
            if instruction.base == "BSSY":
                register = instruction.operands.split(",")[0]
                places[register] = number[function.labels[instruction.target]]
        successors = successors_of(function, block, number, places)
        function.blocks[block].successors = successors
        waiting += [(successor, tuple(places.items())) for successor in reversed(successors)]


def successors_of(function, block, number, places):
    last = function.blocks[block].instructions[-1]
    following = [block + 1] if block + 1 < len(function.blocks) else []
    if is_branch(last):
        # At a shuffle or barrier, BRA.DIV leaves for lanes that are apart, and BRA.CONV skips that.
        # In our kernels all lanes of a warp are together there.
        if last.opcode.startswith("BRA.DIV"):
            return following
        if last.opcode.startswith("BRA.CONV"):
            return [number[function.labels[last.target]]]
        # Some branches have an operand predicate: "BRA P1, `(.L_x_3)", "BRA.U UP0, `(.L_x_3)".
        conditional = last.guard not in ("", "PT", "UPT") or "P" in last.operands.split("`")[0]
        target = [number[function.labels[last.target]]]
        return following + target if conditional else target
    if last.base == "BSYNC":
        target = places.get(last.operands.split(",")[0].strip())
        return following if target is None else [target]
    if last.base in ("EXIT", "RET", "BPT"):
        return following if last.guard else []
    if last.base in ("BRX", "JMP", "JMX"):
        raise ValueError(f"{function.mangled}: unknown branch {last.text}; teach sass.py about it")
    return following


def reverse_postorder(blocks):
    order, seen, stack = [], {0}, [(0, iter(blocks[0].successors))]
    while stack:
        block, rest = stack[-1]
        successor = next((s for s in rest if s not in seen), None)
        if successor is None:
            order.append(block)
            stack.pop()
        else:
            seen.add(successor)
            stack.append((successor, iter(blocks[successor].successors)))
    return order[::-1]


def find_dominators(order, predecessors):
    dominators = {block: set(order) for block in order}
    dominators[0] = {0}
    changed = True
    while changed:
        changed = False
        for block in order[1:]:
            new = {block}.union(set.intersection(*(dominators[p] for p in predecessors[block])))
            changed |= new != dominators[block]
            dominators[block] = new
    return dominators


def find_loops(function):
    """A loop is what reaches a branch back to a block that all paths to the branch pass."""
    blocks = function.blocks
    order = reverse_postorder(blocks)
    predecessors = {block: [] for block in order}
    for block in order:
        for successor in blocks[block].successors:
            predecessors[successor].append(block)
    dominators = find_dominators(order, predecessors)
    bodies = {}
    for block in order:
        for header in blocks[block].successors:
            if header in dominators[block]:
                body, stack = bodies.setdefault(header, {header}), [block]
                while stack:
                    inside = stack.pop()
                    if inside not in body:
                        body.add(inside)
                        stack += predecessors[inside]
    loops = [Loop(header, body) for header, body in sorted(bodies.items())]
    loops.sort(key=lambda loop: (loop.header, -len(loop.blocks)))
    for loop in loops:
        around = [other for other in loops if other is not loop and loop.header in other.blocks
                  and loop.blocks <= other.blocks]
        loop.parent = min(around, key=lambda other: len(other.blocks), default=None)
    function.loops = loops


def short_names(mangled):
    """Kernel names as in the sources: "grid_forward_kernel<lstm>"."""
    output = subprocess.run(["c++filt"], input="\n".join(mangled), capture_output=True, text=True,
                            check=True).stdout.splitlines()
    cells = ("rnn_tanh", "rnn_relu", "lstm", "gru")
    names = {}
    for name, readable in zip(mangled, output, strict=True):
        readable = re.sub(r"\(lyrnn_cell\)(\d)", lambda m: cells[int(m.group(1))], readable)
        readable = re.sub(r"^void |\(anonymous namespace\)::|lyrnn_cuda_", "", readable)
        names[name] = re.sub(r"\([^()]*\)$", "", readable).replace(", ", ",")
    return names


def disassemble(nvdisasm, cubin):
    run = subprocess.run([nvdisasm, "-c", "-hex", cubin], check=False,
                         capture_output=True, text=True)
    if run.returncode != 0:
        raise ValueError(f"{cubin}: {run.stderr.strip()}; install an nvdisasm that is as new as "
                         "nvcc")
    return parse(run.stdout)
