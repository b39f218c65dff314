#!/usr/bin/env bash
# The tutorial's job: train on a text, watch the two kinds of lines, generate from the checkpoint.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus

succeeds train corpus.txt "${tiny[@]}" --num-epochs 30 --pred-period 10 --pred-len 12 --lr 1e-2 \
    --checkpoint-every 20 --out run
[[ $(wc -l <"$out") == 9 ]] || fail "three reports of three lines each"
for epoch in 10 20 30; do
    grep -qxE "epoch $epoch, perplexity [0-9]+\.[0-9]{6}, time [0-9]+\.[0-9]{2} sec" "$out" ||
        fail "the report of epoch $epoch"
done
# Counted without the newline: " - ", prefix and 12 characters.
[[ $(grep -cxE ' - 分开.{12}' "$out") == 3 ]] || fail "three samples of 分开"
[[ $(grep -cxE ' - 不分开.{12}' "$out") == 3 ]] || fail "three samples of 不分开"
awk '/^epoch/ { sub(",", "", $4); if (seen && $4 + 0 >= last) exit 1; seen = 1; last = $4 + 0 }' \
    "$out" ||
    fail "perplexity must fall"

[[ $(wc -l <run/metrics.jsonl) == 30 ]] || fail "metrics.jsonl must hold an object for each epoch"
[[ $(readlink run/latest) == checkpoints/epoch-000030 ]] || fail "latest must be epoch 30"
[[ $(ls run/checkpoints) == $'epoch-000020\nepoch-000030' ]] || fail "epochs 20 and 30 are saved"
for text in '"version": "' '"seed": 1,' '"hidden_size": 16,' '"lr": 0.01,' '"clip_norm": 0.01,' \
    '"num_epochs": 30,' '"cell": "rnn_tanh",' '"overwrite": false,'; do
    grep -qF "$text" run/config.json || fail "config.json must hold $text: $(cat run/config.json)"
done

# The model generates what it printed during training.
sample=$(sed -n '8s/^ - //p' "$out")
succeeds generate run --prefix 分开 --length 12 --greedy
[[ $(tr '\n' ' ' <"$out") == "$sample " ]] || fail "generate must write the last sample: $sample"
[[ ! -s $err ]] || fail "generate must be silent on standard error"
succeeds generate "$(model_of run)" --prefix 分开 --prefix 月 --length 12
text=$(cat "$out" && printf .)
((${#text} == 14 + 1 + 13 + 1 + 1)) || fail "prefix, 12 characters and a newline for each prefix"
succeeds generate run --prefix 月光 --length 0
[[ $(cat "$out") == 月光 ]] || fail "length 0 is the prefix itself"

succeeds info run
grep -q '^cell  *rnn_tanh' "$out" || fail "info must name the cell"
grep -q '^vocabulary  *27 characters' "$out" || fail "info must count the vocabulary"
grep -qE '^parameters  *1179$' "$out" || fail "info must count 16*27 + 16*16 + 32 + 27*16 + 27"

# --prefix replaces both defaults.
succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --prefix 月光 --pred-len 4 --out moon
[[ $(sed 1d "$out") =~ ^\ -\ 月光.{4}$ ]] || fail "one report with one sample"

# An untrained model generates too. Training works without clipping, with another cell, and with
# random sampling.
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out untrained
[[ ! -s $out ]] || fail "no epoch, no report"
[[ $(readlink untrained/latest) == checkpoints/epoch-000000 ]] || fail "latest must be epoch 0"
succeeds generate untrained --prefix 分开 --length 20
text=$(cat "$out" && printf .)
((${#text} == 24)) || fail "an untrained model writes as many characters"
succeeds train corpus.txt "${tiny[@]}" --num-epochs 2 --clip-norm 0 --cell rnn_relu \
    --sampling random --newlines space --out relu
grep -q '"clip_norm": 0.0,' relu/config.json || fail "clip_norm 0 is kept as it is"
succeeds info relu
grep -q '^cell  *rnn_relu' "$out" || fail "info must name rnn_relu"
grep -q '^vocabulary  *27 characters' "$out" || fail "a newline became a space"

# Without a corpus it uses the sample lyrics, and says so.
succeeds train --num-epochs 0 --hidden-size 8 --out sample
grep -q 'sample lyrics' "$err" || fail "the sample lyrics must be named"
