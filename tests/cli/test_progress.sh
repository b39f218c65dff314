#!/usr/bin/env bash
# The progress bar on a terminal, whose width its user changes, and its absence elsewhere.
set -euo pipefail
. "$(dirname "$0")/lib.sh" "$1"
command -v python3 >/dev/null || {
    echo 'skipped: this machine has no python3'
    exit 77
}
write_corpus
for ((i = 0; i < 60 / slowness; i++)); do
    cat corpus.txt
done >long.txt
train=(train long.txt --hidden-size 64 --batch-size 2 --num-steps 5 --threads 1 --num-epochs 40
    --pred-period 1000 --pred-len 0)

# on_terminal COLUMNS PROGRAM ARG...: runs the program on a terminal, which becomes half as wide as
# soon as it has drawn 3 bars. Prints what it drew between two carriage returns, one per line.
cat >terminal.py <<'P'
import fcntl, os, pty, re, struct, sys, termios
columns = int(sys.argv[1])
begin, tell = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.read(begin, 1)
    os.execv(sys.argv[2], sys.argv[2:])
def resize(columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
resize(columns)
os.write(tell, b"x")
drawn, widths = b"", []
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    drawn += data
    if columns > 20 and drawn.count(b"\r\x1b[K") == 3:
        columns //= 2
        resize(columns)
        drawn += b"\r\x1b[KRESIZED"
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
for part in drawn.decode().split("\r\x1b[K"):
    print(part.replace("\r\n", "\n"), end="\n")
sys.exit(status)
P
on_terminal() {
    command="lyrnn ${*:2} on a terminal of $1 columns"
    status=0
    python3 terminal.py "$1" "$lyrnn" "${@:2}" >"$out" 2>"$err" || status=$?
    [[ $status == 0 ]] || fail "must succeed"
}

for columns in 160 60 10; do
    on_terminal $columns "${train[@]}" --out run --overwrite
    sed '1,/^run: /d' "$out" | grep -vE '^(epoch 40, perplexity .*| - .*|)$' >bars || true
    (($(wc -l <bars) >= 3)) || fail "there must be bars: $(cat bars)"
    sed -n '1,/RESIZED/{/RESIZED/!p}' bars >before
    sed '1,/RESIZED/d' bars >after
    [[ $columns == 10 ]] || { (($(wc -L <after) < columns / 2)) && [[ -s after ]]; } ||
        fail "half as wide, but: $(cat after)"
    (($(wc -L <before) < columns)) || fail "wider than $columns columns: $(cat before)"
done
on_terminal 0 "${train[@]}" --out run --overwrite
(($(sed '1,/^run: /d' "$out" | wc -L) == 79)) || fail "80 columns are the default"
grep -qE '^epoch [0-9]+/40 \[#*\.*\] perplexity [0-9.]+, [0-9]+ chars/s, 0:0[0-9] left$' "$out" ||
    fail "the bar must have the loss"

for ((i = 0; i < 80; i++)); do
    cat long.txt
done >longer.txt
on_terminal 70 eval run longer.txt
grep -qE '^[0-9]+% \[#*\.*\] [0-9]+ chars/s, 0:[0-9]+ left$' "$out" ||
    fail "eval must show progress"
succeeds eval run longer.txt
[[ ! -s $err ]] || fail "and in a file nothing"
succeeds "${train[@]}" --out run --overwrite
! grep -q left "$err" || fail "a training that ends soon has no line of progress"
