#!/usr/bin/env bash
# Wrong options, and the ways to ask for help.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"

refuses 2 '--hidden-size 0: must be from 1 to 65536$' train --hidden-size 0
refuses 2 '--hidden-size -1: must be from 1 to 65536$' train --hidden-size -1
refuses 2 '--hidden-size 1e9: must be .*from 1 to 65536$' train --hidden-size 1e9
refuses 2 '--hidden-size abc: must be .*from 1 to 65536$' train --hidden-size abc
refuses 2 '--hidden-size 1000000000: must be from 1 to 65536$' train --hidden-size 1000000000
refuses 2 '--hidden-size 99999999999999999999999: ' train --hidden-size 99999999999999999999999
refuses 2 '--hidden-size : ' train --hidden-size ''
refuses 2 '--hidden-size  8: ' train --hidden-size ' 8'
refuses 2 '--lr  1: must be a number' train --lr ' 1'
refuses 2 '--lr nan: must be from 0 to' train --lr nan
refuses 2 '--lr inf: must be from 0 to' train --lr inf
refuses 2 '--lr -1: must be from 0 to' train --lr -1
refuses 2 '--lr 0\.1x: must be a number' train --lr 0.1x
refuses 2 '--clip-norm -0\.5: must be from 0' train --clip-norm -0.5
refuses 2 '--num-epochs -1: ' train --num-epochs -1
refuses 2 '--batch-size 0: ' train --batch-size 0
refuses 2 '--num-steps 0: ' train --num-steps 0
refuses 2 '--seed -1: ' train --seed -1
refuses 2 '--seed 9223372036854775808: ' train --seed 9223372036854775808
refuses 2 '--pred-period 0: ' train --pred-period 0
refuses 2 '--checkpoint-every 0: ' train --checkpoint-every 0
refuses 2 '--cell lstmm: must be one of rnn_tanh' train --cell lstmm
refuses 2 '--num-layers 0: must be from 1 to 16$' train --num-layers 0
refuses 2 '--num-layers 17: must be from 1 to 16$' train --num-layers 17
refuses 2 '--dropout 1\.5: must be from 0 to 1$' train --dropout 1.5
refuses 2 '--dropout -0\.1: must be from 0 to 1$' train --dropout -0.1
refuses 2 '--dropout nan: must be from 0 to 1$' train --dropout nan
refuses 2 '--val-fraction 1: must be from 0 to 0\.9$' train --val-fraction 1
refuses 2 '--val-fraction -0\.1: must be from 0 to 0\.9$' train --val-fraction -0.1
refuses 2 '--val-fraction nan: must be from 0 to 0\.9$' train --val-fraction nan
refuses 2 '--patience -1: must be from 0 ' train --patience -1
refuses 2 '--patience 5: .*--val-fraction' train --patience 5
refuses 2 '--newlines kee: must be one of keep' train --newlines kee
refuses 2 '--sampling : must be one of' train --sampling ''
refuses 2 '--device gpu: must be auto, cpu' train --device gpu
refuses 2 '--threads many: ' train --threads many

# An unknown name comes with the nearest one, and where all names are.
means() { # OPTION MEANT COMMAND
    refuses 2 "$1: unknown option; did you mean $2\? See lyrnn $3 --help\$" "$3" "$1" 3
    refuses 2 "$1: unknown option; did you mean $2\? See lyrnn $3 --help\$" "$3" "$1=3"
}
means --epochs --num-epochs train
means --hidden_size --hidden-size train
means --Hidden-Size --hidden-size train
means --hiden-size --hidden-size train
means --hidden-szie --hidden-size train
means --hidden-dim --hidden-size train
means --learning-rate --lr train
means --learning_rate --lr train
means --output-dir --out train
means --gradient_accumulation_steps --shards train
means --emsize --embedding-size train
means --size '--hidden-size, --embedding-size or --batch-size' train
means --temprature --temperature generate
means --prompt --prefix generate
means --max_new_tokens --length generate
means --per_line --per-line eval
means --json --format bench
means --format --json info
means --helps --help info
means --version 'lyrnn --version' train
refuses 2 '-V: unknown option; did you mean lyrnn -V\? See lyrnn generate' generate -V
refuses 2 '--nothing-like-it: unknown option; see lyrnn train --help$' train --nothing-like-it 3
refuses 2 '-x: unknown option; see lyrnn train --help$' train -x
refuses 2 '-xyz: unknown option; see lyrnn train --help$' train --overwrite -xyz
refuses 2 '--: unknown option; see lyrnn train --help$' train --=3
refuses 2 '--loudness: unknown option; see lyrnn generate --help$' generate model --loudness 1
refuses 2 '--verbose: unknown option; see lyrnn info --help$' info --verbose
refuses 2 '--pred: short for several options; write more of one: --pred-period, --pred-len$' \
    train --pred 3
