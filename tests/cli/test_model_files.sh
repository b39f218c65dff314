#!/usr/bin/env bash
# Model files that are truncated, flipped or hostile: generate, info and --init refuse them with one
# line.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out run
model=$(model_of run)
take_apart "$model"

refuses_bad() {
    refuses 1 'bad\.safetensors: ' generate bad.safetensors --prefix 分开
}
refuses_bad_everywhere() {
    refuses_bad
    refuses 1 'bad\.safetensors: ' info bad.safetensors
    refuses 1 'bad\.safetensors: ' train corpus.txt "${tiny[@]}" --init bad.safetensors --out new
}

refuses 1 'none\.safetensors: ' generate none.safetensors --prefix 分开
mkdir folder
refuses 1 'folder: ' generate folder --prefix 分开
refuses 1 'folder: ' train corpus.txt --init folder --out new
refuses 1 'corpus\.txt: ' generate corpus.txt --prefix 分开

write_model "$header" >bad.safetensors
succeeds generate bad.safetensors --prefix 分开 --length 3 # the rewriting itself is correct

for keep in 0 7 8 9 $((8 + header_size / 2)) $((8 + header_size)) $((size - 1)); do
    head -c "$keep" "$model" >bad.safetensors
    refuses_bad_everywhere
done
{
    cat "$model"
    printf x
} >bad.safetensors
refuses_bad_everywhere

# Headers with false claims. Each edit must have changed something.
refuses_edit() {
    local edited
    edited=$(sed -E "$1" <<<"$header")
    [[ $edited != "$header" ]] || fail "edit without effect: $1"
    write_model "$edited" >bad.safetensors
    refuses_bad
}
refuses_edit 's/^\{/[/'
refuses_edit 's/\}$//'
refuses_edit 's/"F32"/"F64"/'
refuses_edit 's/"F32"/"F99"/'
refuses_edit 's/dense\.bias/dense.bios/'
refuses_edit 's/"dense\.bias"/"dense.weight"/'
refuses_edit 's/\[16, ?16\]/[16,17]/'
refuses_edit 's/\[16, ?16\]/[256]/'
refuses_edit 's/\[16, ?16\]/[4294967296,4294967296]/'
refuses_edit 's/\[16, ?16\]/[-16,-16]/'
refuses_edit 's/"data_offsets": ?\[0/"data_offsets":[8/'
refuses_edit 's/"data_offsets": ?\[0, ?[0-9]+/"data_offsets":[0,18446744073709551615/'
refuses_edit 's/\\"hidden_size\\": ?16/\\"hidden_size\\":17/'
refuses_edit 's/\\"hidden_size\\": ?16/\\"hidden_size\\":2000000000/'
refuses_edit 's/\\"hidden_size\\": ?16/\\"hidden_size\\":-16/'
refuses_edit 's/\\"cell\\": ?\\"rnn_tanh/\\"cell\\":\\"rnn_soft/'
refuses_edit 's/\\"num_layers\\": ?1/\\"num_layers\\":2/'
refuses_edit 's/月/分/'
refuses_edit 's/月/月月/'

write_model "$(printf '[%.0s' {1..100000})" >bad.safetensors
refuses_bad_everywhere
write_model '{}' >bad.safetensors
refuses_bad_everywhere
for length in 0 100000001 $((size - 7)) 9223372036854775807 -1; do
    {
        le64 "$length"
        tail -c +9 "$model"
    } >bad.safetensors
    refuses_bad_everywhere
done

# A weight that is NaN: the last four bytes.
{
    head -c $((size - 4)) "$model"
    printf '\x00\x00\xc0\x7f'
} >bad.safetensors
refuses_bad_everywhere

# A flipped bit may leave a valid file (a weight, a character of the vocabulary), but it must never
# cause a crash or half a text.
for ((k = 0; k < 48; k++)); do
    at=$((k < 8 ? k : k < 32 ? 8 + header_size * (k - 8) / 24 : size * (k - 31) / 17))
    byte=$(od -An -t u1 -j "$at" -N 1 "$model" | tr -d ' ')
    cp -L "$model" flipped.safetensors
    printf '%b' "$(printf '\\x%02x' $((byte ^ (1 << (k % 8)))))" |
        dd of=flipped.safetensors bs=1 seek="$at" conv=notrunc status=none
    run generate flipped.safetensors --prefix 分开 --length 3 --threads 1
    if [[ $status == 0 ]]; then
        [[ ! -s $err ]] || fail "bit $((k % 8)) of byte $at: success must be silent"
    else
        expect_error 1 '(flipped\.safetensors|--prefix)'
        [[ ! -s $out ]] || fail "bit $((k % 8)) of byte $at: a refusal must print no text"
    fi
done
