//! What an operator has the service do about one person: hand out everything about them, take them in, or erase them. Must
//! never do any of it without an entry in the audit chain, nor say in one who they are.

use api::clock::Moment;
use persistence::people::{Access, Act, People, PeopleError, PersonExport, Touched};
use persistence::{Millis, Name, PersonId, Text};
use serde_json::{Value, json};

use super::web::accounts;

/// Everything about a person, as the JSON of an export. It is written down that it is handed out before it is.
///
/// # Errors
/// A sentence.
pub async fn export(people: &People, who: &str, now: Millis) -> Result<String, String> {
    let person = number(who)?;
    let export = people.export(person, now).await.map_err(|e| told(&e, who))?;
    let text = export.to_json().map_err(|e| format!("the export cannot be written: {e}"))?;
    let recorded = people.record(&act("person.export", Act::on(person), "done", now)?).await;
    recorded.map_err(|e| format!("nothing is handed out, as the audit chain does not take an entry: {e}"))?;
    Ok(text)
}

/// Takes somebody in from an export of another deployment; tells their number here. Their account is a player's, as whoever
/// had the file may have written anything into it. That it was asked for is written down before anything is done, and then
/// how it ended.
///
/// # Errors
/// A sentence, which says whether they were taken in.
pub async fn import(people: &People, text: &str, now: Millis) -> Result<Value, String> {
    let mut export = PersonExport::from_json(text.as_bytes()).map_err(|e| e.to_string())?;
    for credential in export.credentials.iter_mut().filter(|credential| credential.method == accounts::METHOD) {
        let secret = accounts::as_player(&credential.secret);
        credential.secret = secret.map_err(|_| "the export is not valid: the secret of its account does not read")?;
    }
    let asked = people.record(&act("person.import", Text("person:new".to_owned()), "asked", now)?).await;
    asked.map_err(|e| format!("nobody is taken in, as the audit chain does not take an entry: {e}"))?;
    let imported = people.import(&export, now).await;
    let (subject, outcome) = match &imported {
        Ok(person) => (Act::on(*person), "done"),
        Err(_) => (Text("person:new".to_owned()), "failed"),
    };
    let recorded = people.record(&act("person.import", subject, outcome, now)?).await;
    let person = imported.map_err(|e| format!("nobody is taken in: {e}"))?;
    recorded.map_err(|e| {
        format!("person {} is taken in, but the audit chain does not take the entry that they are: {e}", person.0)
    })?;
    Ok(json!({ "person": person.0.to_string() }))
}

/// Erases a person; tells what was removed. It may be asked for again. That it was asked for is written down before
/// anything is done, and then how it ended.
///
/// # Errors
/// A sentence, which says whether the key is destroyed.
pub async fn erase(people: &People, who: &str, now: Millis) -> Result<Value, String> {
    let person = number(who)?;
    if !people.is_known(person).await.map_err(|e| told(&e, who))? {
        return Err(told(&PeopleError::NoPerson, who));
    }
    let before = people.vault().erasure(person).await.map_err(|e| e.to_string())?;
    let asked = people.record(&act("person.erase", Act::on(person), "asked", now)?).await;
    asked.map_err(|e| format!("person {who} is not erased, as the audit chain does not take an entry: {e}"))?;
    let erased = people.erase(person, now).await;
    let destroyed = people.vault().erasure(person).await;
    let outcome = if erased.is_ok() { "done" } else { "failed" };
    let recorded = people.record(&act("person.erase", Act::on(person), outcome, now)?).await.map(|_| ());
    match (erased, destroyed, recorded) {
        (Ok(erased), _, Ok(())) => Ok(json!({
            "person": person.0.to_string(),
            "erased_before_ms": before.map(|at| at.0),
            "removed_records": erased.removed,
            "blanked_seats": erased.seats,
        })),
        (Ok(_), _, Err(error)) => {
            Err(format!("person {who} is erased, but the audit chain does not take the entry that it is: {error}"))
        }
        (Err(error), Ok(None), _) => Err(format!("person {who} is not erased: {error}")),
        (Err(error), Ok(Some(_)), _) => Err(format!(
            "the key of person {who} is destroyed, and what was sealed opens no more; other records are there still, and go \
             when this is asked again or the service is started anew: {error}"
        )),
        (Err(error), Err(_), _) => Err(format!("it is not known whether person {who} is erased, ask again: {error}")),
    }
}

