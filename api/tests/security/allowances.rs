//! How often somebody may ask: addresses, persons, sockets.

use std::time::Duration;

use api::gate::{Count, Denied, Gatekeeper as _};
use api::identity::Role;
use api::security::policy::Policy;

use crate::memory::{World, policy, run, visit};

/// SEC-004: 300 requests in ten seconds from one address; another address notices nothing.
#[test]
fn a_flood_is_cut_off_and_its_neighbour_is_not() {
    run(async {
        let world = World::new(policy()).await;
        let mut accepted = 0;
        for i in 0..300u64 {
            match world.security.admit(&visit(1), Count::Request) {
                Ok(()) => accepted += 1,
                Err(Denied::TooMany(again)) => {
                    assert!(again > Duration::from_secs(40) && again <= Duration::from_secs(63), "{again:?}");
                }
                Err(other) => panic!("{other}"),
            }
            if i % 10 == 0 {
                assert_eq!(world.security.admit(&visit(2), Count::Request), Ok(()));
            }
            world.clock.turn(Duration::from_millis(33));
        }
        assert_eq!(accepted, 100);
        let Err(Denied::TooMany(again)) = world.security.admit(&visit(1), Count::Request) else { panic!("spent") };
        world.clock.turn(again);
        assert_eq!(world.security.admit(&visit(1), Count::Request), Ok(()), "the time was honest");
        // Control: with the limit lifted the same flood gets through.
        let mut lifted = policy();
        lifted.allowances.address_requests *= 1000;
        let world = World::new(lifted).await;
        assert!((0..300).all(|_| world.security.admit(&visit(1), Count::Request).is_ok()));
    });
}

/// SEC-051: the worst window of three minutes at a thousand a minute; nine tenths of it loses nothing.
#[test]
fn the_allowance_of_an_address_holds_in_any_minute() {
    run(async {
        let world = World::new(policy()).await;
        let mut accepted = Vec::new();
        for i in 0..3000u64 {
            if world.security.admit(&visit(1), Count::Request).is_ok() {
                accepted.push(i * 60);
            }
            world.clock.turn(Duration::from_millis(60));
        }
        let worst =
            accepted.iter().map(|from| accepted.iter().filter(|at| (*from..from + 60_000).contains(at)).count());
        assert_eq!(worst.max(), Some(100));
        for _ in 0..270 {
            assert_eq!(world.security.admit(&visit(2), Count::Request), Ok(()), "90 a minute");
            world.clock.turn(Duration::from_millis(667));
        }
    });
}

/// SEC-052 and SEC-053: over sixteen addresses, three tokens or four sockets it is one allowance, and others keep theirs.
#[test]
fn the_allowance_of_a_person_follows_the_person() {
    run(async {
        let world = World::new(policy()).await;
        let (anna, ben) = (world.caller("anna", Role::Player, 1).await, world.caller("ben", Role::Player, 2).await);
        let mut tokens = Vec::new();
        for _ in 0..3 {
            tokens.push(world.tokens("anna", 1).await);
        }
        let callers: Vec<_> = tokens.iter().map(|tokens| world.verified(tokens, 1)).collect();
        for (count, most) in [(Count::Request, 600), (Count::Message, 1000)] {
            let accepted = (0..5000).filter(|i| world.security.admit_caller(&callers[i % 3], count).is_ok());
            assert_eq!(accepted.count(), most);
            assert!(
                matches!(world.security.admit_caller(&anna, count), Err(Denied::TooMany(_))),
                "her first token too"
            );
            let bens = (0..5000).filter(|_| world.security.admit_caller(&ben, count).is_ok());
            assert_eq!(bens.count(), most, "his is whole");
        }
    });
}

/// SEC-018: whoever comes and goes leaves nothing behind.
#[test]
fn churn_leaves_nothing_behind() {
    run(async {
        let mut policy = policy();
        policy.allowances.counted_max = 1024;
        policy.intrusion.addresses_max = 1024;
        policy.lockout.rows_max = 1024;
        policy.lockout.remember = Duration::from_secs(3600);
        let world = World::new(policy).await;
        world.account("anna", Role::Player).await;
        for i in 0..crate::scaled(1000) {
            let from = visit((i % 200) as u8);
            let _ = world.security.admit(&from, Count::Request);
            let _ = world.security.sign_in(&from, &format!("nobody{i}"), "not a password").await;
            let tokens = world.tokens("anna", 201).await;
            let caller = world.verified(&tokens, 201);
            if i % 2 == 0 {
                world.security.sign_out(&visit(201), &caller).await.expect("signed out");
            }
        }
        let busy = world.security.figures();
        assert!(busy.sign_ins <= 10 && busy.failures > 100 && busy.allowances <= 5 * 1024, "{busy:?}");
        world.turn(7200);
        world.security.tend().await;
        let alerts = busy.alerts;
        assert_eq!(world.security.figures(), api::security::Figures { alerts, ..Default::default() });
    });
}

#[test]
fn a_policy_that_keeps_no_promise_does_not_start() {
    run(async {
        let world = World::new(policy()).await;
        let mut bad = Policy::default();
        bad.allowances.address_requests = 0;
        let outside = api::security::Outside {
            clock: std::sync::Arc::new(world.clock.clone()),
            accounts: world.accounts.clone(),
            audit: world.audit.clone(),
        };
        let keys = api::security::keys::Keys::in_memory().expect("random numbers");
        let refused = api::security::Security::start(bad, outside, keys).await.err().map(|e| e.to_string());
        assert_eq!(refused.as_deref(), Some("an allowance is at least 1 in 60 s"));
    });
}
