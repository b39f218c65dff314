#!/usr/bin/env bash
# A folder as a corpus: which of its files are read and in which order, what is left out and said,
# and folders that are odd. The texts are the same as those of the files one by one.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# song NUMBER: four lines that no other song has.
song() {
    printf '第%s首歌在清晨\n风吹过第%s座山\n月光照着%s号门\n一夜听雨到天明\n' "$1" "$1" "$1"
}

# same_text NAME: the last run must have printed the file NAME.
same_text() {
    cmp -s "$1" "$out" || fail "must print $1: $(diff "$1" "$out" | head -n 5)"
}

mkdir -p songs/b songs/empty
song 1 >songs/B.TXT
song 2 >songs/a.txt
song 3 >songs/b.txt
song 4 >songs/b/4.lrc
song 5 >songs/b/c.txt
song 6 >songs/歌.txt
cat songs/{B.TXT,a.txt,b.txt,b/4.lrc,b/c.txt,歌.txt} >all.txt
succeeds corpus songs
same_text all.txt
grep -q '^songs: 6 ' "$err" || fail "each file must be a song"
! grep -q skipped "$err" || fail "nothing is left out"
for name in songs/ ./songs "$PWD/songs"; do
    succeeds corpus "$name"
    same_text all.txt
done
(cd songs && run corpus . && cmp -s "$out" ../all.txt) || fail "the folder . must be read"

# What is left out is counted and named. The loops end.
song 7 >songs/.hidden.txt
mkdir songs/.git && song 8 >songs/.git/config.txt
: >songs/cover.jpg
song 9 >outside.txt
ln -s . songs/loop
ln -s / songs/root
ln -s ../outside.txt songs/link.txt
mkfifo songs/pipe.txt
succeeds corpus songs
same_text all.txt
grep -qE '^songs: read 6 files, skipped 2 hidden files \(.*\), 3 links \(.*\), 1 pipe or device \(pipe\.txt\), 1 other file \(cover\.jpg\)$' "$err" ||
    fail "what is left out must be named"

# The user names a link to a folder; files and folders together keep their order.
ln -s songs named
succeeds corpus named
same_text all.txt
cat outside.txt all.txt >both.txt
succeeds corpus outside.txt songs
same_text both.txt

# A training from the folder is one from its files, and is resumed from the folder.
train=(--sampling consecutive "${tiny[@]}" --num-epochs 2)
succeeds train songs/{B.TXT,a.txt,b.txt,b/4.lrc,b/c.txt,歌.txt} "${train[@]}" --out files
succeeds train songs "${train[@]}" --out folder
cmp <(weights_of files) <(weights_of folder) || fail "both must learn the same"
succeeds train --resume folder --num-epochs 3
grep -q '^epoch 3, ' "$out" || fail "the training must continue"
song 10 >songs/new.txt
run train --resume folder --num-epochs 4
[[ $status == 1 ]] || fail "a changed folder is another corpus"
rm songs/new.txt

# Names of JSONL. A folder named "-" does not hide standard input.
mkdir lines -
printf '{"lyrics":"月光\\n屋檐"}\n{"lyrics":"天明"}\n' >lines/a.ndjson
cp lines/a.ndjson lines/b.JSONL
cp outside.txt ./-/
succeeds corpus lines --keep-duplicates
grep -qx 'json: 2 files, 4 songs' "$err" || fail "*.ndjson and *.jsonl must be read"
command="lyrnn corpus -"
"$lyrnn" corpus - <all.txt >"$out" 2>"$err" || fail "standard input must be read"
same_text all.txt

# Bad files of a folder are named together.
mkdir bad
song 1 >bad/a.txt
printf 'a\0b' >bad/nul.txt
printf 'abc\0' >bad/zero.txt
refuses 1 'corpus: 2 of 3 files cannot be read: bad/nul\.txt \(.*\), bad/zero\.txt \(.*\); ' \
    corpus bad

# Without any text, the error says what was looked for and what is there.
mkdir none
: >none/a.mp3
ln -s ../songs none/link
refuses 1 'none: holds no file that lyrnn reads \(\*\.txt, \*\.lrc, .*\), but 1 link \(link\), 1 other file \(a\.mp3\); name a folder of texts$' corpus none
refuses 1 'songs/empty: holds no file that lyrnn reads \(.*\); name a folder of texts$' \
    corpus songs/empty
mkdir blank
: >blank/a.txt
printf '\n \n' >blank/b.txt
refuses 1 'corpus: all 2 files are empty; ' corpus blank

# A tree too deep for any path.
mkdir deep
(cd deep && for ((i = 0; i < 70; i++)); do mkdir down && cd down; done && song 1 >a.txt)
refuses 1 'deep: has subfolders more than 64 folders deep; move their files up$' corpus deep
