#!/usr/bin/env bash
# gpu_check.sh OUT [--deps DIR] [--time SECONDS] [--arch ARCH]: runs every check that needs a GPU.
# It builds for this machine's GPU, runs the tests labeled gpu on each path of the recurrence,
# trains twice and once with the whole recipe, measures, and runs the operation tests under
# compute-sanitizer. A failure does not stop the other checks. It writes into the folder OUT:
#   summary.txt, summary.json   the machine, then each check: passed, failed or not run, and why
#   ctest.txt kernels.txt sanitizer.txt bench.txt bench.jsonl  the output of each check
#   cublaslt.txt  the matrix products that ran through cuBLASLt, in at least one training step
#   speed.jsonl   lyrnn and PyTorch, one record per shape; append it to the file of the same name in
#                 scripts/bench/results
# The exit status is 1 if a check failed. All checks together take at most SECONDS [900]; a check
# that would start later is not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

usage() {
    echo "usage: ${0##*/} OUT [--deps DIR] [--time SECONDS] [--arch ARCH]" >&2
    exit 2
}

out='' limit=900 arch=native
while (($# > 0)); do
    case $#:$1 in
    1:--*) usage ;;
    *:--deps) parse_options "$1" "$2" ;;
    *:--time) limit=$2 ;;
    *:--arch) arch=$2 ;;
    *:-*) usage ;;
    *)
        [[ -z $out ]] || usage
        out=$(cd "$OLDPWD" && realpath -m -- "$1")
        shift
        continue
        ;;
    esac
    shift 2
done
[[ -n $out && $limit =~ ^[1-9][0-9]*$ ]] || usage

command -v nvidia-smi >/dev/null ||
    fail 'nvidia-smi: not found; run this script on a machine with an NVIDIA driver'
query=(nvidia-smi "--format=csv,noheader")
gpu=$("${query[@]}" --query-gpu=name,driver_version,compute_cap,memory.total 2>&1 | paste -sd' ') ||
    fail "nvidia-smi: $gpu; run this script on a machine with a GPU"
nvcc=$(find_nvcc) || fail 'nvcc: not found; install the CUDA toolkit'

build=$PWD/build/gpu
deadline=$((SECONDS + limit))
results=() failed=0
mkdir -p "$out"
rm -f "$out"/{summary,ctest,kernels,sanitizer,bench,cublaslt}.txt "$out"/{summary,bench}.json \
    "$out/speed.jsonl"

say() {
    printf '%s\n' "$*" | tee -a "$out/summary.txt"
}

# json_text TEXT: prints TEXT as a JSON string.
json_text() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# record NAME passed|failed|'not run' SECONDS [WHY]: adds the result of a check to the summary.
record() {
    local why=${4-}
    say "$2: $1 ($3 s)${why:+: $why}"
    results+=("$(printf '{"name": %s, "result": "%s", "seconds": %d, "why": %s}' \
        "$(json_text "$1")" "$2" "$3" "$(json_text "$why")")")
    [[ $2 != failed ]] || failed=$((failed + 1))
}

# attempt SECONDS LOG COMMAND...: runs COMMAND for at most SECONDS and within the time that is left.
# LOG gets its output, but the file $stdout gets its standard output if that variable is set. Sets
# status, why and took.
attempt() {
    local most=$1 log=$out/$2 left=$((deadline - SECONDS)) start=$SECONDS
    shift 2
    status=0 why='' took=0
    if ((left < 1)); then
        status=-1 why="no time was left of the $limit s; set a longer --time"
        return
    fi
    ((most < left)) || most=$left
    printf '\n$ %s\n' "$*" >>"$log"
    timeout --kill-after=10 "$most" "$@" >>"${stdout:-$log}" 2>>"$log" </dev/null || status=$?
    took=$((SECONDS - start))
    case $status in
    0) ;;
    124 | 137) why="stopped after $most s" ;;
    99) why="compute-sanitizer found errors; see ${log##*/}" ;;
    77) why='it skipped itself, because it found no usable GPU' ;;
    *) why="exit status $status; see ${log##*/}" ;;
    esac
}

# record_attempt NAME: records the last attempt by its exit status.
record_attempt() {
    local result=failed
    ((status != 0)) || result=passed
    ((status != -1)) || result='not run'
    record "$1" "$result" "$took" "$why"
    ((status == 0))
}

# check NAME SECONDS LOG COMMAND...: attempts COMMAND and records the result.
check() {
    local name=$1
    shift
    attempt "$@"
    record_attempt "$name"
}

say_environment() {
    say "date: $(date -u '+%Y-%m-%d %H:%M:%S UTC')"
    say "commit: $(git describe --always --dirty 2>/dev/null || echo unknown)"
    say "GPU (name, driver, compute capability, memory): $gpu"
    say "CUDA compiler: $("$nvcc" --version | sed -n 's/.*release //p')"
    say "host: $(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo), $(nproc) cores," \
        "gcc $(gcc -dumpfullversion), $(cmake --version | head -n 1)"
}

