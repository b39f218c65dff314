#!/usr/bin/env bash
# --sampling songs, the default if a corpus has several songs: what is recorded, what is said, and
# that --resume needs the same songs.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
verses=('我们分开又相逢\n不分开的是晚风\n' '月光落在屋檐上\n一夜听雨到天明\n'
    '春风又过江南岸\n不知明月几时还\n小船摇过石桥边\n' '一只猫\n' '灯下写信到天光\n')
mkdir songs
for i in "${!verses[@]}"; do
    # shellcheck disable=SC2059 # a text with escapes
    printf "${verses[i]}" | tee "songs/$i.txt"
    echo
done >paragraphs.txt
cat songs/*.txt >whole.txt

# Which way of sampling, and where it is recorded.
# sampled WAY RUN ARG...
sampled() {
    succeeds train "${@:3}" "${tiny[@]}" --num-epochs 1 --out "$2"
    grep -q "\"sampling\": \"$1\"" "$2/config.json" || fail "config.json must say $1"
    take_apart "$(model_of "$2")"
    grep -q "sampling.\":.\"$1." <<<"$header" || fail "the model must say $1"
    take_apart "$2/latest/trainer.safetensors"
    grep -q "\"sampling\":\"$1\"" <<<"$header" || fail "the checkpoint must say $1"
    grep -oE '"songs_xxh128":"[0-9a-f]{32}"' <<<"$header" >found || : >found
    [[ -s found || $1 != songs ]] || fail "the checkpoint must know where songs begin"
    [[ ! -s found || $1 == songs ]] || fail "$1 sampling needs no songs"
}
sampled songs files songs/*.txt
sampled songs paragraphs paragraphs.txt
sampled consecutive one whole.txt
sampled consecutive text songs/*.txt --songs none
sampled consecutive chosen songs/*.txt --sampling consecutive
sampled random shuffled songs/*.txt --sampling random
sampled songs single whole.txt --sampling songs # one song is a song
batches='^batches: [0-9]+ per epoch, each of 1 song at a time in pieces of 5 characters; '
grep -qE "${batches}[0-9]+ % is padding\$" "$err" || fail "one stream reads the only song"
grep -qx "batches: --batch-size 2 is lowered to 1, which takes as many batches" "$err" ||
    fail "it must say that the batch is smaller"

# The offset is that of running text.
refuses 2 '--offset random: --sampling songs has no offset; leave it out, or add --sampling con' \
    train songs/*.txt "${tiny[@]}" --offset random --out no

for offset in zero random; do
    succeeds train whole.txt "${tiny[@]}" --offset $offset --num-epochs 4 --out $offset
done
! cmp -s <(weights_of zero) <(weights_of random) || fail "a random offset must matter"
# A config.json that was changed by hand. Options that it lacks do not matter.
succeeds train songs/*.txt "${tiny[@]}" --val-songs 0.4 --num-epochs 1 --out held
for change in random:offset:'"random"':'"zero"' held:val_songs:0.4:0.5 held:drop_leaks:false:true \
    held:sampling:'"songs"':'"random"'; do
    IFS=: read -r name key was is <<<"$change"
    cp -rP "$name" broken
    sed -i "s/\"$key\": $was/\"$key\": $is/" broken/config.json
    refuses 5 "broken: $key is ${is//\"/}[0-9]* but its latest checkpoint has ${was//\"/};" \
        train --resume broken --num-epochs 9
    rm -r broken
done

# Steps after the end of the longest song are padding.
succeeds train songs/*.txt "${tiny[@]}" --num-steps 500 --num-epochs 0 --out padded
grep -qE '^warning: --num-steps 500 is longer than the longest song, of [0-9]+ char' "$err" ||
    fail "it must say what is lost"
succeeds train songs/*.txt "${tiny[@]}" --num-epochs 0 --out short
! grep -q '^warning' "$err" || fail "no warning of fewer steps"

# A bidirectional model would begin in the padding.
refuses 2 '--sampling songs: a bidirectional model reads the padding after a song before its last' \
    train songs/*.txt "${tiny[@]}" --bidirectional --sampling songs --out no
sampled consecutive both songs/*.txt --bidirectional

# A song that is longer than 1,000 pieces is cut.
for ((i = 0; i < 60; i++)); do printf '我们分开又相逢\n不分开的是晚风\n'; done >long.txt
succeeds train long.txt songs/1.txt --hidden-size 4 --num-steps 1 --num-epochs 1 --threads 1 \
    --out cut --max-chars 0
! grep -q 'longer than' "$err" || fail "960 characters are not too long"
cat long.txt long.txt >longer.txt
succeeds train longer.txt songs/1.txt --hidden-size 4 --num-steps 1 --num-epochs 1 --threads 1 \
    --out cut --overwrite
longer='^batches: 1 song is longer than 1000 characters \(1000 \* --num-steps\); each piece'
grep -qE "$longer" "$err" ||
    fail "it must say that a song is cut"

# The same text with other songs is another corpus.
succeeds train songs/*.txt "${tiny[@]}" --num-epochs 2 --out run
refuses 1 'corpus: has the text that run learns, but its songs \(here 1\) begin elsewhere; name' \
    train --resume run whole.txt --num-epochs 4
refuses 2 '--sampling consecutive: the run in run has songs; leave the option out$' \
    train --resume run --sampling consecutive --num-epochs 4
succeeds train --resume run --num-epochs 4 --sampling songs
succeeds train --resume chosen whole.txt --num-epochs 2 # where songs do not matter

# A run from before there were songs has no such record, and continues as it was.
sed -i '/"songs":/d; /"offset":/d; /"val_songs":/d; /"drop_leaks":/d' one/config.json
LC_ALL=C sed -i 's/"offset":/"offzet":/; s/"val_songs":/"val.songs":/; s/"drop_leaks"/"drop.leaks"/
    s/"lyrnn_checksum":"xxh128:/"lyrnn.checksum":"xxh.28:/' one/latest/trainer.safetensors
succeeds train --resume one --num-epochs 3
grep -q '"sampling": "consecutive"' one/config.json || fail "it must stay consecutive"
