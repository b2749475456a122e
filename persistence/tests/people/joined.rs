//! Who only joined a session: a seat, and no profile. They get their data, may consent, and are erased as everybody.

use persistence::people::{ImportError, PeopleError, PersonExport, Question};
use persistence::{Batch, Epoch, Key, PersonId, Record, Seal, Text};
use serde_json::Value;

use crate::rig::{NOW, Rig, name};
use crate::schema::complaints;

const KEY: &[u8] = b"the public key of a peer........";

/// Somebody with the number 3 in the world `w`.
async fn joined(rig: &Rig) -> PersonId {
    let person = PersonId(77);
    rig.world("w").await;
    let seat = rig.people.seat(&name("w"), 3, person, KEY).await.unwrap();
    let batch = Batch::put([Record::Seat(seat)]).unwrap().fenced(name("w"), Epoch(1));
    rig.store.commit(&batch).await.unwrap();
    person
}

fn question() -> Question {
    Question { purpose: name("statistics"), version: 1, wording: Text("May we count?".to_owned()) }
}

#[tokio::test]
async fn who_only_joined_is_exported_and_taken_in_elsewhere() {
    let rig = Rig::new().await;
    let person = joined(&rig).await;
    rig.people.give(person, &question(), NOW).await.unwrap();
    assert!(rig.people.stands(person, &name("statistics")).await.unwrap());
    let export = rig.people.export(person, NOW).await.unwrap();
    assert_eq!((export.person, &export.profile, &export.player), (77, &None, &None));
    assert_eq!((export.seats[0].number, &*export.seats[0].public_key), (3, KEY));
    assert_eq!(export.consents.len(), 1);
    // By the published schema, and as tables without one of a profile.
    let json = export.to_json().unwrap();
    let schema = serde_json::from_str(include_str!("../../schemas/person-export-1.schema.json")).unwrap();
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(complaints(&schema, &value), [""; 0]);
    let tables = export.to_tables().unwrap();
    assert_eq!(tables.keys().collect::<Vec<_>>(), ["about.csv", "consents.csv", "seats.csv"]);
    assert_eq!(tables["about.csv"].lines().next(), Some("exported_at_ms,format,person"));
    // There and back.
    let read = PersonExport::from_json(json.as_bytes()).unwrap();
    assert_eq!(read, export);
    let elsewhere = Rig::new().await;
    let there = elsewhere.people.import(&read, NOW).await.unwrap();
    assert!(elsewhere.people.export(there, NOW).await.unwrap().is_same_content(&export));
    let nothing = PersonExport { seats: Vec::new(), consents: Vec::new(), ..export };
    assert!(matches!(elsewhere.people.import(&nothing, NOW).await, Err(ImportError::Invalid(_))));
}

#[tokio::test]
async fn who_only_joined_is_erased() {
    let rig = Rig::new().await;
    let person = joined(&rig).await;
    rig.people.give(person, &question(), NOW).await.unwrap();
    assert!(rig.people.is_known(person).await.unwrap());
    let erased = rig.people.erase(person, NOW).await.unwrap();
    assert_eq!((erased.removed, erased.seats), (1, 1));
    let Some(Record::Seat(seat)) = rig.get(Key::Seat(name("w"), 3)).await else { panic!("the number stays taken") };
    assert_eq!((seat.private, seat.tag.0), (Seal::default(), [0; 32]));
    assert!(rig.people.by_public_key(&name("w"), KEY).await.unwrap().is_none());
    assert_eq!(rig.people.export(person, NOW).await, Err(PeopleError::NoPerson));
    assert_eq!(rig.people.give(person, &question(), NOW).await, Err(PeopleError::NoPerson));
    // To be asked for again, but not of somebody whom nobody has heard of.
    assert!(rig.people.is_known(person).await.unwrap());
    assert!(!rig.people.is_known(PersonId(78)).await.unwrap());
    assert_eq!(rig.people.give(PersonId(78), &question(), NOW).await, Err(PeopleError::NoPerson));
}
