#!/usr/bin/env bash
# lyrnn info: the same facts as lines and as JSON. A damaged run is described as far as it can be
# read.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 3 --val-fraction 0.2 --seed 7 \
    --checkpoint-every 1 --out run
model=$(model_of run)

# shows REGEX...: the last run printed a line for each, and nothing on standard error.
shows() {
    local regex
    [[ ! -s $err ]] || fail "standard error must be silent"
    for regex; do
        LC_ALL=C grep -qaE -- "$regex" "$out" || fail "must print: $regex"
    done
}
omits() {
    ! LC_ALL=C grep -qaE -- "$1" "$out" || fail "must not print: $1"
}

# perplexity_of KEY EPOCH: from metrics.jsonl, to six digits.
perplexity_of() {
    sed -nE "$2s/.*\"$1\": ([0-9.]{7}).*/\1/p" run/metrics.jsonl
}
model_facts=('^cell +rnn_tanh, 1 layer$' '^hidden size 16$' \
    '^vocabulary +27 characters, such as .*月'
    '^parameters +1179$' '^  dense\.weight +\(27, 16\)$' '^  dense\.bias +\(27\)$'
    "^model +$model\$" "^file +$(stat -Lc %s "$model") bytes\$")
metrics_facts=('^epochs +3$' '^steps +[0-9]+$' \
    "^perplexity +last $(perplexity_of perplexity 3)[0-9]*, best "
    "^validation +last $(perplexity_of val_perplexity 3)[0-9]*, best ")
config_facts=('^seed +7$' '^trained on +cpu$' '^ +.*1 thread.*$' '^corpus +/.*/corpus\.txt$' \
    '^by lyrnn +[0-9.]+$')
on_disk=$(find run -type f -printf '%s\n' | awk '{sum += $1} END {print sum}')

succeeds info run
shows "${model_facts[@]}" "${metrics_facts[@]}" "${config_facts[@]}" "^on disk +$on_disk bytes"
omits '^problem'
succeeds info "$model"
shows "${model_facts[@]}"
omits '^(run|on disk|epochs|perplexity|seed|problem)'

succeeds info --json run
shows '^\{$' '^  "cell": "rnn_tanh",$' '^  "hidden_size": 16,$' '^  "vocab_size": 27,$' \
    '^  "num_parameters": 1179,$' \
    '^  "vocab_sample": ".*月' '"name": "dense\.weight"' '^  "epochs": 3,$' '^  "seed": 7,$' \
    '^  "backend": "cpu",$' '^  "device_name": ".*1 thread' \
    "^  \"run_bytes\": $on_disk,\$" "^    \"val_perplexity\": $(perplexity_of val_perplexity 3)" \
    '^\}$'
omits problems
succeeds info --json "$model"
shows '^  "num_parameters": 1179,$'
omits '"(run|last|seed)"'
succeeds info --json
shows '^  "version": "[0-9.]+",$' '"name": "cpu",$' '"description": "' '"runs": ' \
    '^  "archives": ("libarchive [0-9.]+"|null),$' '^  "scripts": ("OpenCC"|null),$'

# Embedding and dropout are named where there are any.
succeeds info run
omits 'embedding|PyTorch|^dropout'
for tie in '' --tie; do
    succeeds train --threads 1 --num-epochs 0 --hidden-size 4 --embedding-size 5 $tie \
        --dropout-input 0.25 --dropout-output 0.125 --batch-size 2 --out embedded$tie corpus.txt
done
succeeds train --threads 1 --num-epochs 0 --hidden-size 4 --num-layers 2 --dropout 0.5 \
    --dropout-weight 0.75 --batch-size 2 --out dropped corpus.txt
succeeds info dropped
shows '^dropout +0\.5 between layers, 0\.75 of the recurrent weights$'
omits 'embedding|PyTorch'
succeeds info --json dropped
shows '^  "dropout": 0\.5,$' '^  "dropout_input": 0\.0,$' '^  "dropout_weight": 0\.75,$'
succeeds info embedded
shows '^dropout +0\.25 of the embedding, 0\.125 of the output$' '^embedding +5$' \
    "^PyTorch +not for the tutorial's RNNModel; include/lyrnn/README\.md has a class for it\$" \
    '^  embedding\.weight +\([0-9]+, 5\)$' '^  dense\.weight '
