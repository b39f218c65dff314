#!/usr/bin/env bash
# Every command in a README.md of the repository works: lyrnn runs with a small training, and all
# else is checked to parse, with its options. tests/README.md says which blocks hold commands.
# Prints what it ran and what it only parsed. Arguments: the program, CMake's build folder, ctest.
set -euo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
source=$(realpath "$here/../..")
lyrnn=$(realpath "$1") build=$(realpath "$2") ctest=$(realpath "$3")
export LC_ALL=C.UTF-8 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive lyrnn source build ctest
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export base=$scratch/base log=$scratch/log real_path=$PATH

# A page's commands find only these: the stand-ins, and harmless programs that are passed through.
mkdir "$scratch/bin"
for name in lyrnn cmake ctest bash sh python3 sudo pip pip3 apt-get git curl wget tar cc c++ gcc \
    g++ \
    clang clang++ pkg-config make ninja man docker scp rsync ssh srun sbatch nvidia-smi; do
    ln -s "$scratch/stand_in" "$scratch/bin/$name"
done
for name in cat grep sort head tail cut wc tr sed awk ls cmp diff tee mkdir cp date env printf; do
    ln -s "$(type -P $name)" "$scratch/bin/$name"
done
real_bash=$(type -P bash)
sed "1s|.*|#!$real_bash|" "$here/stand_in.sh" >"$scratch/stand_in"
chmod +x "$scratch/stand_in"
"$lyrnn" train --out "$base" --num-epochs 1 --hidden-size 16 --threads 1 >/dev/null 2>&1

num_failed=0
failed() {
    echo "FAILED $1"
    num_failed=$((num_failed + 1))
}

# A folder like the repository after a build: build/lyrnn and the scripts are stand-ins.
new_folder() {
    local script
    rm -rf "$scratch/page"
    mkdir -p "$scratch/page/build"
    cd "$scratch/page"
    ln -s "$scratch/stand_in" build/lyrnn
    while IFS= read -r script; do
        mkdir -p "$(dirname "$script")"
        ln -s "$scratch/stand_in" "$script"
    done < <(cd "$source" && find scripts \( -name '*.sh' -o -name '*.py' \) -type f)
    mkdir -p scripts/bench/results
}

# run_command COMMAND: sets error to why it does not work, or to nothing.
run_command() {
    local command=${1//\/usr\/bin\//}
    : >"$log"
    PATH=$scratch/bin "$real_bash" -c "$command" >"$scratch/out" 2>"$scratch/err" </dev/null || true
    error=$(grep -m 1 '^FAILED' "$log" || grep -m 1 -E \
        '^[^ ]*bash: .*(not found|No such file|Permission denied|syntax error)' "$scratch/err" || \
        true)
    error=${error//$'\t'/: }
    [[ -n $error || -s $log ]] || error='no program that this test knows'
}

# check_command PAGE:LINE COMMAND
check_command() {
    run_command "$2"
    if [[ -n $error ]]; then
        failed "$1: $2: $error"
    else
        echo "$(cut -f 1 "$log" | sort -u | paste -sd ,): $1: $2"
        cat "$log" >>"$scratch/all"
    fi
}

# Planted mistakes must be found, so that the check can fail.
new_folder
while IFS= read -r command; do
    run_command "$command"
    [[ -n $error ]] || failed "planted mistake not found: $command"
done <<'MISTAKES'
lyrn train --num-epochs 1
build/lyrn train
lyrnn trian my_lyrics.txt
lyrnn train --hidden-units 16 my_lyrics.txt
lyrnn train --device cuda --hidden-units 16
lyrnn train --cell lstn my_lyrics.txt
lyrnn generate runs/mine --prefix 分开 | grpe 分开
./scripts/quick_start.sh
./scripts/test.sh --dependencies DIR
python3 scripts/bench/compare.py --round 3
cmake -S . -B build -DLYRNN_WERRORS=ON
cmake --build build --target instal
ctest --test-dir build -R test_no_such_thing
ctest --test-dir build -L cpus
ls scripts
MISTAKES

: >"$scratch/all"
while IFS= read -r page; do
    new_folder
    while IFS=$'\t' read -r line command; do
        if [[ $command == '!'* ]]; then
            failed "$page:$line: ${command#!}"
        else
            check_command "$page:$line" "$command"
        fi
    done < <(awk -f "$here/commands.awk" "$source/$page")
done < <(cd "$source" && find README.md .ci cuda host include scripts tests -name README.md | sort)

num_ran=$(grep -c ^ran "$scratch/all" || true) num_parsed=$(grep -c ^parsed "$scratch/all" || true)
echo "$num_ran calls ran, $num_parsed were parsed, $num_failed failed"
((num_failed == 0 && num_ran >= 10 && num_parsed >= 10))
