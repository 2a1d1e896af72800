# The plugin contract for bash: the input, the answer, the exit codes. Source it, then call `contract_begin`.
#
# Standard output belongs to the answer, so from `contract_begin` on everything else goes to standard error. Values are read
# byte for byte, line breaks at their ends included; nothing of them is ever made part of a program.

set -Eeuo pipefail

# The exit codes of sysexits.h that say something about a plugin's failure.
readonly BAD_INPUT=64 UNREACHABLE=69 PLUGIN_MISTAKE=70 NOT_OURS=73 TRY_LATER=75 STRANGE_ANSWER=76 NOT_ALLOWED=77

# Where the exit code of the answer that was printed is kept: a failure may be found in a subshell, which ends only itself.
readonly contract_answered=/tmp/contract-answered

# Reads the input. Sets `action`, `key` (for idempotency), `step` and `owner`: who made what, for marks on things outside.
contract_begin() {
    exec 3>&1 1>&2
    trap 'contract_fail "$PLUGIN_MISTAKE" "the plugin made a mistake in line $LINENO of ${BASH_SOURCE[0]##*/}"' ERR
    contract_input=$(cat && printf x)
    contract_input=${contract_input%x}
    if ! jq -e 'type == "object" and .version == 1' <<<"$contract_input" >/dev/null 2>&1; then
        contract_fail "$BAD_INPUT" "the input is not one JSON object of version 1 of the contract"
    fi
    # No variable of a shell can hold it; it would be left out without a word.
    if [[ $contract_input == *'\u0000'* ]]; then
        contract_fail "$BAD_INPUT" "the input holds the character U+0000"
    fi
    contract_text action .action
    contract_text key .idempotency_key
    contract_text step .step.id
    local deployment
    contract_text deployment .deployment.id
    # shellcheck disable=SC2034 # for whoever sources this
    owner="pierhead $deployment/$step"
}

# contract_text VARIABLE FILTER: a text of the input; empty when it is absent or null. Numbers and booleans as JSON writes them.
contract_text() {
    local -n contract_target=$1
    contract_target=$(jq -j "($2) // \"\" | if type == \"string\" then . else tojson end" <<<"$contract_input" && printf x)
    contract_target=${contract_target%x}
}

# parameter VARIABLE NAME [DEFAULT]: a parameter; the default when it is absent, null or an empty text.
parameter() {
    local -n contract_value=$1
    contract_value=$(jq -j --arg name "$2" \
        '.parameters[$name] | if . == null then "" elif type == "string" then . else tojson end' <<<"$contract_input" && printf x)
    contract_value=${contract_value%x}
    if [ -z "$contract_value" ]; then contract_value=${3-}; fi
}

# secret VARIABLE NAME: a secret by its name; empty when it was not handed in.
secret() {
    local -n contract_secret=$1
    contract_secret=$(jq -j --arg name "$2" '.secrets[$name] // ""' <<<"$contract_input" && printf x)
    # shellcheck disable=SC2034 # the caller's variable
    contract_secret=${contract_secret%x}
}

# contract_succeed TEXT [OUTPUTS]: the answer, and the end. OUTPUTS is a JSON object.
contract_succeed() {
    trap - ERR
    local outputs=${2-}
    if [ -z "$outputs" ]; then outputs='{}'; fi
    jq -cn --arg output "$1" --argjson outputs "$outputs" '{success: true, output: $output, outputs: $outputs}' >&3
    exit 0
}

# contract_fail CODE TEXT: the answer, and the end.
contract_fail() {
    trap - ERR
    if [ -s "$contract_answered" ]; then exit "$(cat "$contract_answered")"; fi
    printf '%s\n' "$1" >"$contract_answered"
    printf '%s\n' "$2" >&2
    # Without jq there would be no answer at all, and the exit code has to do.
    jq -cn --arg output "$2" '{success: false, output: $output}' >&3 || true
    exit "$1"
}
