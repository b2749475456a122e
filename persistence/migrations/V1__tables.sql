-- One table for each kind of record. Numbers are below 2^63 but for digests, which are any 64 bits as a signed number.

CREATE DOMAIN spacetime.name AS text COLLATE "C" CHECK (VALUE ~ '^[A-Za-z0-9._:-]{1,64}$');
CREATE DOMAIN spacetime.number AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN spacetime.positive AS bigint CHECK (VALUE >= 1);
CREATE DOMAIN spacetime.moment AS timestamptz
    CHECK (VALUE >= '1970-01-01 00:00:00+00' AND VALUE < '10000-01-01 00:00:00+00');
CREATE DOMAIN spacetime.hash AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN spacetime.token AS bytea CHECK (octet_length(VALUE) = 16);
CREATE DOMAIN spacetime.seal AS bytea CHECK (octet_length(VALUE) <= 65536);
CREATE DOMAIN spacetime.metres AS double precision CHECK (VALUE > '-infinity' AND VALUE < 'infinity');

-- Whole rows are rewritten often: room for the next version in the same page keeps indexes untouched.
CREATE TABLE spacetime.players (
    person spacetime.positive PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    created spacetime.moment NOT NULL,
    seen spacetime.moment NOT NULL,
    place_world spacetime.name,
    place_tick spacetime.number,
    cell_x bigint,
    cell_y bigint,
    cell_z bigint,
    offset_x spacetime.metres,
    offset_y spacetime.metres,
    offset_z spacetime.metres,
    private spacetime.seal NOT NULL,
    CHECK (num_nulls(place_world, place_tick, cell_x, cell_y, cell_z, offset_x, offset_y, offset_z) IN (0, 8))
) WITH (fillfactor = 70);

CREATE TABLE spacetime.inventories (
    person spacetime.positive PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE spacetime.items (
    person spacetime.positive NOT NULL,
    kind spacetime.name NOT NULL,
    count spacetime.positive NOT NULL,
    data bytea NOT NULL CHECK (octet_length(data) <= 4096),
    PRIMARY KEY (person, kind)
) WITH (fillfactor = 70);

CREATE TABLE spacetime.credentials (
    login spacetime.hash PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    person spacetime.positive NOT NULL,
    method spacetime.name NOT NULL,
    private spacetime.seal NOT NULL
);
CREATE INDEX credentials_of_person ON spacetime.credentials (person, login);

CREATE TABLE spacetime.sign_ins (
    id spacetime.token PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    person spacetime.positive NOT NULL,
    created spacetime.moment NOT NULL,
    seen spacetime.moment NOT NULL,
    expires spacetime.moment NOT NULL,
    revoked boolean NOT NULL,
    refresh spacetime.hash NOT NULL,
    private spacetime.seal NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX sign_ins_of_person ON spacetime.sign_ins (person, id);

CREATE TABLE spacetime.consents (
    person spacetime.positive NOT NULL,
    purpose spacetime.name NOT NULL,
    at spacetime.moment NOT NULL,
    given boolean NOT NULL,
    version spacetime.number NOT NULL,
    wording text NOT NULL,
    PRIMARY KEY (person, purpose, at)
);

CREATE TABLE spacetime.discoveries (
    person spacetime.positive NOT NULL,
    what spacetime.name NOT NULL,
    world spacetime.name NOT NULL,
    tick spacetime.number NOT NULL,
    at spacetime.moment NOT NULL,
    PRIMARY KEY (person, what)
);

CREATE TABLE spacetime.worlds (
    id spacetime.name PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    epoch spacetime.number NOT NULL,
    created spacetime.moment NOT NULL,
    scenario text NOT NULL,
    tick_rate_hz bigint NOT NULL CHECK (tick_rate_hz BETWEEN 1 AND 100000),
    results_revision spacetime.number NOT NULL,
    build text NOT NULL
);

CREATE TABLE spacetime.seats (
    world spacetime.name NOT NULL,
    number bigint NOT NULL CHECK (number BETWEEN 0 AND 4294967295),
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    person spacetime.positive NOT NULL,
    tag spacetime.hash NOT NULL,
    banned boolean NOT NULL,
    private spacetime.seal NOT NULL,
    PRIMARY KEY (world, number)
);
CREATE INDEX seats_of_person ON spacetime.seats (person, world, number);

-- Payloads are packed already: they are kept apart from the rows, and nobody tries to compress them again.
CREATE TABLE spacetime.snapshots (
    world spacetime.name NOT NULL,
    tick spacetime.number NOT NULL,
    digest bigint NOT NULL,
    taken spacetime.moment NOT NULL,
    label spacetime.name,
    format spacetime.number NOT NULL,
    payload bytea NOT NULL,
    hash spacetime.hash NOT NULL,
    PRIMARY KEY (world, tick)
);
ALTER TABLE spacetime.snapshots ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE spacetime.segments (
    world spacetime.name NOT NULL,
    first_tick spacetime.number NOT NULL,
    ticks spacetime.positive NOT NULL,
    digest bigint NOT NULL,
    written spacetime.moment NOT NULL,
    format spacetime.number NOT NULL,
    payload bytea NOT NULL,
    hash spacetime.hash NOT NULL,
    PRIMARY KEY (world, first_tick)
);
ALTER TABLE spacetime.segments ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE spacetime.trades (
    id spacetime.token PRIMARY KEY,
    at spacetime.moment NOT NULL,
    giver spacetime.positive NOT NULL,
    taker spacetime.positive NOT NULL CHECK (taker <> giver)
);
CREATE INDEX trades_of_giver ON spacetime.trades (giver, id);
CREATE INDEX trades_of_taker ON spacetime.trades (taker, id);

CREATE TABLE spacetime.trade_items (
    trade spacetime.token NOT NULL,
    -- From the giver to the taker, or the other way.
    is_given boolean NOT NULL,
    kind spacetime.name NOT NULL,
    count spacetime.positive NOT NULL,
    data bytea NOT NULL CHECK (octet_length(data) <= 4096),
    PRIMARY KEY (trade, is_given, kind)
);

CREATE TABLE spacetime.audit (
    seq spacetime.positive PRIMARY KEY,
    at spacetime.moment NOT NULL,
    actor spacetime.positive,
    action spacetime.name NOT NULL,
    subject text NOT NULL,
    outcome spacetime.name NOT NULL,
    private spacetime.seal NOT NULL,
    previous spacetime.hash NOT NULL,
    hash spacetime.hash NOT NULL
);
CREATE INDEX audit_of_actor ON spacetime.audit (actor, seq);

CREATE TABLE spacetime.settings (
    name spacetime.name PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    value text NOT NULL
);

CREATE TABLE spacetime.person_keys (
    person spacetime.positive PRIMARY KEY,
    rev spacetime.positive NOT NULL,
    batch spacetime.token NOT NULL,
    master spacetime.token NOT NULL,
    wrapped spacetime.seal NOT NULL
);

CREATE TABLE spacetime.erasures (
    person spacetime.positive PRIMARY KEY,
    at spacetime.moment NOT NULL
);
