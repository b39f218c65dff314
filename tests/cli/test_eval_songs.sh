#!/usr/bin/env bash
# lyrnn eval song by song: which models, what a song is, and how texts are read.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# perplexity_of ARG...: what eval prints for the last row.
perplexity_of() {
    succeeds eval "$@"
    tail -n 1 "$out" | awk '{ print $6 }'
}

# Paragraphs. Each character is in the songs to learn, so that validation and eval know all.
cat >songs.txt <<'END'
我们分开又相逢
不分开的是晚风

月光落在屋檐上
一夜听雨到天明

春风又过江南岸
不知明月几时还

我们分开一夜听雨
明月几时落在江南

春风不知月光
晚风又过屋檐上
相逢
END
tail -n 6 songs.txt >held_out.txt
options=("${tiny[@]}" --num-epochs 3 --lr 0.01 --songs blank-line)
succeeds train songs.txt "${options[@]}" --val-fraction 0.36 --out run
grep -q '^validation: 2 songs, ' "$err" || fail "two songs are for validation"
validated=$(sed -nE 's/^epoch 3, .*validation ([0-9.]+),.*/\1/p' "$out")

# Eval computes what validation does, with the songs that the training had.
scored=$(perplexity_of run held_out.txt)
# Batches of other shapes round differently.
awk -v a="$scored" -v b="$validated" 'BEGIN { d = a / b - 1; exit !(d < 1e-5 && d > -1e-5) }' ||
    fail "eval gives $scored, validation gave $validated"
grep -qx 'songs: 2, each read from the zero state (--songs none: each text as one)' "$err" ||
    fail "it must say how the text is read"
[[ $(perplexity_of run held_out.txt --songs blank-line) == "$scored" ]] || fail "the same by name"
whole=$(perplexity_of run held_out.txt --songs none)
[[ $whole != "$scored" && ! -s $err ]] || fail "one text has one start"
[[ $(perplexity_of run held_out.txt --songs file) == "$whole" ]] || fail "a file may be a song"
cp "$(model_of run)" copy.safetensors
[[ $(perplexity_of copy.safetensors held_out.txt) == "$scored" ]] ||
    fail "a copy of the model must know it too"

# A model that learned running text scores running text.
succeeds train songs.txt "${options[@]}" --sampling consecutive --out text
whole=$(perplexity_of text held_out.txt)
[[ ! -s $err && $(perplexity_of text held_out.txt --songs none) == "$whole" ]] ||
    fail "this model knows no songs"
[[ $(perplexity_of text held_out.txt --songs blank-line) != "$whole" ]] || fail "unless asked"

# One line for each song, and the file's perplexity is their mean.
succeeds eval run held_out.txt --per-song
[[ $(cut -f 3- "$out") == $'18\t0\t我们分开一夜听雨\n17\t0\t春风不知月光' ]] ||
    fail "the numbers and the first line of each song"
awk -F '\t' -v all="$scored" '{ nats += $3 * log($1); num += $3 }
    END { d = exp(nats / num) - all; exit !(d < 1e-4 && d > -1e-4) }' "$out" ||
    fail "the mean must be the perplexity of the file"
succeeds eval run held_out.txt --per-song --json
grep -q '^{"file": "held_out.txt", "song": 2, "chars": 18, .*"first_line": "春风不知月光"}$' \
    "$out" || fail "an object for each song"
succeeds eval text held_out.txt --per-song
[[ $(wc -l <"$out") == 2 ]] || fail "any model can score songs"
succeeds eval run held_out.txt --per-line
[[ $(wc -l <"$out") == 6 ]] || fail "lines stay lines"
refuses 2 '--per-song: cannot be used with --per-line' eval run held_out.txt --per-song --per-line

# Where files were songs, one file is a song, though it has several paragraphs.
mkdir files
csplit -s -f files/song -b '%d.txt' songs.txt '/^$/' '{*}'
succeeds train files "${tiny[@]}" --num-epochs 1 --out of_files
succeeds eval of_files held_out.txt
[[ ! -s $err ]] || fail "a file is one song"
cp -r files more
succeeds eval of_files more
grep -q '^songs: 5, ' "$err" || fail "a folder has several, copies too"

# Texts are read as corpora are.
iconv -f UTF-8 -t GB18030 held_out.txt >gb.txt
[[ $(perplexity_of run gb.txt) == "$scored" ]] || fail "in any encoding"
awk 'NF { printf "[00:%02d.00]%s\n", NR, $0 } !NF { printf "[00:%02d.00]\n", NR }' \
    held_out.txt >song.lrc
whole=$(perplexity_of run held_out.txt --songs none)
[[ $(perplexity_of run song.lrc) == "$whole" ]] ||
    fail "an LRC file is one song"
sed 's/夜/夜 /; s/我们/　我们/' held_out.txt >odd.txt
succeeds eval run odd.txt --per-line
grep -q $'\t ''我们分开一夜 听雨$' "$out" || fail "characters are treated as in training"
cat held_out.txt <(echo) held_out.txt >twice.txt
succeeds eval run twice.txt
grep -q '^songs: 4, ' "$err" || fail "copies are scored too"
