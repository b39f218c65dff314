#!/usr/bin/env bash
# The options of generate one by one: sampling, samples, prompts, formats, and what each of them
# refuses.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 3 --pred-period 3 --lr 1e-2 --out run
common=(--threads 1)

# write ARG...: generates from the run into $out. Nothing may be printed on standard error.
write() {
    succeeds generate run "${common[@]}" "$@"
    [[ ! -s $err ]] || fail "standard error must be empty"
}

# Greedy is the default. Any sampling option changes it.
write --prefix 分开
cp "$out" greedy
for way in "--greedy" "--temperature 0.01 --top-k 1" "--top-k 1" "--top-p 0.001" "--min-p 1" \
    "--beam 1" \
    "--greedy --repeat-penalty 1" "--temperature 0" "--greedy --temperature 0" \
    "--temperature 0 --seed 7 --top-k 0 --top-p 0.5 --num-samples 1" \
    "--temperature 1e-40 --top-p 1"; do
    # shellcheck disable=SC2086 # words of a command line
    write --prefix 分开 $way
    cmp -s "$out" greedy || fail "$way must be greedy: $(cat greedy)"
done
for way in "--temperature 2" "--seed 1" "--num-samples 1" "--first-sample 3" \
    "--repeat-penalty 1.5" \
    "--temperature 1 --top-k 20 --top-p 0.99 --min-p 0.001" "--greedy --repeat-penalty 5"; do
    # shellcheck disable=SC2086 # words of a command line
    write --prefix 分开 $way
    ! cmp -s "$out" greedy || fail "$way must not be greedy"
done
write --prefix 分开 --temperature 3 --seed 1
cp "$out" seed1
# The neutral value of each sampler changes nothing.
for way in "--top-k 0" "--top-p 1" "--min-p 0" "--repeat-penalty 1" \
    "--repeat-penalty 5 --repeat-last-n 0" "--num-samples 1 --first-sample 0"; do
    # shellcheck disable=SC2086 # words of a command line
    write --prefix 分开 --temperature 3 --seed 1 $way
    cmp -s "$out" seed1 || fail "$way must change nothing"
done
write --prefix 分开 --temperature 0 --top-k 0 --format json
{ grep -qF '"temperature": 0.0' "$out" && grep -qF '"top_k": 0' "$out" &&
    grep -qF '"seed": null' "$out"; } || fail "JSON reports the greedy choice"
write --prefix 分开 --temperature 3 --seed 1
cmp -s "$out" seed1 || fail "the same seed must write the same text"
write --prefix 分开 --temperature 3 --seed 2
! cmp -s "$out" seed1 || fail "another seed must write another text"

# Sample 7 is the same text on its own, in any batch, and for any number of samples.
write --prefix 分开 --temperature 1.5 --num-samples 64 --format jsonl
[[ $(wc -l <"$out") == 64 ]] || fail "64 samples are 64 lines"
sed -n 8p "$out" >seventh
[[ $(sort -u "$out" | wc -l) == 64 ]] || fail "samples must differ"
for args in "--first-sample 7 --num-samples 1" "--first-sample 7 --num-samples 3" \
    "--first-sample 7"; do
    # shellcheck disable=SC2086 # words of a command line
    write --prefix 分开 --temperature 1.5 --format jsonl $args
    cmp -s <(head -n 1 "$out") seventh || fail "sample 7 must be $(cat seventh)"
done
write --prefix 分开 --temperature 1.5 --format jsonl --num-samples 300
cmp -s <(sed -n 8p "$out") seventh || fail "among 300, sample 7 must be $(cat seventh)"

# An empty line separates the texts of a prefix that has several.
write --prefix 分 --prefix 月 --temperature 1 --num-samples 2 --length 0
[[ $(cat "$out") == $'分\n\n分\n\n月\n\n月' ]] || fail "four prefixes, an empty line between two"

# The repeat penalty of a text does not know the text before it.
write --prefix 分开 --repeat-penalty 9 --temperature 0
cp "$out" penalized
write --prefix 月 --prefix 分开 --repeat-penalty 9 --temperature 0
cmp -s <(tail -n "$(wc -l <penalized)" "$out") penalized ||
    fail "the second text is as if it were by itself"

# Prefixes from files.
printf '月光\n' >prefix.txt
write --prefix-file prefix.txt --length 3 --format jsonl
grep -qF '"prompt": "月光", "text": "月光' "$out" ||
    fail "the last line end is dropped"
printf '分开又相逢\n不' | "$lyrnn" generate run "${common[@]}" --prefix 月 --prefix-file - \
    --length 0 \
    >"$out"
