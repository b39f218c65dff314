#!/usr/bin/env bash
# Texts as people have them: empty, in pieces, with accents in two spellings.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

write_corpus
# How a text is cut into files must not matter here, and it decides what a song is.
train=(train "${tiny[@]}" --num-epochs 1 --sampling consecutive)

# same_model RUN RUN: both have learned the same text.
same_model() {
    cmp <(weights_of "$1") <(weights_of "$2") || fail "$1 and $2 must be the same model"
}

refuses 1 '.*lyrnn: is a program, not a text; ' "${train[@]}" --out run "$lyrnn"
printf '%%PDF-1.7\n\xE2\xE3\xCF\xD3\n' >song.pdf
refuses 1 'song\.pdf: is a PDF document, not a text; ' "${train[@]}" --out run song.pdf
printf 'PK\x03\x04\x14\0\x06' >song.docx
refuses 1 'song\.docx: is an office document or a book, ' "${train[@]}" --out run song.docx

# An empty file among others is skipped, with one word about all of them.
: >empty.txt
printf '\xEF\xBB\xBF' >mark.txt
printf ' \n\t\n' >blank.txt
head -n 20 corpus.txt >first.txt
tail -n +21 corpus.txt >second.txt
succeeds "${train[@]}" --keep-duplicates --out whole corpus.txt
succeeds "${train[@]}" --keep-duplicates --out pieces \
    empty.txt first.txt mark.txt second.txt blank.txt
[[ $(grep -c skipped "$err") == 1 ]] || fail 'one line must name what is skipped'
grep -q '^corpus: skipped 3 of 5 files without text: empty.txt, mark.txt, blank.txt$' "$err" ||
    fail 'it must name the files'
same_model whole pieces
refuses 1 'corpus: all 2 files are empty; ' "${train[@]}" --out run empty.txt mark.txt

# All bad files are named at once.
printf 'a\xFF\x81\n' >bad.txt
refuses 1 'corpus: 3 of 5 files cannot be read: bad\.txt \(byte 1 is not UTF-8\), missing \(cannot open: No such file or directory\), /dev/zero \(is a device, .*iconv' \
    "${train[@]}" --out run bad.txt corpus.txt missing empty.txt /dev/zero
many=()
for ((i = 0; i < 200; i++)); do many+=("missing$i"); done
refuses 1 'corpus: 200 of 200 files .* and [0-9]+ more; ' "${train[@]}" --out run "${many[@]}"
(($(wc -c <"$err") < 1500)) || fail 'the line must stay short'

# Composed and decomposed characters are the same text, and byte order marks inside it are dropped.
for ((i = 0; i < 20; i++)); do printf 'déjà vu\nがんばれ\n'; done >composed.txt
for ((i = 0; i < 20; i++)); do
    printf 'de\u0301ja\u0300 vu\n\uFEFFか\u3099んは\u3099れ\n'
done >decomposed.txt
succeeds "${train[@]}" --out composed composed.txt
succeeds "${train[@]}" --out decomposed decomposed.txt
grep -q '^corpus: dropped 20 byte order marks (U+FEFF) inside the text$' "$err" ||
    fail 'dropped marks must be counted in a line'
same_model composed decomposed
grep -q '"normalize": "clean"' decomposed/config.json || fail 'config.json must have it'
succeeds generate composed --prefix $'de\u0301' --length 3
expected=$(cat "$out")
succeeds generate composed --prefix dé --length 3
[[ $(cat "$out") == "$expected" ]] || fail 'a prefix is normalized like the text'
succeeds generate decomposed --prefix d --stop $'e\u0301' --acrostic $'de\u0301' \
    --max-copy 3 --report
succeeds eval composed composed.txt
expected=$(sed 's/composed//' "$out")
succeeds eval composed decomposed.txt
[[ $(sed 's/decomposed//' "$out" | tr -s ' ') == $(tr -s ' ' <<<"$expected") ]] ||
    fail 'a text to score is normalized like the text that was learned'
succeeds "${train[@]}" --normalize none --out as_is decomposed.txt
refuses 1 '--prefix dé: unknown character é' generate as_is --prefix dé
succeeds generate as_is --prefix $'de\u0301' --max-copy 3

# A run that does not say how its text was normalized has taken it as it is.
sed -i '/"normalize"/d' as_is/config.json
succeeds train --resume as_is --num-epochs 2
grep -q '"normalize": "none"' as_is/config.json || fail 'it continues as it was'

# Escapes in the texts of options.
succeeds generate whole --prefix '月光\n月' --length 0
[[ $(cat "$out") == $'月光\n月' ]] || fail '\n is a newline'
refuses 1 '--prefix a\\\\b: unknown characters .*\\ \(U\+005C\)' generate whole --prefix 'a\\b'
refuses 2 '--prefix 月\\q: has the unknown escape \\q; write \\n ' generate whole --prefix '月\q'
# shellcheck disable=SC1003 # a backslash at the end is what is tested
refuses 2 '--stop 月\\: has the unknown escape \\; ' generate whole --prefix 月 --stop '月\'
succeeds generate whole --prefix 月 --stop '\n' --length 30
[[ $(wc -l <"$out") == 1 ]] || fail '--stop \n ends the text at the first newline'
succeeds "${train[@]}" --prefix '月光\n' --out escaped corpus.txt
succeeds train --resume escaped --num-epochs 2
printf '月光\\n' >prefix.txt
refuses 1 'prefix\.txt: unknown characters' generate whole --prefix-file prefix.txt

# A text of one line teaches no line ends.
for ((i = 0; i < 60; i++)); do printf '月光落在屋檐上 '; done >one_line.txt
succeeds "${train[@]}" --prefix 月 --out one_line one_line.txt
for rule in '--lines 3' '--max-line 5' '--min-line 2' '--acrostic 月光'; do
    # shellcheck disable=SC2086 # an option and its value
    refuses 2 '--lines, .*: the model knows no newline, because its text was a single line ' \
        generate one_line --prefix 月 $rule
done
succeeds generate one_line --prefix 月 --length 5

# Line rules count what a reader sees as one character.
for ((i = 0; i < 30; i++)); do
    printf 'e\u0301a\u0301o\u0301e\u0301\na\u0301o\u0301\n'
done >marks.txt
succeeds "${train[@]}" --normalize none --num-epochs 30 --prefix a --out marks marks.txt
for options in '--temperature 2 --seed 3 --num-samples 20' '--beam 3'; do
    # shellcheck disable=SC2086 # options
    succeeds generate marks --prefix $'e\u0301' --min-line 3 --max-line 3 --lines 4 $options
    sed 's/\xCC\x81//g' "$out" >bare.txt
    grep -q $'\u0301' "$out" || fail 'the texts must have marks'
    ! grep -qvE '^(.?.?.|)$' bare.txt || fail "no line has more than 3 letters"
done
refuses 2 '--prefix: its line 1 is longer than --max-line 2' \
    generate marks --prefix $'e\u0301a\u0301o' --max-line 2
succeeds generate marks --prefix $'e\u0301a\u0301' --max-line 2 --length 3
