"""Tests of scripts/sass on small texts of nvdisasm: instructions, control flow, loops, counts."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "sass"))

import sass
import sass_lint


def assemble(lines, name="one_kernel"):
    """The text of nvdisasm for these lines: "LABEL:", or "[@P0] OPCODE OPERANDS | STALL BARRIERS".
    BARRIERS is any of w0 to w5 (write), r0 to r5 (read) and q0 to q5 (wait)."""
    text, address = [f"\t.section\t.text.{name},\"ax\",@progbits", f".text.{name}:"], 0
    for line in lines:
        if line.endswith(":"):
            text.append(line)
            continue
        code, _, control = line.partition(" | ")
        stall, *barriers = (control or "1").split()
        high = int(stall) << 41
        write, read, wait = 7, 7, 0
        for barrier in barriers:
            number = int(barrier[1])
            write = number if barrier[0] == "w" else write
            read = number if barrier[0] == "r" else read
            wait |= 1 << number if barrier[0] == "q" else 0
        high |= write << 46 | read << 49 | wait << 52
        text += [f"        /*{address:04x}*/      {code} ;      /* 0x{0:016x} */",
                 f"                                        /* 0x{high:016x} */"]
        address += 16
    return "\n".join(text) + "\n"


def function_of(lines):
    return sass.parse(assemble(lines))[0]


LOOP_IN_LOOP = [
    "MOV R1, c[0x0][0x28]",
    ".L_x_1:",
    "LDG.E R2, [R4.64]",
    ".L_x_2:",
    "FFMA R0, R2, R3, R0",
    "LDS.128 R4, [R8]",
    "@P0 BRA `(.L_x_2)",
    "BAR.SYNC 0x0",
    "@!P1 BRA `(.L_x_1)",
    "EXIT",
    ".L_x_3:",
    "BRA `(.L_x_3)",  # the padding behind a kernel is no loop
]


class Reader(unittest.TestCase):
    def test_control_bits(self):
        one, two = function_of(["@!P3 LDG.E.64 R2, [R4.64] | 13 w2 r4 q0 q5", "EXIT | 5"]
                               ).instructions
        self.assertEqual((one.guard, one.opcode, one.operands), ("!P3", "LDG.E.64", "R2, [R4.64]"))
        self.assertEqual((one.stall, one.write_barrier, one.read_barrier, one.wait),
                         (13, 2, 4, 0b100001))
        self.assertEqual((two.address, two.stall, two.write_barrier), (16, 5, sass.NO_BARRIER))

    def test_real_encoding(self):
        text = assemble(["EXIT"]).replace("0x" + f"{7 << 46 | 7 << 49 | 1 << 41:016x}",
                                          "0x000e220000000a00")
        only = sass.parse(text)[0].instructions[0]
        self.assertEqual((only.stall, only.write_barrier, only.read_barrier, only.wait),
                         (1, 0, 7, 0))

    def test_loops(self):
        function = function_of(LOOP_IN_LOOP)
        outer, inner = function.loops
        self.assertIsNone(outer.parent)
        self.assertIs(inner.parent, outer)
        self.assertEqual([i.base for i in function.own_instructions(inner)], ["FFMA", "LDS", "BRA"])
        self.assertEqual([i.base for i in function.own_instructions(outer)], ["LDG", "BAR", "BRA"])

    def test_code_out_of_line_belongs_to_its_loop(self):
        function = function_of([".L_x_1:", "@P0 BRA `(.L_x_2)", ".L_x_3:", "@P1 BRA `(.L_x_1)",
                                "EXIT", ".L_x_2:", "MUFU.EX2 R0, R0", "BRA `(.L_x_3)"])
        self.assertEqual([i.base for i in function.in_loops()], ["BRA", "BRA", "MUFU", "BRA"])

    def test_bsync_continues_where_bssy_says(self):
        function = function_of(["BSSY B0, `(.L_x_1)", "@P0 BRA `(.L_x_2)", "BSYNC B0", ".L_x_2:",
                                "MOV R0, R1", "BSYNC B0", ".L_x_3:", "BRA `(.L_x_3)", ".L_x_1:",
                                "EXIT"])
        self.assertEqual(function.loops, [])
        self.assertNotIn("BRA `(.L_x_3)", [i.text for i in function.reachable()])

    def test_lanes_that_are_apart_are_left_out(self):
        function = function_of(["BRA.DIV ~URZ, `(.L_x_1)", "SHFL.BFLY R0, R0, 0x1, 0x1f",
                                "BRA.CONV ~URZ, `(.L_x_2)", "CALL.REL.NOINC `($sub)", ".L_x_2:",
                                "EXIT", ".L_x_1:", "DADD R0, R0, R2", "EXIT", "$sub:",
                                "RET.REL R0"])
        self.assertEqual([i.base for i in function.reachable()], ["BRA", "SHFL", "BRA", "EXIT"])

    def test_call_to_a_label_is_a_branch(self):
        function = function_of([".L_x_1:", "@P0 CALL.REL.NOINC `(.L_x_2)", "BRA `(.L_x_1)",
                                ".L_x_2:", "EXIT"])
        self.assertEqual(len(function.loops), 1)
        self.assertEqual(sass_lint.count_classes(function)["calls"], 0)

    def test_unknown_branch_is_refused(self):
        with self.assertRaisesRegex(ValueError, "unknown branch BRX R0"):
            function_of(["BRX R0 -0x10", "EXIT"])


class Counts(unittest.TestCase):
    def count(self, *lines):
        """The classes of a loop that contains the lines."""
        found = sass_lint.count_classes(function_of([".L_x_1:", *lines, "@P6 BRA `(.L_x_1)",
                                                     "EXIT", "$sub:", "RET.REL R0"]))
        return {name: count for name, count in found.items() if count}

    def test_fp64(self):
        for line in ("DADD R0, R2, R4", "DFMA R0, R2, R4, R6", "F2F.F64.F32 R0, R2",
                     "DSETP.GT.AND P0, PT, R2, R4, PT", "MUFU.RCP64H R1, R3"):
            self.assertEqual(self.count(line), {"fp64": 1}, line)
        self.assertEqual(self.count("DEPBAR.LE SB0, 0x1", "FADD R0, R1, R2"), {})

    def test_other_classes(self):
        self.assertEqual(self.count("MEMBAR.SC.GPU", "CCTL.IVALL"), {"membar": 1, "cctl": 1})
        self.assertEqual(self.count("STL [R1], R0", "LDL R0, [R1]"), {"local": 2})
        self.assertEqual(self.count("CALL.REL.NOINC `($sub)"), {"calls": 1})
        self.assertEqual(self.count("I2F.U32.RP R0, R1", "I2F.S32 R2, R3"), {"divisions": 1})

    def test_guarded_loads(self):
        self.assertEqual(self.count("@P0 LDG.E R0, [R2.64]"), {"guarded": 1})
        self.assertEqual(self.count("BSSY B0, `(.L_x_2)", "@P0 BRA `(.L_x_3)",
                                    "LDG.E.STRONG.GPU R0, [R2.64]", ".L_x_3:", "BSYNC B0",
                                    ".L_x_2:"), {"guarded": 1})
        self.assertEqual(self.count("LDG.E R0, [R2.64]", "@P0 LDG.E.128 R4, [R8.64]"), {})

    def test_outside_of_loops_only_fp64_local_and_calls_count(self):
        found = sass_lint.count_classes(function_of(["MEMBAR.SC.GPU", "I2F.RP R0, R1",
                                                     "@P0 LDG.E R0, [R2.64]", "EXIT"]))
        self.assertEqual(sum(found.values()), 0)

    def test_mix(self):
        function = function_of(LOOP_IN_LOOP)
        rows = sass_lint.count_function(function)
        self.assertEqual(rows["loop1"], {"instructions": 3, "barrier": 1, "ldg32": 1})
        self.assertEqual(rows["loop2"], {"instructions": 3, "ffma": 1, "lds128": 1})


class Comparison(unittest.TestCase):
    def judge(self, old, new):
        worse, better = sass_lint.compare_all(
            {("90", "k", where): counts for where, counts in old.items()},
            {("90", "k", where): counts for where, counts in new.items()})
        return list(worse.values()), list(better.values())

    def test_same(self):
        rows = {"all": {"fp64": 2}, "loop1": {"instructions": 9, "ffma": 4}}
        self.assertEqual(self.judge(rows, rows), ([], []))

    def test_worse_and_better(self):
        old = {"all": {}, "loop1": {"instructions": 9, "ffma": 4}}
        worse = {"all": {"membar": 1}, "loop1": {"instructions": 10, "ffma": 4}}
        self.assertEqual(self.judge(old, worse),
                         (["k (sm_90), all: membar 0 -> 1",
                           "k (sm_90), loop1: instructions 9 -> 10"], []))
        self.assertEqual(self.judge(worse, old),
                         ([], ["k (sm_90), all: membar 1 -> 0",
                               "k (sm_90), loop1: instructions 10 -> 9"]))

    def test_counts_are_per_fma(self):
        old = {"all": {}, "loop1": {"instructions": 10, "ffma": 4}}
        self.assertEqual(self.judge(old, {"all": {}, "loop1": {"instructions": 18, "ffma": 8}})[0],
                         [])
        self.assertEqual(self.judge(old, {"all": {}, "loop1": {"instructions": 9, "ffma": 3}})[0],
                         ["k (sm_90), loop1: instructions 10 -> 9"])

    def test_sums_decide_if_the_loops_changed(self):
        old = {"all": {}, "loop1": {"instructions": 10}, "loop2": {"instructions": 5}}
        self.assertEqual(self.judge(old, {"all": {}, "loop1": {"instructions": 14}})[0], [])
        self.assertEqual(self.judge(old, {"all": {}, "loop1": {"instructions": 16}})[0],
                         ["k (sm_90), sum of 1 loops: instructions 15 -> 16"])

    def test_allowed(self):
        counts = {("90", "a_kernel<lstm>", "all"): {"fp64": 3}}
        lines = [("fp64", "a_kernel<*>", "why"), ("calls", "a_kernel<*>", "why")]
        self.assertEqual(sass_lint.check_allowed(counts, lines[:1]), [])
        self.assertRegex(sass_lint.check_allowed(counts, [])[0], "a_kernel<lstm> .sm_90.: 3 fp64")
        self.assertRegex(sass_lint.check_allowed(counts, lines)[0], "calls .* no kernel needs this")


if __name__ == "__main__":
    unittest.main()
