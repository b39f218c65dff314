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
# The preset large is for corpora from this number of characters. A CPU would take days for it.
min_large=1000000

corpora=() options=()
while (($# > 0)); do
    case $1 in
    --) break ;;
    -?*)
        echo "base_model.sh: $1: options of lyrnn train come after --; $usage" >&2
        exit 2
        ;;
    *) corpora+=("$1") ;;
    esac
    shift
done
options=("${@:2}")
((${#corpora[@]} > 0)) || {
    echo "$usage" >&2
    exit 2
}
lyrnn=${LYRNN:-$root/build/lyrnn}
[[ -x $lyrnn ]] ||
    fail "$lyrnn: not found; build lyrnn first (scripts/quickstart.sh), or set LYRNN to the program"

# value_of OPTION: prints the value that the OPTIONs give it, or nothing.
value_of() {
    local i
    for i in "${!options[@]}"; do
        case ${options[i]} in
        "$1") echo "${options[i + 1]-}" ;;
        "$1"=*) echo "${options[i]#*=}" ;;
        esac
    done | tail -n 1
}

# choose_preset: sets preset and why.
choose_preset() {
    local chars
    chars=$("$lyrnn" corpus --stats "${corpora[@]}" | awk '$1 == "characters" {print $2}')
    preset=medium why="$chars characters"
    if ((chars >= min_large)); then
        if "$lyrnn" info | grep '^device *cuda' | grep -qv 'not available'; then
            preset=large
        else
            why+=', without a GPU'
        fi
    fi
}

# What the user chose is already among the options.
defaults=()
run=$(value_of --out) preset=$(value_of --preset) why='as you chose'
[[ -n $run ]] || {
    run=runs/base
    defaults+=(--out "$run")
}
[[ -n $preset ]] || {
    choose_preset
    defaults+=(--preset "$preset")
}
echo "preset $preset: $why"
"$lyrnn" train --continue "${defaults[@]}" "${options[@]}" "${corpora[@]}"

"$lyrnn" info "$run" | awk -v run="$run" '$1 == "validation" {
    sub(/,$/, "", $5)
    printf "base model: %s/best, held-out perplexity %s in epoch %s\n", run, $5, $8 }'
printf '%s\n' 'next, learn your own songs with it:' \
    "  $lyrnn train --preset small --init $run/best --out runs/mine my_lyrics.txt"
