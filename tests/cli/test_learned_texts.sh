#!/usr/bin/env bash
# --max-copy and --report know every text that a model learned: that of its run, and before it those
# of the models that it began with (--init). What is not found is named.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# After 月 each text has another character, and there are three. So nothing may follow 月 only if
# all three texts are guarded.
mkdir texts
printf '月光光\n光' >texts/A.txt
printf '光\n光月月' >texts/B.txt
printf '光月\n光' >texts/C.txt
shape=(--hidden-size 4)
o=(--batch-size 1 --num-steps 2 --num-epochs 0 --pred-len 1 --prefix 月 --threads 1)
succeeds train texts/A.txt "${shape[@]}" "${o[@]}" --out a
succeeds train texts/B.txt "${o[@]}" --init a --out b
succeeds train texts/C.txt "${o[@]}" --init b --out c
guard=(--prefix 月 --max-copy 1 --length 1 --threads 1)

# guards_all MODEL ARG...: all texts must be guarded. guards_less: one is not.
guards_all() {
    succeeds generate "$1" "${guard[@]}" "${@:2}"
    grep -q '^warning: sample 0: no character was allowed' "$err" || fail "nothing may follow 月"
}
guards_less() {
    succeeds generate "$1" "${guard[@]}" "${@:2}"
    ! grep -q '^warning: sample 0' "$err" || fail "something must follow 月"
}
guards_less a
guards_less b
guards_all c
[[ $(wc -l <"$err") == 1 ]] || fail "only the stuck text is reported"
succeeds generate c --prefix 月月 --length 1 --report --threads 1 --format json
grep -qE '"longest_copy": [1-9]' "$out" || fail "the report knows the texts"
for run in b c; do
    ! grep -qa texts "$(model_of $run)" || fail "a model must not say where its texts are"
done

# No copy reaches from the end of one text into the beginning of the next: 月 and a newline.
printf '光\n月光月' >first.txt
printf '\n光月月' >second.txt
succeeds train first.txt "${shape[@]}" "${o[@]}" --out first
succeeds train second.txt "${o[@]}" --init first --out second
guards_less second
guards_less second --corpus first.txt

# The last text is that of the run, and a text that is learned again is recorded once.
succeeds train texts/A.txt "${o[@]}" --init c --out again
guards_all again
grep -c xxh128 again/config.json >"$out"
[[ $(cat "$out") == 3 ]] || fail "three texts"

# A run that was moved, a run that was copied, and its model without it.
mv a moved
cp -r c copied
guards_all copied
cp -rL c followed
guards_all followed
cp "$(model_of c)" apart.safetensors
refuses 1 'apart.safetensors: .* text 1 of the 3 that the model learned: --corpus FILE' \
    generate apart.safetensors "${guard[@]}"
guards_all apart.safetensors --corpus texts/C.txt --corpus texts/A.txt --corpus texts/B.txt
for text in A:1 B:2 C:3; do
    grep -qx "corpus: texts/${text%:*}.txt: text ${text#*:} of the 3 that the model learned" \
        "$err" || fail "each text is recognized"
done
guards_less apart.safetensors --corpus texts/C.txt --corpus texts/B.txt
grep -qE '^warning: apart.safetensors: .*; text 1 of the 3 .* is not guarded; .*--corpus FILE$' \
    "$err" || fail "the text that is missing is named"

# --init of a model outside any run: it knows the hash of its text.
cp "$(model_of moved)" foreign.safetensors
succeeds train texts/B.txt "${o[@]}" --init foreign.safetensors --out b2
succeeds train texts/C.txt "${o[@]}" --init b2 --out c2
refuses 1 'foreign\.safetensors: .*XXH128 is [0-9a-f]{32}; name text 1 of the 3 .*--corpus FILE' \
    generate c2 "${guard[@]}"
guards_all c2 --corpus texts/A.txt
guards_less c2 --corpus texts/B.txt
grep -q '^warning: .*text 1 of the 3' "$err" || fail "another text is not the one"

# A text that was moved, and one that changed.
mv texts/A.txt moved.txt
for run in b c; do
    refuses 1 '.*texts/A\.txt: .*; name text 1 of .*--corpus FILE' generate $run "${guard[@]}"
done
refuses 1 '.*texts/A\.txt: .*--corpus FILE' generate c --prefix 月 --report
guards_all c --corpus moved.txt
guards_less c --corpus texts/B.txt
grep -qE '^warning: .*texts/A\.txt: .*text 1 of the 3' "$err" || fail "A is named"
printf '月月光\n光' >texts/A.txt
refuses 1 '.*has changed: .* text 1 of the 3 .*--corpus FILE' generate c "${guard[@]}"
guards_all c --corpus moved.txt
mv moved.txt texts/A.txt

