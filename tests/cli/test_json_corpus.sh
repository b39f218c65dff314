#!/usr/bin/env bash
# Songs in JSON and JSONL: published collections load as they are, and what has the wrong shape is
# an error that names the place and the remedy.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# reads_as TEXT ARG...: the corpus is the same text as the file TEXT.
reads_as() {
    local text=$1
    shift
    succeeds corpus "$@"
    cmp "$text" "$out" || fail "$* must read as $text"
}

# refused REGEX JSON [OPTION...]: what train says of a file with this text.
refused() {
    local regex=$1
    printf %s "$2" >bad.json
    shift 2
    refuses 1 "bad\.json: $regex" corpus "$@" bad.json
}

printf '帝京篇\n秦川雄帝宅，函谷壮皇居。\n绮殿千寻起，离宫百雉馀。\n导引\n气和玉烛。\n' >poems.txt
cat >poems.json <<'END'
[
  {
    "author": "太宗皇帝",
    "paragraphs": [
      "秦川雄帝宅，函谷壮皇居。",
      "绮殿千寻起，离宫百雉馀。"
    ],
    "title": "帝京篇",
    "id": 12345678901234567890123
  },
  {"author": "和岘", "paragraphs": ["\u6c14和玉烛。"], "rhythmic": "导引", "tags": ["a"]}
]
END
reads_as poems.txt poems.json
grep -q '^json: 1 file, 2 songs$' "$err" || fail 'one line must say what was read'
grep -q '^songs: 2 (2 JSON objects' "$err" || fail 'an object is a song'
iconv -f UTF-8 -t GB18030 poems.json >gb.json
reads_as poems.txt --encoding gb18030 gb.json
iconv -f UTF-8 -t UTF-16 poems.json >wide.json
reads_as poems.txt wide.json
{ printf '\xEF\xBB\xBF' && sed 's/$/\r/' poems.json; } >windows.json
reads_as poems.txt windows.json

# A dump of lyrics, with what has none.
printf 'A\na1\na2\nB\nb1\n' >dump.txt
printf '%s' '{"songs":[{"title":"A","lyrics":"a1\na2","artist":{"name":"x"}},{"lyrics":null},' \
    '{"title":"B","lyrics":["b1"]},{"lyrics":""},{"id":1}],"version":2}' >dump.json
reads_as dump.txt dump.json
grep -q '^json: 1 file, 2 songs; dropped 2 songs without text, 1 object that is no song$' "$err" ||
    fail 'what is dropped must be counted'

# JSONL: objects, strings and arrays of lines.
printf '%s\n' '{"title":"A","lyrics":"a1\na2"}' '' '"B\nb1"' >dump.jsonl
reads_as dump.txt dump.jsonl
printf '%s\n' '["A","a1","a2"]' '["B","b1"]' >lines.JSONL
reads_as dump.txt lines.JSONL
for name in called.json called.ndjson; do
    cp dump.jsonl $name
    reads_as dump.txt $name
done
for file in dump.json dump.jsonl; do
    command="lyrnn corpus - <$file"
    "$lyrnn" corpus - <$file >"$out" 2>"$err" || fail 'a stream may be JSON'
    cmp dump.txt "$out" || fail 'a stream must read as the file'
done

# Lyrics that are LRC.
printf '%s' '{"name":"A","lrc":{"lyric":"[00:02]a2\n[00:01]a1\n[00:00]作词：b\n"}}' '' >lrc.json
printf 'A\na1\na2\n' >lrc.txt
reads_as lrc.txt lrc.json
grep -qx 'lrc: dropped 1 credit line' "$err" || fail "the log must say what LRC in JSON loses"

# The wrong shape, and the member that is the text.
printf '%s' '[{"title":"A","para":"a1\na2"},{"title":"B","para":["b1"],"text":"c"}]' >para.json
reads_as dump.txt --json-field para para.json
refused '\$\[0\]: has no text in paragraphs, .* and lines, but has title, para; .*--json-field$' \
    '[{"title":"A","para":"a1"}]'
refused '\$\.songs\[1\]\.id: is a number, not a string or an array of strings; .*--json-field' \
    '{"songs":[{"id":"a"},{"id":2}]}' --json-field id
refused '\$\[0\]\.lyrics: has no text in .*, but has zh, en; .*--json-field$' \
    '[{"lyrics":{"zh":"a","en":"b"}}]'
refused '\$\[2\]: is a number, not a song; .*--json-field' '["a",{"text":"b"},3]'
refused '\$\[0\]\.paragraphs\[1\]: is a number, not a string like the others; ' \
    '[{"paragraphs":["a",2]}]'
refused '\$: is a number, not a song; ' 5
refused 'is empty; ' '[]'
refused 'is empty; ' '[{"text":" "}]'

# What is not JSON.
refused 'line 2: is cut off \(byte 26 of the file\); correct the file$' \
    $'[{"text":"a"},\n{"text":"b"'
refused 'line 1: has a key twice ' '[{"text":"a","text":"b"}]'
refused 'line 1: has the character NUL ' '["a\u0000"]'
refused 'line 1: is not JSON ' '["\ud83d"]'
refused 'line 1: has a number that is too large ' '[{"text":"a","id":1e999}]'
refused '\$\[0\]\[0\].*: is nested deeper than 64 levels; ' \
    "$(printf '[%.0s' {1..100})$(printf ']%.0s' {1..100})"
head -c 1000000 /dev/zero | tr '\0' '[' >bad.json
refuses 1 'bad\.json: line 1: is nested too deeply ' corpus bad.json
printf '%s\n' '"a"' '{"text":' '"b"}' >bad.jsonl
refuses 1 'bad\.jsonl: line 2: is cut off \(byte 8 of the line\); correct the line or remove it; ' \
    corpus bad.jsonl
