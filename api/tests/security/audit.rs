//! The trail: each kind is written down once, before it takes effect, or nothing happens.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::gate::{Count, Denied, Gatekeeper as _, Sign};
use api::identity::Role;
use api::security::Refusal;
use api::security::kinds::Kind;

use crate::memory::{PASSWORD, World, policy, run, visit};

/// SEC-054: causes each kind once and counts; a kind without a cause here fails.
#[test]
fn each_kind_is_written_down_once() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        let anna = world.caller("anna", Role::Player, 1).await;
        let security = &world.security;
        let mut found: BTreeMap<Kind, usize> = BTreeMap::new();
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_of_security()) {
            let ben = world.account(&format!("ben{}", kind.name()), Role::Player).await;
            let tokens = world.security.sign_in(&visit(2), &format!("ben{}", kind.name()), PASSWORD).await.expect("in");
            let caller = world.verified(&tokens, 2);
            let from = visit(100 + kind as u8);
            world.security.tend().await;
            let place = world.audit.len();
            match kind {
                Kind::SignIn => drop(security.sign_in(&from, "anna", PASSWORD).await.expect("in")),
                Kind::SignInFailed => drop(security.sign_in(&from, "anna", "wrong").await),
                Kind::SignOut => security.sign_out(&from, &caller).await.expect("out"),
                Kind::Refresh => drop(security.refresh(&visit(2), &tokens.refresh).await.expect("renewed")),
                Kind::RefreshReused => {
                    security.refresh(&visit(2), &tokens.refresh).await.expect("renewed");
                    assert!(security.refresh(&visit(2), &tokens.refresh).await.is_err());
                }
                Kind::Register => drop(security.register(&from, "carol", PASSWORD, 0).await.expect("made")),
                Kind::PasswordChange => {
                    drop(
                        security
                            .change_password(&from, &caller, PASSWORD, "eight blue bottles")
                            .await
                            .expect("changed"),
                    );
                }
                Kind::LicenceAccept => {
                    security.publish_licence(&from, &admin, 5).await.expect("published");
                    security.accept_licence(&from, &caller, 5).await.expect("accepted");
                }
                Kind::LicencePublish => security.publish_licence(&from, &admin, 6).await.expect("published"),
                Kind::RoleChange => security.set_role(&from, &admin, ben, Role::Guest).await.expect("changed"),
                Kind::Ban => {
                    let until = world.now().plus(Duration::from_secs(9));
                    security.ban(&from, &admin, ben, until).await.expect("banned");
                }
                Kind::Unban => {
                    let until = world.now().plus(Duration::from_secs(9));
                    security.ban(&from, &admin, ben, until).await.expect("banned");
                    security.unban(&from, &admin, ben).await.expect("lifted");
                }
                Kind::SignInRevoke => drop(security.revoke_all(&from, &admin, ben).await.expect("revoked")),
                Kind::KeyRotate => security.rotate_key(&from, &admin).await.expect("rotated"),
                Kind::Denied => security.saw(&from, Sign::Forbidden(anna.person)),
                Kind::BadToken => assert!(security.verify(&from, "x.y.z").is_err()),
                Kind::BadInput => security.saw(&from, Sign::BadInput),
                Kind::UnknownRoute => security.saw(&from, Sign::NoSuchRoute),
                Kind::RateLimit => {
                    assert!((0..300).filter(|_| security.admit(&from, Count::Request).is_err()).count() == 200)
                }
                Kind::Alert | Kind::AddressBan => (0..3).for_each(|_| security.saw(&from, Sign::Traversal)),
                Kind::AddressUnban => {
                    (0..3).for_each(|_| security.saw(&from, Sign::Traversal));
                    security.unban_address(&visit(1), &admin, from.address).await.expect("lifted");
                }
                Kind::NotesLost => (0..5000).for_each(|_| security.saw(&from, Sign::BadInput)),
                other => panic!("no cause for {other:?}"),
            }
            security.tend().await;
            found.insert(kind, world.audit.behind(place).iter().filter(|(action, _)| *action == kind.name()).count());
        }
        found.retain(|_, count| *count != 1);
        assert!(found.is_empty(), "not once: {found:?}");
    });
}

