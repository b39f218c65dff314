#!/usr/bin/env bash
# lyrnn corpus: it prints what train learns, and counts what was read, changed and dropped.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

hash_of() {
    "$lyrnn" corpus --json "$@" 2>/dev/null </dev/null |
        sed -n 's/.*"xxh128": "\([0-9a-f]*\)".*/\1/p'
}

# prints TEXT ARG...: the corpus is TEXT, byte for byte.
prints() {
    succeeds corpus "${@:2}"
    printf %s "$1" | cmp - "$out" || fail "the corpus must be: $1"
}

# counts NAME NUMBER ARG...: a row of --stats, or 0 if there is none.
counts() {
    succeeds corpus --stats "${@:3}"
    local row
    row=$(sed -nE "s/^$1 +([0-9]+)$/\1/p" "$out")
    [[ ${row:-0} == "$2" ]] || fail "$1 must be $2"
}

# says LINE: the last run must have written this line to standard error.
says() {
    grep -qxE "$1" "$err" || fail "standard error must have the line: $1"
}

# It is the text of a training.
succeeds corpus
succeeds train --num-epochs 0 --hidden-size 4 --threads 1 --out sample
grep -q "\"$(hash_of)\"" sample/config.json ||
    fail 'the sample lyrics have the hash of the training'
write_corpus
printf '月光\r\n\r\n分开' >second.txt
prints "$(cat corpus.txt)
月光

分开" corpus.txt second.txt
succeeds train corpus.txt second.txt "${tiny[@]}" --num-epochs 0 --out run
grep -q "\"$(hash_of corpus.txt second.txt)\"" run/config.json || fail 'a run has the same hash'
prints '月光  分' --newlines space --max-chars 5 second.txt

# What is cleaned is said, in one line for all files.
mkdir cleaned
printf '春\u200b天  来\t了 \u3000\n\uff21\uff11，\u3000好\x01\n' >cleaned/a.txt
printf '夏\u00ad天  来了\n' >cleaned/b.txt
clean=$'春天 来 了\nA1， 好\n夏天 来了\n'
prints "$clean" cleaned
says 'corpus: dropped 1 control character, 2 invisible characters'
says 'corpus: changed 4 full-width characters to ASCII, [0-9]+ blanks to one space or none'
[[ $(wc -l <"$err") == 3 ]] || fail 'one line for each kind of change, and one of songs'
prints "$(cat cleaned/a.txt cleaned/b.txt)
" --normalize none cleaned
prints "${clean/A1， /Ａ１，　}" --width keep cleaned
counts 'changed full-width characters' 4 cleaned
counts 'dropped invisible characters' 2 cleaned
counts 'text files' 2 cleaned
counts characters "$(printf %s "$clean" | wc -m)" cleaned
distinct=$(printf %s "$clean" | grep -o . | sort -u | wc -l)
counts 'distinct characters' $((distinct + 1)) cleaned # and the newline

# Copies of a song, choruses and rare lines.
mkdir copies
printf '%s\n' 我们分开又相逢 不分开的是晚风 '' 啦啦啦 啦啦 '' 月光落在屋檐上 '' 啦啦啦 啦啦 \
    >copies/a.txt
sed 's/$/！/' copies/a.txt >copies/b.txt
printf '一夜听雨到天明\n小船摇过石桥边\n' >copies/c.txt
counts 'dropped copies of songs' 1 copies
counts songs 2 copies
says 'songs: dropped 1 of 3 that are copies of others: .*; --keep-duplicates keeps them'
counts 'dropped copies of songs' 0 --keep-duplicates copies
counts songs 3 --keep-duplicates copies
grep -q '"duplicate_share": 0\.[0-9]' <("$lyrnn" corpus --json copies 2>/dev/null) ||
    fail 'JSON must have the share'
counts 'dropped repeated stanzas' 1 --repeats once copies
counts 'dropped repeated stanzas' 0 copies
counts 'dropped lines with rare characters' 5 --min-count 2 copies
mkdir same
for name in a b c; do cp corpus.txt same/$name.txt; done
counts songs 1 same
says 'songs: all 3 are copies of one, .*'

# The paragraphs of one small text may be the choruses of a song, unless one says that they are not.
printf '啦啦啦\n啦啦\n\n月光\n\n啦啦啦\n啦啦\n' >chorus.txt
prints "$(cat chorus.txt)
" chorus.txt
says 'songs: 3 \(3 paragraphs; --songs file: one per file\)'
counts songs 2 --songs blank-line chorus.txt
counts songs 1 --songs file chorus.txt
counts songs 1 --songs none copies

# What is not a corpus is refused as train refuses it.
mkdir empty
refuses 1 'empty: holds no file that lyrnn reads ' corpus empty
: >nothing.txt
refuses 1 'nothing\.txt: is empty; ' corpus nothing.txt
refuses 1 'missing: .*No such file' corpus missing
refuses 2 '--songs verse: must be one of auto' corpus --songs verse corpus.txt
printf '{"words": ["x"]}' >other.json
prints "x
" --json-field words other.json
refuses 1 'other\.json: ' corpus other.json
