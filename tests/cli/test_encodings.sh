#!/usr/bin/env bash
# Texts in the encodings that people have: what is read, what it is called, and what is refused.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

write_corpus
for ((i = 0; i < 12; i++)); do
    printf '我們分開又相逢\n不分開的是晚風\n月光落在屋簷上\n一夜聽雨到天明\n'
done >traditional.txt
train=(train "${tiny[@]}" --num-epochs 1 --sampling consecutive --keep-duplicates)
succeeds "${train[@]}" --out simplified corpus.txt
succeeds "${train[@]}" --out traditional traditional.txt

# encoded TEXT ENCODING: makes ENCODING.txt of the text.
encoded() {
    iconv -f UTF-8 -t "$2" "$1.txt" >"$2.txt"
}

# reads RUN NAME ARG...: training reads the text that RUN has learned, and calls it NAME.
reads() {
    local run=$1 name=$2
    shift 2
    rm -rf run
    succeeds "${train[@]}" --out run "$@"
    cmp <(weights_of "$run") <(weights_of run) || fail 'it must be the same text'
    [[ $(grep -cE ": read as $name\$" "$err") == 1 ]] || fail "it must be called $name"
}

# Without the data of Unihan, lyrnn does not guess.
encoded corpus GB18030
run "${train[@]}" --out guess GB18030.txt
if [[ $status == 0 ]]; then
    guessed='[^ ]+ \(score [23]\.[0-9](, next: [^ ]+ -?[0-9.]+)?\)'
    [[ $(grep -c '^GB18030.txt: read as GB18030 (score ' "$err") == 1 ]] || fail 'it must be named'
    reads simplified "$guessed" GB18030.txt
    encoded traditional BIG5
    reads traditional "Big5 \(score [23]\.[0-9], next: GB18030 -[0-9]\.[0-9]\)" BIG5.txt
    encoded traditional BIG5-HKSCS
    reads traditional "$guessed" BIG5-HKSCS.txt
    encoded traditional GBK
    reads traditional "GB18030 \(score [^)]+\)" GBK.txt
    encoded corpus UTF-16LE
    reads simplified "UTF-16LE \(score [^)]+\)" UTF-16LE.txt
    encoded corpus UTF-16BE
    reads simplified "UTF-16BE \(score [^)]+\)" UTF-16BE.txt
    # Each file by itself, and a stream.
    head -n 24 corpus.txt >first.txt
    tail -n 24 corpus.txt | iconv -t GB18030 >second.txt
    reads simplified "$guessed" --keep-duplicates first.txt second.txt
    command='lyrnn train -'
    rm -rf run
    "$lyrnn" "${train[@]}" --out run - <GB18030.txt >"$out" 2>"$err" || fail 'it must be read'
    grep -q '^standard input: read as GB18030 (score ' "$err" || fail 'it must be named'

    # Two encodings in one file.
    cat corpus.txt GB18030.txt >mixed.txt
    refuses 1 'mixed\.txt: is UTF-8 before byte 1056 \(line 49\) and GB18030 from there; split the file there, or convert it to one encoding$' \
        "${train[@]}" --out mixed mixed.txt
    head -c 1056 mixed.txt >first.txt
    tail -c +1057 mixed.txt >second.txt
    succeeds "${train[@]}" --out parts first.txt second.txt
    cat GB18030.txt BIG5.txt >mixed.txt
    refuses 1 'mixed\.txt: is GB18030 before byte 720 \(line 49\) and Big5 from there; ' \
        "${train[@]}" --out mixed mixed.txt
    cat BIG5.txt traditional.txt GB18030.txt >mixed.txt
    refuses 1 'mixed\.txt: is Big5 before byte 720 \(line 49\) and UTF-8 from there, and changes again later; ' \
        "${train[@]}" --out mixed mixed.txt

    # Two readings.
    printf '我们的 的\n' | iconv -t GB18030 >near.txt
    refuses 1 'near\.txt: may be GB18030 \(我们的 的\.\.\.\) or Big5 \(扂蠅腔 腔\.\.\.\); say which with --encoding gb18030 or --encoding big5$' \
        "${train[@]}" --out new near.txt
    printf '아리랑 아리랑 아라리요\n' | iconv -t EUC-KR >korean.txt
    refuses 1 'korean\.txt: may be GB18030 \(.*\) or CP949 \(아리랑 아리랑 \.\.\.\); say the first with --encoding gb18030, or convert the second: iconv ' \
        "${train[@]}" --out new korean.txt
