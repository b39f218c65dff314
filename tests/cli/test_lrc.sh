#!/usr/bin/env bash
# LRC as people have it: training reads the lyrics, and nothing else.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# reads_as TEXT ARG...: the corpus is the same text as the file TEXT.
reads_as() {
    local text=$1
    shift
    succeeds corpus "$@"
    cmp "$text" "$out" || fail "$* must read as $text"
}

cat >song.lrc <<'END'
[ti:黄花]
[ar:某人]
[offset:0]
[00:00.00]黄花 - 某人
[00:00.50]作词 : 某人
[00:01.00]编曲：某人
[00:10.00][01:10.00]故事的小黄花
[00:15.00][01:15]从出生那年就飘着
[00:20.00]
[00:30.00]男：<00:30.00>童<00:30.50>年<00:31.00>的荡秋千
[00:35.00]合：随记忆一直晃到现在
[00:35.00]The swing of my childhood
[00:40.00]v1: 再[00:41.00]见[00:42.00]
[01:00.00]
[100:00.00]制作人：某人
END
cat >song.txt <<'END'
故事的小黄花
从出生那年就飘着

童年的荡秋千
随记忆一直晃到现在
再见

故事的小黄花
从出生那年就飘着
END
reads_as song.txt song.lrc
dropped='dropped 8 tags, 4 credit lines, 1 translated line, 3 names of singers'
grep -q "^lrc: 1 file; $dropped" "$err" ||
    fail 'one line must say what is dropped'

# In any encoding, with any newline, under any name, from a stream.
iconv -f UTF-8 -t GB18030 song.lrc >gb.LRC
reads_as song.txt --encoding gb18030 gb.LRC
iconv -f UTF-8 -t UTF-16 song.lrc >wide.lrc
reads_as song.txt wide.lrc
{ printf '\xEF\xBB\xBF' && sed 's/$/\r/' song.lrc; } >windows.lrc
reads_as song.txt windows.lrc
cp song.lrc timed.txt
reads_as song.txt timed.txt
command='lyrnn corpus - <song.lrc'
"$lyrnn" corpus - <song.lrc >"$out" 2>"$err" || fail 'a stream may be LRC'
cmp song.txt "$out" || fail 'a stream must read as the file'

# Each file is a song. One without lyrics is none.
mkdir songs
cp song.lrc songs/a.lrc
printf '[00:01.00]月光落在屋檐上\n[00:02.00]一夜听雨到天明\n' >songs/b.lrc
printf '[ti:空]\n[00:00.00]纯音乐，请欣赏\n' >songs/c.lrc
{ cat song.txt && printf '月光落在屋檐上\n一夜听雨到天明\n'; } >both.txt
reads_as both.txt songs
grep -q '^songs: 2 (2 songs of LRC files' "$err" || fail 'each LRC file is a song'
grep -q 'skipped 1 of 3 files without text: songs/c.lrc' "$err" || fail 'c.lrc must be skipped'
refuses 1 'songs/c\.lrc: is empty; ' corpus songs/c.lrc

# Brackets of the lyrics are lyrics, and a text with a few times is a text.
printf '[00:02.00][间奏]\n[00:03.00][Chorus]\n[00:01.00]分开 [x2]\n' >brackets.lrc
printf '分开 [x2]\n[间奏]\n[Chorus]\n' >brackets.txt
reads_as brackets.txt brackets.lrc
{ printf '[12:00] 分开\n[12:01] 分开\n' && cat song.txt; } >diary.txt
reads_as diary.txt diary.txt
! grep -q '^lrc' "$err" || fail 'two lines with times are no LRC'

# Limits.
for ((i = 0; i <= 10000; i++)); do echo '[00:01.00]分'; done >long.lrc
refuses 1 'long\.lrc: is too large for LRC, .*: it has more than 10,000 lines; split it ' \
    corpus long.lrc
head -c 1000001 /dev/zero | tr '\0' a >large.lrc
refuses 1 'large\.lrc: is too large for LRC, .*: it has more than 1 MB; split it ' \
    corpus large.lrc
{
    for ((i = 0; i < 9000; i++)); do printf '[1:23]'; done
    head -c 9000 large.lrc
} >bomb.lrc
refuses 1 'bomb\.lrc: is too large for LRC, .*: it has more than 1 MB when its lines are repeat' \
    corpus bomb.lrc
