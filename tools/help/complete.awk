# SPDX-License-Identifier: MIT
# awk -v program=NAME -v shell=bash|zsh -f complete.awk TABLE: a completion from what table.awk gives.
BEGIN { FS = "\t" }

# What follows an option: words of a list, files, folders, or something else.
function kind(argument, values) {
    if (values != "")
        return "words"
    if (argument == "0|1")
        return "words"
    if (argument ~ /^(DIR|FOLDER)$/)
        return "folders"
    return argument ~ /^(FILE|PATH|SET|RUN)/ ? "files" : "other"
}
function short(text) {
    sub(/[;:(] .*| \(.*|, .*/, "", text)
    gsub(/[^A-Za-z0-9 .,%<>-]/, "", text) # nothing that is special within quotes
    return text
}
{
    names[NR] = $1
    argument[NR] = $2
    values[NR] = $2 == "0|1" ? "0 1" : $3
    text[NR] = short($4)
    if ($3 != "" || length(text[NR]) < 5) { # a list that is offered anyway, or a mere default
        text[NR] = substr($1, 3)
        gsub(/-/, " ", text[NR])
    }
    all = all (NR > 1 ? " " : "") $1
}

function bash(    i, function_name, groups, group) {
    function_name = "_" program
    gsub(/-/, "_", function_name)
    print "# Completion of " program " for bash; made from its --help."
    print function_name "() {"
    print "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
    print "    if [[ $word == = ]]; then # --option=WORD is three words to bash"
    print "        word="
    print "    elif [[ $before == = ]]; then"
    print "        before=${COMP_WORDS[COMP_CWORD - 2]}"
    print "    fi"
    print "    case $before in"
    for (i = 1; i <= NR; i++) {
        if (argument[i] == "")
            continue
        group = kind(argument[i], values[i])
        if (group == "words")
            print "    " names[i] ") mapfile -t COMPREPLY < <(compgen -W '" values[i] "' -- \"$word\") ;;"
        else
            groups[group] = groups[group] (groups[group] == "" ? "" : " | ") names[i]
    }
    if (groups["folders"] != "")
        print "    " groups["folders"] ") mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;"
    if (groups["files"] != "")
        print "    " groups["files"] ") mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;"
    if (groups["other"] != "")
        print "    " groups["other"] ") COMPREPLY=() ;;"
    print "    *)"
    print "        if [[ $word == -* ]]; then"
    print "            mapfile -t COMPREPLY < <(compgen -W '" all "' -- \"$word\")"
    print "        else"
    print "            mapfile -t COMPREPLY < <(compgen -f -- \"$word\")"
    print "        fi ;;"
    print "    esac"
    print "}"
    print "complete -o filenames -F " function_name " " program
}

function zsh(    i, line, group) {
    print "#compdef " program
    print "# Completion of " program " for zsh; made from its --help."
    print "_arguments \\"
    for (i = 1; i <= NR; i++) {
        line = "    '" names[i]
        if (argument[i] != "")
            line = line "="
        line = line "[" text[i] "]"
        if (argument[i] != "") {
            group = kind(argument[i], values[i])
            gsub(/:/, "\\:", argument[i])
            line = line ":" argument[i] ":"
            if (group == "words")
                line = line "(" values[i] ")"
            else if (group != "other")
                line = line (group == "files" ? "_files" : "_files -/")
        }
        print line "' \\"
    }
    print "    '*:input:_files'"
}

END {
    if (shell == "bash")
        bash()
    else
        zsh()
}
