//! Who may what: the ladder of roles, administration behind its fence, new accounts.

use std::net::IpAddr;
use std::time::Duration;

use api::gate::{Denied, Gatekeeper as _, Sign};
use api::identity::{Caller, Person, Role};
use api::ports::Outcome;
use api::security::Refusal;

use crate::memory::{PASSWORD, World, policy, run, visit};

/// All that only administrators may, by name.
async fn each(world: &World, caller: &Caller, target: Person) -> Vec<(&'static str, Result<(), Refusal>)> {
    let (security, from) = (&world.security, visit(7));
    let until = world.now().plus(Duration::from_secs(60));
    let address: IpAddr = "127.0.1.200".parse().expect("an address");
    vec![
        ("role.change", security.set_role(&from, caller, target, Role::Operator).await),
        ("ban", security.ban(&from, caller, target, until).await),
        ("unban", security.unban(&from, caller, target).await),
        ("sign_in.revoke", security.revoke_all(&from, caller, target).await.map(|_| ())),
        ("address.unban", security.unban_address(&from, caller, address).await),
        ("licence.publish", security.publish_licence(&from, caller, 9).await),
        ("key.rotate", security.rotate_key(&from, caller).await),
        ("register", security.add_account(&from, caller, "made", PASSWORD, Role::Guest).await.map(|_| ())),
    ]
}

/// SEC-042 and SEC-035: nobody else gets in, also not with what they were; each attempt is written down.
#[test]
fn administration_is_fenced_off() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        let target = world.account("target", Role::Player).await;
        let mut others = Vec::new();
        for role in [Role::Guest, Role::Player, Role::Operator] {
            others.push(world.caller(role.name(), role, 2).await);
        }
        let second = world.caller("second", Role::Admin, 3).await;
        world.security.set_role(&visit(1), &admin, second.person, Role::Player).await.expect("demoted");
        others.push(second);
        // What the caller says of themselves is not believed.
        others.push(Caller { role: Role::Admin, ..others[0] });
        let before = (world.accounts.account(target), world.security.figures());
        for caller in &others {
            let place = world.audit.len();
            let tried = each(&world, caller, target).await;
            for (what, result) in &tried {
                let denied = matches!(result, Err(Refusal::Denied(Denied::Forbidden | Denied::Unauthenticated(_))));
                assert!(denied, "{what} as {caller:?}: {result:?}");
            }
            let expected: Vec<_> = tried.iter().map(|(what, _)| (*what, Outcome::Denied)).collect();
            assert_eq!(world.audit.behind(place), expected);
            assert!(world.security.list_accounts(&visit(2), caller, None, 10).await.is_err());
        }
        assert_eq!((world.accounts.account(target), world.security.figures()), before);
        // Control: an administrator may. The address is not banned, and is not found.
        world.security.permits(&admin, Role::Admin).expect("allowed");
        for _ in 0..3 {
            world.security.saw(&visit(200), Sign::Traversal);
        }
        for (what, result) in each(&world, &admin, target).await {
            assert_eq!(result, Ok(()), "{what}");
        }
        assert_eq!(world.security.list_accounts(&visit(1), &admin, None, 2).await.expect("listed").0.len(), 2);
    });
}

#[test]
fn the_last_administrator_cannot_be_removed() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        let until = world.now().plus(Duration::from_secs(60));
        for _ in 0..2 {
            let place = world.audit.len();
            let demoted = world.security.set_role(&visit(1), &admin, admin.person, Role::Player).await;
            let banned = world.security.ban(&visit(1), &admin, admin.person, until).await;
            assert_eq!((demoted, banned), (Err(Refusal::LastAdmin), Err(Refusal::LastAdmin)));
            let denied = [("role.change", Outcome::Denied), ("ban", Outcome::Denied)];
            assert_eq!(world.audit.behind(place), denied);
            world.account(&format!("player{place}"), Role::Operator).await;
        }
        assert!(world.security.still_stands(&admin).is_ok());
        let second = world.account("second", Role::Admin).await;
        world
            .security
            .set_role(&visit(1), &admin, admin.person, Role::Player)
            .await
            .expect("control: there is another");
        assert_eq!(world.accounts.account(second).role, Role::Admin);
    });
}

/// SEC-039, SEC-040 and SEC-044 as far as the gate goes: each role may strictly more than the one below.
#[test]
fn the_ladder_is_strictly_nested() {
    run(async {
        let world = World::new(policy()).await;
        let mut may = Vec::new();
        for role in Role::ALL {
            let caller = world.caller(role.name(), role, 1).await;
            may.push(Role::ALL.map(|needed| world.security.permits(&caller, needed).is_ok()));
        }
        for (i, row) in may.iter().enumerate() {
            assert_eq!(*row, [0, 1, 2, 3].map(|needed| needed <= i), "{}", Role::ALL[i]);
        }
    });
}

/// SEC-043: a new account is what is configured and no more, whatever it asks for.
#[test]
fn new_accounts_are_players_or_less() {
    run(async {
        let world = World::new(policy()).await;
        let new = world.security.register(&visit(1), "  Anna ", PASSWORD, 77).await.expect("registered");
        let account = world.accounts.account(new);
        assert_eq!((account.name.as_str(), account.role, account.licence), ("Anna", Role::Player, 0));
        let refused = [
            (world.security.register(&visit(2), "anna", PASSWORD, 0).await, Refusal::Taken),
            (
                world.security.register(&visit(2), "ben", "short", 0).await,
                Refusal::Invalid("a password has 12 to 256 bytes".into()),
            ),
        ];
        for (got, expected) in refused {
            assert_eq!(got, Err(expected));
        }
        for name in ["", "  ", "a\nb", &"x".repeat(65)] {
            let got = world.security.register(&visit(3 + name.len() as u8), name, PASSWORD, 0).await;
            assert!(matches!(got, Err(Refusal::Invalid(_))), "{name:?}");
        }
        let mut accounts = 0;
        for i in 0..20 {
            accounts += usize::from(world.security.register(&visit(9), &format!("n{i}"), PASSWORD, 0).await.is_ok());
        }
        assert_eq!(accounts, 5, "an address makes so many a minute");
        let mut closed = policy();
        closed.is_registration_open = false;
        let world = World::new(closed).await;
        assert_eq!(world.security.register(&visit(1), "anna", PASSWORD, 0).await, Err(Refusal::Closed));
    });
}

#[test]
fn a_key_that_is_rotated_lets_its_tokens_live() {
    run(async {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        world.account("anna", Role::Player).await;
        let (old, other) = (world.tokens("anna", 1).await, World::new(policy()).await);
        world.security.rotate_key(&visit(1), &admin).await.expect("rotated");
        let new = world.tokens("anna", 1).await;
        let key = |token: &str| token.split('.').next().map(str::to_owned);
        assert_ne!(key(&old.access), key(&new.access));
        assert!(world.is_good(&old, 1) && world.is_good(&new, 1));
        assert!(!other.is_good(&new, 1), "another service's token");
    });
}
