#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/install/help.sh PROGRAM SHARE: are all options of --help in its man page and completions, does
# the program know each option that they offer, and do they run?
set -u
program=$1 share=$2
name=$(basename "$program")
page=$share/man/man1/$name.1
bash_file=$share/bash-completion/completions/$name
zsh_file=$share/zsh/site-functions/_$name
status=0
fail() {
    echo "$name: $*"
    status=1
}

told() { # without examples, which may be of other programs
    "$program" "$@" --help | sed '/^Examples\{0,1\}:/,$d'
}
help=$(told)
[ "$name" != redux-hash ] || help+=$(told --volume)
options=$(grep -oE -- '--[a-z][a-z0-9-]*' <<<"$help" | sort -u)
[ "$(wc -l <<<"$options")" -ge 3 ] || fail "few options: $options"
plain=$(sed 's/\\-/-/g; s/\\f[BRI]//g' "$page")
COMP_WORDS=() COMP_CWORD=0 COMPREPLY=()
# shellcheck disable=SC1090 # made by the build
source "$bash_file"
complete_words() { # the words, the last of them to be completed: into COMPREPLY
    COMP_WORDS=("$name" "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    "_${name//-/_}"
}
complete_words --
offered=" ${COMPREPLY[*]} "
for option in $options; do
    grep -qE -- "(^|[^a-z-])$option([^a-z-]|$)" <<<"$plain" || fail "$option is not in the man page"
    [[ $offered == *" $option "* ]] || fail "$option is not completed by bash"
    grep -qE -- "^ +'${option}(=|\[)" "$zsh_file" || fail "$option is not completed by zsh"
done
# Does one take a value where completions think so? Asked in ways that never begin to work.
asked() { # option...: of the program, or of its other mode
    local said
    said=$("$program" "$@" 2>&1 </dev/null)
    [[ $name != redux-hash || $said != *"unknown option $1"* ]] ||
        said=$("$program" --volume "$@" 2>&1 </dev/null)
    echo "$said"
}
for option in "${COMPREPLY[@]}"; do
    if [[ $option == --help || $option == --version ]]; then
        continue
    elif grep -q "^ *'$option=" "$zsh_file"; then
        said=$(asked "$option")
        [[ $said == *"$option needs a value"* ]] || fail "$option takes no value: $said"
    else
        said=$(asked "$option" --no-such-option)
        [[ $said == *"unknown option --no-such-option"* ]] || fail "$option is no switch: $said"
    fi
done
# Each word that is offered as a value is taken.
while read -r option words; do
    for word in $words; do
        said=$(asked "$option" "$word" --no-such-option)
        [[ $said == *"unknown option --no-such-option"* ]] || fail "$option $word: $said"
    done
done < <(grep -oE "^ +'--[a-z-]+=.*:\([^)]*\)'" "$zsh_file" | sed "s/^ *'//; s/=.*:(/ /; s/)'//")
if [ "$name" = redux-reduce ]; then
    complete_words --strategy ms
    [ "${COMPREPLY[*]}" = ms-ssim ] || fail "ms: ${COMPREPLY[*]}"
    complete_words --strategy = en
    [ "${COMPREPLY[*]}" = entropy ] || fail "=en: ${COMPREPLY[*]}"
    complete_words --export data/c
    [ "${COMPREPLY[*]}" = data/ct ] || fail "--export data/c: ${COMPREPLY[*]}"
    complete_words --keep ""
    [ ${#COMPREPLY[@]} = 0 ] || fail "--keep: ${COMPREPLY[*]}"
fi
[ -z "$(command -v zsh)" ] || zsh -n "$zsh_file" || status=1
exit $status
