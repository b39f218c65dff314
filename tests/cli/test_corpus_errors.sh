#!/usr/bin/env bash
# Texts that nothing can be learned from, and prefixes with characters that the text does not have.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

refuses 1 'missing\.txt: .*No such file' train missing.txt --out run
mkdir folder
refuses 1 'folder: holds no file that lyrnn reads ' train folder --out run
: >empty.txt
refuses 1 'empty\.txt: .*empty' train empty.txt --out run
printf '\xEF\xBB\xBF' >only_bom.txt
refuses 1 'only_bom\.txt: .*empty' train only_bom.txt --out run

printf '分开\xC0\xAF\n' >overlong.txt
refuses 1 'overlong\.txt: byte 6 ' train overlong.txt --out run
printf '分开不\xE5\x88' >cut.txt
refuses 1 'cut\.txt: byte 9 ' train cut.txt --out run
printf 'abc\xED\xA0\x80' >surrogate.txt
refuses 1 'surrogate\.txt: byte 3 ' train surrogate.txt --out run
printf 'ab\0cd' >nul.txt
refuses 1 'nul\.txt: byte 2 .*NUL' train nul.txt --out run

write_corpus # 384 characters
refuses 1 'corpus: .*384.*(batch-size|num-steps)' train corpus.txt --out run
refuses 1 'corpus: .*384.*1152' train corpus.txt --out run
refuses 1 'corpus: .*384.*(batch-size|num-steps)' train corpus.txt --sampling random --out run
refuses 1 'corpus: .*10' train corpus.txt "${tiny[@]}" --max-chars 10 --out run
printf '啦啦啦啦啦啦啦啦啦啦' >one.txt
refuses 1 '.*one distinct character, U\+5566' train one.txt --batch-size 1 --num-steps 2 --out run

refuses 1 '--prefix 分开QQz: .*Q \(U\+0051\).*z \(U\+007A\)' \
    train corpus.txt "${tiny[@]}" --prefix 分开QQz --out run
refuses 2 '--prefix: .*empty' train corpus.txt "${tiny[@]}" --prefix '' --out run
refuses 1 '--prefix .*UTF-8' train corpus.txt "${tiny[@]}" --prefix $'\xFF' --out run
for ((i = 0; i < 40; i++)); do echo 'la la love'; done >english.txt
succeeds train english.txt "${tiny[@]}" --num-epochs 1 --out english
grep -q '^ - la la love' "$out" ||
    fail 'where the default prefixes cannot be spelt, samples begin as the corpus does'
grep -q '^prefix: .*--prefix TEXT' "$err" || fail 'and a line says so'
refuses 1 'corpus: .*440.*(batch-size|num-steps)' train english.txt --out run
refuses 1 '--prefix 分开: .*分 \(U\+5206\)' train english.txt "${tiny[@]}" --prefix 分开 --out run

succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out run
refuses 1 '--prefix 分开QQz: .*Q \(U\+0051\).*z \(U\+007A\)' generate run --prefix 分开QQz
refuses 1 '--prefix 猫: .*猫 \(U\+732B\)' generate run --prefix 分开 --prefix 猫
refuses 2 '--prefix: .*empty' generate run --prefix ''
refuses 1 '--prefix .*UTF-8' generate run --prefix $'\xFF'
