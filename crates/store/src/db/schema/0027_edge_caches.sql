-- What caches before the ingresses may hold of each hostname: they are told to forget it when something else is shown.
CREATE TABLE edge_caches (
    host TEXT NOT NULL PRIMARY KEY,
    shown TEXT NOT NULL
);
