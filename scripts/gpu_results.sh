# Runs the checks of gpu_check.sh one after another, each for a limited time, and keeps the results
# in OUT/summary.json as they come. gpu_check.sh sources this file; it sets out, log, limit,
# default_limit, deadline, running, python and what describe_run puts together.
# shellcheck shell=bash disable=SC2154

# A result of JSON per check. now is the check that runs, if one does.
results=() part='' now='' device=null finished=false failed=0

# ---- results -------------------------------------------------------------------------------------

# json_text TEXT: prints TEXT as a JSON string.
json_text() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[[:cntrl:]]/ }"
}

# describe_run: sets facts, the first members of the summary, which stay the same.
describe_run() {
    facts=$(
        printf '"date": "%s", "commit": %s, "command": %s,\n' "$started" \
            "$(json_text "$commit")" "$(json_text "scripts/gpu_check.sh $arguments")"
        printf ' "gpu": %s, "toolkit": %s, "host": %s' "$(json_text "$gpu")" \
            "$(json_text "$toolkit")" "$(json_text "$host")"
    )
}

# write_summary: replaces the file as a whole, so that a reader never finds a part of it.
write_summary() {
    local separator='' result running_now=null
    [[ -z $now ]] || running_now=$(json_text "$now")
    {
        printf '{%s,\n "device": %s,\n' "$facts" "$device"
        printf ' "limit": %d, "seconds": %d, "finished": %s, "running": %s, "failed": %d,\n' \
            "$limit" "$SECONDS" "$finished" "$running_now" "$failed"
        printf ' "checks": ['
        for result in "${results[@]}"; do
            printf '%s\n  %s' "$separator" "$result"
            separator=,
        done
        printf '\n ]}\n'
    } >"$out/summary.json.new"
    mv "$out/summary.json.new" "$out/summary.json"
}

# record NAME passed|failed|'not run' SECONDS WHY [COMMAND]: adds the result of a check.
record() {
    printf '%s: %s (%d s)%s\n' "$2" "$1" "$3" "${4:+: $4}" | tee -a "$log"
    results+=("$(printf '{"part": "%s", "name": %s, "result": "%s", "seconds": %d, "why": %s, %s}' \
        "$part" "$(json_text "$1")" "$2" "$3" "$(json_text "$4")" \
        "\"command\": $(json_text "${5-}")")")
    [[ $2 != failed ]] || failed=$((failed + 1))
    write_summary
}

write_report() {
    [[ -n $python ]] || return 0
    timeout 30 "$python" scripts/gpu_report.py "$out" >"$out/report.md.new" 2>>"$log" &&
        mv "$out/report.md.new" "$out/report.md"
}

# ---- running -------------------------------------------------------------------------------------

# guarded SECONDS COMMAND...: runs COMMAND for at most SECONDS.
guarded() {
    local child status=0
    timeout --kill-after=5 "$@" </dev/null &
    child=$!
    : >"$running/processes/$child"
    wait "$child" || status=$?
    rm -f "$running/processes/$child"
    return "$status"
}
export -f guarded

# explain STATUS SECONDS [OUTPUT]: prints why a check with this exit status has not passed: of an
# error, the last line of its output.
explain() {
    case $1 in
    0) ;;
    -1) echo "no time was left of the $limit s; set a longer --time" ;;
    124 | 137) echo "stopped after $2 s" ;;
    99) echo 'compute-sanitizer found errors; see log.txt' ;;
    77) echo 'it skipped itself, because it found no usable GPU' ;;
    *) echo "exit status $1; see log.txt${3:+: $3}" ;;
    esac
}

# attempt NAME SECONDS COMMAND...: runs COMMAND for at most SECONDS and within the time that is left
# for this part. The log gets its output, but the file $stdout gets its standard output if that
# variable is set. Sets name, status, why, took and command.
attempt() {
    local most=$2 left=$((part_end - SECONDS)) start=$SECONDS before
    name=$1 status=0 why='' took=0
    shift 2
    command=${*//$PWD\//}
    if ((left < 1)); then
        status=-1 why=$(explain -1 0)
        return
    fi
    ((most < left)) || most=$left
    now=$name
    write_summary
    printf '\n$ %s\n' "$command" >>"$log"
    before=$(stat -c %s "$log")
    guarded "$most" "$@" >>"${stdout:-$log}" 2>>"$log" || status=$?
    now=''
    took=$((SECONDS - start))
    why=$(explain "$status" "$most" \
        "$(tail -c "+$((before + 1))" "$log" | tail -n 1 | cut -c 1-200)")
}

# record_attempt: records the last attempt by its exit status.
record_attempt() {
    local result=failed
    ((status != 0)) || result=passed
    ((status != -1)) || result='not run'
    record "$name" "$result" "$took" "$why" "$command"
    ((status == 0))
}

# check NAME SECONDS COMMAND...: attempts COMMAND and records the result.
check() {
    attempt "$@"
    record_attempt
}

# not_run NAME WHY
not_run() {
    record "$1" 'not run' 0 "$2"
}

# run_part NAME SECONDS: runs the function part_NAME. SECONDS are its share of the default time.
run_part() {
    part=$1
    part_end=$((SECONDS + $2 * limit / default_limit))
    ((part_end < deadline)) || part_end=$deadline
    printf '\n== %s\n' "$part" >>"$log"
    "part_$part" || true
    write_report || true
}

finish() {
    trap - EXIT
    write_summary
    write_report || record report failed 0 'gpu_report.py failed; see log.txt'
    rm -rf "$running"
}

# interrupted STATUS: a signal came. Stops what runs, and leaves complete files.
interrupted() {
    local child stopped=$now
    trap '' INT TERM HUP
    for child in "$running"/processes/*; do
        kill "${child##*/}" 2>/dev/null || true
    done
    now=''
    [[ -z $stopped ]] || record "$stopped" failed 0 'stopped by a signal' "${command-}"
    finish
    exit "$1"
}
