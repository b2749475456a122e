//! Many at once, on threads: one wins (SEC-016, SEC-038).

use std::sync::Barrier;

use api::identity::{Caller, Person, Role};
use api::security::{Refusal, Tokens};

use crate::memory::{World, policy, run, visit};
use crate::scaled;

const COPIES: usize = 64;

/// Does the same from 64 threads that begin together; gives what they got.
fn together<R: Send>(act: impl AsyncFn() -> R + Sync) -> Vec<R> {
    let (barrier, runtime) = (Barrier::new(COPIES), tokio::runtime::Handle::current());
    let one = || {
        barrier.wait();
        runtime.block_on(act())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..COPIES).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn blocking(test: impl AsyncFn()) {
    run(async { tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(test())) });
}

#[test]
fn of_64_copies_of_a_refresh_token_one_wins_and_the_family_burns() {
    blocking(async || {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        for _ in 0..scaled(100) {
            let tokens = world.tokens("anna", 1).await;
            let before = world.audit.len();
            let won: Vec<Tokens> = together(async || world.security.refresh(&visit(1), &tokens.refresh).await)
                .into_iter()
                .flatten()
                .collect();
            assert_eq!(won.len(), 1);
            assert!(world.security.refresh(&visit(1), &won[0].refresh).await.is_err(), "the successor is burnt too");
            assert!(!world.is_good(&won[0], 1) && !world.is_good(&tokens, 1));
            let events = world.audit.behind(before);
            let count = |name| events.iter().filter(|(action, _)| *action == name).count();
            assert_eq!((count("refresh"), count("refresh.reused")), (1, 1));
        }
        assert_eq!(world.security.figures().sign_ins, 0);
    });
}

/// Control: one after the other, each renews what the one before got.
#[test]
fn one_after_the_other_all_win() {
    run(async {
        let world = World::new(policy()).await;
        world.account("anna", Role::Player).await;
        let mut tokens = world.tokens("anna", 1).await;
        for _ in 0..COPIES {
            tokens = world.security.refresh(&visit(1), &tokens.refresh).await.expect("renewed");
            assert!(world.is_good(&tokens, 1));
        }
    });
}

#[test]
fn of_64_grants_of_a_role_one_wins() {
    blocking(async || {
        let world = World::new(policy()).await;
        let admin = world.caller("root", Role::Admin, 1).await;
        let ben = world.account("ben", Role::Player).await;
        for round in 0..scaled(50) {
            let role = if round % 2 == 0 { Role::Operator } else { Role::Player };
            let results = together(async || world.security.set_role(&visit(1), &admin, ben, role).await);
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            let others = results.iter().flat_map(|result| result.as_ref().err());
            assert!(others.into_iter().all(|e| matches!(e, Refusal::Conflict | Refusal::Unchanged)));
            assert_eq!(world.accounts.account(ben).role, role);
        }
    });
}

/// Two administrators who take each other's role at once: one of them stays.
#[test]
fn the_last_administrator_stays_whoever_is_faster() {
    blocking(async || {
        for _ in 0..scaled(20) {
            let world = World::new(policy()).await;
            let (a, b) = (world.caller("anna", Role::Admin, 1).await, world.caller("ben", Role::Admin, 2).await);
            let turn = std::sync::atomic::AtomicUsize::new(0);
            let demote = async |caller: &Caller, person: Person| {
                let _ = world.security.set_role(&visit(1), caller, person, Role::Guest).await;
            };
            together(async || match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
                0 => demote(&a, b.person).await,
                _ => demote(&b, a.person).await,
            });
            let admins = [a, b].iter().filter(|c| world.accounts.account(c.person).role == Role::Admin).count();
            assert_eq!(admins, 1);
        }
    });
}
