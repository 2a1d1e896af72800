# A connection to PostgreSQL from a plugin's parameters. Source it after contract.sh.

readonly postgres_errors=/tmp/postgres-errors

# Everything that psql reads by itself. The password is in the environment of psql and nowhere else.
postgres_connect() { # DATABASE
    local host port user password tls
    parameter host host
    parameter port port 5432
    parameter user user postgres
    parameter password password
    parameter tls tls prefer
    if [ -z "$password" ]; then secret password POSTGRES_PASSWORD; fi
    if [ -z "$host" ]; then contract_fail "$BAD_INPUT" 'the parameter `host` is missing'; fi
    # A name with a slash would be a folder of sockets, and one with a comma several hosts.
    if [[ $host == *[/,]* || $host == @* ]]; then contract_fail "$BAD_INPUT" 'the parameter `host` is not the name of a host'; fi
    if ! [[ $port =~ ^[0-9]{1,5}$ ]]; then contract_fail "$BAD_INPUT" 'the parameter `port` is not a number'; fi
    case $tls in
    disable | prefer | require | verify-full) ;;
    *) contract_fail "$BAD_INPUT" 'the parameter `tls` is none of disable, prefer, require, verify-full' ;;
    esac
    export PGHOST=$host PGPORT=$port PGUSER=$user PGPASSWORD=$password PGSSLMODE=$tls
    export PGCONNECT_TIMEOUT=10 PGAPPNAME=pierhead PGCLIENTENCODING=UTF8 PGPASSFILE=/dev/null PSQLRC=/dev/null
    export PGOPTIONS='-c client_min_messages=warning' PSQL_HISTORY=/dev/null
    # With a list of authorities, `require` would check the certificate as well.
    if [ "$tls" = verify-full ]; then export PGSSLROOTCERT=/etc/ssl/certs/ca-certificates.crt; fi
    # A text with a `=` would be a connection string.
    postgres_database=$1
}

# Runs the SQL of standard input; `-v name=value` arguments are what :"name" (identifier) and :'name' (literal) stand for, which
# psql quotes itself. What the server refuses ends the plugin with the reason.
postgres() {
    postgres_try "$@" || postgres_fail
}

# The same, but a failure is only the exit code of psql.
postgres_try() {
    local status=0
    PGDATABASE=$postgres_database psql --no-psqlrc --quiet --no-align --tuples-only \
        --set ON_ERROR_STOP=1 --set VERBOSITY=verbose "$@" 2>"$postgres_errors" || status=$?
    cat "$postgres_errors" >&2
    printf '%s' "$status" >"$postgres_errors.status"
    return "$status"
}

# Ends the plugin with what the last `postgres_try` was told.
postgres_fail() {
    local status words
    status=$(cat "$postgres_errors.status")
    words=$(grep -m 1 -E 'ERROR|FATAL|error' "$postgres_errors" | sed -E 's/^psql:[^ ]* //' || true)
    words=${words:-psql ended with exit code $status}
    contract_fail "$(postgres_code "$status" "$words")" "$words"
}

# The exit code for an end of psql: 2 is a connection that failed, 3 a statement; then the SQLSTATE tells.
postgres_code() { # STATUS WORDS
    case $2 in
    *'password authentication failed'* | *'no pg_hba.conf entry'* | *'no password supplied'* | *' 28'[0-9P]??:* | *' 42501:'*)
        echo "$NOT_ALLOWED" ;;
    *' 57P03:'* | *' 53300:'* | *' 55006:'* | *' 40001:'* | *' 40P01:'*) echo "$TRY_LATER" ;;
    *) if [ "$1" = 2 ]; then echo "$UNREACHABLE"; else echo 1; fi ;;
    esac
}

# What PostgreSQL would cut without a word.
postgres_name() { # PARAMETER VALUE
    local LC_ALL=C
    if [ -z "$2" ] || [ "${#2}" -gt 63 ]; then
        contract_fail "$BAD_INPUT" "the parameter \`$1\` must have 1 to 63 bytes: PostgreSQL cuts longer names"
    fi
}
