#!/usr/bin/env bash
# lyrnn eval --dynamic: the model learns from what it has scored, and its file stays as it is.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 3 --lr 1e-3 --dropout 0.5 --num-layers 2 \
    --out run

# perplexity FILE: that of the last run, which printed one row per file.
perplexity() {
    awk -v file="$1" '$7 == file { print $6 }' "$out"
}

below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }' || fail "$1 must be below $2"
}

# A text that repeats itself is predicted better, and the model file is only read.
cp -r run before
succeeds eval run corpus.txt --threads 1
cp "$out" plain
succeeds eval run corpus.txt --threads 1 --dynamic 1e-2
cp "$out" learned
below "$(perplexity corpus.txt)" "$(awk 'NR == 2 { print $6 * 0.8 }' plain)"
[[ $(cut -c 1-33 learned) == "$(cut -c 1-33 plain)" ]] || fail "the same characters are scored"
diff -r run before >/dev/null || fail "no file may change"

# Rate 0 is no learning, and the same rate gives the same bits.
succeeds eval run corpus.txt --threads 1 --dynamic 0
cmp -s "$out" plain || fail "rate 0 must score as eval does"
succeeds eval run corpus.txt --threads 1 --dynamic 0.01
cmp -s "$out" learned || fail "the same rate must give the same score"

# Each file begins with the model's own weights; the total has both.
head -n 9 corpus.txt >other.txt
succeeds eval run corpus.txt other.txt corpus.txt --threads 1 --dynamic 1e-2
[[ $(perplexity corpus.txt | sort -u | wc -l) == 1 ]] || fail "a file must not depend on others"
[[ $(perplexity corpus.txt | head -n 1) == "$(awk 'NR == 2 { print $6 }' learned)" ]] ||
    fail "a file among others must score as on its own"

# Lines and songs: what was learned stays from one to the next.
succeeds eval run corpus.txt --threads 1 --per-line
cp "$out" plain_lines
succeeds eval run corpus.txt --threads 1 --per-line --dynamic 1e-2
[[ $(wc -l <"$out") == 48 ]] || fail "a line for each line"
[[ $(head -n 1 "$out") == "$(head -n 1 plain_lines)" ]] || fail "nothing is learned before line 1"
below "$(sed -n 45p "$out" | cut -f 1)" "$(sed -n 1p "$out" | cut -f 1)"
below "$(sed -n 48p "$out" | cut -f 1)" "$(sed -n 48p plain_lines | cut -f 1)"
song='我们分开\n不分开的是晚风\n\n'
printf '%b' "$song" "$song" '风\n\n' "$song" >songs.txt
succeeds eval run songs.txt --threads 1 --songs blank-line --per-song --dynamic 1e-2
[[ $(wc -l <"$out") == 4 ]] || fail "a line for each song"
below "$(sed -n 4p "$out" | cut -f 1)" "$(sed -n 1p "$out" | cut -f 1)"

# The tail of a text, shorter than a segment, is scored too.
for ((n = 34; n <= 38; n++)); do
    printf '风%.0s' $(seq "$n") >tail.txt
    succeeds eval run tail.txt --threads 1 --dynamic 1e-4
    read -r chars unknown scored _ < <(tail -n 1 "$out")
    ((unknown == 0 && chars == n && scored == n - 1)) || fail "$n: $scored have a score"
done

# JSON says which rate it was.
succeeds eval run corpus.txt --json --dynamic 0.25e-2
grep -q '"dynamic": *0.0025,' "$out" || fail "the rate must be in the object"
succeeds eval run songs.txt --json --songs blank-line --per-song --dynamic 0.25e-2
[[ $(grep -c '"dynamic": *0.0025,' "$out") == 4 ]] || fail "each song must have the rate"
succeeds eval run corpus.txt --json
! grep -q dynamic "$out" || fail "without learning there is no rate"
succeeds eval run corpus.txt --json --per-line
! grep -q dynamic "$out" || fail "without learning no line has a rate"

# Rates that make no sense, and one that is too high for the model.
refuses 2 '--dynamic 2: must be from 0 to 1; begin with 0.0003$' eval run corpus.txt --dynamic 2
refuses 2 '--dynamic -1: must be from 0 to 1; begin with 0.0003$' eval run corpus.txt --dynamic -1
refuses 2 '--dynamic nan: must be from 0 to 1; begin with 0.0003$' eval run corpus.txt --dynamic nan
refuses 2 '--dynamic high: must be a number from 0 to 1$' eval run corpus.txt --dynamic high
succeeds train corpus.txt "${tiny[@]}" --cell rnn_relu --num-epochs 1 --num-layers 8 --out relu
refuses 1 '--dynamic 1: the loss is not finite after [0-9]+ characters; use a lower rate$' \
    eval relu corpus.txt --threads 1 --dynamic 1
