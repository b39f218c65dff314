#!/usr/bin/env bash
# Tests gpu_check.sh without a GPU, in a tree of its own whose tools are scripts: the order of its
# parts, a part that hangs, a stop in the middle, missing tools and a build that fails. What these
# tools print as measurements is made up. Then runs the test of gpu_report.py.
# Usage: test_gpu_check.sh DEVICE_PROPERTIES
set -euo pipefail
device_properties=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
command -v python3 >/dev/null || {
    echo 'skipped: this machine has no python3'
    exit 77
}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,scripts/bench,torch}
cp "$root"/scripts/{common.sh,kernels.sh,gpu_{check,results}.sh,gpu_report.py} \
    "$root/scripts/device_properties.cu" "$tree/scripts"
cp "$root/scripts/bench/bench_shapes.py" "$tree/scripts/bench"
out=$tree/out calls=$tree/calls
export calls device_properties PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tree PATH=$tree/bin:$PATH
# The tools read these: the call that hangs, fails, or has a test that skips itself.
export hangs='' fails='' skips=''
# device_properties is simulated, and finds as many devices.
export LYRNN_SIM_DEVICES=2
# The loss of the made-up trainings on the grid path; empty: that of all others.
export of_grid=6.2503
# What the made-up training says of a rank that is killed.
export of_lost='is gone; continue with --resume'

fail() {
    echo "FAILED: $*"
    cat "$calls" "$tree/output"
    exit 1
}

# tool PATH: makes a tool from standard input. It first writes its call down.
tool() {
    mkdir -p "$(dirname "$tree/$1")"
    {
        printf '#!/usr/bin/env bash\nset -euo pipefail\ncall="%s $*"\n' "${1##*/}"
        # shellcheck disable=SC2016 # for the tool
        echo 'of_path=${LYRNN_DEBUG_RECURRENCE:+ on path $LYRNN_DEBUG_RECURRENCE}
            echo "$call$of_path${CUDA_GRAPHS_USE_NODE_PRIORITY:+ with priorities \
$CUDA_GRAPHS_USE_NODE_PRIORITY}" >>"$calls"
            [[ -z $hangs || $call != $hangs ]] || { echo $$ >"$calls.hanging"; exec sleep 600; }
            [[ -z $fails || $call != $fails ]] || { echo "made to fail" >&2; exit 1; }'
        cat
    } >"$tree/$1"
    chmod +x "$tree/$1"
}

tool bin/nvidia-smi <<'END'
case $* in
*name,*) echo 'A made-up GPU, 580.1, 9.0, 143771 MiB' ;;
*) echo 9.0 ;;
esac
END
tool bin/nvcc <<'END'
[[ $* != --version ]] || { echo 'Cuda compilation tools, release 13.0, V13.0.1'; exit; }
while [[ $1 != -o ]]; do shift; done
cp "$device_properties" "$2"
END
tool bin/dpkg-query <<<'echo installed'
tool bin/apt-get <<<'exit 1'
tool bin/cmake <<'END'
case $1 in
--version) echo 'cmake version 3.25.1' ;;
--build) mkdir -p "$2/tests"; cp made-up/lyrnn "$2/lyrnn"; cp made-up/test_one_rank "$2/tests" ;;
*) mkdir -p build/gpu ;;
esac
END
tool bin/ctest <<'END'
case $* in
*' -N') printf '  Test #1: gpu_%s\n' test_operations test_operations_ranks \
    test_operations_recurrence test_rnn test_one_rank ;;
*)
    while [[ $1 != --output-junit ]]; do shift; done
    echo '	<testcase name="one" status="run"/>' >"$2"
    [[ $call != $skips ]] ||
        printf '	<%s/>\n' 'testcase name="two" status="notrun"' 'skipped message="SKIP_"' >>"$2"
    ;;