# A resumed run, and checkpoints that are not the last.
succeeds train texts/C.txt "${o[@]}" --num-epochs 1 --init b --out r
succeeds train --resume r --num-epochs 2
succeeds train texts/C.txt "${o[@]}" --num-epochs 2 --init b --out whole
same_runs r whole
guards_all r
rm -r r/metrics.jsonl r/config.json
refuses 1 '.*text 1 of the 3 .*--corpus FILE' generate r/latest/model.safetensors "${guard[@]}"

# How a text was read: a part of it, lines as spaces, two files, standard input, the sample lyrics.
printf '月光光\n光月月月\n' >long.txt
succeeds train long.txt "${shape[@]}" "${o[@]}" --max-chars 5 --out part
succeeds train texts/B.txt "${o[@]}" --init part --out part2
succeeds train texts/C.txt "${o[@]}" --init part2 --out part3
guards_all part3
mv long.txt elsewhere.txt
guards_all part3 --corpus elsewhere.txt
grep -q '^corpus: elsewhere.txt: text 1 of the 3' "$err" || fail "a part of the file is recognized"
printf '月光光' >A1.txt
printf '光' >A2.txt
succeeds train A1.txt A2.txt "${shape[@]}" "${o[@]}" --out files
succeeds train texts/B.txt "${o[@]}" --init files --out files2
succeeds train texts/C.txt "${o[@]}" --init files2 --out files3
guards_all files3
mkdir away
mv A1.txt A2.txt away
guards_all files3 --corpus texts/B.txt --corpus away/A1.txt --corpus away/A2.txt
grep -q '^corpus: away/A1.txt and the files after it: text 1 of the 3' "$err" ||
    fail "two files that are one text"
guards_all files3 --corpus texts/A.txt
"$lyrnn" train - "${shape[@]}" "${o[@]}" --out piped <texts/A.txt >"$out" 2>"$err" ||
    fail "a text from standard input"
succeeds train texts/B.txt "${o[@]}" --init piped --out piped2
succeeds train texts/C.txt "${o[@]}" --init piped2 --out piped3
refuses 1 '.*standard input.* text 1 of the 3 .*--corpus FILE' generate piped3 "${guard[@]}"
guards_all piped3 --corpus texts/A.txt
"$lyrnn" generate piped3 "${guard[@]}" --corpus - <texts/A.txt >"$out" 2>"$err"
grep -q '^warning: sample 0' "$err" || fail "it can be piped again"
tr '\n' ' ' <texts/A.txt >spaces.txt
succeeds train texts/A.txt "${shape[@]}" "${o[@]}" --newlines space --out row
succeeds train spaces.txt "${o[@]}" --init row --out row2
guards_less row2
! grep -q learned row2/config.json || fail "it is the same text"
succeeds train "${shape[@]}" "${o[@]}" --out lyrics
succeeds train texts/B.txt "${o[@]}" --init lyrics --out lyrics2
guards_all lyrics2

# Models without a record: of PyTorch, and of an earlier version, with and without their run.
take_apart "$(model_of moved)"
write_model "$(sed -E 's/,"learned":"([^"\\]|\\.)*"//' <<<"$header")" >earlier.safetensors
succeeds info earlier.safetensors
refuses 1 'earlier.safetensors: .*--corpus FILE' generate earlier.safetensors "${guard[@]}"
succeeds train texts/B.txt "${o[@]}" --init earlier.safetensors --out b3
guards_less b3
grep -qE '^warning: .*earlier\.safetensors: does not say which texts.*--corpus FILE$' "$err" ||
    fail "what is unknown is named"
guards_less b3 --corpus texts/B.txt
grep -q '^warning: .*earlier\.safetensors: ' "$err" || fail "B is not what is unknown"
for texts in "--corpus texts/A.txt" "--corpus texts/A.txt --corpus texts/B.txt"; do
    # shellcheck disable=SC2086 # words of a command line
    guards_less b3 $texts
    ! grep -q '^warning' "$err" || fail "the user knows what is unknown"
done
write_model "$(sed -E 's/"learned":"([^"\\]|\\.)*"/"learned":"[{\\"corpus_xxh128\\":7}]"/' \
    <<<"$header")" >odd.safetensors
refuses 1 'odd.safetensors: .*--corpus FILE' generate odd.safetensors "${guard[@]}"
cp earlier.safetensors "$(model_of moved)"
succeeds train texts/B.txt "${o[@]}" --init moved --out b4
succeeds train texts/C.txt "${o[@]}" --init b4 --out c4
guards_all c4
take_apart "$(model_of c)"
write_model "$(sed -E 's/,"learned":"([^"\\]|\\.)*"//' <<<"$header")" >model
cp model "$(model_of c)"
guards_all c
sed -i 's/"learned":/"learned_not":/' c/config.json
guards_less c
grep -q '^warning: b: does not say which texts' "$err" || fail "a run of an earlier version"
