//! Sign-ins and their tokens: they die on time, at once when ended, and cannot be carried off unseen.

use std::sync::atomic::Ordering;
use std::time::Duration;

use api::gate::{Denied, Gatekeeper as _};
use api::identity::{Role, SignInId};
use api::security::Refusal;
use api::security::intrusion::Rule;
use api::security::policy::Replay;

use crate::memory::{PASSWORD, World, policy, run, visit};

/// SEC-037: one second before and after; an open socket too.
#[test]
fn access_tokens_die_on_time() {
    run(async {
        let mut policy = policy();
        policy.access_life = Duration::from_secs(600);
        let world = World::new(policy).await;
        world.account("anna", Role::Player).await;
        let tokens = world.tokens("anna", 1).await;
        let caller = world.verified(&tokens, 1);
        world.turn(599);
        assert!(world.is_good(&tokens, 1) && world.security.still_stands(&caller).is_ok());
        world.turn(1);
        assert!(!world.is_good(&tokens, 1));
        assert_eq!(world.security.still_stands(&caller), Err(Denied::Unauthenticated("expired")));
        let next = world.security.refresh(&visit(1), &tokens.refresh).await.expect("the sign-in stands");
        assert!(world.is_good(&next, 1));
        assert_eq!(next.access_expires, world.now().plus(Duration::from_secs(600)));
    });
}

/// SEC-045: idle, over, signed out, revoked, each with every credential, and a control a second before.
#[test]
fn every_credential_dies_with_its_sign_in() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let tokens = world.tokens("anna", 1).await;
        let caller = world.verified(&tokens, 1);
        world.turn(899);
        assert!(world.security.still_stands(&caller).is_ok(), "to look is no use of it");
        world.turn(1);
        assert!(!world.is_good(&tokens, 1) && world.security.still_stands(&caller).is_err());
        assert!(world.security.refresh(&visit(1), &tokens.refresh).await.is_err());

        let mut tokens = world.tokens("anna", 1).await;
        let began = world.now();
        while world.now().since(began) < Duration::from_secs(28_799) {
            assert!(world.is_good(&tokens, 1));
            tokens = world.security.refresh(&visit(1), &tokens.refresh).await.expect("renewed");
            assert!(tokens.access_expires <= tokens.sign_in_expires);
            world.turn(28_799.min(world.now().since(began).as_secs() + 800) - world.now().since(began).as_secs());
        }
        assert!(world.is_good(&tokens, 1));
        world.turn(1);
        assert!(!world.is_good(&tokens, 1), "8 h are over, however much it was used");
        assert!(world.security.refresh(&visit(1), &tokens.refresh).await.is_err());

        let (one, other) = (world.tokens("anna", 1).await, world.tokens("anna", 1).await);
        let caller = world.verified(&one, 1);
        world.security.sign_out(&visit(1), &caller).await.expect("signed out");
        assert!(!world.is_good(&one, 1) && world.security.still_stands(&caller).is_err());
        assert!(world.security.refresh(&visit(1), &one.refresh).await.is_err());
        assert!(world.is_good(&other, 1), "control: the other one stands");
    });
}

/// SEC-009: each sign-in has an id of its own, and a change of the role ends what was there.
#[test]
fn the_id_is_new_each_time() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 9).await;
        let anna = world.account("anna", Role::Player).await;
        let (first, second) = (world.tokens("anna", 1).await, world.tokens("anna", 1).await);
        let ids = [world.verified(&first, 1).sign_in, world.verified(&second, 1).sign_in];
        assert_ne!(ids[0], ids[1]);
        world.security.set_role(&visit(9), &admin, anna, Role::Operator).await.expect("a new role");
        assert!(!world.is_good(&first, 1) && !world.is_good(&second, 1));
        let third = world.tokens("anna", 1).await;
        assert!(!ids.contains(&world.verified(&third, 1).sign_in));
        assert_eq!(world.verified(&third, 1).role, Role::Operator);
        let (from, caller) = (visit(1), world.verified(&third, 1));
        let changed = world.security.change_password(&from, &caller, PASSWORD, "eight blue bottles").await;
        let fourth = changed.expect("changed");
        assert!(!world.is_good(&third, 1) && world.is_good(&fourth, 1));
        assert!(world.security.sign_in(&visit(2), "anna", PASSWORD).await.is_err(), "the old password");
    });
}

