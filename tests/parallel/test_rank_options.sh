#!/usr/bin/env bash
# Ranks that do not fit each other, or options that ranks cannot have: all of them end at once, and
# one line says what to change. No folder is made.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
write_songs 24
host=$(hostname)
rank1="rank 1 \\($host\\):"
common=(train songs.txt --keep-duplicates --hidden-size 12 --num-steps 5 --num-epochs 1)

# ranks_refuse STATUS REGEX N ARG...: all must fail so, and change no file.
ranks_refuse() {
    local expected=$1 regex=$2 before
    shift 2
    before=$(files_here)
    run_ranks "$@"
    expect_rank_error "$expected" "$regex"
    [[ $(files_here) == "$before" ]] || fail "files must stay as they were: $(files_here)"
}

# A batch that the ranks cannot share.
cannot='3 ranks cannot share'
ranks_refuse 2 "--batch-size 8: $cannot it equally; use --batch-size 9, or 2 or 4 ranks\$" \
    3 "${common[@]}" --batch-size 8
ranks_refuse 2 "--shards 4: $cannot them equally; use --shards 6, or 2 or 4 ranks\$" \
    3 "${common[@]}" --batch-size 12 --shards 4
ranks_refuse 2 '--shards 1: 2 ranks cannot share them equally; use --shards 2, or 1 rank$' \
    2 "${common[@]}" --batch-size 8 --shards 1
ranks_refuse 2 '--shards 8: does not divide --batch-size 12; use --shards 12$' \
    2 "${common[@]}" --batch-size 12 --shards 8

# What only one process can do.
echo '{"lr": 0.1}' >trials.jsonl
ranks_refuse 2 '--trial: cannot be used with several ranks; ' 2 "${common[@]}" --trial trials.jsonl
ranks_refuse 2 '-: several ranks cannot all read standard input; ' 2 train -

# A mistake on all ranks, and on one of them.
ranks_refuse 2 '--batch-size nine: ' 2 "${common[@]}" --batch-size nine
extra=([1]='--batch-size nine')
ranks_refuse 2 "$rank1 --batch-size nine: " 2 "${common[@]}"
extra=([0]='--batch-size nine')
ranks_refuse 2 '--batch-size nine: ' 2 "${common[@]}"

# Options that differ.
same='; start all ranks with the same options$'
extra=([1]='--batch-size 16')
ranks_refuse 2 "$rank1 --batch-size is 16 and rank 0 has its default$same" 2 "${common[@]}"
extra=([0]='--lr 0.1' [2]='--lr 0.2')
ranks_refuse 2 "$rank1 --lr is its default and rank 0 has 0.1$same" 3 "${common[@]}"
extra=([2]='--prefix 月光')
ranks_refuse 2 "rank 2 \\($host\\): --prefix is 月光 and rank 0 has its default$same" 3 \
    "${common[@]}"
extra=([1]=--drop-leaks)
ranks_refuse 2 "$rank1 --drop-leaks is true and rank 0 has its default$same" 2 \
    "${common[@]}" --val-songs 0.2
extra=('--threads 1' '--threads 2')
ranks_refuse 2 "$rank1 the number of threads is 2 and rank 0 has 1; " 2 "${common[@]}"
extra=()

# The device. Where there is a GPU, this is another test's.
if run train --device cuda --num-epochs 0 songs.txt --out gpu && [[ $status == 0 ]]; then
    echo "note: there is a GPU, so that --device cuda is not refused"
    rm -r gpu
else
    ranks_refuse 1 "cuda: " 2 "${common[@]}" --device cuda
    extra=('--device auto' '--device cpu')
    ranks_succeed 2 "${common[@]}" --threads 1 --out run
    extra=()
    rm -r run
fi

# Another text, or none, on one rank.
mkdir other
sed 's/月光/日光/' songs.txt >other/songs.txt
folders=([1]=other)
ranks_refuse 1 "$rank1 the corpus is .* with XXH128 [0-9a-f]* and rank 0 has .* with XXH128 [0-9a-f]*; give the same lyrics to all ranks$" \
    2 "${common[@]}"
rm other/songs.txt
ranks_refuse 1 "$rank1 songs.txt: .*No such file" 2 "${common[@]}"
folders=()

# Another program on one rank: one whose text about itself is another.
LC_ALL=C sed 's/ of commit / of kommit /' "$lyrnn" >"$scratch/another"
chmod +x "$scratch/another"
programs=([1]=$scratch/another)
ranks_refuse 2 "$rank1 lyrnn is [0-9.]+ of kommit .* and rank 0 has [0-9.]+ of commit .*; start the same lyrnn on all hosts$" \
    2 "${common[@]}"
programs=()

# A run that is there, and one whose shards the ranks cannot share.
succeeds "${common[@]}" --batch-size 8 --shards 4 --threads 1 --out run
ranks_refuse 1 'run: exists; choose another --out, or add --overwrite$' 2 "${common[@]}" --out run
cannot='run: has --shards 4, which 3 ranks cannot share equally'
ranks_refuse 2 "$cannot; start 2 or 4 ranks, or a new run from its weights: --init run\$" \
    3 train --resume run --num-epochs 2

# Numbers that are not finite are the same on all ranks, and rank 0 says how to continue.
run_ranks 2 "${common[@]}" --cell rnn_relu --lr 1e6 --clip-norm 0 --threads 1 --out diverged
expect_rank_error 1 'training: .* became NaN or infinite at step [0-9]+, in epoch 1; lower --lr'
