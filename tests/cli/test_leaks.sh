#!/usr/bin/env bash
# What validation shares with training is printed, and --drop-leaks drops those lines of training.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# Three songs to learn and one to validate on, which has one line of the second.
printf '%s\n' 我们分开又相逢 不分开的是晚风 '' 月光落在屋檐上 一夜听雨到天明 '' \
    山高水长路又远 何时再见你的脸 '' 今天我又想起你 一夜听雨到天明 >songs.txt
validate=(songs.txt --songs blank-line --val-fraction 0.25 "${tiny[@]}" --num-epochs 1)

succeeds train "${validate[@]}" --out run
shared='% are in runs of 8 or more that training has too'
grep -qx "validation: 1 song, 16 characters; 56.2 $shared (longest 9:  一夜听雨到天明 )" "$err" ||
    fail "the share, the longest run and its text must be printed"
if grep -q '^training: dropped' "$err"; then fail "nothing may be dropped unasked"; fi

succeeds train "${validate[@]}" --out dropped --drop-leaks
grep -qx "validation: 1 song, 16 characters; 0.0 $shared" "$err" ||
    fail "no run may be left"
grep -qx 'training: dropped 1 line that validation has too' "$err" ||
    fail "the number of lines must be printed"

# A resumed run drops the same lines.
succeeds train --resume dropped --num-epochs 2
grep -qx 'training: dropped 1 line that validation has too' "$err" ||
    fail "a resumed run must drop them too"
succeeds train "${validate[@]}" --out whole --drop-leaks --num-epochs 2
cmp "$(model_of dropped)" "$(model_of whole)" || fail "resumed and whole runs must be the same"

# Running text is cut inside a line: here the last 20 of 67 characters are for validation.
succeeds train songs.txt --sampling consecutive --val-fraction 0.3 "${tiny[@]}" --num-epochs 1 \
    --drop-leaks --out text
grep -q '^corpus: songs.txt, 59 characters, ' "$err" || fail "one line of 8 characters must go"
grep -q '^songs: 4 (4 paragraphs' "$err" || fail "the cut makes no song"
grep -qx "validation: 2 songs, 20 characters; 0.0 $shared" "$err" || fail "no run may be left"

refuses 2 '--drop-leaks: finds no lines with --newlines space; leave one' \
    train "${validate[@]}" --drop-leaks --newlines space --out no
printf '%s\n' 一夜听雨到天明了 '' 一夜听雨到天明了 >same.txt
refuses 1 '--drop-leaks: each line of training has a run of 8 characters that validation has' \
    train same.txt --songs blank-line --keep-duplicates --val-fraction 0.5 "${tiny[@]}" \
    --drop-leaks --out no
