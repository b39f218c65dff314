#!/usr/bin/env bash
# Copies of a whole song are dropped, unless --keep-duplicates.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

mkdir songs
printf '故事的小黄花\n从出生那年就飘着\n童年的荡秋千\n' >songs/1.txt
printf '故事的小黄花，\n从出生那年就飘着……\n\n童年的荡秋千！\n' >songs/2_punctuation.txt
printf '故事的小黄花\n从出生那年就飘着\n童年的荡秋千\n随记忆一直晃到现在\n' >songs/3_longer.txt
printf '月光落在屋檐上\n一夜听雨到天明\n' >songs/4_other.txt

# The longest stays, wherever it is, and the log says which was dropped for which.
succeeds corpus songs
cmp "$out" <(cat songs/3* songs/4*) || fail "the longest and the other song must stay"
line='songs: dropped 2 of 4 that are copies of others: song 1 (故事的小黄花) '
line+='of song 3 (故事的小黄花), song 2 (故事的小黄花，) of song 3 (故事的小黄花); --keep-duplicates keeps them'
grep -qxF "$line" "$err" || fail "the number and examples must be named"
grep -q '^songs: 2 of 4 (4 text files; ' "$err" ||
    fail "the log must say what was read and what is left"
succeeds corpus songs/3* songs/2* songs/1* songs/4*
cmp "$out" <(cat songs/3* songs/4*) || fail "the order of files must not matter"
succeeds corpus songs --keep-duplicates
cmp "$out" <(cat songs/*) || fail "all must stay"
if grep -q copies "$err"; then fail "nothing was dropped"; fi
succeeds corpus songs --stats
grep -qx 'dropped copies of songs  *2' "$out" || fail "the table must count them"

# Songs that differ only in punctuation; short songs; paragraphs.
succeeds corpus songs/1.txt songs/2*
cmp "$out" songs/1.txt || fail "the first of equal ones must stay"
printf '啦啦啦\n\n分开\n\n啦啦啦！\n\n分开了\n' >short.txt
succeeds corpus short.txt --songs blank-line
[[ $(cat "$out") == $'啦啦啦\n\n分开\n\n分开了' ]] ||
    fail "short songs are copies if they are equal"
succeeds corpus short.txt --songs file
cmp "$out" short.txt || fail "one song has no copies"
succeeds corpus short.txt
cmp "$out" short.txt || fail "paragraphs of one small text may be a song and its choruses"

# Copies in a folder are dropped also if a small stream follows it.
for text in '小船摇过石桥边\n' ' \n'; do
    command="lyrnn corpus songs -"
    # shellcheck disable=SC2059 # a text with escapes
    printf "$text" | "$lyrnn" corpus songs - >"$out" 2>"$err" || fail "a stream may come last"
    grep -q '^songs: dropped 2 of ' "$err" || fail "copies must be dropped"
done

# All songs are copies of one.
for i in 1 2 3 4 5; do cp songs/1.txt "copy$i.txt"; done
succeeds corpus copy?.txt
cmp "$out" songs/1.txt || fail "one must stay"
grep -q '^songs: all 5 are copies of one, song 1 (故事的小黄花), which stays; --keep-dup' "$err" ||
    fail "the log must say so"
succeeds train copy?.txt "${tiny[@]}" --num-epochs 1 --out all
grep -q '^corpus: several files, 23 characters' "$err" || fail "training must read one"

# A resumed run reads the same songs again.
for way in '' --keep-duplicates; do
    # shellcheck disable=SC2086 # no argument, or one
    succeeds train songs "${tiny[@]}" $way --num-epochs 1 --out "run$way"
    trained=$(grep '^songs: [0-9]' "$err")
    succeeds train --resume "run$way" --num-epochs 2
    [[ $(grep '^songs: [0-9]' "$err") == "$trained" ]] || fail "a resumed run must have these songs"
done
