#!/usr/bin/env bash
# A run of a version that had no options of reading: its text is read as it was then, without
# cleaning, and a file is a text whatever its name is.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

printf '%s\n' '[00:01.00]Ａ月光  落在屋檐上 ' $'[00:02.00]一夜听雨\t到天明' '' \
    'Ａ月光  落在屋檐上 ' >song.txt
train=(train --hidden-size 8 --batch-size 1 --num-steps 5 --threads 1 --pred-len 1
    --sampling consecutive --songs none --width keep --normalize nfc --prefix 月)
succeeds "${train[@]}" --num-epochs 3 --out whole song.txt
succeeds "${train[@]}" --num-epochs 1 --out run song.txt

# What such a version wrote: the file is LRC by its name, and config.json lacks the options.
mv song.txt song.lrc
for option in encoding songs song_unit script width repeats keep_duplicates min_count json_field \
    max_bytes; do
    grep -q "^ *\"$option\"" run/config.json || fail "config.json must have $option"
    sed -i "/^ *\"$option\"/d" run/config.json
done
sed -i -z 's/song\.txt/song.lrc/; s/,\n}/\n}/' run/config.json
report=(generate run --prefix 月 --length 5 --report --threads 1)
succeeds "${report[@]}"
succeeds train --resume run --num-epochs 2
grep -q '"plain_text": true' run/config.json || fail 'it must say that LRC is a text here'
succeeds train --resume run --num-epochs 3
cmp <(weights_of whole) <(weights_of run) || fail 'the run must continue as it was'
succeeds "${report[@]}"

# A new run reads the file as LRC, and so cannot be one of that text.
run train --resume whole --num-epochs 4 song.lrc
expect_error 1 'corpus: is not the text that whole learns: '
