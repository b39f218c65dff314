#!/usr/bin/env bash
# train --trial: what is refused before the first run: mistakes in any line, lines that are not
# those of the runs, and trials that do not compare.
set -euo pipefail
page=$(realpath "$(dirname "$0")/../../host/cli/README.md")
. "$(dirname "$0")/lib.sh" "$1"
write_songs 40
plain=(train songs.txt --hidden-size 8 --batch-size 2 --num-steps 35 --threads 1 --num-epochs 0)
common=("${plain[@]}" --val-songs 0.2)

# bad ERROR LINE [OPTION...]: the second line is refused with this error.
bad() {
    printf '{"seed": 1}\n%b\n' "$2" >bad.jsonl
    refuses "${expected:-2}" "bad.jsonl: line 2: $1$" "${common[@]}" --trial bad.jsonl --out new \
        "${@:3}"
}
# mistake ERROR LINE: the same, and the remedy is to correct it.
mistake() {
    bad "$1; correct the line" "$2"
}
mistake '"hiden_size" is no option of lyrnn train; did you mean hidden_size\?' '{"hiden_size": 8}'
mistake '"lr" must be a number' '{"lr": "fast"}'
mistake '"hidden_size" must be a whole number' '{"hidden_size": 8.5}'
mistake '"tie" must be true or false' '{"tie": 1}'
mistake '--lr -1: must be from 0 to 1e6' '{"lr": -1}'
mistake '--cell gpu: must be one of .*; did you mean gru\?' '{"cell": "gpu"}'
mistake '.*key.*twice.*' '{"lr": 1, "lr": 2}'
mistake 'byte [0-9]+: .*' '{"lr": 1'
mistake 'byte [0-9]+: .*' '\0\0'
mistake 'is no JSON object like .*' '[1]'
mistake 'begins with #, but there are no comments' ' # {"lr": 1}'
mistake '"corpus" cannot vary: .*' '{"corpus": "x"}'
for key in '"out": "x"' '"resume": "t"' '"continue": true' '"overwrite": true' '"trial": "x"' \
    '"val_songs": 0.1' '"val_fraction": 0.1' '"max_chars": 100' '"script": "keep"' \
    '"sampling": "songs"' '"rendezvous_timeout": 9'; do
    mistake "--[a-z-]+ cannot vary: it is an option of all trials" "{$key}"
done

# What a training would refuse before it reads the corpus.
succeeds "${plain[@]}" --cell gru --out model
bad '--tie: there is no embedding to share; add --embedding-size' '{"tie": true}'
bad '--dropout-input: acts on an embedding, .*' '{"init": "model", "dropout_input": 0.1}'
bad '--shards 3: does not divide --batch-size 2; use --shards 2, or .*' '{"shards": 3}'
bad '--init: the name is empty; name a model.safetensors or a run' '{"init": ""}'
bad '--cell lstm: the model in model/.* has gru; leave the option out' \
    '{"init": "model", "cell": "lstm"}'
bad '--preset tutorial: cannot be used with --init; .*' '{"preset": "tutorial", "init": "model"}'
bad '--prefix: is empty; give at least one character' '{"prefix": [""]}'
bad '--prefix \\q: has the unknown escape \\q; .*' '{"prefix": ["\\\\q"]}'
bad '--device gpu: must be auto, cpu, cuda or cuda:N' '{"device": "gpu"}'
expected=1 bad '--precision: the CPU only computes in fp32; use --precision fp32' \
    '{"device": "cpu", "precision": "bf16"}'
