#!/usr/bin/env bash
# A state_dict without lyrnn's metadata: --init accepts it with a corpus, which provides the
# vocabulary.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
again=(train corpus.txt --batch-size 2 --num-steps 5 --threads 1 --num-epochs 0)

# write_bare RUN KEY...: writes the run's model without these entries of the metadata to
# bare.safetensors.
write_bare() {
    take_apart "$(model_of "$1")"
    local key edited=$header
    shift
    for key; do
        edited=$(sed -E "s/\"$key\": ?\"([^\"\\\\]|\\\\.)*\",? ?//" <<<"$edited")
    done
    edited=${edited/\"__metadata__\":{\},/}
    [[ $edited != *vocab* || $* != *vocab* ]] || fail "the vocabulary must be removed: $edited"
    write_model "$edited" >bare.safetensors
}

for shape in '--cell rnn_tanh' '--cell gru --num-layers 2' '--cell lstm --bidirectional'; do
    # shellcheck disable=SC2086 # words on purpose
    succeeds train corpus.txt "${tiny[@]}" $shape --num-epochs 2 --out whole --overwrite
    write_bare whole format config vocab
    succeeds "${again[@]}" --init bare.safetensors --out again --overwrite
    grep -q '^warning: bare\.safetensors has no "vocab": .*code-point order$' "$err" ||
        fail "it must say which characters are used"
    cmp "$(model_of whole)" "$(model_of again)" || fail "$shape: the same model must come out"
    refuses 1 'bare\.safetensors: it has no "vocab" .*lyrnn train --init bare\.safetensors' \
        generate bare.safetensors --prefix 分开
    succeeds info bare.safetensors
    grep -q '^vocabulary  27 characters, not in the file$' "$out" ||
        fail "info must say what is missing"
    refuses 2 '--num-layers 3: the model in bare.safetensors has ' \
        "${again[@]}" --init bare.safetensors --num-layers 3 --out no
done
refuses 2 '--cell gru: the model in bare.safetensors has lstm' \
    "${again[@]}" --init bare.safetensors --cell gru --out no

# The tensors of tanh and relu are the same.
succeeds train corpus.txt "${tiny[@]}" --cell rnn_relu --num-epochs 2 --out relu
write_bare relu format config vocab
succeeds info bare.safetensors
grep -q '^cell  *rnn_tanh or rnn_relu, 1 layer$' "$out" || fail "info must not guess"
succeeds "${again[@]}" --init bare.safetensors --cell rnn_relu --out relu_again
cmp "$(model_of relu)" "$(model_of relu_again)" || fail "--cell rnn_relu must be taken"
succeeds "${again[@]}" --init bare.safetensors --out tanh
succeeds info tanh
grep -q '^cell  *rnn_tanh, 1 layer$' "$out" || fail "rnn_tanh is nn.RNN's default"

# A vocabulary in the file needs no corpus. Its order is kept if the text has the same characters.
write_bare relu format config
succeeds generate bare.safetensors --prefix 分开 --length 3
head -n 4 corpus.txt >verse.txt
succeeds train verse.txt --batch-size 2 --num-steps 5 --num-epochs 0 --init bare.safetensors \
    --cell rnn_relu --out kept
! grep -q '^warning' "$err" || fail "there must be no warning"
cmp <(weights_of relu) <(weights_of kept) || fail "the file's vocabulary must be taken"

# A corpus whose number of characters differs from the model's inputs.
write_bare relu format config vocab
tr -d '\n' <corpus.txt >fewer.txt
refuses 1 'bare\.safetensors: has 27 inputs and no vocabulary, and the corpus has 26 distinct' \
    train fewer.txt --batch-size 2 --num-steps 5 --init bare.safetensors --out no
