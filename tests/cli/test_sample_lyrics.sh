#!/usr/bin/env bash
# The tutorial's job on the sample lyrics, which are then learned almost by heart, and the default
# way of training, where a GRU writes lyrics from the zero state.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

succeeds train --preset tutorial --threads 1 --out run
perplexity_at() { sed -nE "s/^epoch $1, perplexity ([0-9.]+), .*/\\1/p" "$out"; }
for limit in 50:200 100:60 150:9 200:1.5 250:1.10; do
    epoch=${limit%:*}
    perplexity=$(perplexity_at "$epoch")
    awk -v p="$perplexity" -v max="${limit#*:}" 'BEGIN { exit !(p >= 1 && p <= max) }' ||
        fail "perplexity at epoch $epoch must be at most ${limit#*:}, is $perplexity"
done

# By consecutive sampling this GRU repeats one line of about a dozen characters.
succeeds train --cell gru --max-chars 2500 --num-epochs 60 --lr 2e-3 --threads 1 --out gru
awk -v p="$(perplexity_at 60)" 'BEGIN { exit !(p >= 1 && p < 2) }' || fail "it must know its songs"
sed -n 's/^ - //p' "$out" | tail -n 2 >texts
while read -r text; do
    distinct=$(grep -o . <<<"$text" | sort -u | wc -l)
    ((distinct >= 25)) || fail "only $distinct of 50 characters differ: $text"
done <texts
[[ $(wc -l <texts) == 2 ]] || fail "there must be two texts"
