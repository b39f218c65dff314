#!/usr/bin/env bash
# The tutorial's job at the tutorial's hyperparameters: the sample lyrics are learned almost by
# heart.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

succeeds train --threads 1 --out run
perplexity_at() { sed -nE "s/^epoch $1, perplexity ([0-9.]+), .*/\\1/p" "$out"; }
for limit in 50:200 100:20 150:3 200:1.2 250:1.10; do
    epoch=${limit%:*}
    perplexity=$(perplexity_at "$epoch")
    awk -v p="$perplexity" -v max="${limit#*:}" 'BEGIN { exit !(p >= 1 && p <= max) }' ||
        fail "perplexity at epoch $epoch must be at most ${limit#*:}, is $perplexity"
done
