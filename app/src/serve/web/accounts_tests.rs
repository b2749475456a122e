//! Accounts in a real store: their round trip, their names, and the last administrator.

use std::time::Duration;

use api::clock::TurnedClock;
use persistence::Embedded;
use persistence::people::{MasterKey, Vault};

use super::*;

struct Rig {
    _folder: tempfile::TempDir,
    accounts: Arc<StoredAccounts>,
    clock: TurnedClock,
}

async fn rig() -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>;
    let store = open("world.redb");
    let vault = Arc::new(Vault::open(open("keys.redb"), MasterKey::random().unwrap()).await.unwrap());
    let people = People::new(Arc::clone(&store), vault);
    let clock = TurnedClock::at(Moment(1_800_000_000_000));
    let accounts = Arc::new(StoredAccounts::new(people, store, Arc::new(clock.clone())).unwrap());
    Rig { _folder: folder, accounts, clock }
}

fn new(name: &str, role: Role) -> NewAccount {
    NewAccount { name: name.to_owned(), role, password: format!("$hash of {name}"), licence: 1 }
}

#[tokio::test]
async fn an_account_comes_back_as_it_was_written() {
    let Rig { accounts, clock, .. } = &rig().await;
    let made = accounts.create(&new("Ada", Role::Player)).await.unwrap();
    assert_eq!(accounts.create(&new(" ada", Role::Admin)).await, Err(AccountError::Taken));
    assert!(matches!(accounts.create(&new("a\nb", Role::Player)).await, Err(AccountError::Invalid(_))));
    assert_eq!(accounts.by_name("ADA").await.unwrap().as_ref(), Some(&made));
    let until = clock.now().plus(Duration::from_secs(60));
    let wanted = Account { role: Role::Operator, banned_until: Some(until), licence: 2, ..made.clone() };
    let updated = accounts.update(&wanted).await.unwrap();
    assert_eq!(updated, Account { revision: made.revision + 1, ..wanted });
    assert_eq!(accounts.by_person(made.person).await.unwrap(), Some(updated));
    assert_eq!(accounts.update(&made).await, Err(AccountError::Conflict));
    assert_eq!(accounts.update(&Account { person: Person(5), ..made }).await, Err(AccountError::NotFound));
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let Rig { accounts, clock, .. } = &rig().await;
    let ada = accounts.create(&new("Ada", Role::Admin)).await.unwrap();
    accounts.create(&new("Bob", Role::Player)).await.unwrap();
    let demoted = Account { role: Role::Player, ..ada.clone() };
    assert_eq!(accounts.update(&demoted).await, Err(AccountError::LastAdmin));
    let banned = Account { banned_until: Some(clock.now().plus(Duration::from_secs(1))), ..ada.clone() };
    assert_eq!(accounts.update(&banned).await, Err(AccountError::LastAdmin));
    let carl = accounts.create(&new("Carl", Role::Admin)).await.unwrap();
    accounts.update(&demoted).await.unwrap();
    let demoted = Account { role: Role::Guest, ..carl };
    assert_eq!(accounts.update(&demoted).await, Err(AccountError::LastAdmin));
}

#[tokio::test]
async fn of_two_administrators_who_demote_each_other_one_stays() {
    let Rig { accounts, .. } = &rig().await;
    for round in 0..20 {
        let ada = accounts.create(&new(&format!("Ada {round}"), Role::Admin)).await.unwrap();
        let bob = accounts.create(&new(&format!("Bob {round}"), Role::Admin)).await.unwrap();
        let demote = |account: &Account| {
            let (accounts, wanted) = (Arc::clone(accounts), Account { role: Role::Player, ..account.clone() });
            tokio::spawn(async move { accounts.update(&wanted).await })
        };
        let both = [demote(&ada), demote(&bob)];
        let mut left = 0;
        for one in both {
            left += usize::from(one.await.unwrap() == Err(AccountError::LastAdmin));
        }
        assert_eq!(left, 1, "round {round}");
        // The one who stayed goes once there is another.
        let all = accounts.list(None, 1000).await.unwrap().0;
        let admin = all.into_iter().find(|account| account.role == Role::Admin).unwrap();
        let other = accounts.create(&new(&format!("Carl {round}"), Role::Admin)).await.unwrap();
        accounts.update(&Account { role: Role::Player, ..admin }).await.unwrap();
        let next = accounts.create(&new(&format!("Dora {round}"), Role::Admin)).await.unwrap();
        accounts.update(&Account { role: Role::Player, ..other }).await.unwrap();
        let last = Account { role: Role::Player, ..next };
        assert_eq!(accounts.update(&last).await, Err(AccountError::LastAdmin));
        // So that the next round begins without one.
        accounts.people.erase(PersonId(last.person.0), accounts.now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_sign_in_is_written_from_what_was_read() {
    let Rig { accounts, clock, .. } = &rig().await;
    let ada = accounts.create(&new("Ada", Role::Player)).await.unwrap();
    let now = clock.now();
    let sign_in = StoredSignIn {
        id: SignInId([7; 16]),
        person: ada.person,
        created: now,
        seen: now,
        expires: now.plus(Duration::from_secs(8 * 3600)),
        revoked: false,
        refresh: [9; 32],
        address: "127.0.0.1".to_owned(),
        revision: 0,
    };
    assert_eq!(accounts.put_sign_in(&sign_in).await, Ok(1));
    let other = StoredSignIn { refresh: [1; 32], ..sign_in.clone() };
    assert_eq!(accounts.put_sign_in(&other).await, Err(AccountError::Conflict));
    let first = StoredSignIn { revision: 1, ..sign_in.clone() };
    assert_eq!(accounts.sign_ins(now).await, Ok(vec![first.clone()]));
    assert_eq!(accounts.put_sign_in(&StoredSignIn { revoked: true, ..first }).await, Ok(2));
    assert_eq!(accounts.sign_ins(now).await, Ok(vec![]));
}
