"""Tests gpu_report.py on made_up_gpu, a folder like that of gpu_check.sh with made-up numbers."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MADE_UP = os.path.join(HERE, "made_up_gpu")
SCRIPT = os.path.join(HERE, "..", "..", "scripts", "gpu_report.py")


def report(out):
    return subprocess.run([sys.executable, SCRIPT, out], capture_output=True, text=True,
                          check=False)


def section(text, title):
    match = re.search(rf"^## {title}.*?\n\n(.*?)\n(?=\n## |\Z)", text, re.MULTILINE | re.DOTALL)
    return match[1].rstrip()


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = os.path.join(folder.name, "out")
        shutil.copytree(MADE_UP, self.out)

    def report(self):
        result = report(self.out)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def change_summary(self, **members):
        path = os.path.join(self.out, "summary.json")
        with open(path, encoding="utf-8") as file:
            summary = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**summary, **members}, file)

    def write(self, name, text):
        with open(os.path.join(self.out, name), "w", encoding="utf-8") as file:
            file.write(text)

    def test_the_whole_report(self):
        with open(os.path.join(MADE_UP, "report.md"), encoding="utf-8") as file:
            self.assertEqual(self.report(), file.read())

    def test_measured_over_predicted(self):
        # 1.5 us against 1 us by the cost model, and 1.25 us by the machine code of the H200.
        row = next(line for line in section(self.report(), "Recurrence").splitlines()
                   if "resident.c4.s1" in line)
        self.assertIn("| 1.50 | 1.00 | 1.50 | 1.25 | 1.20 |", row)
        self.change_summary(gpu="Made-up RTX 4090, 1")
        self.assertIn("| 1.50 | 1.00 | 1.50 | 0.500 | 3.00 |", self.report())
        self.change_summary(gpu="Another made-up GPU, 1")
        self.assertIn("| 1.50 | 1.00 | 1.50 |  |  |", self.report())

    def test_missing_parts_are_named_and_have_no_numbers(self):
        for name in os.listdir(self.out):
            if name != "summary.json":
                os.remove(os.path.join(self.out, name))
        self.change_summary(device=None, checks=[
            {"part": "tune", "name": "lyrnn tune", "result": "failed", "seconds": 9,
             "why": "stopped after a while", "command": "lyrnn tune"}])
        text = self.report()
        self.assertEqual(section(text, "Recurrence"), "Not measured: stopped after a while.")
        for title in ("Device", "Training step", "Priorities", "Against PyTorch", "Kernels",
                      "Stalls"):
            self.assertEqual(section(text, title), "Not measured: this part has not run.")

    def test_results_that_are_damaged_cost_only_their_section(self):
        for name, damaged, title in (("tune.jsonl", '{"plan', "Recurrence"),
                                     ("tune.jsonl", "{}\n", "Recurrence"),
                                     ("tune.jsonl", "[]\n7\n", "Recurrence"),
                                     ("bench.jsonl", '{"variant": ""}\n', "Training step"),
                                     ("speed.jsonl", "{}\n", "Against PyTorch"),
                                     ("speed.jsonl", "\0\xff", "Against PyTorch"),
                                     ("profile.txt", "== ncu A\nName,,,,,\n", "Stalls")):
            with self.subTest(name=name, damaged=damaged):
                whole = report(MADE_UP).stdout
                self.write(name, damaged)
                text = self.report()
                self.assertRegex(section(text, title), "^Not (measured|reported): ")
                for other in ("Checks", "Device"):
                    self.assertEqual(section(text, other), section(whole, other))
                shutil.copy(os.path.join(MADE_UP, name), self.out)

    def test_a_run_that_did_not_finish_says_so(self):
        self.change_summary(finished=False, running="lyrnn tune")
        self.assertIn("| not finished | this is what there was while this ran: lyrnn tune |",
                      self.report())

    def test_a_folder_without_results_is_an_error(self):
        for text in ("", "[]", "{}"):
            self.write("summary.json", text)
            result = report(self.out)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, r"^gpu_report.py: .*; name its folder OUT\n$")


if __name__ == "__main__":
    unittest.main()
