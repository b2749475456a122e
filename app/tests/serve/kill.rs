//! Processes that are killed at any moment: nothing that was told to be durable is missing, and in the synchronous mode
//! nothing that was told at all.

use std::time::Duration;

use crate::postgres::prepared;
use crate::process::{Home, digests, scaled};

/// Kills a service so often. What it had told before each time has to be there: durable ticks with digests, and with a
/// synchronous log the world's own.
fn kill_often(home: &Home, trials: u64, longest_loss: u64) {
    let mut told: Vec<(u64, String)> = Vec::new();
    for trial in 0..trials {
        let mut service = home.serving();
        if let Some((tick, _)) = told.iter().max() {
            let resumed = service.event("resumed");
            let (at, lost) =
                (resumed["tick"].as_u64().expect("a tick"), resumed["lost_ticks"].as_u64().expect("a number"));
            assert!(at >= *tick, "trial {trial}: {tick} was told, resumed at {at}");
            assert!(lost <= longest_loss, "trial {trial}: {lost} ticks were lost");
            let untold = resumed["lost_unpublished_ticks"].as_u64().expect("a number");
            assert!(untold <= 90, "trial {trial}: {untold} ticks were lost that nobody was told of");
        }
        // Spread over the pieces of the log, with and without saves under way.
        let pause = Duration::from_millis(20 + (trial * 7919) % 400);
        std::thread::park_timeout(pause);
        if trial % 3 == 0 {
            home.asked("save");
        }
        let status = home.status_until("something durable", |status| status["durable"]["tick"].is_u64());
        // With a synchronous log, what it says of the world itself is to last as well.
        let published = (status["durability"] == "synchronous").then_some(&status);
        for mark in [&status["durable"]].into_iter().chain(published) {
            let digest = mark["digest"].as_str().expect("a digest").to_owned();
            told.push((mark["tick"].as_u64().expect("a tick"), digest));
        }
        service.crashes();
    }
    let file = home.path("all.strec");
    home.told(&format!("db export --json {}", file.display()));
    let log = digests(&file);
    for (tick, digest) in told.iter().filter(|(tick, _)| *tick > 0) {
        assert_eq!(log.get(tick), Some(digest), "tick {tick}");
    }
}

#[test]
fn nothing_durable_is_lost_by_a_kill() {
    kill_often(&Home::new(), scaled(14), 90);
}

#[test]
fn nothing_published_is_lost_by_a_kill_with_a_synchronous_log() {
    let home = Home::new();
    home.configure("[log]\ndurability = \"synchronous\"\n");
    kill_often(&home, scaled(6), 0);
}

#[test]
fn nothing_durable_is_lost_by_a_kill_with_the_store_in_postgresql() {
    let home = Home::new();
    let _cluster = prepared(&home, &[], "", "");
    kill_often(&home, scaled(20), 90);
}
