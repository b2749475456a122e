//! COMP-024: whoever plays has accepted the current licence.

use std::sync::atomic::Ordering;

use api::gate::{Denied, Gatekeeper as _};
use api::identity::Role;
use api::ports::Outcome;
use api::security::Refusal;
use api::security::policy::Policy;

use crate::memory::{World, policy, run, visit};

#[test]
fn play_waits_for_the_licence_and_a_new_version_asks_again() {
    run(async {
        let policy = policy_of(1);
        let world = World::new(policy.clone()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        world.account("anna", Role::Player).await;
        let tokens = world.tokens("anna", 2).await;
        let anna = world.verified(&tokens, 2);
        assert!(!tokens.is_licence_accepted, "signing in works without");
        for caller in [&anna, &admin] {
            assert_eq!(world.security.permits(caller, Role::Guest), Ok(()));
            assert_eq!(world.security.permits(caller, Role::Player), Err(Denied::Licence), "for every account");
        }
        assert_eq!(world.security.permits(&anna, Role::Admin), Err(Denied::Forbidden));
        for wrong in [0, 2] {
            assert!(matches!(world.security.accept_licence(&visit(2), &anna, wrong).await, Err(Refusal::Invalid(_))));
        }
        let before = world.audit.len();
        world.security.accept_licence(&visit(2), &anna, 1).await.expect("accepted");
        let act = world.audit.acts.lock().expect("no panic")[before].clone();
        assert_eq!((act.action, act.at, act.actor), ("licence.accept", world.now(), Some(anna.person)));
        assert!(act.details.contains("\"version\":1"), "{}", act.details);
        assert_eq!(world.security.permits(&anna, Role::Player), Ok(()), "control: nothing else was in the way");
        assert!(world.tokens("anna", 2).await.is_licence_accepted);
        let again = world.restarted(policy).await;
        assert_eq!(again.security.permits(&anna, Role::Player), Ok(()), "it is kept");

        world.security.accept_licence(&visit(1), &admin, 1).await.expect("accepted");
        world.security.publish_licence(&visit(1), &admin, 2).await.expect("published");
        for caller in [&anna, &admin] {
            assert_eq!(world.security.permits(caller, Role::Player), Err(Denied::Licence), "everybody is asked again");
        }
        assert_eq!(world.security.publish_licence(&visit(1), &admin, 1).await, Err(Refusal::Unchanged));
        assert_eq!(world.security.publish_licence(&visit(2), &anna, 3).await, Err(Denied::Forbidden.into()));
        let mut policy = policy_of(1);
        let restarted = world.restarted(policy.clone()).await;
        assert_eq!(restarted.security.permits(&anna, Role::Player), Err(Denied::Licence), "what was published is kept");
        assert_eq!(restarted.security.publish_licence(&visit(1), &admin, 2).await, Err(Refusal::Unchanged));
        policy.licence = 3;
        let asked_again = world.restarted(policy).await;
        let third = asked_again.security.accept_licence(&visit(2), &anna, 2).await;
        assert!(matches!(third, Err(Refusal::Invalid(_))), "of both the higher one counts: {third:?}");
        world.security.accept_licence(&visit(2), &anna, 2).await.expect("accepted");
        assert_eq!(world.security.permits(&anna, Role::Player), Ok(()));
    });
}

/// A licence that the store does not take is not published.
#[test]
fn a_licence_that_cannot_be_kept_is_not_published() {
    run(async {
        let world = World::new(policy_of(0)).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        world.accounts.is_down.store(true, Ordering::SeqCst);
        let place = world.audit.len();
        let refused = world.security.publish_licence(&visit(1), &admin, 1).await;
        assert_eq!(refused, Err(Denied::Unavailable("accounts").into()));
        let done = world.audit.behind(place).into_iter().map(|(_, outcome)| outcome);
        assert_eq!(done.collect::<Vec<_>>(), [Outcome::Done, Outcome::Failed]);
        assert_eq!(world.security.permits(&admin, Role::Player), Ok(()), "nobody is asked for what is not there");
    });
}

fn policy_of(licence: u32) -> Policy {
    Policy { licence, ..policy() }
}
