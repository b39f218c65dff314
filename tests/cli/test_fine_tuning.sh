#!/usr/bin/env bash
# --init with a text that has another vocabulary: a character keeps its weights, the vocabulary
# becomes that of the text, and a line reports which characters were kept, new and dropped.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 20 --lr 1e-2 --out first

# A verse with the new character 猫 replaces the one whose characters 一夜听雨到天明 are dropped.
for ((i = 0; i < 12; i++)); do
    printf '我们分开又相逢\n不分开的是晚风\n月光落在屋檐上\n晚风分开我们的猫\n'
done >more.txt
again=(train more.txt --batch-size 2 --num-steps 5 --threads 1 --pred-period 1 --init first)

perplexity_of() { # EPOCH, in thousandths
    sed -nE "s/^epoch $1, perplexity ([0-9]+)\.([0-9]{3}).*/\1\2/p" "$out"
}

# At a learning rate of zero, an epoch measures where a training starts.
succeeds train more.txt "${tiny[@]}" --num-epochs 1 --lr 0 --out scratch
scratch=$(perplexity_of 1)
succeeds "${again[@]}" --num-epochs 1 --lr 0 --out start
start=$(perplexity_of 1)
((start < scratch / 2)) || fail "perplexity $start must be well below $scratch"
succeeds "${again[@]}" --num-epochs 3 --lr 1e-2 --out tuned
tuned=$(perplexity_of 3)
((tuned < start)) || fail "perplexity $tuned must improve on $start"
dropped='一 (U+4E00), 到 (U+5230), 听 (U+542C), 夜 (U+591C), 天 (U+5929), 明 (U+660E), 雨 (U+96E8)'
grep -qxF "init: 20 characters kept; 1 new: 猫 (U+732B); 7 dropped: $dropped" "$err" ||
    fail "it must report kept, new and dropped characters"
grep -q 'more\.txt, 396 characters, 21 in the vocabulary$' "$err" ||
    fail "the vocabulary must be the text's"

# From here on, the vocabulary is that of the text.
succeeds info tuned
grep -q '^vocabulary  *21 characters, such as ' "$out" || fail "info must show the vocabulary"
succeeds generate tuned --prefix 猫 --length 5
refuses 1 '--prefix 雨: unknown character 雨 \(U\+96E8\)' generate tuned --prefix 雨
refuses 1 '--prefix 雨: unknown character 雨 \(U\+96E8\)' "${again[@]}" --prefix 雨 --out no

# The weights of new characters depend on the seed, as in a new model. The other weights do not.
succeeds "${again[@]}" --num-epochs 0 --out seed1
succeeds "${again[@]}" --num-epochs 0 --out seed1_again
cmp "$(model_of seed1)" "$(model_of seed1_again)" || fail "the same seed must give the same model"
succeeds "${again[@]}" --num-epochs 0 --seed 2 --out seed2
! cmp -s "$(model_of seed1)" "$(model_of seed2)" ||
    fail "another seed must give other new characters"
succeeds train corpus.txt --batch-size 2 --num-steps 5 --num-epochs 0 --seed 2 --init first \
    --out same
cmp "$(model_of first)" "$(model_of same)" || fail "with the same vocabulary nothing may change"
grep -qx 'init: 27 characters kept; 0 new; 0 dropped' "$err" || fail "it must say that all are kept"

# A fine-tuning resumes like any run, and does not mention the first model again.
succeeds "${again[@]}" --num-epochs 1 --lr 1e-2 --out parts
succeeds train --resume parts --num-epochs 3
! grep -q '^init: ' "$err" || fail "the run's own model is resumed"
same_runs tuned parts

# Only the vocabulary may differ from the model's shape.
for shape in '--cell lstm' '--cell rnn_relu' '--hidden-size 32' '--num-layers 2' \
    '--bidirectional'; do
    # shellcheck disable=SC2086 # words on purpose
    refuses 2 "$shape: the model in first/.* has .*; leave the option out" "${again[@]}" $shape \
        --out no
done
for shape in '--cell gru --num-layers 2 --bidirectional' '--cell lstm' \
    '--cell rnn_relu --num-layers 2'; do
    # shellcheck disable=SC2086 # words on purpose
    succeeds train corpus.txt "${tiny[@]}" $shape --num-epochs 1 --out deep --overwrite
    succeeds train more.txt --batch-size 2 --num-steps 5 --threads 1 --num-epochs 1 --init deep \
        --out deep_more \
        --overwrite
    grep -q '^init: 20 characters kept; 1 new: ' "$err" || fail "$shape must be remapped"
done

# The rows of an embedding move with their characters: what the model knew by heart it still knows.
# Its size and tie are part of the shape.
head -n 3 corpus.txt >known.txt
for shape in '--embedding-size 6' '--embedding-size 6 --tie' '--embedding-size 16 --tie'; do
    # shellcheck disable=SC2086 # words on purpose
    succeeds train corpus.txt "${tiny[@]}" $shape --num-epochs 20 --lr 1e-2 --out embedded \
        --overwrite
    # shellcheck disable=SC2086 # words on purpose
    succeeds train corpus.txt --batch-size 2 --num-steps 5 --num-epochs 0 --init embedded $shape \
        --out embedded_same --overwrite
    cmp "$(model_of embedded)" "$(model_of embedded_same)" || fail "$shape may be repeated"
    succeeds train more.txt --batch-size 2 --num-steps 5 --threads 1 --num-epochs 1 --lr 0 \
        --init embedded --out embedded_more --overwrite
    grep -q '^init: 20 characters kept; 1 new: ' "$err" || fail "$shape must be remapped"
    succeeds eval embedded_more known.txt --threads 1
    tail -n 1 "$out" | awk '{exit !($6 >= 1 && $6 < 1.5)}' ||
        fail "$shape: its lines must stay known"
    refuses 2 '--embedding-size 5: the model in embedded/.* has (6|16); leave the option out' \
        train more.txt --init embedded --embedding-size 5 --out no
done
refuses 2 '--embedding-size 5: the model in first/.* has 0; leave the option out' \
    "${again[@]}" --embedding-size 5 --out no
succeeds train corpus.txt "${tiny[@]}" --embedding-size 6 --num-epochs 0 --out untied
refuses 2 '--tie: the model in untied/.* has an output layer of its own; leave the option out' \
    train more.txt --init untied --tie --out no

# A text with no character to keep.
for ((i = 0; i < 20; i++)); do printf 'la'; done >la.txt
refuses 1 'corpus: has no character that the model in first/.* knows; ' \
    train la.txt --batch-size 2 --num-steps 5 --init first --out no
