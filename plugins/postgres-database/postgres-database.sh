#!/bin/bash
# Makes a database and the user that owns it on a PostgreSQL server; removes both again.
#
# The user carries a comment that says which step made it, written in the same transaction. Whatever that user owns is the
# step's, and nothing else is: so a half-done create can be finished or undone, and no database of somebody else is ever touched.
. /plugin/contract.sh
. /plugin/postgres.sh
contract_begin

parameter maintenance maintenance_database postgres
contract_text deployment .deployment.id
default_name="ph_${deployment}_$step"
parameter name name "${default_name:0:63}"
parameter user owner "$name"
postgres_name name "$name"
postgres_name owner "$user"
postgres_connect "$maintenance"

# What the server knows of the user: nothing, `ours`, or `theirs`.
whose_user() {
    postgres -v user="$user" -v mark="$owner" <<'SQL'
SELECT CASE WHEN shobj_description(oid, 'pg_authid') = :'mark' THEN 'ours' ELSE 'theirs' END
FROM pg_roles WHERE rolname = :'user';
SQL
}

create() {
    local password template whose
    parameter password owner_password
    parameter template template
    # 24 random bytes, as letters and digits: in a URL nothing of them needs to be escaped.
    if [ -z "$password" ]; then password=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'); fi
    whose=$(whose_user)
    case $whose in
    theirs)
        contract_fail "$NOT_OURS" "there is a user \"$user\" already, and this step did not make it: choose another \`owner\` or \`name\`" ;;
    ours)
        postgres -v user="$user" -v password="$password" <<'SQL'
ALTER ROLE :"user" LOGIN PASSWORD :'password';
SQL
        ;;
    *)
        postgres -v user="$user" -v password="$password" -v mark="$owner" <<'SQL'
BEGIN;
CREATE ROLE :"user" LOGIN PASSWORD :'password';
COMMENT ON ROLE :"user" IS :'mark';
GRANT :"user" TO CURRENT_USER;
COMMIT;
SQL
        ;;
    esac
    whose=$(postgres -v name="$name" -v user="$user" <<'SQL'
SELECT CASE WHEN pg_get_userbyid(datdba) = :'user' THEN 'ours' ELSE 'theirs' END FROM pg_database WHERE datname = :'name';
SQL
    )
    case $whose in
    theirs)
        contract_fail "$NOT_OURS" "there is a database \"$name\" already, and this step did not make it: choose another \`name\`" ;;
    ours) echo "the database is there already" ;;
    *)
        if [ -n "$template" ]; then
            postgres -v name="$name" -v user="$user" -v template="$template" <<'SQL'
CREATE DATABASE :"name" OWNER :"user" TEMPLATE :"template";
SQL
        else
            postgres -v name="$name" -v user="$user" <<'SQL'
CREATE DATABASE :"name" OWNER :"user";
SQL
        fi ;;
    esac
    local outputs
    # The password goes through the environment: arguments are seen by every process.
    outputs=$(made_password=$password jq -cn --arg host "$PGHOST" --argjson port "$PGPORT" --arg database "$name" --arg user "$user" \
        'env.made_password as $password
         | {host: $host, port: $port, database: $database, user: $user, password: $password,
            url: "postgres://\($user | @uri):\($password | @uri)@\($host):\($port)/\($database | @uri)"}')
    contract_succeed "The database \"$name\" is there, owned by \"$user\"." "$outputs"
}

destroy() {
    case $(whose_user) in
    ours) ;;
    theirs) contract_succeed "Nothing to remove: the user \"$user\" was not made by this step." ;;
    *) contract_succeed "Nothing to remove: there is no user \"$user\"." ;;
    esac
    # FORCE ends the connections of what still runs. Each statement by itself: a database is not dropped in a transaction.
    postgres -v user="$user" <<'SQL'
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', datname) FROM pg_database
WHERE datdba = (SELECT oid FROM pg_roles WHERE rolname = :'user') \gexec
DROP OWNED BY :"user";
DROP ROLE IF EXISTS :"user";
SQL
    contract_succeed "The databases of \"$user\" and the user are gone."
}

case $action in
create) create ;;
destroy) destroy ;;
*) contract_fail "$BAD_INPUT" "the action is neither create nor destroy" ;;
esac
