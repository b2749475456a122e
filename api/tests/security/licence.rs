//! COMP-024: whoever plays has accepted the current licence.

use api::gate::{Denied, Gatekeeper as _};
use api::identity::Role;
use api::security::Refusal;

use crate::memory::{World, policy, run, visit};

#[test]
fn play_waits_for_the_licence_and_a_new_version_asks_again() {
    run(async {
        let mut policy = policy();
        policy.licence = 1;
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
        world.security.accept_licence(&visit(2), &anna, 2).await.expect("accepted");
        assert_eq!(world.security.permits(&anna, Role::Player), Ok(()));
    });
}
