#!/usr/bin/env bash
# Same command, same seed: the same bytes. Another seed: other bytes.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
for sampling in consecutive random; do
    for threads in 1 2; do
        train=(train corpus.txt --hidden-size 33 --batch-size 3 --num-steps 7 --num-epochs 5
            --sampling "$sampling" --threads "$threads" --prefix 月光)
        succeeds "${train[@]}" --out a
        succeeds "${train[@]}" --out b
        succeeds "${train[@]}" --seed 2 --out c
        cmp "$(model_of a)" "$(model_of b)" || fail "$sampling, $threads threads: bytes differ"
        ! cmp -s "$(model_of a)" "$(model_of c)" || fail "seed 2 must make another model"
        rm -r a b c
    done
done
