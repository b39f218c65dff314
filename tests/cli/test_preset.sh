#!/usr/bin/env bash
# --preset tutorial: all choices of the tutorial, as config.json shows them. Options of the command
# line replace them, wherever they stand.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

# says RUN KEY VALUE...: what config.json must hold.
says() {
    local config name=$1
    config=$(tr -d '\n' <"$1/config.json")
    shift
    while (($# > 0)); do
        grep -qE "\"$1\": $2," <<<"$config" || fail "$name: $1 must be $2"
        shift 2
    done
}

# Without training: the choices of the tutorial, and what follows from them.
succeeds train --preset tutorial --num-epochs 0 --threads 1 --out job
says job preset '"tutorial"' cell '"rnn_tanh"' hidden_size 256 num_layers 1 batch_size 32 \
    num_steps 35 lr 0.001 clip_norm 0.01 dropout 0.0 sampling '"consecutive"' \
    offset '"zero"' songs '"none"' \
    script '"keep"' width '"keep"' repeats '"keep"' min_count 1 val_songs 0.0 newlines '"space"' \
    normalize '"none"' max_chars 10000 val_fraction 0.0 pred_period 50 pred_len 50 num_epochs 0 \
    prefix '\[ *"分开", *"不分开" *\]'
grep -q '^corpus: .*, 10000 characters, 1[0-9]* in the vocabulary$' "$err" ||
    fail "the first 10,000 characters are learned"

# An option replaces the preset's value, before it and after it.
succeeds train --cell gru --prefix 月光 --preset tutorial --hidden-size 8 --max-chars 2000 \
    --batch-size 4 --num-epochs 2 --threads 1 --out changed
says changed preset '"tutorial"' cell '"gru"' hidden_size 8 max_chars 2000 batch_size 4 \
    newlines '"space"' normalize '"none"' prefix '\[ *"月光" *\]'

# It says the same as its options say. The man page lists them, from the same table.
man=$(dirname "$lyrnn")/share/man/man1/lyrnn-train.1
if [[ -e $man ]]; then
    sed -n 's/^tutorial stands for these options: \(.*\)\. An option.*/\1/p' "$man" |
        sed 's/\\//g' >options
    read -ra words <options
    ((${#words[@]} >= 30)) || fail "the man page must list the options: $(cat options)"
    small=(--hidden-size 16 --num-epochs 1 --threads 1)
    sed -i 's/--num-epochs 250//; s/--hidden-size 256//' options
    read -ra words <options
    succeeds train "${words[@]}" "${small[@]}" --out spelled
    succeeds train --preset tutorial "${small[@]}" --out preset
    cmp "$(model_of spelled)" "$(model_of preset)" || fail "the options must make the same model"
    diff <(sed '/"preset"/d; /"out"/d' spelled/config.json) \
        <(sed '/"preset"/d; /"out"/d' preset/config.json) || fail "and the same config.json"
fi

# A resumed run has it already. It may be repeated, but a run without it cannot get it.
succeeds train --resume changed --preset tutorial --num-epochs 3
succeeds train --out changed --continue --num-epochs 4 --preset tutorial --cell gru
says changed preset '"tutorial"' num_epochs 4 hidden_size 8
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 1 --out plain
refuses 2 '--preset tutorial: the run in plain has none; leave the option out$' \
    train --resume plain --preset tutorial --num-epochs 2
refuses 2 '--preset: cannot be used with --init; leave one of them out$' \
    train --preset tutorial --init plain --out new
refuses 2 '--preset article: must be one of none\|tutorial$' train --preset article
# A run that is older than the option has no preset.
sed -i '/"preset"/d' plain/config.json
succeeds train --resume plain --num-epochs 2