/// Whoever signs in while their role is taken does not keep it.
#[test]
fn a_sign_in_does_not_slip_past_a_demotion() {
    run(async {
        let world = World::new(policy()).await;
        let anna = world.account("anna", Role::Admin).await;
        let hook = move |state: &mut crate::memory::State| {
            let account = state.accounts.get_mut(&anna).expect("the account");
            (account.role, account.revision) = (Role::Guest, account.revision + 1);
        };
        *world.accounts.behind_put.lock().expect("no panic") = Some(Box::new(hook));
        assert!(world.security.sign_in(&visit(1), "anna", PASSWORD).await.is_err());
        assert_eq!(world.security.figures().sign_ins, 0);
        assert_eq!(
            world.verified(&world.tokens("anna", 1).await, 1).role,
            Role::Guest,
            "control: the next one is good"
        );
    });
}

/// SEC-038: the old token, and then its successor.
#[test]
fn a_reused_refresh_token_burns_its_family() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let (tokens, other) = (world.tokens("anna", 1).await, world.tokens("anna", 1).await);
        let next = world.security.refresh(&visit(1), &tokens.refresh).await.expect("renewed");
        assert!(world.is_good(&next, 1) && world.is_good(&tokens, 1), "control");
        let before = world.audit.len();
        assert!(world.security.refresh(&visit(1), &tokens.refresh).await.is_err());
        assert!(world.security.refresh(&visit(1), &next.refresh).await.is_err());
        assert!(!world.is_good(&next, 1) && !world.is_good(&tokens, 1));
        assert!(world.is_good(&other, 1), "another sign-in is none of its family");
        world.security.tend().await;
        let events = world.audit.behind(before);
        assert_eq!(events.iter().filter(|(action, _)| *action == "refresh.reused").count(), 1);
        assert!(world.security.recent_alerts(0, 9).iter().any(|alert| alert.rule == Rule::RefreshReuse));
        for bad in ["", "x", &tokens.access, &"A".repeat(64)] {
            assert!(world.security.refresh(&visit(1), bad).await.is_err(), "{bad}");
        }
    });
}

/// SEC-045 and SEC-058: a token that is used from a second place is flagged, or refused where the policy says so.
#[test]
fn a_carried_off_token_is_noticed() {
    run(async {
        for replay in [Replay::Flag, Replay::Refuse] {
            let mut policy = policy();
            policy.replay = replay;
            let world = World::new(policy).await;
            world.account("anna", Role::Player).await;
            let tokens = world.tokens("anna", 1).await;
            assert!(world.is_good(&tokens, 1) && world.security.recent_alerts(0, 9).is_empty(), "control");
            assert_eq!(world.is_good(&tokens, 2), replay == Replay::Flag);
            assert_eq!(world.is_good(&tokens, 1), replay == Replay::Flag);
            let alerts = world.security.recent_alerts(0, 9);
            assert_eq!(alerts.iter().map(|alert| alert.rule).collect::<Vec<_>>(), [Rule::TokenReplay], "once");
            assert!(world.security.banned_addresses().is_empty(), "neither address is banned");
            for place in 1..100 {
                assert_eq!(world.is_good(&tokens, place % 3 + 1), replay == Replay::Flag);
            }
            assert_eq!(world.security.recent_alerts(0, 200).len(), 1, "one a minute");
            world.clock.turn(Duration::from_secs(60));
            assert_eq!(world.is_good(&tokens, 4), replay == Replay::Flag);
            assert_eq!(world.security.recent_alerts(0, 200).len(), if replay == Replay::Flag { 2 } else { 1 });
        }
    });
}

/// SEC-029: another's sign-in is no different from one that does not exist.
#[test]
fn others_sign_ins_are_out_of_reach() {
    run(async {
        let world = World::new(policy()).await;
        let (anna, ben) = (world.caller("anna", Role::Player, 1).await, world.caller("ben", Role::Operator, 2).await);
        let admin = world.caller("root", Role::Admin, 3).await;
        let of_ben = world.security.revoke_sign_in(&visit(1), &anna, ben.sign_in).await;
        let unknown = world.security.revoke_sign_in(&visit(1), &anna, SignInId([9; 16])).await;
        assert_eq!((of_ben, unknown), (Err(Refusal::NotFound), Err(Refusal::NotFound)));
        assert!(world.security.still_stands(&ben).is_ok());
        assert_eq!(world.security.revoke_sign_in(&visit(2), &ben, anna.sign_in).await, Err(Refusal::NotFound));
        assert!(world.security.own_sign_ins(&anna).iter().all(|one| one.id == anna.sign_in && one.is_current));
        world.security.revoke_sign_in(&visit(3), &admin, ben.sign_in).await.expect("an administrator may");
        assert!(world.security.still_stands(&ben).is_err());
        world.security.revoke_sign_in(&visit(1), &anna, anna.sign_in).await.expect("one's own");
        assert!(world.security.own_sign_ins(&anna).is_empty());
    });
}

