#!/usr/bin/env bash
# A folder of 100,000 files is read in order, within seconds and with little memory.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm # a disk takes minutes to remove so many files
. "$(dirname "$0")/lib.sh" "$1"

# 100 files, and 1,000 copies of their folder. They are hard links, so that they take no room.
mkdir copies
seq 100 199 | tr 0-9 a-j >lines.txt
split -l 1 -a 3 -d --additional-suffix=.txt lines.txt copies/
for level in 1 2 3; do
    mkdir "level$level"
    for copy in {0..9}; do
        cp -rl copies "level$level/$copy"
    done
    rm -r copies
    mv "level$level" copies
done
for ((i = 0; i < 1000; i++)); do cat lines.txt; done >expected.txt

start=$SECONDS
(limit_memory 700000 && exec "$lyrnn" corpus --keep-duplicates copies) >"$out" 2>"$err" ||
    fail "700 MB must be enough"
cmp -s expected.txt "$out" || fail "every line must be there, in the order of the names"
grep -q '^songs: 100000 ' "$err" || fail "each file must be a song"
((SECONDS - start < 60)) || fail "it must take seconds, not $((SECONDS - start))"