expected=1 bad 'missing: .*' '{"init": "missing"}'
bad '--offset random: --sampling songs has no offset; .*' '{"offset": "random"}' --sampling songs
bad '--sampling songs: a bidirectional model reads .*' '{"bidirectional": true}' --sampling songs
bad '--drop-leaks: finds no lines with --newlines space; .*' '{"drop_leaks": true}' --newlines space
common=("${plain[@]}")
remedy='add --val-songs 0.1, or --val-fraction 0.1'
bad "--schedule plateau: needs a validation perplexity; $remedy" '{"schedule": "plateau"}'
bad "--patience 3: needs a validation perplexity; $remedy" '{"patience": 3}'
bad "--drop-leaks: needs a validation text; $remedy" '{"drop_leaks": true}'
mkdir -p other/trial-002
echo note >other/trial-002/note
expected=1 bad 'other/trial-002: is neither empty nor a run .*' '{"seed": 2}' --out other --continue
bad 'other/trial-002: exists; add --continue to continue it, or name another --out' '{"seed": 2}' \
    --out other
common=("${plain[@]}" --val-songs 0.2)

# The file, and the command.
printf '\n \t\r\n' >none.jsonl
refuses 2 'none.jsonl: has no trial; write one JSON object per line' \
    "${common[@]}" --trial none.jsonl
refuses 1 'missing.jsonl: ' "${common[@]}" --trial missing.jsonl
refuses 2 '--trial: the name is empty; name a file of one JSON object per line$' \
    "${common[@]}" --trial ''
refuses 1 '--out: the name is empty; name a folder$' "${common[@]}" --trial none.jsonl --out ''
refuses 2 '--trial: cannot be used with --resume; leave one of them out$' \
    train --resume model --trial none.jsonl
refuses 2 '--trial: cannot be used with --overwrite; leave one of them out$' \
    "${common[@]}" --trial none.jsonl --overwrite --out t
refuses 2 'model: is a run, not a folder of trials; name another --out$' \
    "${common[@]}" --trial none.jsonl --out model --continue
refuses 2 '-: standard input cannot be read once per trial; save the lyrics in a file$' \
    train - --trial none.jsonl

# What is read and held out is the same for all, also if presets or defaults decide it. On the
# command line it is.
printf '%s\n' '' '{"preset": "small", "hidden_size": 8, "embedding_size": 8}' \
    '{"preset": "medium", "hidden_size": 8, "embedding_size": 8}' >presets.jsonl
same='but all trials must hold out the same; give'
problem="--val-songs is 0.05 here and 0.1 in line 2, $same --val-songs on the command line$"
refuses 2 "presets.jsonl: line 3: $problem" \
    train songs.txt --threads 1 --num-epochs 0 --trial presets.jsonl --out p
succeeds train songs.txt --threads 1 --num-epochs 0 --trial presets.jsonl --out p --val-songs 0.1
! grep -q warning "$err" || fail "nothing is wrong: $(cat "$err")"
printf '%s\n' '{}' '{"preset": "tutorial"}' >presets.jsonl
problem='--songs is none here and auto in line 1, but all trials must read the same; give --songs '
refuses 2 "presets.jsonl: line 2: $problem" \
    "${plain[@]}" --trial presets.jsonl --out q
printf '%s\n' '{}' '{"bidirectional": true}' >both.jsonl
problem="--sampling is consecutive here and songs in line 1, $same --sampling on "
refuses 2 "both.jsonl: line 2: $problem" \
    "${plain[@]}" --val-fraction 0.2 --trial both.jsonl --out b
succeeds "${plain[@]}" --val-fraction 0.2 --sampling consecutive --trial both.jsonl --out b

# Another seed holds out other songs, but the same end of the text.
printf '%s\n' '{}' '{"seed": 7}' '{"seed": 8}' >seeds.jsonl
succeeds "${common[@]}" --trial seeds.jsonl --out seeds
[[ $(grep -c '^warning: seeds.jsonl: seed varies, .*; use --val-fraction, ' "$err") == 1 &&
    $(head -n 1 "$err") == warning:* ]] || fail "one warning, before the first training"
succeeds "${plain[@]}" --val-fraction 0.2 --trial seeds.jsonl --out seeds2
! grep -q 'seed varies' "$err" || fail "the same text is held out"
# README's example follows these rules.

