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
says "$out" 'preset medium: [0-9]+ characters'
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

# The preset is the user's, or follows the size and the device. A stand-in says what there is.
cat >"$scratch/stand_in" <<'STAND_IN'
#!/usr/bin/env bash
case $1 in
corpus) echo "characters $CHARS" ;;
info) echo "device      $DEVICE" ;;
train) printf 'lyrnn %s\n' "$*" ;;
esac
STAND_IN
chmod +x "$scratch/stand_in"
export LYRNN=$scratch/stand_in CHARS=999999 DEVICE='cuda:0: a GPU'
base_model 0 verse1.txt
says "$out" 'lyrnn train --continue --out runs/base --preset medium verse1.txt'
CHARS=1000000 base_model 0 verse1.txt -- --out=there
says "$out" 'lyrnn train --continue --preset large --out=there verse1.txt'
CHARS=1000000 DEVICE='cuda: not available: no driver' base_model 0 verse1.txt
says "$out" 'preset medium: 1000000 characters, without a GPU'
CHARS=1000000 base_model 0 verse1.txt -- --preset small
says "$out" 'preset small: as you chose'

# Mistakes are one line, and nothing is trained.
base_model 2
says "$err" 'usage: base_model.sh CORPUS... \[-- OPTION...\]'
base_model 2 verse1.txt --num-epochs 3
says "$err" 'base_model.sh: --num-epochs: options of lyrnn train come after --; usage: .*'
LYRNN=$scratch/none base_model 1 verse1.txt
says "$err" "base_model.sh: $scratch/none: not found; build lyrnn first .*"
