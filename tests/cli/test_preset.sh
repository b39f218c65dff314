#!/usr/bin/env bash
# --preset: all choices of the tutorial, or a recipe for a size of corpus, as config.json shows
# them. Options of the command line replace them, wherever they stand.
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
    sed -n 's/^tutorial stands for these options: \(.*\)\. small stands .*/\1/p' "$man" |
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
refuses 2 '--preset tutorial: cannot be used with --init; leave one of them out$' \
    train --preset tutorial --init plain --out new
refuses 2 '--preset article: must be one of none\|tutorial\|small\|medium\|large$' \
    train --preset article
# A run that is older than the option has no preset.
sed -i '/"preset"/d' plain/config.json
succeeds train --resume plain --num-epochs 2

# A recipe for a size of corpus. A line says what it sets, but for what the user gave.
write_songs 40
one=(--threads 1 --num-epochs 1 --seed 2 songs.txt)
succeeds train --preset small --hidden-size 8 "${one[@]}" --out small
says small preset '"small"' cell '"gru"' hidden_size 8 embedding_size 512 tie true \
    dropout_input 0.5 dropout_output 0.5 dropout_weight 0.0 lr 0.002 schedule '"cosine"' warmup 30 \
    clip_norm 1.0 batch_size 16 num_steps 35 val_songs 0.1 sampling '"songs"' num_epochs 1
line='preset: small sets --cell gru --num-layers 1 --embedding-size 512 --tie --dropout-input 0.5'
grep -q "^$line .* --val-songs 0.1 --pred-period 5\$" "$err" || fail "a line must say what it sets"
! grep '^preset: ' "$err" | grep -qE 'hidden-size|num-epochs' || fail "the user gave these"
! grep -q '^notice: --preset' "$err" || fail "the corpus is not too large for small"

# Its options make the same model, also those of the line.
read -ra words < <(sed -n 's/^preset: small sets //p' "$err")
succeeds train "${words[@]}" --hidden-size 8 "${one[@]}" --out words
cmp "$(model_of words)" "$(model_of small)" || fail "the options must make the same model"

# A corpus of another size than the preset is for.
tiny_model=(--hidden-size 4 --embedding-size 4)
succeeds train --preset large "${tiny_model[@]}" "${one[@]}" --val-songs 0.1 --out large
says large cell '"lstm"' num_steps 100 ema 0.99 weight_decay 0.01 val_songs 0.1
notice='notice: --preset large is for corpora of at least 1000000 characters; '
grep -q "^$notice--preset medium suits this one better\$" "$err" || fail "the corpus is too small"
succeeds train --preset medium "${tiny_model[@]}" "${one[@]}" --out medium
says medium dropout_weight 0.5 weight_decay 0.3 val_songs 0.05
grep -q '^notice: .* at least 50000 characters; --preset small suits' "$err" || fail "too small"
for ((i = 0; i < 75; i++)); do cat songs.txt; done >long.txt
succeeds train --preset small "${tiny_model[@]}" --keep-duplicates long.txt --num-epochs 0 \
    --out long
grep -q '^notice: .* at most 50000 characters; --preset medium suits' "$err" || fail "too large"

# What the user gave must not make the rest an error: no embedding, another way to hold out.
succeeds train --preset small --embedding-size 0 --val-fraction 0.2 --hidden-size 8 "${one[@]}" \
    --out one_hot
says one_hot embedding_size 0 tie false dropout_input 0.0 dropout_output 0.5 val_songs 0.0
succeeds train --preset small "${tiny_model[@]}" --val-fraction 0.2 --num-epochs 1 --batch-size 4 \
    corpus.txt --songs none --out one_song
says one_song sampling '"consecutive"'

# The preset holds out one of a few songs, and none if there is only one. A resumed run holds out
# the same.
for preset in small medium large; do
    for songs in 2 13; do
        head -n $((songs * 6)) songs.txt >few.txt
        succeeds train --preset $preset "${tiny_model[@]}" --songs blank-line few.txt --seed 3 \
            --keep-duplicates --threads 1 --num-epochs 2 --out $preset$songs
        grep -qE "^validation: [1-$((songs - 1))] songs?, " "$err" || fail "a song must be held out"
        [[ -L $preset$songs/best ]] || fail "it must be validated"
    done
    succeeds train --preset $preset "${tiny_model[@]}" --songs none few.txt --threads 1 \
        --batch-size 2 --num-steps 5 --num-epochs 1 --out ${preset}1
    notice='notice: --val-songs 0.[0-9]* holds out nothing, because the corpus has only one song; '
    grep -q "^$notice--val-fraction 0.1 holds out its end\$" "$err" || fail "one line must say so"
    succeeds train --resume ${preset}1 --num-epochs 2
done
few=(train --preset medium "${tiny_model[@]}" --songs blank-line few.txt --seed 3 --threads 1
    --keep-duplicates --schedule constant)
succeeds "${few[@]}" --num-epochs 2 --out whole
succeeds "${few[@]}" --num-epochs 1 --out parts
succeeds "${few[@]}" --num-epochs 2 --out parts --continue
same_runs whole parts
run train --preset medium --songs none few.txt --val-songs 0.05 --out no
expect_error 1 '--val-songs 0.05: the corpus has only one song; use --val-fraction, or say with '

# --init: the shape is that of the model, the rest that of the preset.
succeeds train --init small --preset medium "${one[@]}" --out tuned
says tuned preset '"medium"' cell '"gru"' hidden_size 8 embedding_size 512 tie true \
    dropout_input 0.7 dropout_weight 0.5 warmup 50
grep -q '^preset: medium sets --dropout-input 0.7 .*; the shape is that of --init$' "$err" ||
    fail "a line must say where the shape is from"
succeeds train --init plain --preset small "${one[@]}" --out tuned_plain
says tuned_plain cell '"rnn_tanh"' embedding_size 0 tie false dropout_input 0.0 dropout_output 0.5
refuses 2 '--hidden-size 9: the model in small/.* has 8; leave the option out$' \
    train --init small --hidden-size 9 "${one[@]}" --out new
succeeds train --init small --preset small --dropout-output 0.25 "${one[@]}" --out own_dropout
says own_dropout dropout_output 0.25 dropout_input 0.5

# A resumed run has it already.
succeeds train --resume small --num-epochs 2
says small preset '"small"' hidden_size 8 num_epochs 2
! grep -q '^preset: ' "$err" || fail "a resumed run has the options of its beginning"
succeeds train --preset small --hidden-size 8 "${one[@]}" --num-epochs 3 --out small --continue
refuses 2 '--preset medium: the run in small has small; leave the option out$' \
    train --resume small --preset medium --num-epochs 4
