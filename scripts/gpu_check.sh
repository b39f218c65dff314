#!/usr/bin/env bash
# gpu_check.sh OUT [--deps DIR] [--time SECONDS] [--arch ARCH]: everything that needs a GPU, on this
# machine's: builds for it, runs the tests labelled gpu on each path of the recurrence, trains
# twice, measures, and runs the operation tests under compute-sanitizer. No failure stops the rest.
# Into OUT:
#   summary.txt, summary.json   the machine, then each check: passed, failed or not run, and why
#   ctest.txt kernels.txt sanitizer.txt bench.txt bench.json   what each check printed
#   cublaslt.txt  the products that cuBLASLt took, of one training step and more
#   speed.jsonl   lyrnn beside PyTorch, a line a shape, to be added to scripts/bench/results/speed.jsonl
# The status is 1 when anything failed. All together takes SECONDS [900] at most; what would begin
# after that is not run.
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

command -v nvidia-smi >/dev/null || fail 'no GPU here: there is no nvidia-smi'
query=(nvidia-smi "--format=csv,noheader")
gpu=$("${query[@]}" --query-gpu=name,driver_version,compute_cap,memory.total 2>&1 | paste -sd' ') ||
    fail "no GPU here: $gpu"
nvcc=$(find_nvcc) || fail 'nvcc: not found; lyrnn needs the CUDA toolkit to build for a GPU'

build=$PWD/build/gpu
deadline=$((SECONDS + limit))
results=() failed=0
mkdir -p "$out"
rm -f "$out"/{summary,ctest,kernels,sanitizer,bench,cublaslt}.txt "$out"/{summary,bench}.json "$out/speed.jsonl"

say() {
    printf '%s\n' "$*" | tee -a "$out/summary.txt"
}

# json_text TEXT: as a JSON string.
json_text() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# record NAME passed|failed|'not run' SECONDS [WHY]
record() {
    local why=${4-}
    say "$2: $1 ($3 s)${why:+: $why}"
    results+=("$(printf '{"name": %s, "result": "%s", "seconds": %d, "why": %s}' \
        "$(json_text "$1")" "$2" "$3" "$(json_text "$why")")")
    [[ $2 != failed ]] || failed=$((failed + 1))
}

# attempt SECONDS LOG COMMAND...: runs within the time that is left; its output goes to LOG, standard
# output to the file $stdout instead where that is set. Sets status, why and took.
attempt() {
    local most=$1 log=$out/$2 left=$((deadline - SECONDS)) start=$SECONDS
    shift 2
    status=0 why='' took=0
    if ((left < 1)); then
        status=-1 why="the $limit s were used up"
        return
    fi
    ((most < left)) || most=$left
    printf '\n$ %s\n' "$*" >>"$log"
    timeout --kill-after=10 "$most" "$@" >>"${stdout:-$log}" 2>>"$log" </dev/null || status=$?
    took=$((SECONDS - start))
    case $status in
    0) ;;
    124 | 137) why="stopped after $most s" ;;
    99) why="compute-sanitizer found errors, see ${log##*/}" ;;
    77) why='skipped itself, so it found no usable GPU' ;;
    *) why="exit status $status, see ${log##*/}" ;;
    esac
}

# record_attempt NAME: by its exit status.
record_attempt() {
    local result=failed
    ((status != 0)) || result=passed
    ((status != -1)) || result='not run'
    record "$1" "$result" "$took" "$why"
    ((status == 0))
}

# check NAME SECONDS LOG COMMAND...
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

# Only what runs here: the simulator's programs would take longer to build than all the rest.
build_for_gpu() {
    check configure 120 ctest.txt cmake --fresh -S . -B "$build" -DCMAKE_BUILD_TYPE=Release \
        -DLYRNN_CUDA=ON -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$arch" ||
        return
    mapfile -t tests < <(ctest --test-dir "$build" -L gpu -N | sed -n 's/.*: gpu_//p')
    check build 400 ctest.txt cmake --build "$build" --parallel "$(nproc)" \
        --target lyrnn_program "${tests[@]}"
}

# A test that skips itself where there is a GPU has failed.
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
                why="$tests_ok of $tests_total passed, $tests_not_run skipped, see ctest.txt"
        fi
        record_attempt "ctest -L gpu, recurrence by $path" || true
    done
}

# Same command, same bytes.
train_twice() {
    local run runs
    runs=$(mktemp -d)
    for run in first second; do
        check "lyrnn train --device cuda, $run" 120 ctest.txt "$build/lyrnn" train --device cuda \
            --num-epochs 50 --out "$runs/$run" || true
    done
    if [[ -d $runs/first/latest && -d $runs/second/latest ]]; then
        check 'the same model both times' 10 ctest.txt \
            cmp "$runs"/{first,second}/latest/model.safetensors || true
    else
        record 'the same model both times' 'not run' 0 'no two models'
    fi
    rm -rf "$runs"
}

measure() {
    check 'products that cuBLASLt takes' 60 bench.txt env CUBLASLT_LOG_LEVEL=2 \
        CUBLASLT_LOG_FILE="$out/cublaslt.txt" "$build/lyrnn" bench --device cuda --steps 1 \
        --repetitions 1 || true
    if "$build/lyrnn" bench --help >/dev/null 2>&1; then
        check 'lyrnn bench, table' 120 bench.txt "$build/lyrnn" bench --device cuda \
            --format table || true
        stdout=$out/bench.json check 'lyrnn bench, JSON' 120 bench.txt "$build/lyrnn" bench \
            --device cuda --format json || true
    else
        record 'lyrnn bench' 'not run' 0 'this lyrnn has no such command'
    fi
}

# compare_with_pytorch PRESET...: a check each, so that the time limit leaves those that came before.
compare_with_pytorch() {
    local python preset
    for python in python3 /usr/bin/python3 ''; do
        "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null && break
    done
    for preset; do
        if [[ -z $python ]]; then
            record "PyTorch beside lyrnn, shape $preset" 'not run' 0 \
                'no python3 with a PyTorch that sees the GPU'
        else
            check "PyTorch beside lyrnn, shape $preset" 200 bench.txt "$python" scripts/bench/compare.py \
                --device cuda --lyrnn "$build/lyrnn" --preset "$preset" --rounds 3 \
                --json "$out/speed.jsonl" || true
        fi
    done
}

report_kernels() {
    local capability
    capability=$("${query[@]}" --query-gpu=compute_cap | head -n 1)
    check "kernels of sm_${capability/./}" 120 kernels.txt scripts/kernel_report.sh "${capability/./}" ||
        true
}

# The operation tests alone: they launch every kernel, on small shapes.
sanitize() {
    local sanitizer tool test
    sanitizer=$(command -v compute-sanitizer || command -v "$(dirname "$nvcc")/compute-sanitizer") || {
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
# Not with test.sh's packages: clang and its tools are not needed here.
set_up "${build_packages[@]}" libcmocka-dev
if build_for_gpu; then
    run_tests
    train_twice
    measure
    compare_with_pytorch A
    report_kernels
    sanitize
    # Last, since the larger shapes would leave the rest no time.
    compare_with_pytorch B C D E F
else
    for name in tests training benchmarks PyTorch kernels sanitizer; do
        record "$name" 'not run' 0 'the build failed, see ctest.txt'
    done
fi
write_json
say "$failed failed of ${#results[@]}"
((failed == 0))
