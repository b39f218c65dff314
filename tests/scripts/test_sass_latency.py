"""Tests of the latency estimate on SASS whose cycles are known, and of its walk through loops."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "sass"))

import sass_estimate
import sass_latency
from test_sass import function_of

CARD = sass_latency.Card(fma=1, fp64=64, l2=300, l2_bytes=16)
LATENCIES = sass_latency.LATENCIES


def cycles(lines, warps=1, card=CARD):
    return sass_latency.cycles_of(function_of(lines).instructions, warps, card)


class Cycles(unittest.TestCase):
    def test_dependent_chain_is_bound_by_latency(self):
        chain = ["FFMA R0, R0, R1, R2 | 4"] * 64
        self.assertEqual(cycles(chain), 64 * 4)
        # Up to four warps fill each other's gaps. From there on, issue is the limit.
        self.assertLess(cycles(chain, 4), 64 * 4 + 8)
        self.assertAlmostEqual(cycles(chain, 8), 8 * 64, delta=4)

    def test_independent_instructions_are_bound_by_issue(self):
        independent = ["FFMA R0, R1, R2, R0 | 1"] * 64
        self.assertEqual(cycles(independent), 64)
        self.assertEqual(cycles(independent, 2), 128)
        half_rate = sass_latency.Card(fma=2, fp64=4, l2=300, l2_bytes=16)
        self.assertAlmostEqual(cycles(independent, 2, half_rate), 256, delta=2)

    def test_slow_pipes(self):
        self.assertAlmostEqual(cycles(["DFMA R0, R2, R4, R6 | 1"] * 10), 10 * 64, delta=64)
        self.assertAlmostEqual(cycles(["MUFU.EX2 R0, R1 | 1"] * 32), 32 * 8, delta=8)
        self.assertAlmostEqual(cycles(["IADD3 R0, R1, R2, RZ | 1"] * 32), 32 * 2, delta=2)

    def test_a_barrier_waits_for_its_result(self):
        load = ["LDS R0, [R1] | 1 w3", "FADD R2, R0, R0 | 1 q3"]
        self.assertEqual(cycles(load), LATENCIES["LDS"] + 1)
        self.assertEqual(cycles(["LDS R0, [R1] | 1 w3", "FADD R2, R3, R3 | 1 q2"]), 2)
        load = ["LDG.E R0, [R2.64] | 1 w0", "FADD R2, R0, R0 | 1 q0"]
        self.assertEqual(cycles(load), CARD.l2 + 1)
        # The loads of a chain follow one another; those of a batch overlap.
        chain = ["LDG.E R2, [R2.64] | 1 w0 q0"] * 4 + ["EXIT | 1 q0"]
        batch = ["LDG.E R2, [R4.64] | 1 w0"] * 4 + ["EXIT | 1 q0"]
        self.assertGreater(cycles(chain), 4 * CARD.l2)
        self.assertLess(cycles(batch), 2 * CARD.l2)

    def test_bandwidth_of_l2(self):
        wide = ["LDG.E.128 R0, [R4.64] | 1 w0"] * 50 + ["EXIT | 1 q0"]
        # Four schedulers load 50 x 512 bytes each, at 16 bytes per cycle.
        self.assertAlmostEqual(cycles(wide), 4 * 50 * 512 / 16, delta=CARD.l2 + 200)

    def test_a_fence_waits_for_stores(self):
        store = ["STG.E [R2.64], R0 | 1", "MEMBAR.SC.GPU | 1", "EXIT | 1"]
        self.assertAlmostEqual(cycles(store), 2 * CARD.l2, delta=4)
        self.assertAlmostEqual(cycles(store[1:]), CARD.l2, delta=4)

    def test_a_wait_for_copies(self):
        copies = ["LDGSTS.E.BYPASS.128 [R1], [R2.64] | 1"] * 2
        wait = ["LDGDEPBAR | 1 w0", "DEPBAR.LE SB0, 0x0 | 1", "EXIT | 1"]
        self.assertAlmostEqual(cycles(copies + wait), 4 * 512 / 16 + CARD.l2, delta=8)
        self.assertLess(cycles(wait), 8)

    def test_warps_meet_at_a_barrier(self):
        block = ["FFMA R0, R0, R1, R2 | 4"] * 8 + ["BAR.SYNC 0x0 | 1", "EXIT | 1"]
        self.assertAlmostEqual(cycles(block, 2), 8 * 4 + LATENCIES["BAR"], delta=4)
        poll = ["STAS [R4.64], R0 | 1", *["FFMA R0, R0, R1, R2 | 4"] * 8,
                "SYNCS.PHASECHK.TRANS64.TRYWAIT P4, [R5+URZ], R6 | 1", "EXIT | 1"]
        latency = LATENCIES["DSMEM"] + LATENCIES["SYNCS"]
        self.assertAlmostEqual(cycles(poll), latency, delta=4)
        self.assertAlmostEqual(cycles(poll[1:]), 8 * 4 + LATENCIES["SYNCS"], delta=4)
        cluster = ["UCGABAR_ARV | 1", "UCGABAR_WAIT | 1", "EXIT | 1"]
        self.assertAlmostEqual(cycles(cluster, 2), LATENCIES["DSMEM"], delta=4)


# Over time: a loop over streams with four FFMAs and a butterfly, then a loop that sends in one of
# two ways, and one of the two waits. One of them has a slow path, which reads the clock.
RESIDENT = [
    ".L_x_1:", "MOV R0, RZ",
    ".L_x_2:", *["FFMA R0, R1, R2, R0 | 4"] * 4,
    *["SHFL.BFLY PT, R2, R0, 0x1, 0x1f | 1 w0"] * 3, "@P1 BRA `(.L_x_2)",
    ".L_x_3:", "@P2 BRA `(.L_x_4)", "STAS [R4.64], R0", "BRA `(.L_x_5)",
    ".L_x_4:", "STS [R4], R0", *["NOP"] * 9,
    ".L_x_5:", "@P3 BRA `(.L_x_3)",
    "@P2 BRA `(.L_x_7)",
    "SYNCS.PHASECHK.TRANS64.TRYWAIT P4, [R5+URZ], R6", "@P4 BRA `(.L_x_8)",
    "CS2R R8, SR_GLOBALTIMERLO", *["NOP"] * 9,
    ".L_x_6:", "SYNCS.PHASECHK.TRANS64.TRYWAIT P4, [R5+URZ], R6", "@P4 BRA `(.L_x_8)",
    "BRA `(.L_x_6)",
    ".L_x_7:", "BAR.SYNC.DEFER_BLOCKING 0x1, R7", *["NOP"] * 9,
    ".L_x_8:", "@P4 BRA `(.L_x_9)", "MUFU.RCP R0, R0", "BRA `(.L_x_10)",
    ".L_x_9:", "CALL.REL.NOINC `($slow)", "NOP", "NOP", "NOP",
    ".L_x_10:", "@P5 BRA `(.L_x_1)",
    "EXIT",
    "$slow:", "RET.REL R0",
]

# Over time: the copy of a chunk; two chunks, each with the copy of the next; sums through shared
# memory; the sums over a cluster of one, two or four blocks; cells; a barrier that can expire.
GRID = [
    ".L_x_1:", *["LDGSTS.E.BYPASS.128 [R1], desc[UR4][R2.64]"] * 4, "FFMA R9, R9, R9, R9",
    ".L_x_2:", "LDGDEPBAR", "DEPBAR.LE SB0, 0x0", "BAR.SYNC 0x0",
    *["LDGSTS.E.BYPASS.128 [R1], desc[UR4][R2.64]"] * 4,
    ".L_x_3:", *["FFMA R0, R1, R2, R0"] * 128, "@P1 BRA `(.L_x_3)",
    "@P2 BRA `(.L_x_2)",
    ".L_x_4:", "LDS.128 R0, [R4]", "STS.128 [R4], R0", "@P3 BRA `(.L_x_4)",
    "@P4 BRA `(.L_x_5)", "UCGABAR_WAIT", "BRA `(.L_x_6)",
    ".L_x_5:", "BAR.SYNC 0x0",
    ".L_x_6:", "@P4 BRA `(.L_x_7)", *["LD.E R0, [R4.64]"] * 4, "BRA `(.L_x_8)",
    ".L_x_7:", *["LD.E R0, [R4.64]"] * 2,
    ".L_x_8:", "STG.E [R4.64], R0", "@P5 BRA `(.L_x_6)",
    "@P6 BRA `(.L_x_9)", *["NOP"] * 9, "ATOMG.E.EXCH.STRONG.GPU PT, RZ, [R4.64], R0",
    ".L_x_9:", "@P1 BRA `(.L_x_1)", "EXIT",
]


def bases_of(trace):
    return {base: sass_estimate.count(trace, base) for base in {i.base for i in trace}}


class Walks(unittest.TestCase):
    def test_resident(self):
        plan = {"weights": 4, "streams": 3, "slices": 8, "cluster": 4, "sends": 2}
        trace = bases_of(sass_estimate.Resident(function_of(RESIDENT), plan).step())
        self.assertEqual((trace["FFMA"], trace["SHFL"]), (3 * 4, 3 * 3))
        self.assertEqual((trace["STAS"], trace["SYNCS"]), (2, 1))
        self.assertTrue(trace.keys().isdisjoint({"STS", "BAR", "CS2R"}))
        self.assertEqual((trace.get("CALL"), trace["MUFU"]), (None, 1))
        plan.update(cluster=1, sends=1)
        trace = bases_of(sass_estimate.Resident(function_of(RESIDENT), plan).step())
        self.assertEqual((trace["STS"], trace["BAR"]), (1, 1))
        self.assertEqual((trace.get("STAS"), trace.get("SYNCS")), (None, None))

    def test_grid(self):
        # Chunks of 4096 / 64 = 64 values of k; a group takes every fourth, and a pass takes two.
        plan = {"streams": 64, "depth": 128, "groups": 4, "columns": 32, "cluster": 4, "units": 32,
                "cell": 0, "backward": 0}
        trace = bases_of(sass_estimate.Grid(function_of(GRID), plan).step())
        self.assertEqual(trace["FFMA"], 1 + 64 * 128 / 4)
        self.assertEqual(trace["LDGSTS"], 4 + 4)
        self.assertEqual((trace["BAR"], trace["UCGABAR_WAIT"]), (2, 1))
        self.assertEqual(trace["LDS"], 64 * 32 / 1024)
        self.assertEqual((trace["LD"], trace["STG"]), (2 * 4, 2))
        self.assertEqual(trace.get("ATOMG"), None)
        plan["cluster"], plan["units"] = 2, 8
        trace = bases_of(sass_estimate.Grid(function_of(GRID), plan).step())
        self.assertEqual((trace["LD"], trace["STG"]), (2, 1))
        # A chunk that is as short as this needs only one of the four copies.
        plan["depth"] = 16
        trace = bases_of(sass_estimate.Grid(function_of(GRID), plan).step())
        self.assertEqual(trace["LDGSTS"], 4)
        self.assertEqual(trace["FFMA"], 1 + 16 * 64 / 4)

    def test_no_loop_over_time(self):
        with self.assertRaisesRegex(ValueError, "no loop over time"):
            sass_estimate.Resident(function_of(["EXIT"]), {})


if __name__ == "__main__":
    unittest.main()