refuses 2 '--cell lstmm: must be one of .*\|gru; did you mean lstm\?$' train --cell lstmm
refuses 2 '--cell LSTM: must be one of .*; did you mean lstm\?$' train --cell LSTM
refuses 2 '--cell rnn: must be .*; did you mean rnn_tanh or rnn_relu\?$' train --cell rnn
refuses 2 '--cell rnn-relu: must be .*; did you mean rnn_relu\?$' bench --cell rnn-relu
refuses 2 'trian: unknown command; did you mean lyrnn train\? See lyrnn --help$' trian
refuses 2 '--trian: unknown option; did you mean lyrnn train\? See lyrnn --help$' --trian
refuses 2 'benchmark: unknown command; did you mean lyrnn bench\? See lyrnn --help$' benchmark
refuses 2 '--verison: unknown option; did you mean lyrnn version\? See lyrnn --help$' --verison
refuses 2 'frobnicate: unknown command; see lyrnn --help$' frobnicate
refuses 2 'command: the name is empty; see lyrnn --help$' ''

# A value that is missing, or that is one too many.
refuses 2 '--lr: needs a value: --lr RATE$' train --lr
refuses 2 '--prefix: needs a value: --prefix TEXT$' generate model --prefix
refuses 2 '--prefix: needs a value: --prefix TEXT$' generate model -prefix
refuses 2 '--prefix: needs a value before --length: --prefix TEXT$' \
    generate model --prefix --length 5
refuses 2 '--out: needs a value before --lr: --out DIR$' train --out --lr=3
refuses 1 'model: No such file' generate model --prefix=--length --length 5
refuses 1 'model: No such file' generate model --prefix --lengthy --length 5
refuses 2 '--overwrite: takes no value; leave out =yes$' train --overwrite=yes
refuses 2 '--overwrite: takes no value; leave out yes$' train --overwrite yes
refuses 2 '--greedy: takes no value; leave out true$' generate model --greedy true
refuses 2 '--bidirectional: takes no value; leave out 2$' bench --bidirectional 2
refuses 2 'MODEL\|RUN_DIR: is missing; see lyrnn generate --help$' generate
refuses 2 '--prefix: is missing' generate model
refuses 2 "月光: one argument too many; did you mean --prefix '月光'\\?$" generate model 月光
refuses 2 "月光: one argument too many; did you mean --prefix '月光'\\?$" \
    generate --greedy -- model 月光
refuses 2 "a 'b: one argument too many; did you mean --prefix 'a '\\\\''b'\\?$" \
    generate model "a 'b"
refuses 2 'other: one argument too many; lyrnn info takes only \[MODEL\|RUN_DIR\]; see' \
    info model other
refuses 2 'generate: one argument too many; did you mean --task generate\?$' bench generate
refuses 2 'x: one argument too many; lyrnn bench takes none; see lyrnn bench --help$' bench x
refuses 2 '--length -1: ' generate model --length -1
# A variable of the environment must not change which words are options.
POSIXLY_CORRECT=1 refuses 2 '--lr -1: must be from 0 to' train corpus.txt --lr -1

run
[[ $status == 2 && ! -s $out ]] || fail "no command is wrong usage"
grep -q 'lyrnn generate' "$err" || fail "no command must list the commands"

for command_line in "--help" "-h" "help" "--help train" "train --help" "train -h" "train --help x" \
    "generate --help" "eval --help" "info --help" "help help" "help version" "version --help"; do
    # shellcheck disable=SC2086 # words of a command line
    succeeds $command_line
    [[ ! -s $err ]] || fail "help must only go to standard output"
    head -n 1 "$out" | grep -q '^Usage: lyrnn' || fail "help must begin with the usage"
done
succeeds train --help
for text in '--hidden-size=N .*\[256\]' '--num-epochs=N ' '\[1e-3\]' 'no clipping' \
    '\[分开, 不分开\]' \
    '--cell=rnn_tanh|rnn_relu|lstm|gru$' 'recurrent cell \[rnn_tanh\]'; do
    grep -qe "$text" "$out" || fail "help must hold: $text"
done
for name in train generate eval corpus bench tune info help version; do
    succeeds $name --help
    cp "$out" expected
    succeeds help $name
    cmp expected "$out" || fail "help $name must be $name --help"
done
refuses 2 'trian: unknown command; did you mean lyrnn train\?' help trian
refuses 2 'generate: one argument too many; lyrnn help takes only \[COMMAND\]; see' \
    help train generate