/// A restart keeps what stands, and brings nothing back that was ended.
#[test]
fn a_restart_keeps_what_stands_and_nothing_else() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 9).await;
        let (anna, ben) = (world.caller("anna", Role::Player, 1).await, world.caller("ben", Role::Player, 2).await);
        let of_anna = world.tokens("anna", 1).await;
        world.security.sign_out(&visit(1), &anna).await.expect("signed out");
        world
            .security
            .ban(&visit(9), &admin, ben.person, world.now().plus(Duration::from_secs(9999)))
            .await
            .expect("banned");
        world.turn(600);
        assert!(world.is_good(&of_anna, 1));
        world.security.tend().await;
        world.turn(600);
        let again = world.restarted(policy()).await;
        assert_eq!(again.security.figures().sign_ins, 1, "hers that was used; the administrator's is idle");
        assert!(again.security.refresh(&visit(1), &of_anna.refresh).await.is_ok());
        assert_eq!(again.security.still_stands(&ben), Err(Denied::Unauthenticated("its sign-in has ended")));
    });
}

/// A store that does not answer: what ends has ended here, and the store hears of it later.
#[test]
fn what_is_ended_stays_ended_though_the_store_is_down() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let tokens = world.tokens("anna", 1).await;
        let caller = world.verified(&tokens, 1);
        world.accounts.is_down.store(true, Ordering::SeqCst);
        let unavailable = Err(Refusal::Denied(Denied::Unavailable("accounts")));
        assert_eq!(world.security.refresh(&visit(1), &tokens.refresh).await.map(|_| ()), unavailable);
        assert!(world.is_good(&tokens, 1), "nothing has changed");
        assert_eq!(world.security.sign_out(&visit(1), &caller).await, unavailable);
        assert!(!world.is_good(&tokens, 1));
        world.security.tend().await;
        assert_eq!(world.security.figures().unwritten, 1);
        world.accounts.is_down.store(false, Ordering::SeqCst);
        world.security.tend().await;
        assert_eq!(world.security.figures().unwritten, 0);
        assert_eq!(world.restarted(policy()).await.security.figures().sign_ins, 0);
    });
}

/// A store that has another revision than is known here: what has ended is ended there all the same.
#[test]
fn what_is_ended_is_ended_in_the_store_though_it_was_written_meanwhile() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let caller = world.verified(&world.tokens("anna", 1).await, 1);
        let stored = || world.accounts.state.lock().expect("no panic").sign_ins[&caller.sign_in].clone();
        world.accounts.state.lock().expect("no panic").sign_ins.get_mut(&caller.sign_in).expect("it").revision += 7;
        assert_eq!(world.security.sign_out(&visit(1), &caller).await, Ok(()));
        assert!(stored().revoked);
        assert_eq!(world.security.figures().unwritten, 0);
    });
}

/// Whoever tries again, since the first try had no answer, ends what stands still.
#[test]
fn a_second_try_of_a_change_ends_sign_ins() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 9).await;
        let anna = world.account("anna", Role::Operator).await;
        let tokens = world.tokens("anna", 1).await;
        assert!(world.is_good(&tokens, 1), "control");
        let again = world.security.set_role(&visit(9), &admin, anna, Role::Operator).await;
        assert_eq!(again, Err(Refusal::Unchanged));
        assert!(!world.is_good(&tokens, 1));
    });
}

#[test]
fn uses_are_written_once_a_minute() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let tokens = world.tokens("anna", 1).await;
        let id = world.verified(&tokens, 1).sign_in;
        let stored = || world.accounts.state.lock().expect("no panic").sign_ins[&id].clone();
        let mut writes = 0;
        for _ in 0..600 {
            let before = stored().revision;
            world.turn(1);
            assert!(world.is_good(&tokens, 1));
            world.security.tend().await;
            writes += stored().revision - before;
            assert!(world.now().since(stored().seen) <= Duration::from_secs(60));
        }
        assert!((9..=10).contains(&writes), "{writes} in ten minutes");
    });
}