succeeds info embedded--tie
shows '^embedding +5, shared with the output layer$' '^  projection\.weight +\(5, 4\)$'
omits 'dense\.weight'
succeeds info --json embedded--tie
shows '^  "embedding_size": 5,$' '^  "tied": true,$'

# The best epoch is the one with the lowest validation perplexity, not the last one or the one with
# the lowest training perplexity.
cp -a run worse
echo '{"epoch": 4, "step": 40, "perplexity": 1.5, "val_perplexity": 99.5}' >>worse/metrics.jsonl
succeeds info worse
shows '^epochs +4$' '^validation +last 99\.5, best [0-9.]+ in epoch [1-3]$' \
    '^perplexity +last 1\.5, best '

# Any value in config.json is shown, and stays on its line.
cp -a run odd
sed -i 's/"seed": 7/"seed": "\\u001b[2J\\n7"/; s/"corpus_xxh128": "[0-9a-f]*"/"corpus_xxh128": "00112233445566778899aabbccddeeff"/' odd/config.json
succeeds info odd
shows '^xxh128 +00112233445566778899aabbccddeeff' '^seed +\?\[2J\?7$' "${model_facts[@]/run/odd}"
omits $'\e'

# A problem in one file is named, and hides none of the others.
cp -a run hurt
truncate -s 100 hurt/config.json
succeeds info hurt
shows '^problem +hurt/config\.json: is not JSON; correct the file$' "${metrics_facts[@]}" \
    "${model_facts[@]/run/hurt}"
omits '^seed'
rm hurt/config.json
succeeds info hurt
shows '^problem +hurt/config\.json: cannot open: ' "${metrics_facts[@]}"
truncate -s -9 hurt/metrics.jsonl
succeeds info hurt
shows '^problem +hurt/metrics\.jsonl: line 3 is not' '^epochs +2$'
cp run/config.json hurt/config.json
: >hurt/metrics.jsonl
succeeds info hurt
shows '^problem +hurt/metrics\.jsonl: has no epoch yet' "${config_facts[@]}" \
    "${model_facts[@]/run/hurt}"
omits '^epochs'
truncate -s 100 hurt/latest/model.safetensors
succeeds info hurt
shows '^problem +hurt/latest/model\.safetensors: ' '^problem +hurt/metrics\.jsonl: ' \
    "${config_facts[@]}"
omits '^cell'
rm hurt/latest
rm -r hurt/checkpoints
succeeds info --json hurt
shows '^    "hurt: has no checkpoint; ' '^  "seed": 7,$'

# A pipe in the place of a file must not make it wait for a writer.
cp -a run piped
rm piped/metrics.jsonl
mkfifo piped/metrics.jsonl
command='lyrnn info piped'
status=0
timeout 20 "$lyrnn" info piped >"$out" 2>"$err" </dev/null || status=$?
[[ $status == 0 ]] || fail "a pipe must be named"
shows '^problem +piped/metrics\.jsonl: is a pipe, not a regular file; ' "${config_facts[@]}"
command='lyrnn train --resume piped'
status=0
timeout 20 "$lyrnn" train --resume piped --num-epochs 4 >"$out" 2>"$err" </dev/null || status=$?
expect_error 1 'piped/metrics\.jsonl: is a pipe, not a regular file; '

mkdir folder
refuses 1 'folder: has no checkpoint; ' info folder
refuses 1 'folder: has no checkpoint; ' info --json folder

# Weights of another type are named.
entry() {
    printf '"%s":{"dtype":"F16","shape":%s,"data_offsets":[%s]}' "$@"
}
half=$(
    entry rnn.weight_ih_l0 '[1,2]' 0,4 && printf , && entry rnn.weight_hh_l0 '[1,1]' 4,6 && printf ,
    entry rnn.bias_ih_l0 '[1]' 6,8 && printf , && entry rnn.bias_hh_l0 '[1]' 8,10 && printf ,
    entry dense.weight '[2,1]' 10,14 && printf , && entry dense.bias '[2]' 14,18
)
half="{\"__metadata__\":{\"vocab\":\"{\\\"a\\\":1,\\\"b\\\":0}\"},$half}"
{
    le64 ${#half}
    printf %s "$half"
    head -c 18 /dev/zero
} >half.safetensors
succeeds info half.safetensors
grep -q '^stored as   F16, read as F32$' "$out" || fail 'the type must be named'
succeeds info --json half.safetensors
grep -q '"dtype": "F16"' "$out" || fail 'the type must be in JSON'
succeeds generate half.safetensors --prefix a --length 1 --threads 1