esac
END
tool bin/compute-sanitizer <<<'true'
tool bin/ldconfig <<<'true'
# shellcheck disable=SC2016 # for the tool
tool made-up/test_one_rank <<<'[[ -f $LYRNN_NCCL && $LYRNN_TEST_DEVICE == cuda ]]'
tool bin/nsys <<'END'
[[ $1 == stats ]] || exit 0
echo 'Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev (ns),Name'
echo '51.5,103000,10,10300.0,10300.0,10000,11000,1.0,"void resident_forward_kernel<(int)0, 64>"'
END
tool bin/ncu <<'END'
echo '==PROF== Connected'
stall=smsp__average_warps_issue_stalled_membar_per_issue_active.ratio
echo '"ID","Kernel Name","Grid Size","Block Size","gpu__time_duration.sum",' | tr -d '\n'
printf '"%s"\n' "$stall"
echo '"","","","","us","inst"'
echo '"0","resident_forward_kernel","(128, 1, 1)","(256, 1, 1)","20.5","3.5"'
END
tool bin/nvdisasm <<<'true'
tool scripts/kernel_report.sh <<<"echo 'H100 H200 A     forward   resident  yes  1 1 1 1.00 1.05'"
tool made-up/lyrnn <<'END'
case $1 in
train)
    options=$*
    while [[ $1 != --out ]]; do shift; done
    mkdir -p "$2/latest"
    loss=6.25
    [[ ${LYRNN_DEBUG_RECURRENCE-} != grid || -z $of_grid ]] || loss=$of_grid
    printf '{"epoch": %d, "loss": '"$loss"', "perplexity": 1}\n' 1 2 >"$2/metrics.jsonl"
    # This training continues until one of its two ranks is killed. $of_lost is what it says then.
    if [[ $options == *--num-epochs\ 1000000* ]]; then
        sleep 600 &
        ranks=$!
        sleep 600 &
    fi
    echo weights | tee "$2/latest/trainer.safetensors" >"$2/latest/model.safetensors"
    if [[ -n ${ranks-} ]]; then
        wait "$!" || true
        kill "$ranks"
        echo "lyrnn: rank 1 (made up, process 2): $of_lost" >&2
        exit 1
    fi
    ;;
bench)
    echo '{"cell": "rnn_tanh", "vocab_size": 1027, "hidden_size": 256, "batch_size": 32,' \
        '"num_steps": 35, "num_layers": 1, "precision": "fp32", "ms_per_step": 0.125,' \
        '"estimate_ms": 0.1, "chars_per_second": 8960000, "gemm_gflops": 50000,' \
        '"copy_gbytes_per_second": 3000, "bare_step_us": 0.5, "bare_call_us": 5,' '"plan": ""}'
    ;;
tune) cat "$tune_jsonl" ;;
esac
END
cat >"$tree/scripts/bench/compare.py" <<'END'
import os, sys
open(os.environ["calls"], "a").write("compare.py " + " ".join(sys.argv[1:]) + "\n")
END
cat >"$tree/torch/__init__.py" <<<'class cuda: is_available = lambda: True'
# No package of this machine brings NCCL.
mkdir "$tree/nvidia"
echo 'raise ImportError' >"$tree/nvidia/__init__.py"
export LYRNN_NCCL=$tree/libnccl.so.2
: >"$LYRNN_NCCL"
export tune_jsonl=$tree/made_up_tune.jsonl
cp "$root/tests/scripts/made_up_gpu/tune.jsonl" "$tune_jsonl"

# run OPTION...: runs gpu_check.sh from the beginning. Sets status.
run() {
    rm -rf "$out" "$calls"
    status=0
    "$tree/scripts/gpu_check.sh" "$out" "$@" >"$tree/output" 2>&1 || status=$?
}

# summary EXPRESSION: prints a value of summary.json, which must be JSON. s is its object, and
# result(TEXT) the results of the checks whose names contain TEXT.
summary() {
    python3 -c 'import json, sys
s = json.load(open(sys.argv[1]))
def result(text): return [c["result"] for c in s["checks"] if text in c["name"]]
def why(text): return [c["why"] for c in s["checks"] if text in c["name"]]
print(eval(sys.argv[2]))' "$out/summary.json" "$1"
}

# expect EXPRESSION VALUE
expect() {
    local value
    value=$(summary "$1") || fail "summary.json"
    [[ $value == "$2" ]] || fail "$1 is $value, not $2"
}

# ---- everything works ----------------------------------------------------------------------------

