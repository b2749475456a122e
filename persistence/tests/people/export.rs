//! Export and import: everything about a person and nothing about another (COMP-004), by a published schema, and back
//! again (COMP-006).

use std::collections::{BTreeMap, BTreeSet};

use persistence::people::{FORMAT, ImportError, PeopleError, PersonExport};
use persistence::{Kind, Millis, PersonId, Record, Seal};
use serde_json::Value;

use crate::rig::{NOW, Rig, fill, marks};
use crate::schema::complaints;

const SCHEMA: &str = include_str!("../../schemas/person-export-1.schema.json");

/// Two people in one world, who traded, and one banned the other.
async fn two() -> (Rig, PersonId, PersonId) {
    let rig = Rig::new().await;
    rig.world("w").await;
    let a = fill(&rig, "AA", 1, None).await;
    let b = fill(&rig, "BB", 2, Some(a)).await;
    (rig, a, b)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn has(text: &str, mark: &str) -> bool {
    text.contains(mark) || text.contains(&hex(mark))
}

#[tokio::test]
async fn an_export_has_everything_about_the_person_and_nothing_about_another() {
    let (rig, a, b) = two().await;
    for (person, who, other, other_who) in [(a, "AA", b, "BB"), (b, "BB", a, "AA")] {
        let export = rig.people.export(person, NOW).await.unwrap();
        let json = export.to_json().unwrap();
        let tables = export.to_tables().unwrap();
        let csv: String = tables.values().cloned().collect();
        for text in [&json, &csv] {
            for mark in marks(who).open.iter().chain(&marks(who).sealed) {
                assert!(has(text, mark), "{mark} is missing");
            }
            assert!(!has(text, other_who), "something of the other one is there");
            assert!(!text.contains(&other.0.to_string()), "the other one's number is there");
        }
        // What the store holds of the person, by a search of everything, is there, kind by kind.
        let mut held: BTreeMap<Kind, usize> = BTreeMap::new();
        for record in rig.all().await {
            let is_subject = matches!(&record, Record::Audit(e) if e.subject.0 == format!("person:{}", person.0));
            if record.people().contains(&Some(person)) || is_subject {
                *held.entry(record.kind()).or_default() += 1;
            }
        }
        // The key opens what is exported, and stays.
        assert_eq!(held.remove(&Kind::PersonKey), Some(1));
        let exported = BTreeMap::from([
            (Kind::Player, 1),
            (Kind::Inventory, usize::from(!export.inventory.is_empty())),
            (Kind::Credential, export.credentials.len()),
            (Kind::SignIn, export.sign_ins.len()),
            (Kind::Consent, export.consents.len()),
            (Kind::Discovery, export.discoveries.len()),
            (Kind::Seat, export.seats.len()),
            (Kind::Trade, export.trades.len()),
            (Kind::Audit, export.audit.len()),
        ]);
        assert_eq!(exported, held);
    }
}

#[tokio::test]
async fn no_kind_that_speaks_of_people_is_left_out_of_these_tests() {
    let (rig, a, _) = two().await;
    let speaks: BTreeSet<Kind> = persistence_testkit::records::one_of_each()
        .into_iter()
        .filter(|record| record.people() != [None, None])
        .map(|record| record.kind())
        .collect();
    let of_a = rig.all().await.into_iter().filter(|record| record.people().contains(&Some(a)));
    let mut filled: BTreeSet<Kind> = of_a.map(|record| record.kind()).collect();
    filled.insert(Kind::Erasure);
    assert_eq!(filled, speaks, "a kind speaks of people and has no mark");
}

#[tokio::test]
async fn an_export_is_valid_by_its_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let (rig, a, _) = two().await;
    let nobody = rig.person("Ada").await;
    for person in [a, nobody] {
        let export = rig.people.export(person, NOW).await.unwrap();
        let value: Value = serde_json::from_str(&export.to_json().unwrap()).unwrap();
        assert_eq!(complaints(&schema, &value), [""; 0]);
    }
    // The check can fail, and names what is wrong.
    let export = rig.people.export(a, NOW).await.unwrap();
    let sound = serde_json::to_value(&export).unwrap();
    for (path, wrong) in [
        ("/format", Value::from("spacetime-person-export-2")),
        ("/person", Value::from(7)),
        ("/profile/name", Value::from("")),
        ("/profile/public_key", Value::from("0")),
        ("/profile/extra", serde_json::json!({"a": 1})),
        ("/player/place/cell", serde_json::json!(["1", "2"])),
        ("/inventory/0/count", Value::from("1e3")),
        ("/sign_ins/0/revoked", Value::Null),
        ("/consents/0", serde_json::json!({})),
        ("/discoveries/0/what", Value::from("a b")),
        ("/audit/0/at_ms", Value::from(-1)),
    ] {
        let mut value = sound.clone();
        *value.pointer_mut(path).unwrap() = wrong;
        assert!(!complaints(&schema, &value).is_empty(), "{path}");
    }
    let mut more = sound.clone();
    more["profile"]["more"] = Value::from(1);
    assert!(!complaints(&schema, &more).is_empty());
    assert!(PersonExport::from_json(more.to_string().as_bytes()).is_err());
    for (of, field) in [("", "profile"), ("", "player"), ("/player", "place")] {
        let mut less = sound.clone();
        less.pointer_mut(of).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        assert!(!complaints(&schema, &less).is_empty(), "{field}");
        assert!(PersonExport::from_json(less.to_string().as_bytes()).is_err(), "{field}");
    }
    assert_eq!(schema["properties"]["format"]["const"], FORMAT);
}

