-- What the other two roles may do. The program has rows only: no table can be changed, emptied or added by it.

GRANT USAGE ON SCHEMA spacetime TO spacetime_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    spacetime.players, spacetime.inventories, spacetime.items, spacetime.credentials, spacetime.sign_ins,
    spacetime.consents, spacetime.discoveries, spacetime.worlds, spacetime.seats, spacetime.snapshots,
    spacetime.segments, spacetime.trades, spacetime.trade_items, spacetime.audit, spacetime.settings,
    spacetime.person_keys, spacetime.erasures
    TO spacetime_app;
GRANT SELECT ON spacetime.schema_history TO spacetime_app;

-- Reports see nothing sealed, no token, no hash of a login, no text that somebody wrote.
CREATE SCHEMA report;
CREATE VIEW report.players AS
    SELECT person, rev, created, seen, place_world, place_tick FROM spacetime.players;
CREATE VIEW report.inventories AS SELECT person, kind, count FROM spacetime.items;
CREATE VIEW report.totals AS
    SELECT kind, count(*) AS owners, sum(count::numeric) AS units FROM spacetime.items GROUP BY kind;
CREATE VIEW report.sign_ins AS SELECT person, created, seen, expires, revoked FROM spacetime.sign_ins;
CREATE VIEW report.consents AS SELECT person, purpose, at, given, version FROM spacetime.consents;
CREATE VIEW report.discoveries AS SELECT person, what, world, tick, at FROM spacetime.discoveries;
CREATE VIEW report.worlds AS
    SELECT id, rev, epoch, created, tick_rate_hz, results_revision, build FROM spacetime.worlds;
CREATE VIEW report.seats AS SELECT world, number, person, banned FROM spacetime.seats;
CREATE VIEW report.snapshots AS
    SELECT world, tick, taken, label, format, octet_length(payload) AS bytes FROM spacetime.snapshots;
CREATE VIEW report.segments AS
    SELECT world, first_tick, ticks, written, format, octet_length(payload) AS bytes FROM spacetime.segments;
CREATE VIEW report.trades AS SELECT at, giver, taker FROM spacetime.trades;
CREATE VIEW report.audit AS SELECT seq, at, action, outcome FROM spacetime.audit;
GRANT USAGE ON SCHEMA report TO spacetime_report;
GRANT SELECT ON ALL TABLES IN SCHEMA report TO spacetime_report;
