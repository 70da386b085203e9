_clap_complete_mcpchat() {
    local IFS=$'\013'
    local space=true
    if compopt +o nospace 2> /dev/null; then
        space=false
    fi
    # bash splits words at `:` and `=` (COMP_WORDBREAKS), which are part of names here. What stands together in the line is
    # put together again; readline replaces only what follows the last of them, so the rest is taken off the answers.
    local words=() prefix="" rest=$COMP_LINE i word behind
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        behind=${rest#"${rest%%[![:space:]]*}"}
        prefix=""
        if [[ $i -gt 1 && $behind == "$rest" && ${COMP_WORDS[i - 1]}$word == *[:=]* ]] &&
            [[ $word =~ ^[:=]+$ || ${COMP_WORDS[i - 1]} =~ ^[:=]+$ ]]; then
            prefix=${words[${#words[@]} - 1]}
            unset "words[${#words[@]}-1]"
        fi
        rest=${behind#"$word"}
        if [[ $i -eq $COMP_CWORD ]]; then
            # Right behind a `:` or `=`, nothing is left to replace.
            if [[ -z $2 && $word =~ ^[:=]+$ ]]; then
                prefix+=$word
                word=""
            else
                word=$2
            fi
        fi
        words+=("$prefix$word")
    done
    i=$((${#words[@]} - 1))
    COMPREPLY=( $( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$i" \
        _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
        _CLAP_COMPLETE_SPACE="$space" \
        _MCPCHAT_COMPLETE="bash" \
        "mcpchat" -- "${words[@]}" "${COMP_WORDS[@]:COMP_CWORD + 1}" \
    ) )
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    COMPREPLY=( "${COMPREPLY[@]#"$prefix"}" )
    if [[ $space == false ]] && [[ "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _clap_complete_mcpchat mcpchat
else
    complete -o nospace -o bashdefault -F _clap_complete_mcpchat mcpchat
fi
