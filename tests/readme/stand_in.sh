#!/usr/bin/env bash
# Stands in for the programs that the commands of a page call, under their names (see
# test_readme_commands.sh). It runs lyrnn with a small training, and only checks the rest.
# The environment has lyrnn and ctest (the real programs), source and build (folders), base (a small
# trained run), real_path, and log. Each call adds one line to log: ran, parsed or FAILED, the call.
set -uo pipefail
: "${lyrnn:?}" "${ctest:?}" "${source:?}" "${build:?}" "${base:?}" "${log:?}" "${real_path:?}"
name=${0##*/} call="${0##*/} $*"
[[ $0 != */scripts/* ]] || name=scripts/${0#*/scripts/}

record() {
    printf '%s\t%s\n' "$1" "${2-}" >>"$log"
    [[ $1 != FAILED* ]] || exit 1
}

# known_option WORD TEXT: an option must occur in the text of a help page or of a script.
known_option() {
    local option=${1%%=*}
    [[ $option != --?* ]] ||
        grep -qE -e "(^|[^a-z-])$option([^a-z-]|\$)|\"${option#--}\"" <<<"$2" ||
        record "FAILED: there is no option $option" "$call"
}

# A script must exist, be executable and parse, and know its options. A script's options may be in
# the files that it sources or imports, which are in the same folder.
check_script() {
    local script=$source/$1 folder text word
    folder=$(dirname "$script")
    shift
    [[ -f $script ]] || record "FAILED: there is no $script" "$call"
    case $script in
    *.sh)
        [[ -x $script ]] || record "FAILED: not executable: $script" "$call"
        bash -n "$script" || record "FAILED: bash cannot parse $script" "$call"
        text=$(cat "$script" "$folder/common.sh" 2>/dev/null)
        ;;
    *)
        text=$(cat "$script"
            sed -nE 's/^(import|from) ([a-z_]+).*/\2/p' "$script" | while read -r word; do
                cat "$folder/$word.py" 2>/dev/null
            done)
        ;;
    esac
    for word in "$@"; do known_option "$word" "$text"; done
    record parsed "$call"
}

# A configuration's variables must be in a CMakeLists.txt, and so must a target.
check_cmake() {
    local word before='' text
    text=$(cat "$source/CMakeLists.txt" "$source"/*/CMakeLists.txt)
    for word in "$@"; do
        case $word in
        -DCMAKE_*=*) ;;
        -D*) grep -qwF -e "$(sed -E 's/^-D([A-Za-z_]+).*/\1/' <<<"$word")" <<<"$text" ||
            record "FAILED: CMakeLists.txt has no $word" "$call" ;;
        -S | -B | -G | -j* | -E | --build | --install | --prefix | --target) ;;
        --parallel | --config) ;;
        -*) record "FAILED: unknown option $word of cmake" "$call" ;;
        esac
        [[ $before != --target || $word =~ ^(all|install|clean)$ ]] ||
            grep -qwF "$word" <<<"$text" ||
            record "FAILED: there is no target $word" "$call"
        before=$word
    done
    record parsed "$call"
}

# ctest lists the tests instead of running them. There must be one, or the label must exist: without
# nvcc, for example, the build has no test with the label gpu.
check_ctest() {
    local arguments=() word before='' found
    for word in "$@"; do
        [[ $before != --test-dir ]] || word=$build
        arguments+=("$word")
        before=$word
    done
    [[ " $* " == *' --test-dir '* ]] || arguments=(--test-dir "$build" "${arguments[@]}")
    found=$("$ctest" -N "${arguments[@]}" 2>&1) || record "FAILED: $found" "$call"
    if [[ $found == *'Total Tests: 0'* ]]; then
        [[ " $*" =~ \ -L\ ([a-z]+) ]] || record 'FAILED: no such test' "$call"
        grep -qE "(LABELS|labels).*\b${BASH_REMATCH[1]}\b" "$source/tests/CMakeLists.txt" ||
            record 'FAILED: no such label' "$call"
    fi
    record parsed "$call"
}

