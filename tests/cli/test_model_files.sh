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
    write_model "$header" | head -c -4
    printf '\x00\x00\xc0\x7f'
} >bad.safetensors
refuses_bad_everywhere

# flip_bit FILE BIT: flips a bit, counted from the file's first.
flip_bit() {
    local at=$(($2 / 8)) byte
    byte=$(od -An -t u1 -j "$at" -N 1 "$1" | tr -d ' ')
    printf '%b' "$(printf '\\x%02x' $((byte ^ (1 << ($2 % 8)))))" |
        dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

# is_refused FILE...: the last run has refused a damaged file: 5 if the checksum shows it, and 1 if
# a rule of the format does.
is_refused() {
    [[ $status == 5 || $status == 1 ]] || fail "flipped bit $bit: must be refused"
    expect_error "$status" "[^:]*$1: "
    [[ $status == 1 ]] || expect_error 5 "[^:]*$1: its bytes do not match its checksum"
}

# A flipped bit anywhere is refused: in the length, the header, the padding, the data.
for ((k = 0; k < 48; k++)); do
    at=$((k < 8 ? k : k < 32 ? 8 + header_size * (k - 8) / 24 : size * (k - 31) / 17))
    bit=$((8 * at + k % 8))
    cp -L "$model" flipped.safetensors
    flip_bit flipped.safetensors "$bit"
    run generate flipped.safetensors --prefix 分开 --length 3 --threads 1
    is_refused 'flipped\.safetensors'
    [[ ! -s $out ]] || fail "flipped bit $bit: a refusal must print no text"
done

# The same for both files of a run that continues, whose data were read without a word once.
succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --out trained
for name in model trainer; do
    size=$(stat -Lc %s "trained/latest/$name.safetensors")
    for ((k = 0; k < 8; k++)); do
        bit=$((8 * (size - 1 - k * size / 9) + k))
        rm -rf flipped
        cp -r trained flipped
        flip_bit "flipped/latest/$name.safetensors" "$bit"
        run train --resume flipped --num-epochs 2
        is_refused "$name\.safetensors"
    done
done
expect_error 5 '.*trainer\.safetensors: .*--init flipped\)$'

# What another program wrote into a file of lyrnn is accepted without the checksum.
write_model "${header/\"format\":\"pt\"/\"format\":\"pt\",\"by\":\"me\"}" >changed.safetensors
succeeds generate changed.safetensors --prefix 分开 --length 3
