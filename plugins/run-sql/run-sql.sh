#!/bin/bash
# Runs SQL on a PostgreSQL database, once for each idempotency key.
#
# The key is written into the table pierhead_steps.applied (no user is called like that schema, so no user's tables land in it) in the transaction of the SQL itself. So an attempt that is repeated after
# its answer was lost finds it and does nothing, and one that failed half way has left nothing.
. /plugin/contract.sh
. /plugin/postgres.sh
contract_begin

parameter database database
parameter once once true
parameter transaction transaction true
if [ -z "$database" ]; then contract_fail "$BAD_INPUT" 'the parameter `database` is missing'; fi
readonly text=/tmp/statements.sql results=/tmp/results

case $action in
create)
    parameter sql sql
    if [ -z "$sql" ]; then contract_fail "$BAD_INPUT" 'the parameter `sql` is missing'; fi ;;
destroy)
    parameter sql destroy_sql
    if [ -z "$sql" ]; then contract_succeed "Nothing to undo: there is no \`destroy_sql\`."; fi ;;
*) contract_fail "$BAD_INPUT" "the action is neither create nor destroy" ;;
esac

postgres_connect "$database"
printf '%s\n' "$sql" >"$text"

note_table() {
    postgres <<'SQL'
CREATE SCHEMA IF NOT EXISTS pierhead_steps;
CREATE TABLE IF NOT EXISTS pierhead_steps.applied (key text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
SQL
}

run_once_in_transaction() {
    local status=0
    postgres_try -v key="$key" -v text="$text" -v results="$results" <<'SQL' || status=$?
BEGIN;
WITH noted AS (INSERT INTO pierhead_steps.applied (key) VALUES (:'key') ON CONFLICT DO NOTHING RETURNING key)
SELECT count(*) = 0 AS done FROM noted \gset
\if :done
ROLLBACK;
\echo done
\else
\o :results
\i :text
\o
COMMIT;
\echo ran
\endif
SQL
    if [ -s "$results" ]; then cat "$results" >&2; fi
    if [ "$status" = 0 ]; then return; fi
    # SQL that commits by itself has committed the note as well, though not all of it was run.
    postgres_words_kept=$(cat "$postgres_errors") status_kept=$status
    postgres_try -v key="$key" <<'SQL' || true
DELETE FROM pierhead_steps.applied WHERE key = :'key';
SQL
    printf '%s' "$postgres_words_kept" >"$postgres_errors"
    printf '%s' "$status_kept" >"$postgres_errors.status"
    postgres_fail
}

run_once() {
    local done
    done=$(postgres -v key="$key" <<'SQL'
SELECT 'done' FROM pierhead_steps.applied WHERE key = :'key';
SQL
    )
    if [ "$done" = done ]; then
        echo done
        return
    fi
    # Without a transaction around it, a failure half way is run again from the beginning.
    postgres --file "$text" >&2
    postgres -v key="$key" <<'SQL'
INSERT INTO pierhead_steps.applied (key) VALUES (:'key') ON CONFLICT DO NOTHING;
SQL
    echo ran
}

if [ "$once" != true ]; then
    if [ "$transaction" = true ]; then
        postgres --single-transaction --file "$text" >&2
    else
        postgres --file "$text" >&2
    fi
    how=ran
else
    note_table
    if [ "$transaction" = true ]; then how=$(run_once_in_transaction); else how=$(run_once); fi
fi
if [ "$how" = done ]; then
    contract_succeed "The SQL had been run before." '{"applied":false}'
fi
contract_succeed "The SQL was run." '{"applied":true}'
