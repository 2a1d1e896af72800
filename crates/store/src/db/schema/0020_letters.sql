-- Letters on their way: written in the transaction of what they tell, and sent afterwards.

CREATE TABLE letters (
    id TEXT PRIMARY KEY,
    recipient TEXT NOT NULL,
    -- The subject and the text: they hold links that are secrets.
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Whoever sends it moves this first, so that another one does not send it too.
    next_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    last_error TEXT,
    -- Nobody tries any more.
    given_up_at BIGINT
);
CREATE INDEX letters_due ON letters (next_at) WHERE given_up_at IS NULL;
