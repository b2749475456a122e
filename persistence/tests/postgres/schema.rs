//! Versions of the tables, and what each role may do with them.

use persistence::{Postgres, Store, StoreError};
use persistence_testkit::cluster::Cluster;

use crate::common::{app, config, migrate, migrated, player, refused, run, store};

/// What was found instead of the tables of this program.
async fn found(cluster: &Cluster) -> String {
    match refused(app(cluster)).await {
        StoreError::Schema { found, .. } => found,
        other => panic!("{other}"),
    }
}

#[test]
fn only_the_owner_migrates_and_only_once() {
    run(async {
        let cluster = Cluster::start(&[]);
        assert_eq!(found(&cluster).await, "no tables");
        let denied = Postgres::migrate(app(&cluster)).await.expect_err("denied");
        assert!(matches!(denied, StoreError::Refused(_)), "{denied}");
        let owner = || Postgres::migrate(config(&cluster, "spacetime_owner"));
        let (a, b) = tokio::join!(owner(), owner());
        let (a, b) = (a.expect("migrated"), b.expect("migrated"));
        assert_eq!([a.len(), b.len()].iter().sum::<usize>(), 2, "each migration is applied once: {a:?} {b:?}");
        assert_eq!(owner().await.expect("nothing to do"), Vec::<String>::new());
        // By name and in order, those that were built in.
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = std::fs::read_dir(folder).expect("the migrations").flatten();
        let mut names: Vec<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.starts_with('V'));
        names.sort_by_key(|name| name[1..].split("__").next().and_then(|version| version.parse::<u32>().ok()));
        let applied = "SELECT 'V' || version || '__' || name || '.sql' FROM spacetime.schema_history ORDER BY version";
        assert_eq!(cluster.sql(applied).lines().collect::<Vec<_>>(), names);
        store(&cluster).await.commit(&player(1, 1)).await.expect("written");
    });
}

#[test]
fn another_version_is_refused_with_a_reason() {
    run(async {
        let cluster = migrated(&[]).await;
        // What is changed, what is found then, and how it is mended.
        let history = "spacetime.schema_history";
        let cases = [
            (
                format!("INSERT INTO {history} VALUES (3, 'later', '2030-01-01T00:00:00Z', '1')"),
                "V3",
                format!("DELETE FROM {history} WHERE version = 3"),
            ),
            (
                format!(
                    "CREATE TABLE kept AS SELECT * FROM {history} WHERE version = 2; DELETE FROM {history} WHERE version = 2"
                ),
                "V1",
                format!("INSERT INTO {history} SELECT * FROM kept; DROP TABLE kept"),
            ),
            (
                format!(
                    "CREATE TABLE kept AS SELECT * FROM {history}; UPDATE {history} SET checksum = '7' WHERE version = 1"
                ),
                "another V1 (tables)",
                format!("DELETE FROM {history}; INSERT INTO {history} SELECT * FROM kept; DROP TABLE kept"),
            ),
            (
                "ALTER TABLE spacetime.seats RENAME banned TO outlawed".to_owned(),
                "the right migrations, but another column seats.banned",
                "ALTER TABLE spacetime.seats RENAME outlawed TO banned".to_owned(),
            ),
            (
                "ALTER TABLE spacetime.items ADD more int".to_owned(),
                "the right migrations, but another column items.more",
                "ALTER TABLE spacetime.items DROP more".to_owned(),
            ),
        ];
        for (change, wanted, mend) in cases {
            cluster.sql(&change);
            assert_eq!(found(&cluster).await, wanted, "{change}");
            cluster.sql(&mend);
            store(&cluster).await.commit(&player(1, 1)).await.err().into_iter().for_each(|error| {
                assert_eq!(error.reason(), "conflict", "mended: {error}");
            });
        }
        // A newer one is not touched, whoever asks.
        cluster.sql(&format!("INSERT INTO {history} VALUES (3, 'later', '2030-01-01T00:00:00Z', '1')"));
        let denied = Postgres::migrate(config(&cluster, "spacetime_owner")).await;
        assert!(matches!(denied, Err(StoreError::Schema { .. })), "{denied:?}");
    });
}

#[test]
fn a_used_database_has_the_tables_of_a_new_one() {
    run(async {
        let (used, new) = (migrated(&[]).await, Cluster::start(&[]));
        store(&used).await.commit(&player(1, 1)).await.expect("written");
        migrate(&used).await;
        migrate(&new).await;
        let dump = |cluster: &Cluster| cluster.tool("pg_dump", &["--schema-only", "spacetime"]).expect("a dump");
        let lines =
            |text: String| text.lines().filter(|line| !line.starts_with('\\')).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(dump(&used)), lines(dump(&new)));
    });
}

#[test]
fn each_role_can_do_its_own_and_no_more() {
    run(async {
        let cluster = migrated(&[]).await;
        let may = |role: &str, statement: &str| cluster.psql(role, statement);
        for statement in [
            "CREATE TABLE spacetime.mine (a int)",
            "CREATE TABLE public.mine (a int)",
            "CREATE SCHEMA mine",
            "DROP TABLE spacetime.players",
            "TRUNCATE spacetime.players",
            "ALTER TABLE spacetime.players ADD more int",
            "DELETE FROM spacetime.schema_history",
            "SELECT * FROM pg_authid",
            "COPY spacetime.players TO '/tmp/players'",
            "SELECT * FROM report.players",
        ] {
            assert!(may("spacetime_app", statement).is_err(), "the program may: {statement}");
        }
        may("spacetime_app", "SELECT * FROM spacetime.players").expect("the program reads");
        for statement in [
            "SELECT * FROM spacetime.players",
            "SELECT * FROM spacetime.person_keys",
            "DELETE FROM report.players",
            "CREATE TABLE report.mine (a int)",
        ] {
            assert!(may("spacetime_report", statement).is_err(), "reports may: {statement}");
        }
        let views =
            cluster.sql("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'report'::regnamespace");
        assert!(views.split(' ').count() >= 10, "{views}");
        for view in views.split(' ') {
            may("spacetime_report", &format!("SELECT * FROM report.{view}")).expect("reports read");
        }
        let secrets = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
                       WHERE c.relnamespace = 'report'::regnamespace AND a.atttypid IN (SELECT oid FROM pg_type WHERE \
                       typname IN ('bytea', 'seal', 'hash', 'token'))";
        assert_eq!(cluster.sql(secrets), "0", "no view shows bytes of any kind");
    });
}
