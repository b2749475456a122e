//! Who is let in, and by what: each thing that is wrong has its own name.

use std::time::Duration;

use persistence::{PostgresConfig, Store, StoreError};
use persistence_testkit::cluster::Cluster;

use crate::common::{app, migrated, player, refused, run, store};

#[test]
fn the_pool_is_open_and_sealed() {
    run(async {
        let cluster = migrated(&[]).await;
        let config = PostgresConfig { connections_min: 5, application_name: "world-7".to_owned(), ..app(&cluster) };
        let store = persistence::Postgres::connect(config).await.expect("a store");
        let sessions = "SELECT count(*), bool_and(s.ssl), min(s.version) FROM pg_stat_activity a \
                        JOIN pg_stat_ssl s USING (pid) WHERE a.application_name = 'world-7'";
        assert_eq!(cluster.sql(sessions), "5|t|TLSv1.3");
        // Who is sent away comes back without being asked.
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'world-7'");
        cluster.await_that("SELECT count(*) >= 5 FROM pg_stat_activity WHERE application_name = 'world-7'");
        store.commit(&player(1, 1)).await.expect("written");
        drop(store);
        cluster.await_that("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'world-7'");
    });
}

#[test]
fn a_server_that_would_lose_data_is_refused() {
    run(async {
        let mut cluster = migrated(&[]).await;
        cluster.set("fsync", "off");
        let why = refused(app(&cluster)).await;
        assert!(matches!(&why, StoreError::Unsafe(text) if text.contains("fsync")), "{why}");
        cluster.set("fsync", "on");
        cluster.set("full_page_writes", "off");
        let why = refused(app(&cluster)).await;
        assert!(matches!(&why, StoreError::Unsafe(text) if text.contains("full_page_writes")), "{why}");
        cluster.set("full_page_writes", "on");
        for value in ["off", "local", "remote_write"] {
            cluster.set("synchronous_commit", value);
            let why = refused(app(&cluster)).await;
            assert!(matches!(&why, StoreError::Unsafe(text) if text.contains("synchronous_commit")), "{why}");
        }
        cluster.set("synchronous_commit", "on");
        store(&cluster).await.commit(&player(1, 1)).await.expect("a safe server");
        cluster.stop();
        let why = refused(app(&cluster)).await;
        assert_eq!(why.reason(), "unavailable", "{why}");
    });
}

#[test]
fn who_is_who_is_checked_on_both_sides() {
    run(async {
        let (cluster, other) = (migrated(&[]).await, Cluster::start(&[]));
        let wrong = PostgresConfig { password: Some("guessed".to_owned()), ..app(&cluster) };
        let why = refused(wrong).await;
        assert!(matches!(why, StoreError::Refused(_)) && !why.to_string().contains("guessed"), "{why}");
        let forged = PostgresConfig { root_certificate: Some(other.root_certificate()), ..app(&cluster) };
        let why = refused(forged).await;
        assert!(matches!(&why, StoreError::Unsafe(text) if text.contains("certificate")), "{why}");
        // Another machine is spoken to by TLS only: it is not even asked.
        let open = PostgresConfig {
            url: "postgresql://spacetime_app@192.0.2.1/spacetime".to_owned(),
            root_certificate: None,
            ..app(&cluster)
        };
        assert!(matches!(refused(open).await, StoreError::Unsafe(_)));
        let far = PostgresConfig {
            url: "postgresql://spacetime_app@192.0.2.1/spacetime".to_owned(),
            connect_timeout: Duration::from_millis(200),
            ..app(&cluster)
        };
        let why = refused(far).await;
        assert!(matches!(why, StoreError::TimedOut(_) | StoreError::Unavailable(_)), "{why}");
        let missing =
            PostgresConfig { url: cluster.url("spacetime_app").replace("/spacetime", "/nothing"), ..app(&cluster) };
        assert_eq!(refused(missing).await.reason(), "refused");
        // This machine's own may be spoken to in the open, by TCP and by its socket.
        let local = PostgresConfig { root_certificate: None, ..app(&cluster) };
        persistence::Postgres::connect(local.clone()).await.expect("this machine's own");
        let socket = cluster.socket().replace('/', "%2F");
        let url = format!("postgresql://spacetime_app@{socket}:{}/spacetime", cluster.port());
        persistence::Postgres::connect(PostgresConfig { url, ..local }).await.expect("its socket");
    });
}

#[test]
fn a_new_password_needs_no_restart() {
    run(async {
        let cluster = migrated(&[]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "correct horse\n").expect("written");
        let config = PostgresConfig { password: None, password_file: Some(file.clone()), ..app(&cluster) };
        let store = persistence::Postgres::connect(config).await.expect("a store");
        store.commit(&player(1, 1)).await.expect("written");
        cluster.sql("ALTER ROLE spacetime_app PASSWORD 'battery staple'");
        store.commit(&player(1, 2)).await.expect("connections that are open stay");
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'spacetime_app'");
        cluster.await_that("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'spacetime_app'");
        let why = crate::common::illness(&store).await;
        assert!(matches!(why, StoreError::Refused(_)), "{why}");
        std::fs::write(&file, "battery staple\n").expect("written");
        store.commit(&player(1, 3)).await.expect("let in again");
        std::fs::remove_file(&file).expect("removed");
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'spacetime_app'");
        cluster.await_that("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'spacetime_app'");
        let why = crate::common::illness(&store).await;
        assert!(matches!(&why, StoreError::Refused(text) if text.contains("password file")), "{why}");
    });
}
