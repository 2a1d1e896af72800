#!/bin/bash
# Puts files into a volume of the slot; takes away again those that are still as it wrote them.
#
# A file is written beside its place and renamed, so whoever reads it sees all of it or nothing. Nothing that is there is
# replaced unless `overwrite` says so.
. /plugin/contract.sh
contract_begin

parameter folder folder /data
parameter overwrite overwrite false
parameter mode mode 0644
parameter folder_mode folder_mode 0755

check() {
    if [[ $folder != /* || "$folder/" == */../* ]]; then contract_fail "$BAD_INPUT" 'the parameter `folder` is not an absolute path'; fi
    if ! [[ $mode =~ ^0?[0-7]{3}$ && $folder_mode =~ ^0?[0-7]{3}$ ]]; then
        contract_fail "$BAD_INPUT" 'the parameters `mode` and `folder_mode` are three octal digits, such as 0644'
    fi
    if ! mountpoint --quiet "$folder"; then
        contract_fail "$BAD_INPUT" "no volume is mounted at $folder: name one in the step's \`volumes\` with this \`path\`"
    fi
    if ! jq -e '[.parameters.files, .parameters.files_base64 | . == null or (type == "object" and all(.[]; type == "string"))]
                | all' <<<"$contract_input" >/dev/null; then
        contract_fail "$BAD_INPUT" 'the parameters `files` and `files_base64` are objects of texts'
    fi
    local bad
    bad=$(jq -r '[(.parameters.files // {}), (.parameters.files_base64 // {}) | keys[]]
        | map(select(. == "" or startswith("/") or endswith("/")
                     or (split("/") | any(. == "" or . == "." or . == "..")))) | first // empty | tojson' <<<"$contract_input")
    if [ -n "$bad" ]; then
        contract_fail "$BAD_INPUT" "$bad is not a path below the volume: no leading or doubled slash, no . or .."
    fi
}

# One file to a line: its place, and what is to be in it, as JSON. Names may hold anything, line breaks too.
list() {
    jq -c '((.parameters.files // {}) | to_entries[] | {path: .key, text: .value, base64: false}),
           ((.parameters.files_base64 // {}) | to_entries[] | {path: .key, text: .value, base64: true})' <<<"$contract_input"
}

# What is to be in a file, in $wanted.
readonly wanted=/tmp/wanted
prepare() { # LINE
    if [ "$(jq .base64 <<<"$1")" = true ]; then
        if ! jq -j .text <<<"$1" | base64 --decode >"$wanted" 2>/dev/null; then
            contract_fail "$BAD_INPUT" "what is given for $(jq .path <<<"$1") is not base64"
        fi
    else
        jq -j .text <<<"$1" >"$wanted"
    fi
}

# The path of a line, in $place, line breaks at its end included.
where() { # LINE
    place=$(jq -j .path <<<"$1" && printf x)
    place=$folder/${place%x}
}

create() {
    local line parent written=0
    # First all are looked at: one that is in the way must not leave half of them.
    while IFS= read -r line; do
        where "$line"
        prepare "$line"
        if [ -d "$place" ]; then contract_fail "$NOT_OURS" "$(jq .path <<<"$line") is a folder in the volume"; fi
        if [ "$overwrite" != true ] && [ -e "$place" ] && ! cmp --silent "$wanted" "$place"; then
            contract_fail "$NOT_OURS" "$(jq .path <<<"$line") is in the volume already, with other content: set \`overwrite\` to replace it"
        fi
    done < <(list)
    while IFS= read -r line; do
        where "$line"
        prepare "$line"
        parent=${place%/*}
        # mkdir's own --mode is for the last folder only.
        (umask "$(printf '%03o' $((0777 & ~0$folder_mode)))" && mkdir -p "$parent")
        cp "$wanted" "$parent/.pierhead-seed"
        chmod "$mode" "$parent/.pierhead-seed"
        mv --force --no-target-directory "$parent/.pierhead-seed" "$place"
        written=$((written + 1))
    done < <(list)
    sync --file-system "$folder"
    contract_succeed "$written files are in the volume." "{\"files\":$written}"
}

destroy() {
    local line removed=0 parent
    while IFS= read -r line; do
        where "$line"
        prepare "$line"
        parent=${place%/*}
        rm -f "$parent/.pierhead-seed"
        if [ -f "$place" ] && cmp --silent "$wanted" "$place"; then
            rm -f "$place"
            removed=$((removed + 1))
        fi
        # Folders that are empty now go, up to the volume's own.
        while [ "$parent" != "$folder" ] && rmdir "$parent" 2>/dev/null; do parent=${parent%/*}; done
    done < <(list)
    contract_succeed "$removed files were taken away; those that were changed since stay."
}

check
case $action in
create) create ;;
destroy) destroy ;;
*) contract_fail "$BAD_INPUT" "the action is neither create nor destroy" ;;
esac