write_json() {
    local i
    {
        printf '{"date": "%s", "commit": %s, "gpu": %s, "failed": %d,\n "checks": [' \
            "$(date -u '+%Y-%m-%dT%H:%M:%SZ')" \
            "$(json_text "$(git describe --always --dirty 2>/dev/null || echo unknown)")" \
            "$(json_text "$gpu")" "$failed"
        for ((i = 0; i < ${#results[@]}; i++)); do
            printf '%s\n  %s' "$( ((i == 0)) || echo ,)" "${results[i]}"
        done
        printf '\n ]}\n'
    } >"$out/summary.json"
}

# Builds only the programs that this script runs: the simulator's take longer than all others.
build_for_gpu() {
    check configure 120 ctest.txt cmake --fresh -S . -B "$build" -DCMAKE_BUILD_TYPE=Release \
        -DLYRNN_CUDA=ON -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$arch" ||
        return
    mapfile -t tests < <(ctest --test-dir "$build" -L gpu -N | sed -n 's/.*: gpu_//p')
    check build 400 ctest.txt cmake --build "$build" --parallel "$(nproc)" \
        --target lyrnn_program "${tests[@]}"
}

# This machine has a GPU, so a test that skips itself counts as failed.
run_tests() {
    local path junit=$build/junit.xml
    for path in cost steps resident grid; do
        rm -f "$junit"
        attempt 300 ctest.txt env LYRNN_DEBUG_RECURRENCE=$path ctest --test-dir "$build" -L gpu \
            --output-on-failure --no-tests=error --output-junit "$junit"
        if [[ -s $junit ]]; then
            count_tests "$junit"
            ((tests_ok == tests_total)) || status=1
            ((status == 0)) ||
                why="only $tests_ok of $tests_total passed, $tests_not_run skipped; see ctest.txt"
        fi
        record_attempt "ctest -L gpu, recurrence path $path" || true
    done
}

# The same command must write the same bytes.
train_twice() {
    local run runs
    runs=$(mktemp -d)
    for run in first second; do
        check "lyrnn train --device cuda, $run" 120 ctest.txt "$build/lyrnn" train --device cuda \
            --num-epochs 50 --out "$runs/$run" || true
    done
    if [[ -d $runs/first/latest && -d $runs/second/latest ]]; then
        check 'both trainings write the same model' 10 ctest.txt \
            cmp "$runs"/{first,second}/latest/model.safetensors || true
    else
        record 'both trainings write the same model' 'not run' 0 'a training wrote no model'
    fi
    rm -rf "$runs"
}

# Every option of the recipe at once. The step is still one graph.
train_recipe() {
    local runs
    runs=$(mktemp -d)
    check 'lyrnn train --device cuda with the whole recipe' 120 ctest.txt "$build/lyrnn" train \
        --device cuda --cell lstm --num-layers 2 --num-epochs 5 --embedding-size 128 --tie \
        --dropout 0.2 --dropout-input 0.2 --dropout-output 0.3 --dropout-weight 0.3 \
        --schedule cosine --warmup 20 --weight-decay 0.1 --beta2 0.99 --ema 0.9 --shards 4 \
        --out "$runs/recipe" || true
    rm -rf "$runs"
}

measure() {
    check 'matrix products through cuBLASLt' 60 bench.txt env CUBLASLT_LOG_LEVEL=2 \
        CUBLASLT_LOG_FILE="$out/cublaslt.txt" "$build/lyrnn" bench --device cuda --steps 1 \
        --repetitions 1 || true
    if "$build/lyrnn" bench --help >/dev/null 2>&1; then
        check 'lyrnn bench, table' 120 bench.txt "$build/lyrnn" bench --device cuda \
            --format table || true
        stdout=$out/bench.jsonl check 'lyrnn bench, JSON lines' 120 bench.txt "$build/lyrnn" bench \
            --device cuda --format jsonl || true
    else
        record 'lyrnn bench' 'not run' 0 'this version of lyrnn has no bench command'
    fi
}

# compare_with_pytorch PRESET...: runs one check per preset. If the time runs out, the results of
# the earlier presets remain.
compare_with_pytorch() {
    local python preset
    for python in python3 /usr/bin/python3 ''; do
        "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null && break
    done
    for preset; do
        if [[ -z $python ]]; then
            record "lyrnn and PyTorch, shape $preset" 'not run' 0 \
                'no python3 here has a PyTorch that finds the GPU'
        else
            check "lyrnn and PyTorch, shape $preset" 200 bench.txt "$python" \
                scripts/bench/compare.py --device cuda --lyrnn "$build/lyrnn" \
                --preset "$preset" --rounds 3 --json "$out/speed.jsonl" || true
        fi
    done
}

report_kernels() {
    local capability
    capability=$("${query[@]}" --query-gpu=compute_cap | head -n 1)
    check "kernels of sm_${capability/./}" 120 kernels.txt scripts/kernel_report.sh \
        "${capability/./}" || true
}

# Runs only the operation tests: they launch every kernel, on small shapes.
sanitize() {
    local sanitizer tool test
    sanitizer=$(command -v compute-sanitizer ||
        command -v "$(dirname "$nvcc")/compute-sanitizer") || {
        record compute-sanitizer 'not run' 0 'not installed'
        return
    }
    for tool in memcheck racecheck; do
        for test in "${tests[@]}"; do
            [[ $test == test_operations* ]] || continue
            check "$tool, $test" 150 sanitizer.txt env LYRNN_TEST_DEVICE=cuda "$sanitizer" \
                --tool "$tool" --error-exitcode 99 "$build/tests/$test" || true
        done
    done
}

say_environment
# test.sh's other packages (clang and its tools) are not needed here.
set_up "${build_packages[@]}" libcmocka-dev
if build_for_gpu; then
    run_tests
    train_twice
    train_recipe
    measure
    compare_with_pytorch A
    report_kernels
    sanitize
    # The larger shapes come last, because they can use up the time.
    compare_with_pytorch B C D E F
else
    for name in tests training benchmarks PyTorch kernels sanitizer; do
        record "$name" 'not run' 0 'the build failed; see ctest.txt'
    done
fi
write_json
say "$failed failed of ${#results[@]}"
((failed == 0))