for command_line in --version -V version; do
    succeeds $command_line
    [[ $(<"$out") =~ ^lyrnn\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "version must be lyrnn X.Y.Z"
    refuses 2 'x: one argument too many; lyrnn version takes none; ' $command_line x
done
succeeds info
grep -qE '^device +cpu: ' "$out" || fail "info must list the CPU"

# If there is no CUDA device, one remedy is enough.
write_corpus
run train corpus.txt "${tiny[@]}" --num-epochs 0 --precision bf16 --out rounded
[[ $status == 0 ]] ||
    expect_error 1 '--precision: .* in fp32, and there is no CUDA device: [^:;]+; use --precision '
refuses 1 '--precision: the CPU only computes in fp32; use --precision fp32$' \
    train corpus.txt "${tiny[@]}" --precision bf16 --device cpu

# Examples can be pasted: each is on a line of its own, and works.
for name in train generate eval corpus bench tune info; do
    succeeds $name --help
    ! grep -n ' $' "$out" || fail "no line may end in a space"
    sed -n '/^  lyrnn /,$p' "$out" >>examples
done
for name in train generate eval corpus tune; do
    grep -q "^  lyrnn $name " examples || fail "$name must have an example"
done
! grep -v '^  lyrnn ' examples || fail "an example must fit its line"
cat corpus.txt corpus.txt corpus.txt corpus.txt - <<<春夏秋冬 >my_lyrics.txt
cp corpus.txt other_lyrics.txt
cp corpus.txt lines.txt
lyrnn() { "$lyrnn" "$@"; }
while read -r example; do
    command=$example
    status=0
    eval "$example" >"$out" 2>"$err" </dev/null || status=$?
    # Only a CUDA device has something to tune.
    [[ $example != 'lyrnn tune '* ]] || ! grep -q ' has only one plan' "$err" || continue
    [[ $status == 0 && -s $out ]] || fail "an example must work"
done <examples

# A name that is empty, as after expanding a variable that is not set.
write_corpus
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out named
refuses 1 'file: its name is empty; name a text file$' train '' --out new
refuses 1 'file: its name is empty; name a text file$' eval named ''
refuses 1 'file: its name is empty; name a text file$' generate named --prefix-file ''
for name in generate info eval 'train --init'; do
    # shellcheck disable=SC2046,SC2086 # words of a command line
    refuses 1 'model: the name is empty; name a model.safetensors or a run$' \
        $name '' $([[ $name != eval ]] || echo corpus.txt) \
        $([[ $name != generate ]] || echo --prefix 分)
done
refuses 1 'run: the name is empty; name the folder of a run$' train --resume ''
rm -r named

# A value that is too long for any option: the error must still be readable.
long=$(printf 'x%.0s' {1..20000})
refuses 1 'x{1000,}.*\.\.\..*x{100,}: cannot open: File name too long; name a text file$' \
    train "$long" --out new
refuses 2 '--cell x{1000,}.*\.\.\..*x{100,}: must be one of rnn_tanh\|rnn_relu\|lstm\|gru$' train \
    --cell "$long"

# If an option is repeated, its last value counts, valid or not.
refuses 2 '--lr 7e9: ' train --lr 1 --lr 7e9
succeeds train corpus.txt "${tiny[@]}" --num-epochs 0 --out run --hidden-size 8 --hidden-size 24
grep -q '"hidden_size": 24' run/config.json || fail "the last --hidden-size must win"

# OMP_NUM_THREADS applies if --threads is not given.
OMP_NUM_THREADS=1 succeeds info
grep -q '^device *cpu: .*, 1 thread,' "$out" || fail "OMP_NUM_THREADS must apply"

# OpenMP may provide fewer threads than requested. Nothing may wait for the missing ones.
write_corpus
for setting in OMP_THREAD_LIMIT=1 OMP_DYNAMIC=true; do
    timeout 60 env "$setting" "$lyrnn" train corpus.txt "${tiny[@]}" --hidden-size 64 --threads 4 \
        --num-epochs 1 --out "$setting" >"$out" 2>"$err" || fail "$setting must not hang or fail"
done

# The memory line: its total is the sum of its parts. The copies for a checkpoint are the weights,
# Adam's moments, and the parts of both moments that are transposed for the file.
succeeds train corpus.txt "${tiny[@]}" --hidden-size 512 --num-epochs 0 --out counted
memory=$(sed -n 's/^memory: //p' "$err")
read -r total parameters checkpoints sum < <(awk 'BEGIN { RS = "[:,]" }
    { part[$1] = $NF; if (NR > 1) sum += $NF }
    NR == 1 { total = $1 }
    END { print total, part["parameters"], part["checkpoints"], sum }' <<<"$memory")
awk -v t="$total" -v s="$sum" 'BEGIN { exit !(s > 5 && t - s < 0.5 && s - t < 0.5) }' ||
    fail "the total must be the sum of the parts: $memory"
awk -v p="$parameters" -v c="$checkpoints" 'BEGIN { exit !(c > 3 * p - 0.3 && c < 4 * p) }' ||
    fail "checkpoints must be counted: $memory"

# More memory than there is (a training of this size needs 137 GB): refused at once because of the
# total.
if (($(sed -nE 's/^MemAvailable: +([0-9]+) kB/\1/p' /proc/meminfo) < 80000000)); then
    run train corpus.txt "${tiny[@]}" --hidden-size 65536 --out huge
    expect_error 1 'memory: [0-9]+ bytes requested, [0-9]+ available .*in all; lower --hidden-size'
    [[ ! -e huge ]] || fail "a run that cannot start leaves nothing"
    asked=$(sed -nE 's/^lyrnn: memory: ([0-9]+) bytes.*/\1/p' "$err")
    ((asked > 7 * 4 * 65536 * 65536)) || fail "a checkpoint's copies must be asked for: $asked"
fi
