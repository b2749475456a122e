-- Run once by a superuser in the empty database that will hold the store, before the first migration. Passwords are set
-- afterwards, with \password in psql. Roles are of the whole cluster, so this may be run again in a second database.
--
--   spacetime_owner   migrates: owns the tables and everything else in the schemas spacetime and report
--   spacetime_app     the program: reads and writes rows, and can change no table
--   spacetime_report  reads the views in the schema report, which hold nothing sealed and nothing secret
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['spacetime_owner', 'spacetime_app', 'spacetime_report'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', wanted);
        END IF;
    END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO spacetime_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO spacetime_app, spacetime_report', current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
