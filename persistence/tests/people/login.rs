//! Accounts: one for each name, changed by one at a time, and gone with the person.

use persistence::people::LoginError;
use persistence::{Hash, Key, Millis, Record, Rev, Setting, SignIn, Text, Token};

use crate::rig::{NOW, Rig, name};

#[tokio::test]
async fn an_account_is_found_by_name_and_by_person() {
    let rig = Rig::new().await;
    let ada = rig.people.enrol(" Ada ", name("password"), b"one", None, NOW).await.unwrap();
    rig.people.enrol("Bob", name("password"), b"two", None, NOW).await.unwrap();
    // Plays without an account.
    rig.person("Carl").await;
    let rig = rig.reopened(|_| ()).await;
    let found = rig.people.login("ADA").await.unwrap().unwrap();
    assert_eq!((found.opened.login.as_str(), &found.opened.secret[..]), ("Ada", &b"one"[..]));
    assert_eq!(rig.people.login_of(ada.credential.person, &name("password")).await.unwrap(), Some(found));
    assert_eq!(rig.people.login_of(ada.credential.person, &name("key")).await.unwrap(), None);
    assert_eq!(rig.people.login("nobody").await.unwrap(), None);
    let profile = rig.people.read(ada.credential.person).await.unwrap().unwrap().1;
    assert_eq!(profile.name, "Ada");
}

#[tokio::test]
async fn of_many_who_want_one_name_one_gets_it() {
    let rig = Rig::new().await;
    let tasks: Vec<_> = (0..16_u8)
        .map(|n| {
            let people = rig.people.clone();
            tokio::spawn(async move { people.enrol("Ada", name("password"), &[n], None, NOW).await })
        })
        .collect();
    let mut got = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => got += 1,
            Err(error) => assert_eq!(error, LoginError::Taken),
        }
    }
    assert_eq!(got, 1);
    // Nobody is left behind of those who did not get it.
    let (logins, more) = rig.people.logins(&name("password"), None, 100).await.unwrap();
    assert_eq!((logins.len(), more), (1, false));
    let players = rig.store.list(&persistence::Query::of(persistence::Kind::Player)).await.unwrap();
    assert_eq!(players.records.len(), 1);
}

#[tokio::test]
async fn a_secret_is_changed_from_what_was_read() {
    let rig = Rig::new().await;
    let first = rig.people.enrol("Ada", name("password"), b"one", None, NOW).await.unwrap();
    let second = rig.people.change_secret(&first, b"two", None).await.unwrap();
    assert_eq!(rig.people.change_secret(&first, b"three", None).await.unwrap_err(), LoginError::Changed);
    assert_eq!(rig.people.login("ada").await.unwrap().unwrap(), second);
    // What is to be written beside was written by somebody else: neither is.
    let setting = |rev| Record::Setting(Setting { name: name("guard"), rev: Rev(rev), value: Text("x".to_owned()) });
    let third = rig.people.change_secret(&second, b"three", Some(setting(1))).await.unwrap();
    assert_eq!(rig.people.change_secret(&third, b"four", Some(setting(3))).await.unwrap_err(), LoginError::Changed);
    assert_eq!(rig.people.login("ada").await.unwrap().unwrap(), third);
}

#[tokio::test]
async fn accounts_are_listed_page_by_page() {
    let rig = Rig::new().await;
    for n in 0..7 {
        rig.people.enrol(&format!("n{n}"), name("password"), b"x", None, NOW).await.unwrap();
        rig.person("without an account").await;
    }
    let (mut behind, mut all) = (None, Vec::new());
    loop {
        let (page, more) = rig.people.logins(&name("password"), behind, 3).await.unwrap();
        assert!(page.len() <= 3);
        behind = page.last().map(|login| login.credential.person);
        all.extend(page.into_iter().map(|login| login.credential.person));
        if !more {
            break;
        }
    }
    assert!(all.len() == 7 && all.is_sorted());
}

#[tokio::test]
async fn living_sign_ins_are_found_and_go_with_the_person() {
    let rig = Rig::new().await;
    let login = rig.people.enrol("Ada", name("password"), b"x", None, NOW).await.unwrap();
    let person = login.credential.person;
    let sign_in = |n: u8, expires: u64, revoked| SignIn {
        id: Token([n; 16]),
        rev: Rev::FIRST,
        person,
        created: NOW,
        seen: NOW,
        expires: Millis(NOW.0 + expires),
        revoked,
        refresh: Hash([n; 32]),
        private: Default::default(),
    };
    for one in [sign_in(1, 1000, false), sign_in(2, 1, false), sign_in(3, 1000, true)] {
        rig.people.put_sign_in(one, "192.0.2.7").await.unwrap();
    }
    let living = rig.people.living_sign_ins(Millis(NOW.0 + 1)).await.unwrap();
    assert_eq!(living.len(), 1);
    assert_eq!((living[0].0.id, living[0].1.as_str()), (Token([1; 16]), "192.0.2.7"));
    assert_eq!(rig.people.put_sign_in(sign_in(1, 5, false), "x").await.unwrap_err(), LoginError::Changed);
    let next = SignIn { rev: Rev(2), revoked: true, ..sign_in(1, 1000, false) };
    rig.people.put_sign_in(next, "192.0.2.7").await.unwrap();
    assert!(rig.people.living_sign_ins(NOW).await.unwrap().iter().all(|(one, _)| one.id == Token([2; 16])));
    rig.people.erase(person, NOW).await.unwrap();
    assert!(rig.people.living_sign_ins(NOW).await.unwrap().is_empty());
    assert_eq!(rig.get(Key::SignIn(Token([2; 16]))).await, None);
    assert_eq!(rig.people.login("ada").await.unwrap(), None);
    // The name is free again.
    rig.people.enrol("Ada", name("password"), b"x", None, NOW).await.unwrap();
}
