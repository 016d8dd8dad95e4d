# SPDX-License-Identifier: MIT
# The options that a program's --help tells of, one line each: NAME<TAB>ARGUMENT<TAB>VALUES<TAB>TEXT.
# ARGUMENT is empty for a switch; VALUES are the words it may be, where the text lists them.
# An option is told of at the beginning of an indented line, after a ";" in a description, after
# "also", or in a usage line.

function trim(s) { gsub(/^ +| +$/, "", s); return s }

# The words of a list "a (default), b, c or d", or "a (default): text; b: text", or of a sentence
# "... a (default) ... or b ...".
function words_of(text,    whole, list, n, i, parts, found) {
    whole = text
    gsub(/ *\([^)]*\)/, "", text)
    list = text
    sub(/[;.:]( .*)?$/, "", list)
    n = split_words(list, parts)
    if (n < 2 && match(text, /: /)) {
        list = substr(text, RSTART + 2)
        sub(/[;.:]( .*)?$/, "", list)
        n = split_words(list, parts)
    }
    if (n < 2) {
        n = split(text, parts, /; /)
        for (i = 1; i <= n; i++)
            if (!sub(/: .*$/, "", parts[i]) || parts[i] !~ /^[a-z][a-z0-9-]*$/)
                n = 0
    }
    if (n < 2) {
        if (!match(whole, /[a-z]+ \(default\)[^;]* or [a-z]+ [a-z]+/))
            return ""
        whole = substr(whole, RSTART, RLENGTH)
        found = whole
        sub(/ .*/, "", found)
        sub(/.* or /, "", whole)
        sub(/ .*/, "", whole)
        return whole ~ /^(any|as)$/ ? "" : found " " whole
    }
    for (i = 1; i <= n; i++)
        found = found (i > 1 ? " " : "") parts[i]
    return found
}
# As far as there is one word between commas.
function split_words(list, parts,    n, i) {
    gsub(/,? or /, ", ", list)
    gsub(/, +/, ",", list)
    n = split(list, parts, ",")
    for (i = 1; i <= n; i++)
        if ((parts[i] = trim(parts[i])) !~ /^[a-z][a-z0-9-]*$/)
            return i - 1
    return n
}

# "--name ARGUMENT rest": tells of it, unless that was done; returns what follows name and argument.
function tell(text, description,    name, argument) {
    match(text, /^--[a-z][a-z0-9-]*/)
    name = substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    if (match(text, /^ ([A-Z][A-Za-z0-9]*[^ ,;)|]*|1:)/)) {
        argument = substr(text, 2, RLENGTH - 1)
        text = substr(text, RLENGTH + 1)
        sub(/(\[|\]).*|[.:]$/, "", argument)
        if (argument == "1")
            argument = "0|1"
    }
    if (description == "") {
        description = text
        sub(/,? *--[a-z].*/, "", description) # of several that share a line
        sub(/^[:,)] */, "", description)
    }
    sub(/;? *$|; --.*/, "", description)
    if (!(name in seen)) {
        seen[name] = 1
        printf "%s\t%s\t%s\t%s\n", name, argument, \
            argument ~ /^(NAME|PRESET|K|F|M)/ ? words_of(description) : "", trim(description)
    }
    return text
}

function finish(    text, head, rest) {
    if (block == "")
        return
    head = block
    description = ""
    if (match(block, /[^ ]   *[^ ]/)) {
        head = substr(block, 1, RSTART)
        description = trim(substr(block, RSTART + 1))
    }
    while (match(head, /--[a-z]/))
        head = tell(substr(head, RSTART), description)
    text = description
    while (match(text, /; --[a-z]/))
        text = tell(substr(text, RSTART + 2), "")
    block = ""
}

/^Usage:/ { told = 0 } # also of another mode
/^(Exit status|Examples?):/ { finish(); told = 1 }
told { next }
/^Usage:|^       redux-/ {
    rest = $0
    while (match(rest, /--[a-z][a-z0-9-]*( [A-Z][A-Za-z0-9.]*)?/)) {
        usage[++usages] = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
    }
    next
}
/^ +--help, --version/ { finish(); next }
/^ +--/ { finish(); block = trim($0); next }
block != "" && /^ / { block = block " " trim($0); next }
{
    finish()
    if (match($0, /also --[a-z]/))
        tell(substr($0, RSTART + 5), "input, as if it stood at the end")
}
END {
    finish()
    tell("--help", "how it is used")
    tell("--version", "its version")
    for (i = 1; i <= usages; i++)
        tell(usage[i], " ")
}