/// Whose data was touched from one moment to another, by whose account and from where, each a `-` for any. The whole chain
/// is looked at first.
///
/// # Errors
/// A sentence.
pub async fn touched(people: &People, [from, to, by, address]: [&str; 4]) -> Result<Value, String> {
    let moment = |text: &str| text.parse().map(Millis).map_err(|_| "a moment is milliseconds since 1970".to_owned());
    let given = |text: &'_ str| (text != "-").then(|| text.to_owned());
    let access = Access { by: given(by).map(|by| number(&by)).transpose()?, address: given(address) };
    let span = moment(from)?..=moment(to)?;
    let verified = people.verify(.., None).await;
    let entries = verified.map_err(|e| format!("nobody can say whose data was touched: {e}"))?.entries;
    let touched = people.touched(span, &access).await.map_err(|e| e.to_string())?;
    let at = |at: Millis| Moment(at.0).to_string();
    let one = |one: &Touched| json!({ "person": one.person.0.to_string(), "first": at(one.first), "last": at(one.last), "acts": one.acts });
    Ok(json!({ "entries": entries, "touched": touched.iter().map(one).collect::<Vec<_>>() }))
}

/// The person of this number.
///
/// # Errors
/// A sentence.
pub fn number(who: &str) -> Result<PersonId, String> {
    let number = who.parse().ok().filter(|number| (1..=PersonId::MAX.0).contains(number));
    number.map(PersonId).ok_or_else(|| "a person is a number of 1 to 2^63 - 1".to_owned())
}

fn told(error: &PeopleError, who: &str) -> String {
    match error {
        PeopleError::NoPerson => {
            format!("there is no person {who}, or they were erased: `spacetime person list` lists them")
        }
        other => other.to_string(),
    }
}

fn act(action: &str, subject: Text, outcome: &str, at: Millis) -> Result<Act, String> {
    let name = |text: &str| Name::new(text).map_err(|e| e.to_string());
    let (action, outcome) = (name(action)?, name(outcome)?);
    Ok(Act { at, actor: None, action, subject, outcome, details: String::new() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use persistence::people::{MasterKey, Profile, Vault};
    use persistence::{Batch, Change, Embedded, Key, Kind, Query, Record, Rev, Setting, Store};

    use super::*;

    #[tokio::test]
    async fn an_erasure_is_written_down_before_and_after_or_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>;
        let store = open("world.redb");
        let vault = Arc::new(Vault::open(open("keys.redb"), MasterKey::random().unwrap()).await.unwrap());
        let people = People::new(Arc::clone(&store), vault);
        let now = Millis(1_800_000_000_000);
        let profile = Profile { name: "Ada".to_owned(), ..Profile::default() };
        let person = people.create(&profile, now).await.unwrap();
        let who = person.0.to_string();
        // The chain takes no entry.
        let note = Name::new("audit.end").unwrap();
        let wrong = Setting { name: note.clone(), rev: Rev::FIRST, value: Text("1 1 x y".to_owned()) };
        store.commit(&Batch::put([Record::Setting(wrong)]).unwrap()).await.unwrap();
        let refused = erase(&people, &who, now).await.unwrap_err();
        assert!(refused.contains("is not erased"), "{refused}");
        assert!(people.read(person).await.unwrap().is_some());
        store.commit(&Batch::new(vec![Change::Remove(Key::Setting(note), None)]).unwrap()).await.unwrap();
        erase(&people, &who, now).await.unwrap();
        let entries = store.list(&Query::of(Kind::Audit)).await.unwrap().records;
        let outcomes =
            entries.iter().filter_map(|r| if let Record::Audit(e) = r { Some(e.outcome.as_str()) } else { None });
        assert_eq!(outcomes.collect::<Vec<_>>(), ["asked", "done"]);
    }
}
