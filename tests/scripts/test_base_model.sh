#!/usr/bin/env bash
# scripts/base_model.sh trains a base model with the preset that fits the corpus, continues, and
# names a command for one's own songs that works. Argument: the program.
set -euo pipefail
script=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../scripts/base_model.sh")
. "$(dirname "$0")/../cli/lib.sh" "$1"
export LYRNN=$lyrnn
tiny=(--songs blank-line --num-epochs 2 --hidden-size 16 --embedding-size 8 --threads 1)

# base_model EXPECTED ARG...: runs the script, which must end with the status EXPECTED.
base_model() {
    command="base_model.sh ${*:2}"
    status=0
    "$script" "${@:2}" >"$out" 2>"$err" </dev/null || status=$?
    [[ $status == "$1" ]] || fail "the exit status must be $1"
}

# says FILE REGEX: a line of the file must match.
says() {
    grep -qxE -e "$2" "$1" || fail "a line must be: $2"
}

# Two files of verse, one poem per paragraph.
for part in 1 2; do
    for poem in {1..40}; do
        printf '%s\n' "第$poem首" "春风$part吹过第$poem条江" "月亮照着$poem盏灯$part" ''
    done >"verse$part.txt"
done
base_model 0 verse1.txt verse2.txt -- "${tiny[@]}" --pred-len=3
says "$out" 'preset small: [0-9]+ characters'
says "$out" 'base model: runs/base/best, held-out perplexity [0-9.]+ in epoch [12]'
[[ $(wc -l <runs/base/metrics.jsonl) == 2 ]] || fail 'the options after -- must be used'
grep -q '"val_perplexity"' runs/base/metrics.jsonl || fail 'poems must be held out'
grep -qF verse2.txt runs/base/config.json || fail 'the base model must learn both files'

# The command for one's own songs works as it is printed. Only its length is not that of the text.
next=$(sed -n 's/^  \(.*lyrnn train .*\)/\1/p' "$out")
[[ $next == *' --init runs/base/best '*my_lyrics.txt ]] || fail "no command for the songs: $next"
cp verse1.txt my_lyrics.txt
bash -c "$next --num-epochs 1 --pred-len 3 --threads 1" >"$scratch/songs" 2>&1 ||
    fail "the printed command must work: $(cat "$scratch/songs")"
[[ -f runs/mine/best/model.safetensors ]] || fail 'the songs must be learned and validated'

# Once more: the base model is complete.
base_model 0 verse1.txt verse2.txt -- "${tiny[@]}" --pred-len=3
says "$err" '.*runs/base: is complete after epoch 2.*'
says "$out" 'base model: runs/base/best, held-out perplexity [0-9.]+ in epoch [12]'

# The options of reading decide what is counted, however they are written. They may name the text.
short=(--num-epochs 1 --hidden-size 8 --embedding-size 8 --threads 1 --pred-len 3)
base_model 0 verse1.txt -- "${short[@]}" --songs blank-line --max-chars 500 --out some
says "$out" 'preset small: 500 characters'
base_model 0 verse1.txt -- "${short[@]}" --max-chars=9 -max-ch 400 --songs=blank-line --out fewer
says "$out" 'preset small: 400 characters'
for ((i = 0; i < 20; i++)); do
    printf '{"title": "一", "verse": "月亮照着\\n第%d盏灯"}\n' $((i * i))
done >verse.jsonl
base_model 0 verse.jsonl -- "${short[@]}" --json-field verse --keep-duplicates --out json
says "$out" 'preset small: 2[0-9][0-9] characters'

# If nothing is held out there is no best: the base model is the run itself. Its path is quoted, and
# the program may be found by PATH.
mkdir "$scratch/bin"
ln -s "$lyrnn" "$scratch/bin/lyrnn_here"
LYRNN=lyrnn_here PATH=$scratch/bin:$PATH base_model 0 verse1.txt -- "${short[@]}" \
    --songs blank-line --preset none --embedding-size 8 --out "my verse's"
says "$out" 'preset none: as you chose'
says "$out" "base model: my verse's, perplexity [0-9.]+, nothing is held out"
next=$(sed -n 's/^  \(lyrnn_here train .*\)/\1/p' "$out")
[[ $next == *" --init my\\ verse\\'s --out "* ]] || fail "the path must be quoted: $next"
PATH=$scratch/bin:$PATH bash -c "$next --num-epochs 1 --pred-len 3 --threads 1 --overwrite" \
    >"$scratch/songs" 2>&1 || fail "the printed command must work: $(cat "$scratch/songs")"
base_model 0 verse1.txt -- "${short[@]}" --songs blank-line --val-songs 0 --out whole/
says "$out" 'base model: whole, perplexity [0-9.]+, nothing is held out'