else
    expect_error 1 'GB18030\.txt: is not UTF-8, but may be GB18030.*, and this lyrnn was built without Unihan, which tells them apart; say which with --encoding gb18030, big5 or utf-16'
    encoded traditional BIG5
fi

# What is asked for, and byte order marks.
reads simplified GB18030 --encoding gb18030 GB18030.txt
grep -q '"encoding": "gb18030"' run/config.json || fail 'config.json must have it'
succeeds train --resume run --num-epochs 2
reads traditional Big5 --encoding big5 BIG5.txt
encoded corpus UTF-16
reads simplified UTF-16LE UTF-16.txt
reads simplified UTF-16LE --encoding utf-16 UTF-16.txt
encoded corpus UTF-32
reads simplified UTF-32LE UTF-32.txt
succeeds "${train[@]}" --out run2 --encoding utf-8 corpus.txt
! grep -q 'read as' "$err" || fail 'UTF-8 is not worth a line'
refuses 1 'GB18030\.txt: byte 0 is not UTF-8; correct line 1, or use --encoding auto$' \
    "${train[@]}" --out run3 --encoding utf-8 GB18030.txt
printf '分开\n不\xFF分开\n' >damaged.txt
refuses 1 'damaged\.txt: byte 10 is not UTF-8; correct line 2, or use --encoding auto$' \
    "${train[@]}" --out run3 --encoding utf-8 damaged.txt
refuses 1 'damaged\.txt: byte 10 is not UTF-8, while the text around it is; correct line 2 there$' \
    "${train[@]}" --out run3 damaged.txt
refuses 1 'UTF-16\.txt: begins with the byte order mark of UTF-16LE; use --encoding auto$' \
    "${train[@]}" --out run3 --encoding big5 UTF-16.txt

# The commands that read other texts.
succeeds eval simplified corpus.txt
scores=$(tail -n 1 "$out" | sed 's/corpus.txt//')
succeeds eval simplified --encoding gb18030 GB18030.txt
[[ $(tail -n 1 "$out" | sed 's/GB18030.txt//') == "$scores" ]] || fail 'eval reads the same text'
grep -q '^GB18030.txt: read as GB18030$' "$err" || fail 'eval must say what it read'
refuses 1 'GB18030\.txt: byte 0 is not UTF-8; ' eval simplified --encoding utf-8 GB18030.txt
printf 分开 | iconv -t GB18030 >prefix.txt
succeeds generate simplified --prefix-file prefix.txt --encoding gb18030 --length 0
[[ $(cat "$out") == 分开 ]] || fail 'generate reads the prefix'
refuses 1 'prefix\.txt: .* --encoding gb18030' generate simplified --prefix-file prefix.txt

# converts FILE ENCODING TEXT: training refuses the text in this encoding, and the command of the
# error makes a file of it that can be learned.
converts() {
    iconv -f UTF-8 -t "$2" "$3" >"$1"
    local meant="the text may be $2 \(.*\.\.\.\); convert it: iconv "
    refuses 1 ".*: byte [0-9]+ is not UTF-8, but $meant" "${train[@]}" --out run3 "$1"
    bash -c "$(sed -n 's/.*; convert it: //p' "$err")" || fail 'the command must work'
    cmp "$3" "${1%.*}.utf8.${1##*.}" || fail 'the command must give the text'
}
printf 'Un café noir, là-bas\nprête-moi ta plume\n' >french.txt
converts latin.txt WINDOWS-1252 french.txt
printf 'さくらさくら\n野山も里も\n' >cherries.txt
converts "it's spring.lrc" CP932 cherries.txt
printf '%%PDF-1.7\n\xE2\xE3\xCF\xD3\n' >song.pdf
refuses 1 'song\.pdf: is a PDF document, not a text; ' "${train[@]}" --out run3 song.pdf
refuses 1 'song\.pdf: is a PDF document, not a text; ' \
    "${train[@]}" --out run3 --encoding gb18030 song.pdf
