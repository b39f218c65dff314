#!/usr/bin/env bash
# One song as a text, as LRC, as JSON and JSONL and in an archive, in every encoding: each is the
# same corpus.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

cat >song.txt <<'END'
城市的夜色多么深，
我们在路口分开。

听说：“明天有雨！”
你说不要紧（我也这么想）；
灯下的人，还在等吗？
END
{ printf '[ti:夜]\n' && awk '{ printf "[00:%02d.50]%s\n", 3 * NR, $0 }' song.txt; } >song.lrc
lines=$(sed 's/.*/"&"/' song.txt | paste -sd ,)
printf '[{"author": "某人", "lyrics": [%s]}]\n' "$lines" >song.json
printf '{"lyrics": [%s]}\n' "$lines" >song.jsonl

hash_of() {
    "$lyrnn" corpus --json "$@" 2>"$err" </dev/null | sed -n 's/.*"xxh128": "\([0-9a-f]*\)".*/\1/p'
}
expected=$(hash_of --songs file song.txt)
[[ -n $expected ]] || fail 'the song must load'

# Without Unihan an encoding must be named, and there is nothing to test here.
iconv -f UTF-8 -t GB18030 song.txt >guess.txt
[[ -n $(hash_of guess.txt) ]] || exit 77

mkdir forms
for encoding in UTF-8 GB18030 GBK GB2312 UTF-16 UTF-16LE UTF-16BE UTF-32; do
    for form in txt lrc json jsonl; do
        file=forms/$encoding.$form
        iconv -f UTF-8 -t $encoding song.$form >"$file"
        [[ $(hash_of --songs file "$file") == "$expected" ]] || fail "$file must be the song"
        sed 's/$/\r/' song.$form | iconv -f UTF-8 -t $encoding >"$file"
        [[ $(hash_of --songs file "$file") == "$expected" ]] ||
            fail "$file must be the song with CR LF"
    done
done

# All of them are copies of one song.
[[ $(hash_of forms) == "$expected" ]] || fail 'the folder must be one song'
grep -q '^songs: all 32 are copies of one, ' "$err" || fail 'and its copies must be counted'

# Traditional characters, and what is asked for.
sed 'y/么们开听说这灯还吗/麼們開聽說這燈還嗎/; s/紧/緊/; s/后/後/' song.txt >traditional.txt
expected=$(hash_of --songs file traditional.txt)
for encoding in BIG5 BIG5-HKSCS GB18030 UTF-16LE; do
    iconv -f UTF-8 -t $encoding traditional.txt >encoded.txt
    [[ $(hash_of --songs file encoded.txt) == "$expected" ]] || fail "$encoding must be the song"
done
iconv -f UTF-8 -t BIG5 traditional.txt >encoded.txt
[[ $(hash_of --songs file --encoding big5 encoded.txt) == "$expected" ]] || fail 'Big5 is asked for'
