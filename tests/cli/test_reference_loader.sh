#!/usr/bin/env bash
# Every safetensors file of a checkpoint, for all networks, is loaded by the format's reference
# package for Python. The interpreter is $PYTHON or python3. Without it or the package the test is
# skipped.
set -euo pipefail
loader=$(realpath "$(dirname "$0")/reference_loader.py")
python=$(command -v "${PYTHON:-python3}") || {
    echo 'skipped: no python3'
    exit 77
}
python=$(realpath -s "$python")
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
vocab_size=$(($(grep -o . corpus.txt | sort -u | wc -l) + 1)) # plus one for the newline
for cell in rnn_tanh rnn_relu lstm gru; do
    for layers in 1 2; do
        for directions in 1 2; do
            network=(--cell "$cell" --num-layers "$layers" --hidden-size 16)
            ((directions == 1)) || network+=(--bidirectional)
            succeeds train corpus.txt "${tiny[@]}" "${network[@]}" --num-epochs 1 --out run \
                --overwrite
            for file in run/latest/{model,trainer}.safetensors; do
                command="reference_loader.py $file: ${network[*]}"
                status=0
                "$python" "$loader" "$file" "$cell" "$vocab_size" 16 "$layers" "$directions" \
                    >"$out" 2>"$err" || status=$?
                [[ $status != 77 ]] || { cat "$out" && exit 77; }
                [[ $status == 0 ]] || fail 'the reference package must read the same'
            done
        done
    done
done