# The text and the models that a page takes for granted: each *.txt is the sample lyrics, each
# *.jsonl one trial, each run and each model a small trained one.
provide() {
    local word
    for word in "$@"; do
        [[ ! -e $word && $word != -* ]] || continue
        mkdir -p "$(dirname "$word")"
        case $word in
        *.txt) cp "$source/host/data/sample_lyrics.txt" "$word" ;;
        *.jsonl) echo '{"seed": 2}' >"$word" ;;
        *.safetensors) cp "$base/latest/model.safetensors" "$word" ;;
        runs/*) cp -rP "$base" "$word" && : >"$word/provided" ;;
        esac
    done
}

# shrink OPTION VALUE: puts the value in place of the option's, or adds the option.
shrink() {
    local i
    for i in "${!arguments[@]}"; do
        [[ ${arguments[i]} != "$1" ]] || arguments[i + 1]=$2
        [[ ${arguments[i]} != "$1="* ]] || arguments[i]=$1=$2
        [[ ${arguments[i]} != "$1" && ${arguments[i]} != "$1="* ]] || return 0
    done
    arguments+=("$1" "$2")
}

# One epoch of a small network, or one epoch more of a run.
shrink_train() {
    local i run='' new=''
    for i in "${!arguments[@]}"; do
        [[ ${arguments[i]} != --resume ]] || run=${arguments[i + 1]-}
        [[ ${arguments[i]} != --out ]] || new=${arguments[i + 1]-}
    done
    for i in "${arguments[@]:1}"; do [[ $i == "$new" ]] || provide "$i"; done
    [[ ! -e $new/provided ]] || rm -r "$new"
    if [[ -n $run ]]; then
        shrink --num-epochs $(($(wc -l <"$run/metrics.jsonl") + 1))
    else
        [[ " $call " == *' --num-epochs 0 '* ]] || shrink --num-epochs 1
        [[ " $call " == *' --init '* ]] || shrink --hidden-size 16
    fi
}

# A sixteenth of each number in a list, for example 2..16*2 for 32..256*2, but no factor less.
sixteenth() {
    awk '{
        while (match($0, /\*?[0-9]+/)) {
            number = substr($0, RSTART, RLENGTH)
            if (number !~ /\*/) number = number + 0 < 16 ? 1 : int(number / 16)
            printf "%s%s", substr($0, 1, RSTART - 1), number
            $0 = substr($0, RSTART + RLENGTH)
        }
        print
    }' <<<"$1"
}

# Small sizes, and one repetition of two steps.
shrink_bench() {
    local i
    for i in "${!arguments[@]}"; do
        case ${arguments[i]} in
        --hidden-size=* | --batch-size=*)
            arguments[i]=${arguments[i]%%=*}=$(sixteenth "${arguments[i]#*=}")
            ;;
        --hidden-size | --batch-size) arguments[i + 1]=$(sixteenth "${arguments[i + 1]-}") ;;
        esac
    done
    [[ " $call" == *' --hidden-size'* ]] || shrink --hidden-size 16
    [[ " $call" == *' --batch-size'* ]] || shrink --batch-size 2
    shrink --vocab-size 64
    [[ " $call " == *'generate '* ]] || shrink --num-steps 4
    shrink --steps 2
    shrink --repetitions 1
}

run_lyrnn() {
    local help word status=0
    arguments=("$@")
    case ${1-} in
    train | generate | eval | corpus | bench | info | help | version)
        help=$("$lyrnn" "$1" --help) || record "FAILED: lyrnn $1 --help" "$call"
        ;;
    --version | --help | '') help=' --version --help' ;;
    *) record "FAILED: lyrnn has no command $1" "$call" ;;
    esac
    for word in "$@"; do known_option "$word" "$help"; done
    # What needs a GPU is not run.
    if [[ " $* " =~ \ (cuda(:[0-9])?|tf32|bf16)\  ]]; then
        record parsed "$call"
        return
    fi
    case ${1-} in
    train) shrink_train ;;
    bench) shrink_bench ;;
    *) provide "${arguments[@]:1}" ;;
    esac
    "$lyrnn" ${arguments[@]+"${arguments[@]}"} 2>"$log.err" || status=$?
    ((status == 0 || status == 141)) ||
        record "FAILED: status $status: $(tail -n 1 "$log.err")" "$call"
    record ran "$call"
}

[[ $name == sudo ]] || PATH=$real_path
case $name in
lyrnn) run_lyrnn "$@" ;;
scripts/*) check_script "$name" "$@" ;;
cmake) check_cmake "$@" ;;
ctest) check_ctest "$@" ;;
bash | sh | python3)
    [[ ${1-} != *scripts/* ]] || check_script "scripts/${1#*scripts/}" "${@:2}"
    record parsed "$call"
    ;;
sudo) "$@" ;;
*) record parsed "$call" ;;
esac
