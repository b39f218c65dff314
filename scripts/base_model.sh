#!/usr/bin/env bash
# base_model.sh CORPUS... [-- OPTION...]: trains a base model on a large body of verse, from which
# a model of your own songs can start. CORPUS is what `lyrnn train` reads: files, folders, archives.
# It chooses the preset by the size of the corpus, trains into runs/base, and prints the held-out
# perplexity and the command for your songs. OPTIONs of `lyrnn train` replace its choices. Run it
# again with the same arguments to continue an interrupted training.
# The environment variable LYRNN names the program if it is not build/lyrnn.
set -euo pipefail
root=$(dirname "${BASH_SOURCE[0]}")/..
source "$root/scripts/common.sh"

usage='usage: base_model.sh CORPUS... [-- OPTION...]'
# The presets medium and large are for corpora from these numbers of characters. A CPU would take
# days for large.
min_medium=50000 min_large=1000000

# refuse MESSAGE: reports wrong usage and stops the script.
refuse() {
    printf 'base_model.sh: %s\n' "$1" >&2
    exit 2
}

corpora=()
while (($# > 0)); do
    case $1 in
    --) break ;;
    -h | --help)
        echo "$usage"
        exit
        ;;
    -) refuse '-: standard input cannot be read twice; save the verse in a file' ;;
    -*) refuse "$1: options of lyrnn train come after --; $usage" ;;
    esac
    [[ ! -p $1 ]] || refuse "$1: a pipe cannot be read twice; save the verse in a file"
    corpora+=("$1")
    shift
done
options=("${@:2}")
((${#corpora[@]} > 0)) || {
    echo "$usage" >&2
    exit 2
}
# The printed command has the path as a user would type it: build/lyrnn.
built=$(realpath -m -s --relative-to=. "$root/build/lyrnn")
[[ $built == */* ]] || built=./$built
lyrnn=${LYRNN:-$built}
type -P "$lyrnn" >/dev/null ||
    fail "$lyrnn: not found; build lyrnn first (scripts/quickstart.sh), or set LYRNN to the program"

# options_of COMMAND: lists its options, one per line: NAME, or NAME= if it takes a value.
options_of() {
    "$lyrnn" "$1" --help | sed -nE 's/^ {6}--([a-z0-9-]+=?).*/\1/p'
}

# find_option WORD: prints the option of lyrnn train that WORD names, as options_of lists it. Like
# lyrnn, it accepts one dash and the beginning of a name. It prints nothing if it finds none, or
# several.
find_option() {
    local name=${1#-} found
    name=${name#-} name=${name%%=*}
    [[ $name =~ ^[a-z0-9-]+$ ]] || return 0
    found=$(grep -xE "$name=?" <<<"$train_options" || grep "^$name" <<<"$train_options") || return 0
    [[ $found == *$'\n'* ]] || echo "$found"
}

# read_options: sets run, preset and device if the OPTIONs choose them, and reading to those that
# lyrnn corpus has too. It stops at an option that lyrnn will refuse.
read_options() {
    local i word name value num_words
    for ((i = 0; i < ${#options[@]}; i += num_words)); do
        word=${options[i]} value=${options[i]#*=} num_words=1
        [[ $word == -?* && $word != -- ]] || refuse "$word: CORPUS comes before --; $usage"
        name=$(find_option "$word")
        if [[ $name == *= && $word != *=* ]]; then
            value=${options[i + 1]-} num_words=2
        fi
        [[ $word != -h ]] || name=help
        case $name in
        '') return ;;
        help) refuse "$word: comes before --; for the OPTIONs see lyrnn train --help" ;;
        trial= | resume= | overwrite)
            refuse "--${name%=}: this script trains one run, with --continue; leave it out"
            ;;
        out=) run=${value%/} ;;
        preset=) preset=$value ;;
        device=) device=$value ;;
        esac
        ! grep -qxF -e "$name" <<<"$corpus_options" || reading+=("${options[@]:i:num_words}")
    done
}

# has_gpu: succeeds if lyrnn can train on a GPU and the OPTIONs do not choose the CPU.
has_gpu() {
    [[ $device != cpu ]] &&
        "$lyrnn" info | awk '/^device *cuda/ && !/not available/ {n++} END {exit n == 0}'
}

# choose_preset: sets preset and why.
choose_preset() {
    local chars
    chars=$("$lyrnn" corpus --stats "${corpora[@]}" "${reading[@]}" |
        awk '$1 == "characters" {print $2}')
    preset=small why="$chars characters"
    ((chars < min_medium)) || preset=medium
    ((chars >= min_large)) || return 0
    if has_gpu; then
        preset=large
    else
        why+=', without a GPU'
    fi
}

train_options=$(options_of train)$'\nhelp' corpus_options=$(options_of corpus)
run='' preset='' device='' why='as you chose' reading=()
read_options
# What the user chose is already among the options.
defaults=()
[[ -n $run ]] || {
    run=runs/base
    defaults+=(--out "$run")
}
[[ -n $preset ]] || {
    choose_preset
    defaults+=(--preset "$preset")
}
echo "preset $preset: $why"
"$lyrnn" train --continue "${defaults[@]}" "${corpora[@]}" "${options[@]}"

# The last checkpoint is the base model if nothing is held out.
if [[ -e $run/best ]]; then
    base=$run/best line='s/^validation .*, best ([^ ]+)/, held-out perplexity \1/p'
else
    base=$run line='s/^perplexity +last ([^,]*).*/, perplexity \1, nothing is held out/p'
fi
echo "base model: $base$("$lyrnn" info "$run" | sed -nE "$line")"
echo 'next, learn your own songs with it:'
printf '  %q train --preset small --init %q --out runs/mine my_lyrics.txt\n' "$lyrnn" "$base"
