#!/usr/bin/env bash
# --init continues from a model with a text of the same characters: same weights, same shape.
# test_fine_tuning.sh tests other characters.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 20 --pred-period 20 --lr 1e-2 --out first
before=$(sed -n 's/^epoch 20, perplexity \([0-9]*\).*/\1/p' "$out")

again=(train corpus.txt --batch-size 2 --num-steps 5 --threads 1)
succeeds "${again[@]}" --init first --num-epochs 1 --lr 1e-2 --out second
after=$(sed -n 's/^epoch 1, perplexity \([0-9]*\).*/\1/p' "$out")
((after <= before)) || fail "perplexity $after must continue from $before"
grep -q '"hidden_size": 16,' second/config.json || fail "the shape must come from the file"

# Without an epoch the weights do not change.
succeeds "${again[@]}" --init "$(model_of first)" --num-epochs 0 --out same
cmp "$(model_of first)" "$(model_of same)" || fail "--init and --num-epochs 0 must copy the model"

succeeds "${again[@]}" --init first --num-epochs 0 --hidden-size 16 --cell rnn_tanh --out repeated
refuses 2 '--hidden-size 32: the model in first/.* has 16' \
    "${again[@]}" --init first --hidden-size 32 --out third
refuses 2 '--cell rnn_relu: the model in first/.* has rnn_tanh' \
    "${again[@]}" --init first --cell rnn_relu --out third
refuses 2 '--num-layers 2: the model in first/.* has 1; leave the option out' \
    "${again[@]}" --init first --num-layers 2 --out third
refuses 2 '--bidirectional: the model in first/.* has one direction; leave the option out' \
    "${again[@]}" --init first --bidirectional --out third
refuses 1 'missing: ' "${again[@]}" --init missing --out third

# The shape need not be given again. Dropout is the file's unless an option sets it.
succeeds train corpus.txt "${tiny[@]}" --cell gru --num-layers 2 --bidirectional --dropout 0.25 \
    --num-epochs 1 --out deep
succeeds "${again[@]}" --init deep --num-epochs 0 --out deep_same
cmp "$(model_of deep)" "$(model_of deep_same)" ||
    fail "--init must take cell, layers and directions"
for text in '"cell": "gru",' '"num_layers": 2,' '"bidirectional": true,' '"dropout": 0.25,'; do
    grep -qF "$text" deep_same/config.json || fail "config.json must hold $text"
done
succeeds "${again[@]}" --init deep --bidirectional --num-layers 2 --dropout 0.5 --num-epochs 1 \
    --out deep_more
grep -qF '"dropout": 0.5,' deep_more/config.json || fail "--dropout must apply together with --init"
# config.json has what was asked for; the model's file has what the training used.
succeeds info deep_more --json
grep -qF '"dropout": 0.5,' "$out" || fail "--dropout must reach the network that --init starts"
