#!/usr/bin/env bash
# --normalize clean and --width half: what a text loses, what is said, and what stays.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# hash_of ARG...: that of the text that would be learned.
hash_of() {
    "$lyrnn" corpus --stats "$@" 2>"$err" | awk '/^XXH128/ { print $2 }'
}

# Controls, invisible characters, blanks, and full-width letters. The family stays one emoji, and
# the Persian word keeps the non-joiner in it.
family=$'\U0001F468\u200D\U0001F469\u200D\U0001F467'
persian=$'\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645'
printf '%s\n' $'\tAn  indented \x01line\x07 \t' $'\u200B分\u200C开\uFEFF了\u00AD' \
    $'\u3000\u3000Ｒ＆Ｂ\u3000２０２４，好\u3000' "$family $persian" $'a\x0Bb' >odd.txt
printf '%s\n' ' An indented line' 分开了 ' R＆B 2024，好' "$family $persian" a b >clean.txt
succeeds corpus odd.txt
cmp "$out" clean.txt || fail "the text must be clean"
dropped='1 byte order mark (U+FEFF) inside the text, 2 control characters, 3 invisible characters'
changed='10 full-width characters to ASCII, 1 line separator to a newline, '
changed+='6 blanks to one space or none'
printf 'corpus: %s\n' "dropped $dropped" "changed $changed" >expected
cmp "$err" expected || fail "what was dropped and changed must be counted"

# A clean text stays, byte by byte, and nothing is said.
succeeds corpus clean.txt
cmp "$out" clean.txt || fail "cleaning twice must be the same as once"
[[ ! -s $err ]] || fail "nothing was changed"
[[ $(hash_of odd.txt) == "$(hash_of clean.txt)" ]] || fail "both must be the same corpus"

# Each rule by itself.
succeeds corpus odd.txt --normalize none --width keep
cmp "$out" odd.txt || fail "none and keep must keep all but line ends"
succeeds corpus odd.txt --normalize nfc --width keep
cmp "$out" <(sed $'s/\uFEFF//' odd.txt) || fail "nfc drops byte order marks only"
succeeds corpus odd.txt --width keep
grep -qx $'\u3000\u3000Ｒ＆Ｂ\u3000２０２４，好' "$out" || fail "keep must keep the width"
succeeds corpus odd.txt --normalize none
cmp "$out" odd.txt || fail "none keeps the width, too"

# Lines of blanks end a paragraph.
printf '分\n \t\n开\n' >two.txt
succeeds corpus two.txt
[[ $(cat "$out") == $'分\n\n开' ]] || fail "a line of blanks is empty"
grep -q '^songs: 2 ' "$err" || fail "it separates songs"

# The sample lyrics stay.
[[ $(hash_of) == "$(hash_of --normalize none --width keep)" ]] || fail "they have nothing odd"

# A training reads the same text.
succeeds train odd.txt --songs none "${tiny[@]}" --num-epochs 1 --prefix a --out run
grep -q "^corpus: odd.txt, $(wc -m <clean.txt) characters, " "$err" ||
    fail "training must clean the text"

# A corpus of both scripts gets a hint, if lyrnn has the data of Unihan.
printf '說話吧愛情\n讓我們開始\n' >traditional.txt
printf '说话吧爱情\n让我们开始\n一夜听雨到天明\n' >simplified.txt
succeeds corpus traditional.txt simplified.txt --keep-duplicates
if grep -q '^script: ' "$err"; then
    grep -qE '^script: 55 % of characters .* are traditional, .*; --script simplified or ' "$err" ||
        fail "the share and the option must be named"
elif iconv -f UTF-8 -t GB18030 simplified.txt | "$lyrnn" corpus - >"$out" 2>"$err"; then
    fail "a mixed corpus must get a hint"
fi
succeeds corpus simplified.txt
if grep -q '^script: ' "$err"; then fail "one script needs no hint"; fi