[[ $(cat "$out") == $'月\n分开又相逢\n不' ]] || fail "standard input after --prefix"
: >empty.txt
echo >line.txt
refuses 1 'empty.txt: is empty' generate run --prefix-file empty.txt
refuses 2 'line.txt: is empty; ' generate run --prefix-file line.txt
refuses 1 'none.txt: .*No such file' generate run --prefix-file none.txt
refuses 1 'standard input: is empty' generate run --prefix-file -

# Characters that the model does not know.
refuses 1 '--prefix 猫月狗: unknown characters 猫 \(U\+732B\), 狗 \(U\+72D7\)' generate run \
    --prefix 猫月狗
succeeds generate run --prefix 猫月狗猫 --length 0 --on-unknown skip
[[ $(cat "$out") == 月 ]] || fail "skip must leave 月"
grep -qxF -- '--prefix 猫月狗猫: skipped 3 unknown characters: 猫 (U+732B), 狗 (U+72D7)' "$err" ||
    fail "one line counts and names what is skipped"
[[ $(wc -l <"$err") == 1 ]] || fail "and nothing else is said"
run generate run --prefix 猫 --on-unknown skip
expect_error 1 '--prefix 猫: has no character that the model knows'
run generate run --prefix 開風明 --length 0 --on-unknown nearest
if grep -q 'built without Unihan' "$err"; then
    expect_error 1 '--on-unknown nearest: .*--on-unknown skip'
else
    [[ $status == 0 && $(cat "$out") == 开风明 ]] || fail "nearest must write 开风明"
    grep -qF '開 (U+958B), read as 开 (U+5F00), a variant form' "$err" ||
        fail "nearest must say what it did"
    succeeds generate run --prefix 粉凯 --length 0 --on-unknown nearest
    [[ $(cat "$out") == 分开 ]] || fail "粉 is read fěn, 凯 kǎi"
fi

# A stop text, and how the texts report their end.
write --prefix 分开 --length 40 --stop $'\n' --format jsonl
grep -qF '"end": "stop"' "$out" || fail "the text must end by the stop"
! grep -qF '\n' "$out" || fail "the stop is not part of the text"
write --prefix 分开 --length 4 --format jsonl
grep -qF '"seed": null, "end": "length"' "$out" || fail "greedy has no seed"

# Values that are not allowed.
refuses 2 '--temperature -1: must be ' generate run --prefix 月 --temperature -1
refuses 2 '--temperature nan: must be ' generate run --prefix 月 --temperature nan
refuses 2 '--top-k -1: must be ' generate run --prefix 月 --top-k -1
refuses 2 '--top-p 0: must be ' generate run --prefix 月 --top-p 0
refuses 2 '--top-p 1.1: must be ' generate run --prefix 月 --top-p 1.1
refuses 2 '--min-p -0.1: must be ' generate run --prefix 月 --min-p -0.1
refuses 2 '--repeat-penalty 0: must be ' generate run --prefix 月 --repeat-penalty 0
refuses 2 '--num-samples 0: must be ' generate run --prefix 月 --num-samples 0
refuses 2 '--beam 257: must be ' generate run --prefix 月 --beam 257
refuses 2 '--greedy: .*--top-k ' generate run --prefix 月 --greedy --top-k 4
refuses 2 '--greedy: .*--num-samples ' generate run --prefix 月 --greedy --num-samples 4
refuses 2 '--greedy: .*--temperature ' generate run --prefix 月 --greedy --temperature 0.7
refuses 2 '--num-samples 2: with --temperature 0 all texts are the same' generate run --prefix 月 \
    --temperature 0 --num-samples 2
refuses 2 '--beam: .*--temperature ' generate run --prefix 月 --beam 4 --temperature 1
refuses 2 '--beam: .*--num-samples ' generate run --prefix 月 --beam 4 --num-samples 2
refuses 2 '--beam: .*--greedy ' generate run --prefix 月 --beam 4 --greedy
refuses 2 '--beam: .*--repeat-penalty ' generate run --prefix 月 --beam 4 --repeat-penalty 2
refuses 2 '--prefix: is empty' generate run --prefix ''
refuses 2 '--stop: is empty' generate run --prefix 月 --stop ''
refuses 1 '--stop 猫: unknown character 猫' generate run --prefix 月 --stop 猫
refuses 2 '--format xml: must be one of text' generate run --prefix 月 --format xml
if (($(sed -nE 's/^MemAvailable: +([0-9]+) kB/\1/p' /proc/meminfo) < 80000000)); then
    refuses 1 'memory: [0-9]{12} bytes requested, .*lower --num-samples' \
        generate run --prefix 月 --num-samples 1000000 --length 100000000
fi
