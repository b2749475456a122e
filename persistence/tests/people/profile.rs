//! Profiles, seats and logins: written by many, found again, and never in the open.

use persistence::people::{PeopleError, Profile};
use persistence::{Batch, Epoch, Millis, PersonId, Record};

use crate::rig::{NOW, Rig, name};

#[tokio::test]
async fn a_profile_is_read_as_it_was_written() {
    let rig = Rig::new().await;
    let profile = Profile {
        name: "山田 太郎".to_owned(),
        contact: "taro@example.org".to_owned(),
        locale: "ja-JP".to_owned(),
        public_key: vec![0, 1, 255],
        extra: [("ノート".to_owned(), "zwei\nZeilen".to_owned())].into(),
    };
    let person = rig.people.create(&profile, NOW).await.unwrap();
    let rig = rig.reopened(|_| ()).await;
    let (player, read) = rig.people.read(person).await.unwrap().unwrap();
    assert_eq!((player.created, read), (NOW, profile));
    let empty = Profile::default();
    assert!(matches!(rig.people.create(&empty, NOW).await, Err(PeopleError::Profile(_))));
    assert_eq!(rig.people.read(PersonId(1)).await.unwrap(), None);
    assert_eq!(rig.people.save(PersonId(1), |_, _| ()).await.unwrap_err(), PeopleError::NoPerson);
}

#[tokio::test]
async fn saves_of_many_are_all_there() {
    let rig = Rig::new().await;
    let person = rig.person("Ada").await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let people = rig.people.clone();
            tokio::spawn(async move {
                let change = |_: &mut persistence::Player, profile: &mut Profile| {
                    profile.extra.insert(format!("field {n}"), n.to_string());
                };
                people.save(person, change).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (player, profile) = rig.people.read(person).await.unwrap().unwrap();
    assert_eq!((player.rev.0, profile.extra.len()), (21, 20));
}

#[tokio::test]
async fn who_comes_back_is_found() {
    let rig = Rig::new().await;
    let world = rig.world("w").await;
    let person = rig.person("Ada").await;
    let seat = rig.people.seat(&world, 7, person, b"public key").await.unwrap();
    let batch = Batch::put([Record::Seat(seat.clone())]).unwrap().fenced(world.clone(), Epoch(1));
    rig.store.commit(&batch).await.unwrap();
    let credential = rig.people.credential(person, "Ada@Example.org ", name("password"), b"hash").await.unwrap();
    let sign_in = rig.people.sign_in(person, NOW, Millis(NOW.0 + 1), seat.tag, "192.0.2.1").await.unwrap();
    rig.put([Record::Credential(credential), Record::SignIn(sign_in.clone())]).await;
    let rig = rig.reopened(|_| ()).await;
    assert_eq!(rig.people.by_public_key(&world, b"public key").await.unwrap(), Some(seat));
    assert_eq!(rig.people.by_public_key(&world, b"another").await.unwrap(), None);
    let found = rig.people.by_login("ada@example.ORG").await.unwrap().unwrap();
    let opened = rig.people.open_credential(&found).await.unwrap().unwrap();
    assert_eq!((opened.login.as_str(), opened.secret.as_slice()), ("Ada@Example.org ", &b"hash"[..]));
    assert_eq!(rig.people.by_login("bob").await.unwrap(), None);
    assert_eq!(rig.people.open_sign_in(&sign_in).await.unwrap().as_deref(), Some("192.0.2.1"));
}
