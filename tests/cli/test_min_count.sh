#!/usr/bin/env bash
# --min-count drops lines with rare characters, and --repeats once drops repeated stanzas.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

printf '%s\n' 分开了 不分开 '' 月光 '' 分开 开了 不分开 饕餮 >song.txt
succeeds corpus song.txt --songs none --min-count 2
[[ $(cat "$out") == $'分开了\n不分开\n\n分开\n开了\n不分开' ]] ||
    fail "lines with rare characters must be dropped, and the blank line of an empty stanza"
grep -q '^corpus: dropped 2 lines with one of 4 rare characters (--min-count)$' "$err" ||
    fail "lines and characters must be counted"
succeeds corpus song.txt --songs blank-line --min-count 2
grep -q 'among them 1 whole song (' "$err" || fail "a song without lines is dropped"
for number in 0 1; do
    succeeds corpus song.txt --min-count "$number"
    cmp "$out" song.txt || fail "no character is rarer than $number"
done
refuses 1 '--min-count 100: each line has a character that the corpus has less often; lower it' \
    corpus song.txt --min-count 100
refuses 2 '--min-count -1: ' corpus song.txt --min-count -1

# The model does not know them, and a resumed run drops them again.
succeeds train song.txt --songs none --min-count 2 "${tiny[@]}" --num-epochs 1 --out run
grep -q ', 5 in the vocabulary$' "$err" || fail "rare characters must not be learned"
succeeds train --resume run --num-epochs 2
grep -q ' 19 characters, 5 in the vocabulary$' "$err" || fail "a resumed run drops them again"

# A chorus.
printf '%s\n' 一段 '' 副歌 啦啦啦 '' 二段 '' 副歌 啦啦啦 '' 二段 >chorus.txt
succeeds corpus chorus.txt --songs none --repeats once
[[ $(cat "$out") == $'一段\n\n副歌\n啦啦啦\n\n二段\n\n二段' ]] ||
    fail "a stanza of two lines is dropped, and one of one line stays"
grep -qx 'corpus: dropped 1 repeated stanza, 6 characters (--repeats)' "$err" ||
    fail "it must be counted"
succeeds corpus chorus.txt --songs none
cmp "$out" chorus.txt || fail "by default they stay"
cp chorus.txt other.txt
succeeds corpus chorus.txt other.txt --songs file --repeats once --keep-duplicates
[[ $(grep -c 啦啦啦 "$out") == 2 ]] || fail "each song keeps its first"