run --time 120
[[ $status == 0 ]] || fail "all checks pass: status $status"
expect 's["finished"], s["failed"], s["running"]' '(True, 0, None)'
expect '{c["result"] for c in s["checks"]}' "{'passed'}"
expect 's["device"]["multiprocessors"], s["device"]["clusters_at_once"]["4"]' '(132, 32)'
expect 'list(dict.fromkeys(c["part"] for c in s["checks"]))' "['device', 'packages', 'build', \
'operations', 'sanitizers', 'trainings', 'one_rank', 'ranks', 'two_layers', 'priorities', 'tune', \
'nsys', 'ncu', 'bench', 'pytorch', 'estimate']"
# The order in which the tools were called. Each pattern must come after the one before it.
line=0
while read -r pattern; do
    next=$(grep -nE "$pattern" "$calls" | awk -F: -v line="$line" \
        '$1 > line && !found {print $1; found = 1}' || true)
    [[ -n $next ]] || fail "no call $pattern after line $line"
    line=$next
done <<'END'
^nvcc .*device_properties.cu
^cmake --fresh .*-DCMAKE_CUDA_ARCHITECTURES=90-real
^cmake --build .* --target lyrnn_program test_operations .* test_rnn test_one_rank
^ctest .*-LE ranks -R \^gpu_test_operations .* on path cost
^ctest .*-R \^gpu_test_operations_\(recurrence.* on path steps
^ctest .*-R \^gpu_test_operations_\(recurrence.* on path resident
^ctest .*-R \^gpu_test_operations_\(recurrence.* on path grid
^ctest .*-R \^gpu_test_operations_\(recurrence.* on path block
^compute-sanitizer --tool memcheck .*/device_properties
^compute-sanitizer .*/test_operations_recurrence
^compute-sanitizer .*/test_operations on path cost
^lyrnn train .*--device cpu on path cost
^lyrnn train .*--device cuda --tune off on path steps
^lyrnn train .*--device cuda --tune off on path block
^lyrnn train .*/second --device cuda on path cost$
^lyrnn train .*--dropout-weight 0.3 .*on path cost
^ctest .*-LE ranks -E \^gpu_test_operations .* on path grid
^test_one_rank .*on path cost
^test_one_rank .*on path block
^lyrnn train .*/one --device cuda --tune off --shards 2 on path cost
^lyrnn train .*/two --device cuda --tune off --shards 2 --ranks 2 on path cost
^lyrnn train .*--num-epochs 1000000 .*--ranks 2 --out
^ctest .*-L gpu -L ranks .* on path cost
^lyrnn bench .*--num-layers 2 .*--steps 5000 .* on path grid
^lyrnn bench .*--preset A .* with priorities 0
^lyrnn bench .*--preset A .* with priorities 1
^lyrnn bench .*--preset D .* with priorities 1
^lyrnn tune
^nsys profile .*--cuda-graph-trace=node .*--preset A
^nsys profile .*--preset D
^ncu --set full .*--preset A --tune off on path resident
^ncu --set full .*--preset B --tune off on path grid
^lyrnn bench .*--preset ladder --precision fp32
^lyrnn bench .*--preset ladder --precision bf16
^compare.py --device cuda .*--preset A
^compare.py --device cuda .*--preset F
^kernel_report.sh --estimate
END
for tool in memcheck racecheck synccheck initcheck; do
    for path in resident grid block; do
        grep -q "^compute-sanitizer --tool $tool .*/test_operations_recurrence on path $path$" \
            "$calls" || fail "$tool must run on the path $path"
    done
    grep -q "^compute-sanitizer --tool $tool .*/test_operations on path cost$" "$calls" ||
        fail "$tool must run on all operation tests"
done
! grep -q '^compute-sanitizer .*_ranks' "$calls" || fail 'one GPU is not enough for several ranks'
grep -q '"variant": "node priority 1"' "$out/bench.jsonl" || fail 'rows of bench name their variant'
grep -q '^| A.*| \*\*resident' "$out/report.md" || fail 'the report must have the plans'
[[ $(cd "$out" && echo *) == \
    'bench.jsonl estimate.txt log.txt profile.txt report.md summary.json tune.jsonl' ]] ||
    fail "other files in OUT: $(cd "$out" && echo *)"

# The next run uses the build again, but not one for another architecture. A build that fails is the
# end of all parts after it.
fails='cmake --build*'
run --time 60
grep -q '^cmake -S' "$calls" || fail 'a build that matches must be used again'
expect 'result("build"), result("tune"), result("pytorch")' "(['failed'], ['not run'], ['not run'])"
expect 'why("build")' "['exit status 1; see log.txt: made to fail']"
expect 's["device"]["multiprocessors"], s["finished"]' '(132, True)'
run --time 60 --arch 80
grep -q '^cmake --fresh .*ARCHITECTURES=80$' "$calls" || fail 'a build for another GPU must not'

# ---- hangs, failures and missing tools -----------------------------------------------------------

rm "$tree"/bin/{nsys,ncu} "$LYRNN_NCCL"
of_grid=6.251 hangs='lyrnn tune*' fails='compute-sanitizer*device_properties'
SECONDS=0
LYRNN_SIM_DEVICES=1 run --time 60
[[ $status == 1 ]] || fail "a part that hangs must fail: status $status"
((SECONDS < 60)) || fail "a part that hangs took $SECONDS s"
expect 'result("lyrnn tune"), why("lyrnn tune")' "(['failed'], ['stopped after 5 s'])"
expect 'result("shapes A to F, fp32"), s["finished"]' "(['passed'], True)"
expect 'result("compute-sanitizer"), result("nsys"), result("ncu")' \
    "(['not run'], ['not run'], ['not run'])"
expect '"does not work on this machine" in why("compute-sanitizer")[0]' True
expect 'result("group of one rank")' "['not run']"
expect 'result("several ranks"), why("several ranks")[0][:28]' \
    "(['not run'], 'CUDA does not find two GPUs;')"
expect 'result("losses of the path grid"), result("losses of the path steps"), s["failed"]' \
    "(['failed'], ['passed'], 2)"
grep -q '^Not measured: stopped after 5 s\.$' "$out/report.md" || fail 'the report must say why'

# A rank whose loss nobody notices, other bytes, and tests that need more GPUs.
: >"$LYRNN_NCCL"
of_lost='stays' fails='cmp *one/latest/trainer*' hangs=''
tool bin/cmp <<<'exec /usr/bin/cmp "$@"'
skips='*-L gpu -L ranks*' run --time 120
expect 'result("kill -9"), result("bytes of one, model"), result("bytes of one, trainer")' \
    "(['failed'], ['passed'], ['failed'])"
expect 'result("-L ranks"), why("-L ranks")' \
    "(['not run'], ['1 of 2 need more GPUs; the others passed'])"

# ---- stops in the middle -------------------------------------------------------------------------

# start_and_stop SIGNAL CALL: sends the signal while CALL hangs.
start_and_stop() {
    local process
    rm -rf "$out" "$calls" "$calls.hanging"
    hangs=$2 fails='' "$tree/scripts/gpu_check.sh" "$out" --time 600 >"$tree/output" 2>&1 &
    process=$!
    until [[ -s $calls.hanging ]]; do
        kill -0 "$process" || fail 'it ended too soon'
        sleep 0.1
    done
    sleep 0.5
    kill -s "$1" "$process"
    status=0
    wait "$process" 2>/dev/null || status=$?
}

start_and_stop TERM 'lyrnn train*--device cpu*'
[[ $status == 143 ]] || fail "status after TERM: $status"
expect 'result("on the CPU"), why("on the CPU")' "(['failed'], ['stopped by a signal'])"
expect 's["finished"], s["running"], result("^gpu_test_operations, recurrence path cost")' \
    "(False, None, ['passed'])"
grep -q '^| not finished | this is what there was |$' "$out/report.md" || fail 'report after TERM'
! kill -0 "$(<"$calls.hanging")" 2>/dev/null || fail 'the training must end, too'

start_and_stop KILL 'lyrnn train*--device cpu*'
kill "$(<"$calls.hanging")"
expect 's["finished"], s["running"]' "(False, 'lyrnn train, on the CPU')"
python3 "$tree/scripts/gpu_report.py" "$out" >"$out/report.md"
grep -q '^| not finished | .* while this ran: lyrnn train, on the CPU |$' "$out/report.md" ||
    fail 'report after KILL'
grep -q '^Not measured: this part has not run\.$' "$out/report.md" || fail 'missing parts'

# Four of these run at a time.
start_and_stop KILL 'compute-sanitizer*initcheck*/test_operations'
kill "$(<"$calls.hanging")"
expect 'result("memcheck, test_operations_recurrence")' "['passed', 'passed', 'passed']"

python3 "$root/tests/scripts/test_gpu_report.py"