# The preset is the user's, or follows the size and the device. A stand-in says what there is.
cat >"$scratch/stand_in" <<'STAND_IN'
#!/usr/bin/env bash
[[ ${2-} != --help ]] || exec "$REAL" "$@"
case $1 in
corpus) echo "characters $CHARS" ;;
info) echo "${INFO-device      $DEVICE}" ;;
train) printf 'lyrnn %s\n' "$*" ;;
esac
STAND_IN
chmod +x "$scratch/stand_in"
export REAL=$lyrnn LYRNN=$scratch/stand_in CHARS=999999 DEVICE='cuda:0: a GPU'
base_model 0 verse1.txt
says "$out" 'lyrnn train --continue --out runs/base --preset medium verse1.txt'
CHARS=50000 DEVICE='cuda: not available: no driver' base_model 0 verse1.txt
says "$out" 'preset medium: 50000 characters'
CHARS=49999 base_model 0 verse1.txt
says "$out" 'lyrnn train --continue --out runs/base --preset small verse1.txt'
CHARS=1000000 base_model 0 verse1.txt -- --out=there
says "$out" 'lyrnn train --continue --preset large verse1.txt --out=there'
CHARS=1000000 DEVICE='cuda: not available: no driver' base_model 0 verse1.txt
says "$out" 'preset medium: 1000000 characters, without a GPU'
CHARS=1000000 base_model 0 verse1.txt -- --device cpu
says "$out" 'preset medium: 1000000 characters, without a GPU'
CHARS=1000000 base_model 0 verse1.txt -- --preset small
says "$out" 'preset small: as you chose'
# Whatever info says of when it was, the line says too.
INFO='validation  last 9.5, best 8.25 at step 35 of epoch 3' base_model 0 verse1.txt -- \
    --out some --preset small
says "$out" 'base model: some/best, held-out perplexity 8.25 at step 35 of epoch 3'

# The usage is no mistake if it is asked for.
for ask in -h --help; do
    base_model 0 verse1.txt $ask
    says "$out" 'usage: base_model.sh CORPUS... \[-- OPTION...\]'
    [[ ! -s $err ]] || fail 'no error'
done

# Without LYRNN it is the program that the repository has built, named as one would type it.
mkdir -p clone/scripts clone/build
cp "${script%/*}"/{base_model,common}.sh clone/scripts
cp "$scratch/stand_in" clone/build/lyrnn
(
    unset LYRNN
    script=scripts/base_model.sh
    cd clone
    base_model 0 ../verse1.txt
    says "$out" '  build/lyrnn train --preset small --init .*'
    script=../scripts/base_model.sh
    cd build
    base_model 0 ../../verse1.txt
    says "$out" '  \./lyrnn train --preset small --init .*'
)

# Mistakes are one line, and nothing is trained.
base_model 2
says "$err" 'usage: base_model.sh CORPUS... \[-- OPTION...\]'
base_model 2 verse1.txt --num-epochs 3
says "$err" 'base_model.sh: --num-epochs: options of lyrnn train come after --; usage: .*'
base_model 2 - -- --preset small
says "$err" 'base_model.sh: -: standard input cannot be read twice; save the verse in a file'
mkfifo pipe
base_model 2 pipe
says "$err" 'base_model.sh: pipe: a pipe cannot be read twice; save the verse in a file'
base_model 2 verse1.txt -- --num-epochs 3 verse2.txt
says "$err" 'base_model.sh: verse2.txt: CORPUS comes before --; usage: .*'
why='this script trains one run, with --continue; leave it out'
for option in --trial=some --resume=some --overwrite; do
    base_model 2 verse1.txt -- --tie $option
    says "$err" "base_model.sh: ${option%=*}: $why"
done
for ask in -h --help; do
    base_model 2 verse1.txt -- $ask
    says "$err" "base_model.sh: $ask: comes before --; for the OPTIONs see lyrnn train --help"
done
# What else is wrong with an option is for lyrnn to say. These names are values.
base_model 0 verse1.txt -- --prefix -h --out --prefix
says "$out" 'lyrnn train --continue --preset medium verse1.txt --prefix -h --out --prefix'
LYRNN=$lyrnn base_model 2 verse1.txt -- --out
says "$err" 'lyrnn: --out: needs a value: .*'
LYRNN=$lyrnn base_model 2 verse1.txt -- --num-epoks 3
says "$err" 'lyrnn: --num-epoks: unknown option; did you mean --num-epochs\? .*'
LYRNN=$scratch/none base_model 1 verse1.txt
says "$err" "base_model.sh: $scratch/none: not found; build lyrnn first .*"
