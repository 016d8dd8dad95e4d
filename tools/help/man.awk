# SPDX-License-Identifier: MIT
# awk -v program=NAME -v version=V -v date=DATE -v others="NAME..." -f man.awk HELP: a man page,
# section 1, from what --help prints: usage lines, a paragraph on what it does, options under
# headings, the exit status, examples.

function quoted(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/`/, "\\(ga", text)
    gsub(/\^/, "\\(ha", text)
    gsub(/~/, "\\(ti", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}
function indent(text) { match(text, /^ */); return RLENGTH }
function literal(on) { # lines as they are
    if (on != is_literal)
        print on ? ".nf" : ".fi"
    is_literal = on
}
function section(name) { literal(0); place = name; print ".SH " name }
# Options in bold, the words for their arguments in italics.
function marked(text) {
    text = quoted(text)
    gsub(/\\-\\-[a-z][a-z0-9\\-]*/, "\\fB&\\fR", text)
    return text
}
function name_line(text) {
    gsub(/ \([^)]*\)/, "", text)
    sub(/[.;] .*|: [A-Z].*|[.;:]$/, "", text)
    if (length(text) > 70)
        sub(/: .*/, "", text)
    return tolower(substr(text, 1, 1)) substr(text, 2)
}

{ line[NR] = $0 }

END {
    for (i = 1; i <= NR && (line[i] ~ /^Usage:/ || line[i] ~ /^       /); i++)
        usages = i
    while (usages < NR && line[usages + 1] == "")
        line[++usages] = ""
    about = line[usages + 1]
    for (i = usages + 2; i <= NR && line[i] != ""; i++)
        about = about " " line[i]
    print ".\\\" Made from " program " --help."
    print ".TH " toupper(program) " 1 \"" date "\" \"libredux " version "\" \"User Commands\""
    print ".SH NAME"
    print quoted(program) " \\- " quoted(name_line(about))
    print ".SH SYNOPSIS"
    for (i = 1; i <= usages && line[i] != ""; i++) {
        text = line[i]
        sub(/^Usage: *| +/, "", text)
        sub(/^redux-[a-z]+/, "\\fB&\\fR", text)
        gsub(/-/, "\\-", text)
        print (i > 1 ? ".br\n" : "") text
    }
    place = "DESCRIPTION"
    print ".SH DESCRIPTION"
    for (i = usages + 1; i <= NR; i++) {
        if (line[i] ~ /^Usage:/) { # the help of another mode, whose usage stands above too
            match(line[i], /--[a-z]+/)
            mode = toupper(substr(line[i], RSTART, RLENGTH))
            section("\"WITH " quoted(mode) "\"")
            paragraph = 0
            while (line[i + 1] ~ /^       /)
                i++
        } else {
            body(line[i], line[i + 1])
        }
    }
    literal(0)
    print ".SH SEE ALSO"
    n = split(others, other, " ")
    for (i = 1; i <= n; i++)
        if (other[i] != program)
            print ".BR " quoted(other[i]) " (1),"
    print ".BR redux (3)"
}

function body(text, next_text,    head, rest) {
    if (text == "") {
        column = 0
        paragraph = 1
        return
    }
    if (mode != "" && text ~ /^Exit status:/)
        return
    if (mode != "" && text ~ /^Examples?:/) {
        literal(0)
        print ".SS Examples"
        literal(1)
        place = "EXAMPLES"
        return
    }
    if (text ~ /^Exit status:/) {
        section("EXIT STATUS")
        sub(/^Exit status: */, "", text)
        print quoted(toupper(substr(text, 1, 1)) substr(text, 2))
        return
    }
    if (text ~ /^Examples?:/) {
        section("EXAMPLES")
        literal(1)
        return
    }
    if (place == "EXAMPLES") {
        sub(/^  /, "", text)
        print quoted(text)
        return
    }
    if (text !~ /^ /) { # a heading stands before indented lines
        literal(0)
        if (next_text ~ /^  ? ?[^ ]/ && text !~ /[.:,;]$/) {
            if (place == "DESCRIPTION")
                section("OPTIONS")
            print ".SS " quoted(text)
        } else {
            if (paragraph)
                print ".PP"
            print marked(text)
        }
        paragraph = 0
        return
    }
    paragraph = 0
    if (indent(text) == 2) {
        literal(0)
        if (place == "DESCRIPTION")
            section("OPTIONS")
        sub(/^ +/, "", text)
        head = text
        rest = ""
        column = 0
        if (match(text, /   *[^ ]/)) {
            head = substr(text, 1, RSTART - 1)
            rest = substr(text, RSTART + RLENGTH - 1)
            column = RSTART + RLENGTH
        }
        print ".TP\n" marked(head)
        if (rest != "")
            print marked(rest)
        return
    }
    # Below an option: its text goes on, or a table of its own, kept as it is.
    literal(column > 0 && indent(text) != column)
    head = text
    sub(/^ +/, "", head)
    if (!is_literal && head ~ /^[a-z][a-z0-9, -]*: /) # what holds for one of several
        print ".br"
    print is_literal ? marked(substr(text, 7)) : marked(head)
}
