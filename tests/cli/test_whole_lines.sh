#!/usr/bin/env bash
# Each line of standard error is one write, so that processes that share it do not tear each other's
# lines, and one that is killed leaves whole lines.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_songs 24

# whole_lines ARG...: runs lyrnn, and reads its standard error from a pipe that keeps writes apart
# (O_DIRECT, pipe(2)) into $out. Each must be one line.
whole_lines() {
    command="lyrnn $*"
    python3 - "$lyrnn" "$@" >"$out" 2>"$err" <<'END' || fail "a write must be one line"
import os, subprocess, sys
reader, writer = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=writer)
os.close(writer)
while message := os.read(reader, 65536):
    text = message.decode()
    print(text, end="")
    if text.count("\n") != 1 or not text.endswith("\n"):
        sys.exit(f"one write: {text!r}")
child.wait()
END
}

whole_lines train songs.txt --keep-duplicates --hidden-size 12 --batch-size 8 --num-steps 5 \
    --threads 1 --num-epochs 2 --val-songs 0.2 --device cpu --out run
grep -q '^validation: ' "$out" || fail "a training prints its validation"
whole_lines generate run --prefix 分开 --prefix 不分开 --num-samples 2 --report --length 20
[[ $(grep -c '^sample ' "$out") == 4 ]] || fail "each sample has a line"
whole_lines generate nowhere --prefix 分开
grep -q '^lyrnn: nowhere: ' "$out" || fail "an error is a line"
