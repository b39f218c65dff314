#!/usr/bin/env bash
# A folder as people have them: files in many encodings and forms, subfolders, an archive. One
# command trains on it, and the run resumes.
set -euo pipefail
. "$(dirname "$0")/zip.sh"
. "$(dirname "$0")/lib.sh" "$1"

# song N: a song of its own, in simplified characters that Big5 has too.
chars=春夏秋冬山水月雨天海星江湖路船酒心人家茶城村草光色白高林石火田木土金日年夕早晨明
song() {
    for ((line = 0; line < 6; line++)); do
        for ((i = 0; i < 7; i++)); do
            printf %s "${chars:$((($1 * 7 + line * (5 + $1 % 3) + i * (line + 2)) % 40)):1}"
        done
        echo
    done
}

# The same 40 songs once as UTF-8 and once as people have them. The names give the same order.
mkdir -p plain people/更多
for ((n = 10; n < 50; n++)); do song "$n" >"plain/$n.txt"; done
cd people
for n in {10..15}; do iconv -f UTF-8 -t GB18030 "../plain/$n.txt" >"$n.txt"; done
for n in {16..20}; do iconv -f UTF-8 -t BIG5 "../plain/$n.txt" >"$n.txt"; done
for n in {21..23}; do iconv -f UTF-8 -t UTF-16 "../plain/$n.txt" >"$n.txt"; done
for n in {24..26}; do iconv -f UTF-8 -t UTF-16LE "../plain/$n.txt" >"$n.txt"; done
for n in {27..29}; do sed 's/$/\r/' "../plain/$n.txt" >"$n.txt"; done
for n in {30..32}; do { printf '\xEF\xBB\xBF' && cat "../plain/$n.txt"; } >"$n.txt"; done
for n in {33..36}; do
    {
        printf '[ti:歌]\n作词：某人\n'
        awk '{printf "[00:%02d.50]%s\n", 3 * NR, $0}' "../plain/$n.txt"
    } | iconv -f UTF-8 -t GB18030 >"$n.lrc"
done
for n in {37..40}; do
    printf '%s{"lyrics": ["%s"]}' "$([[ $n == 37 ]] && echo '[' || echo ,)" \
        "$(paste -sd _ "../plain/$n.txt" | sed 's/_/", "/g')"
done >37.json
echo ']' >>37.json
cp ../plain/4[1-4].txt 更多
cp ../plain/4[5-9].txt .
if "$lyrnn" info | grep -q '^archives *libarchive'; then
    zip_begin
    for n in 49 47 48; do # with names in GBK
        zip_add "$(iconv -f UTF-8 -t GBK <<<歌)$n.txt" "$n.txt"
        rm "$n.txt"
    done
    zip_end 47.zip
fi
printf 'no text' >cover.jpg
printf '\n' >z.txt
cd ..

json() {
    "$lyrnn" corpus --json "$@" 2>"$err" </dev/null || fail "corpus $* must work"
}
member() {
    sed -nE "s/.*\"$1\": ?\"?([0-9a-f]+).*/\1/p"
}

# Without Unihan nothing is guessed, and there is nothing to test here.
"$lyrnn" corpus people/10.txt >"$out" 2>"$err" || exit 77

# All of it is the same text and the same songs, whatever the files are. The order is that of names:
# 37.json before 41 to 49, and the subfolder last.
mkdir plain/更多
mv plain/4[1-4].txt plain/更多
expected=$(json plain | member xxh128)
[[ $(json people | member xxh128) == "$expected" ]] || fail 'it must be the text of plain'
[[ $(json people | member songs) == 40 ]] || fail 'it must have 40 songs'
grep -qE '^corpus: 10 files read as GB18030; most doubtful: people/.* \(score [23]\.' "$err" ||
    fail 'many files of one encoding take one line'
for line in 'corpus: 5 files read as Big5; ' 'corpus: 6 files read as UTF-16LE; ' \
    'lrc: 4 files; dropped 4 tags, 4 credit lines' 'json: 1 file, 4 songs' \
    'people: read 3[0-9] files, skipped 1 ' 'corpus: skipped 1 of 3[0-9] files without text: ' \
    'songs: 40 \(32 text files, 4 songs of LRC files, 4 JSON objects; '; do
    grep -qE "^$line" "$err" || fail "there must be the line: $line"
done
[[ $(wc -l <"$err") == 8 ]] || fail 'and no other line'

# One command trains on it, and a second one continues, from another folder too.
train=(--hidden-size 8 --batch-size 4 --num-steps 5 --threads 1 --pred-period 9)
train+=(--checkpoint-every 9)
succeeds train people "${train[@]}" --num-epochs 3 --out whole
grep -q "\"corpus_xxh128\": \"$expected\"" whole/config.json || fail 'the run must have the hash'
succeeds train people "${train[@]}" --num-epochs 2 --out run
mkdir elsewhere
cd elsewhere
succeeds train --resume ../run --num-epochs 3
cd ..
same_runs whole run
succeeds generate run --prefix 春 --length 10 --report --threads 1
song 99 >people/99.txt
refuses 1 'corpus: is not the text that run learns' train --resume run --num-epochs 4
rm people/99.txt

# An archive of the folder is the same corpus. An archive holds no other.
rm -f people/47.zip
cp plain/4[7-9].txt people
if ! tar -C people -cf people.tar . || ! "$lyrnn" corpus people.tar >"$out" 2>"$err"; then
    grep -q libarchive "$err" || fail 'it must say what this build lacks'
    exit 0
fi
[[ $(json people.tar | member xxh128) == "$expected" ]] || fail 'a tar must be the folder'
gzip -k people.tar
[[ $("$lyrnn" corpus --json - <people.tar.gz 2>"$err" | member xxh128) == "$expected" ]] ||
    fail 'a stream may be an archive'
succeeds train --resume run --num-epochs 4 people.tar.gz
