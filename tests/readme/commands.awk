# Prints the shell commands in the code blocks of a Markdown page, one per line: LINE <tab> COMMAND.
# LINE is the line number of its start. A command that continues on the next line is joined. A
# problem in the page is printed as LINE <tab> !PROBLEM. tests/README.md explains the rule.

function flush() {
    if (pending != "") print pending_line "\t" pending
    pending = ""
}

# Adds one line of a command. It continues if it ends in a backslash, |, && or ||.
function add(line) {
    sub(/[[:space:]]+#.*$/, "", line)
    sub(/[[:space:]]+$/, "", line)
    if (line ~ /^[[:space:]]*(#.*)?$/) return
    if (pending == "") pending_line = FNR
    continues = line ~ /\\$/ || line ~ /(\||&&)$/
    sub(/\\$/, "", line)
    pending = pending line (continues ? " " : "")
    if (!continues) flush()
}

# Whether the first line of an unmarked block makes it a block of commands.
function looks_like_command(line) {
    while (line ~ /^[A-Za-z_][A-Za-z_0-9]*=[^ ]* /) sub(/^[^ ]* /, "", line)
    return line ~ /^\$ / || line ~ /^(\.|build)\/[^ ]/ || line ~ /^scripts\/[^ ]*\.(sh|py)/ ||
        line ~ /^([^ ]*\/)?(lyrnn|cmake|ctest|python3)( |$)/ ||
        line ~ /^[a-z][^ ]*( .*)? --[a-z]/ || line ~ /^(for|if|while|cd|git|sudo|export) /
}

# A line with a prompt is a command in any block. Other lines are output in a block with prompts.
function block_line(line) {
    if (!in_block) {
        is_commands = is_marked || looks_like_command(line)
        has_prompts = line ~ /^\$ /
    }
    in_block = 1
    if (pending != "") add(line)
    else if (sub(/^\$ /, "", line)) add(line)
    else if (is_commands && !has_prompts) add(line)
    else if (line ~ \
             /^([^ ]*\/)?lyrnn (train|generate|eval|corpus|bench|tune|info|help|version)( |$)/ ||
             line ~ /^\.\/scripts\//)
        print FNR "\t!a command among other lines; put it in its own block, or put \"$ \" before it"
}

function end_block() {
    flush()
    in_block = 0
}

/^[[:space:]]*```/ {
    if (in_fence) end_block()
    else {
        end_block()
        info = $0
        sub(/^[[:space:]]*```[[:space:]]*/, "", info)
        is_marked = info ~ /^(sh|bash|shell|console)$/
        is_skipped = info != "" && !is_marked
        margin = index($0, "`") - 1
    }
    in_fence = !in_fence
    after_blank = 0
    next
}
in_fence {
    if (!is_skipped) block_line(substr($0, margin + 1))
    next
}
/^[[:space:]]*$/ {
    flush()
    after_blank = 1
    next
}
/^    / && !in_list && (after_blank || in_block) {
    is_marked = 0
    if (after_blank) end_block()
    block_line(substr($0, 5))
    after_blank = 0
    next
}
{
    end_block()
    if ($0 ~ /^[[:space:]]*([-*]|[0-9]+\.) /) in_list = 1
    else if ($0 !~ /^[[:space:]]/) in_list = 0
    after_blank = 0
}
END { end_block() }