/// SEC-028: with the audit log down nothing is done, and with it up the same is.
#[test]
fn nothing_is_done_unlogged() {
    run(async {
        for is_down in [true, false] {
            let world = World::new(policy()).await;
            let admin = world.caller("root", Role::Admin, 1).await;
            let ben = world.account("ben", Role::Player).await;
            let tokens = world.tokens("ben", 2).await;
            let caller = world.verified(&tokens, 2);
            let snapshot = || {
                let state = world.accounts.state.lock().expect("no panic");
                format!("{:?} {:?}", state.accounts, state.sign_ins)
            };
            world.security.tend().await;
            let (before, security, from) = (snapshot(), &world.security, visit(2));
            world.audit.is_down.store(is_down, Ordering::SeqCst);
            let until = world.now().plus(Duration::from_secs(9));
            let results: Vec<Result<(), Refusal>> = vec![
                security.register(&from, "carol", PASSWORD, 0).await.map(|_| ()),
                security.sign_in(&from, "ben", PASSWORD).await.map(|_| ()),
                security.refresh(&from, &tokens.refresh).await.map(|_| ()),
                security.publish_licence(&from, &admin, 2).await,
                security.accept_licence(&from, &caller, 2).await,
                security.rotate_key(&from, &admin).await,
                security.sign_out(&from, &caller).await,
                security.set_role(&from, &admin, ben, Role::Operator).await,
                security.ban(&from, &admin, ben, until).await,
                security.unban(&from, &admin, ben).await,
                security.revoke_all(&from, &admin, ben).await.map(|_| ()),
            ];
            if !is_down {
                assert!(results.iter().all(Result::is_ok), "control: {results:?}");
                assert_ne!(snapshot(), before);
                continue;
            }
            let refused = Err(Refusal::Denied(Denied::Unavailable("audit")));
            // A licence that was not published cannot be accepted.
            let invalid = Refusal::Invalid("that is not the current version of the licence".into());
            assert!(results.iter().all(|result| *result == refused || *result == Err(invalid.clone())), "{results:?}");
            assert_eq!(snapshot(), before);
            assert!(world.is_good(&tokens, 2));
            // An attack is answered all the same, and written down when that is possible again.
            let wrong = security.sign_in(&visit(3), "ben", "wrong").await;
            assert_eq!(wrong.err(), refused.err());
            security.saw(&visit(3), Sign::Traversal);
            security.tend().await;
            let place = world.audit.len();
            world.audit.is_down.store(false, Ordering::SeqCst);
            security.tend().await;
            assert_eq!(world.audit.behind(place).len(), 1);
        }
    });
}

/// What waits is written down without anybody asking for it.
#[test]
fn refusals_are_written_down_in_the_background() {
    run(async {
        let world = World::new(policy()).await;
        let background = tokio::spawn(world.security.clone().background());
        world.security.saw(&visit(3), Sign::Traversal);
        let written = async {
            while world.audit.len() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.expect("written down");
        background.abort();
        assert_eq!(world.audit.behind(0)[0].0, "input.bad");
    });
}

/// Each record says who, from where, and by which request.
#[test]
fn a_record_leads_to_its_request() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let from = visit(9);
        let _ = world.security.sign_in(&from, "anna", "wrong").await;
        let act = world.audit.acts.lock().expect("no panic").last().expect("a record").clone();
        assert_eq!((act.action, act.at, act.subject.as_str()), ("sign_in.failed", world.now(), "person:1"));
        for part in ["127.0.1.9", &from.correlation.to_string()] {
            assert!(act.details.contains(part), "{}", act.details);
        }
    });
}