#[tokio::test]
async fn who_is_taken_in_elsewhere_is_exported_alike() {
    let (rig, a, _) = two().await;
    let export = rig.people.export(a, NOW).await.unwrap();
    let read = PersonExport::from_json(export.to_json().unwrap().as_bytes()).unwrap();
    assert_eq!(read, export);
    let elsewhere = Rig::new().await;
    let later = Millis(NOW.0 + 1_000_000);
    let person = elsewhere.people.import(&read, later).await.unwrap();
    assert_ne!(person, a, "under a number of its own");
    let again = elsewhere.people.export(person, later).await.unwrap();
    assert!(again.is_same_content(&export), "{again:#?}\n{export:#?}");
    let bits =
        |export: &PersonExport| export.player.as_ref()?.place.as_ref().map(|place| place.offset_m.map(f64::to_bits));
    assert_eq!(bits(&again), bits(&export));
    // They sign in there, and nobody else can come with the same login.
    assert!(elsewhere.people.by_login("aa-sentinel-LOGIN").await.unwrap().is_some());
    assert_eq!(elsewhere.people.import(&read, later).await, Err(ImportError::LoginTaken));
    let players = elsewhere.all().await.into_iter().filter(|record| record.kind() == Kind::Player);
    assert_eq!(players.count(), 1);
    elsewhere.people.verify(.., None).await.unwrap();
    // And once more from there.
    let third = Rig::new().await;
    let person = third.people.import(&again, NOW).await.unwrap();
    assert!(third.people.export(person, NOW).await.unwrap().is_same_content(&export));
}

#[tokio::test]
async fn what_is_no_export_is_refused() {
    let (rig, a, _) = two().await;
    let export = rig.people.export(a, NOW).await.unwrap();
    let json = export.to_json().unwrap();
    for length in (0..json.len() - 1).step_by(101).filter(|at| json.is_char_boundary(*at)) {
        let refused = PersonExport::from_json(&json.as_bytes()[..length]).unwrap_err();
        assert!(matches!(refused, ImportError::Form(_)) && !refused.to_string().contains("sentinel"), "{refused}");
    }
    let later = json.replace(FORMAT, "spacetime-person-export-2");
    assert!(matches!(PersonExport::from_json(later.as_bytes()), Err(ImportError::Version(_))));
    let elsewhere = Rig::new().await;
    let before = elsewhere.all().await;
    let breaks: [fn(&mut PersonExport); 8] = [
        |e| e.profile.iter_mut().for_each(|profile| profile.name.clear()),
        |e| e.profile = None,
        |e| e.player = None,
        |e| e.consents[0].purpose = "a b".to_owned(),
        |e| e.inventory[0].count = 0,
        |e| e.discoveries.push(e.discoveries[0].clone()),
        |e| e.sign_ins[0].expires_ms = u64::MAX,
        |e| e.audit[0].details = "\u{1}".repeat(20 << 10),
    ];
    for (n, wrong) in breaks.iter().enumerate() {
        let mut export = export.clone();
        wrong(&mut export);
        assert!(elsewhere.people.import(&export, NOW).await.is_err(), "case {n}");
    }
    let kept = elsewhere.all().await.into_iter().filter(|record| record.kind() != Kind::PersonKey);
    assert_eq!(kept.count(), before.iter().filter(|record| record.kind() != Kind::PersonKey).count());
}

#[tokio::test]
async fn nobody_and_what_was_changed_are_not_exported() {
    let (rig, a, _) = two().await;
    assert_eq!(rig.people.export(PersonId(1), NOW).await, Err(PeopleError::NoPerson));
    let Some(Record::Player(player)) = rig.get(persistence::Key::Player(a)).await else { panic!("it is there") };
    let mut private = player.private.0.clone();
    private[30] ^= 1;
    rig.put([Record::Player(persistence::Player { rev: player.rev.next(), private: Seal(private), ..player })]).await;
    assert!(matches!(rig.people.export(a, NOW).await, Err(PeopleError::Vault(_))));
}