# README's example follows these rules: all hold out the same, and nothing is wrong.
sed -n '/^## Trials/,/^## Add/{/^{/p}' "$page" >readme.jsonl
[[ $(wc -l <readme.jsonl) == 3 ]] || fail "the example has three lines"
succeeds train songs.txt --threads 1 --num-epochs 0 --trial readme.jsonl --val-songs 0.1 \
    --out readme --continue
! grep -q warning "$err" || fail "nothing is wrong: $(cat "$err")"

# A line must be that of its run, whether an option was changed, added, moved or taken away. A byte
# order mark is no part of the first line.
write_lines() {
    printf '\xEF\xBB\xBF'
    printf '%s\n' "$@"
}
trained=('{"lr": 0.1}' '{"lr": 0.001, "dropout_output": 0.5}' '{"init": "model"}')
write_lines "${trained[@]}" >lines.jsonl
lines=("${common[@]}" --clip-norm 1 --trial lines.jsonl --out r/o --continue)
succeeds "${lines[@]}"
# changed NUMBER WHAT LINE...: the run of a line was trained otherwise.
changed() {
    local text="${2/RUN/r/o/trial-00$1 was trained with}; restore the line, or name another --out$"
    write_lines "${@:3}" >lines.jsonl
    refuses 2 "lines.jsonl: line $1: $text" "${lines[@]}" "${more[@]}"
}
more=()
changed 1 'dropout_output is 0.5, but RUN 0.0' "${trained[1]}" "${trained[0]}" "${trained[2]}"
changed 1 'dropout_output is 0.5, but RUN 0.0' "${trained[@]:1}"
changed 1 'lr is 0.001, but RUN 0.1' '{"lr": 0.001}' "${trained[@]:1}"
changed 2 'lr is 0.01, but RUN 0.001' "${trained[0]}" "${trained[1]/0.001/0.01}" "${trained[2]}"
changed 2 'dropout_output is 0.0, but RUN 0.5' "${trained[0]}" '{"lr": 0.001}' "${trained[2]}"
changed 1 'tie is true, but RUN false' '{"lr": 0.1, "tie": true}' "${trained[@]:1}"
changed 3 'cell is rnn_tanh, but RUN gru' "${trained[@]:0:2}" '{}'
changed 2 'init is model, but RUN none' "${trained[0]}" \
    '{"init": "model", "lr": 0.001, "dropout_output": 0.5}' "${trained[2]}"
more=(--clip-norm 0.01)
changed 1 'clip_norm is 0.01, but RUN 1.0' "${trained[@]}"
more=(--val-songs 0.3)
changed 1 'val_songs is 0.3, but RUN 0.2' "${trained[@]}"
more=()

# More epochs, other samples and another machine change nothing that was learned. The model of
# --init may be gone, and an older lyrnn may not have known an option.
mv model moved
sed -i '/"beta2"/d' r/o/trial-001/config.json
write_lines '{"lr": 0.1, "prefix": ["月光"], "keep": 2, "threads": 2}' "${trained[@]:1}" \
    >lines.jsonl
succeeds "${lines[@]}" --pred-len 0 --num-epochs 1
[[ $(cat r/o/trial-00?/metrics.jsonl | wc -l) == 3 ]] || fail "each must continue"
sed -i '/"beta2"/d' r/o/trial-001/config.json
write_lines '{"lr": 0.1, "beta2": 0.9}' "${trained[@]:1}" >lines.jsonl
refuses 2 'lines.jsonl: line 1: beta2 is 0.9, but r/o/trial-001 was trained with 0.999; ' \
    "${lines[@]}"
write_lines "${trained[@]:0:2}" '{"init": "moved"}' >lines.jsonl
refuses 2 'lines.jsonl: line 3: init is moved, but r/o/trial-003 was trained with model; ' \
    "${lines[@]}"
refuses 2 'r/o/trials.jsonl: is where the results of the trials go; give the lines in another ' \
    "${lines[@]}" --trial r/o/trials.jsonl
