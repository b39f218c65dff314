# check_floors.awk PLAN SOURCES INCLUDES SYMBOLS: compares what sources use with the floor plan, and
# reports each arrow that the plan does not have. check_floors.sh makes the last three files.

function report(text) {
    if (!reported[text]++) {
        print text
        bad = 1
    }
}

# The floor of a file: its folder in host/, or cuda, or the owner of a public header, or "".
function floor_of(file, part) {
    sub(/^include\//, "", file)
    if (file in owner)
        return owner[file]
    split(file, part, "/")
    return part[1] == "host" ? part[2] : part[1] == "cuda" ? "cuda" : ""
}

# A file's name without folders and suffix.
function stem(file) {
    sub(/.*\//, "", file)
    sub(/\.[^.]*$/, "", file)
    return file
}

function may_use(from, file, to) {
    return from == to || (from, to) in allowed || (from, to "/" stem(file)) in allowed
}

# Reports that a file uses WHAT of another, unless the plan has that arrow. A file without a floor
# is reported elsewhere.
function check(from_file, what, to_file, from, to) {
    from = floor_of(from_file)
    to = floor_of(to_file)
    if (from in rank && to in rank && !may_use(from, to_file, to))
        report(from_file " uses " what " of " to_file ": " from " may not use " to)
}

# The file that an #include of NAME in FILE means, or "".
function resolve(name, file, folder) {
    folder = file
    sub(/[^\/]*$/, "", folder)
    if ((folder name) in is_source)
        return folder name
    if (("host/" name) in is_source)
        return "host/" name
    if (("include/" name) in is_source)
        return "include/" name
    return name in owner ? name : ""
}

function read_plan_line(i, name, part) {
    name = $1
    sub(/:$/, "", name)
    if (name ~ /\.h$/) {
        owner[name] = $2
        return
    }
    rank[name] = ++num_floors
    for (i = 2; i <= NF; i++) {
        allowed[name, $i] = 1
        part = $i
        sub(/\/.*/, "", part)
        line_names[num_floors, i] = part
        line_length[num_floors] = NF
        floor_name[num_floors] = name
    }
}

# Every name in the plan is a floor, and lies below the floor that may use it.
function check_plan(i, j, name) {
    for (i = 1; i <= num_floors; i++)
        for (j = 2; j <= line_length[i]; j++) {
            name = line_names[i, j]
            if (!(name in rank))
                report("floors.txt: " floor_name[i] " names " name ", which is no floor")
            else if (rank[name] <= i)
                report("floors.txt: " floor_name[i] " names " name ", which is not below it")
        }
    for (name in owner)
        if (!(owner[name] in rank))
            report("floors.txt: " name " belongs to " owner[name] ", which is no floor")
}

FILENAME == ARGV[1] && !/^#/ && NF {
    read_plan_line()
}

FILENAME == ARGV[2] {
    is_source[$1] = 1
    floor = floor_of($1)
    if (!(floor in rank))
        report("floors.txt: has no line for " (floor == "" ? $1 : floor))
}

FILENAME == ARGV[3] {
    file = resolve($2, $1)
    if (file == "")
        report($1 " includes " $2 ", which is not found")
    else {
        num_includes++
        check($1, "\"" $2 "\"", file)
    }
}

FILENAME == ARGV[4] && $3 == "U" {
    uses[++num_uses] = $1
    used_symbol[num_uses] = $2
}

# Several files may define a symbol, such as those of two backends. One that may be used is enough.
FILENAME == ARGV[4] && $3 != "U" && $3 != "w" {
    definers[$2] = definers[$2] " " $1
}

END {
    check_plan()
    for (i = 1; i <= num_uses; i++) {
        num_definers = split(definers[used_symbol[i]], definer, " ")
        if (num_definers == 0)
            continue
        num_symbols++
        for (best = num_definers; best > 1; best--)
            if (may_use(floor_of(uses[i]), definer[best], floor_of(definer[best])))
                break
        check(uses[i], used_symbol[i], definer[best])
    }
    printf "floors: %d includes and %d uses of symbols checked\n", num_includes, num_symbols
    exit bad
}
