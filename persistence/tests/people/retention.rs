//! Consents, and what of people is removed when: exactly what is past its period (COMP-009). What is removed of worlds is in
//! `history`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use persistence::people::{Act, People, PeopleError, Period, Periods, Question, RULES, Removed};
use persistence::{
    Batch, Consent, Discovery, Hash, Key, Kind, Millis, PersonId, Record, Rev, SignIn, Store, StoreError, Text, Tick,
    Token, Trade,
};
use persistence_testkit::hooked::{Hooked, Hooks};
use persistence_testkit::records;

use crate::rig::{NOW, Rig, item, name, over};

const PERIODS: Periods = Periods {
    sign_in: Duration::from_secs(1000),
    audit: Duration::from_secs(2000),
    consent: Duration::from_secs(3000),
    trade: Duration::from_secs(4000),
    log: None,
    saves: 2,
};

/// The oldest moment that is kept, and the one before it.
fn edges(period: Duration) -> (Millis, Millis) {
    let inside = NOW.before(period);
    (inside, Millis(inside.0 - 1))
}

#[tokio::test]
async fn a_consent_stands_until_it_is_taken_back() {
    let rig = Rig::new().await;
    let person = rig.person("Ada").await;
    let question = Question { purpose: name("statistics"), version: 1, wording: Text("May we count? ☑".to_owned()) };
    let other = name("statistics.more");
    assert!(!rig.people.stands(person, &question.purpose).await.unwrap());
    rig.people.give(person, &question, NOW).await.unwrap();
    assert!(rig.people.stands(person, &question.purpose).await.unwrap());
    assert!(!rig.people.stands(person, &other).await.unwrap());
    // In the same moment, and with a clock that was put back.
    rig.people.withdraw(person, &question, NOW).await.unwrap();
    assert!(!rig.people.stands(person, &question.purpose).await.unwrap());
    rig.people.give(person, &Question { version: 2, ..question.clone() }, Millis(0)).await.unwrap();
    assert!(rig.people.stands(person, &question.purpose).await.unwrap());
    let history = rig.people.history(person, &question.purpose).await.unwrap();
    let said: Vec<_> = history.iter().map(|consent| (consent.given, consent.version, consent.at.0 - NOW.0)).collect();
    assert_eq!(said, [(true, 1, 0), (false, 1, 1), (true, 2, 2)]);
    assert!(rig.people.give(PersonId(1), &question, NOW).await.is_err(), "nobody");
}

/// Somebody is erased a moment before something is written.
struct Rival {
    people: People,
    person: PersonId,
}

#[async_trait]
impl Hooks for Rival {
    async fn before_commit(&self, _store: &dyn Store, _batch: &Batch) -> Result<(), StoreError> {
        self.people.erase(self.person, NOW).await.expect("an erasure");
        Ok(())
    }
}

#[tokio::test]
async fn a_consent_does_not_outlive_an_erasure_at_the_same_time() {
    let rig = Rig::new().await;
    let person = rig.person("Ada").await;
    let hooks = Rival { people: rig.people.clone(), person };
    let store: Arc<dyn Store> = Arc::new(Hooked { inner: Arc::clone(&rig.store), hooks });
    let people = over(&store, &rig.keys, &rig.master).await;
    let question = Question { purpose: name("statistics"), version: 1, wording: Text("?".to_owned()) };
    assert_eq!(people.give(person, &question, NOW).await, Err(PeopleError::NoPerson));
    assert!(rig.people.history(person, &question.purpose).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_kind_that_speaks_of_people_has_a_period() {
    let kinds: BTreeSet<Kind> = RULES.iter().map(|rule| rule.kind).collect();
    assert_eq!(kinds.len(), RULES.len(), "none twice");
    for record in records::one_of_each() {
        assert!(kinds.contains(&record.kind()), "{} has no period", record.kind().name());
    }
    for rule in &RULES {
        assert!(rule.reason.len() > 10, "{}: {:?}", rule.kind.name(), rule.period);
    }
}

fn sign_in(n: u8, expires: Millis) -> Record {
    let (person, at) = (PersonId(5), Millis(1));
    let (refresh, private) = (Hash([0; 32]), persistence::Seal::default());
    let id = Token([n; 16]);
    Record::SignIn(SignIn {
        id,
        rev: Rev::FIRST,
        person,
        created: at,
        seen: at,
        expires,
        revoked: false,
        refresh,
        private,
    })
}

fn consent(purpose: &str, at: Millis, given: bool) -> Record {
    let (purpose, wording) = (name(purpose), Text("?".to_owned()));
    Record::Consent(Consent { person: PersonId(5), purpose, at, given, version: 1, wording })
}

fn trade(n: u8, at: Millis) -> Record {
    let (from, to) = (PersonId(5), PersonId(6));
    Record::Trade(Trade { id: Token([n; 16]), at, from, to, gives: vec![item("ore", 1, &[])], takes: Vec::new() })
}

/// Rows just inside and just outside of each period; what is to stay, and what is to go.
async fn seeded(rig: &Rig) -> (Vec<Key>, Vec<Key>) {
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    let (inside, outside) = edges(PERIODS.sign_in);
    stay.push(sign_in(1, inside));
    go.push(sign_in(2, outside));
    let (inside, outside) = edges(PERIODS.trade);
    stay.push(trade(1, inside));
    go.push(trade(2, outside));
    let (inside, outside) = edges(PERIODS.consent);
    let earlier = |n: u64| Millis(outside.0 - n);
    // Taken back just inside and just outside; given again since; never taken back, however old.
    stay.extend([consent("inside", earlier(9), true), consent("inside", inside, false)]);
    go.extend([consent("outside", earlier(9), true), consent("outside", outside, false)]);
    go.extend([
        consent("again", earlier(9), false),
        consent("again", earlier(8), true),
        consent("again", earlier(7), false),
    ]);
    stay.extend([consent("again", earlier(6), true), consent("again", inside, false)]);
    stay.push(consent("stands", Millis(1), true));
    stay.push(Record::Inventory(records::inventory(5, 1, 3)));
    stay.push(Record::Player(records::player(5, 1, 0)));
    let (what, world) = (name("europa"), name("w"));
    stay.push(Record::Discovery(Discovery { person: PersonId(5), what, world, tick: Tick(1), at: Millis(1) }));
    rig.put(stay.iter().chain(&go).cloned()).await;
    let keys = |records: Vec<Record>| records.iter().map(Record::key).collect();
    (keys(stay), keys(go))
}

#[tokio::test]
async fn exactly_what_is_past_its_period_goes() {
    let rig = Rig::new().await;
    let (stay, go) = seeded(&rig).await;
    let (inside, outside) = edges(PERIODS.audit);
    let act = |at| Act {
        at,
        actor: None,
        action: name("player.kick"),
        subject: Text::default(),
        outcome: name("done"),
        details: String::new(),
    };
    for at in [Millis(outside.0 - 1), outside, inside, NOW] {
        rig.people.record(&act(at)).await.unwrap();
    }
    let end = rig.people.verify(.., None).await.unwrap().last;
    rig.world("w").await;
    let before = rig.all().await;

    let removed = rig.people.retain(&PERIODS, NOW).await.unwrap();
    assert_eq!(removed, Removed { sign_ins: 1, consents: 5, trades: 1, audit: 2 });
    let after: BTreeSet<Key> = rig.all().await.iter().map(Record::key).collect();
    let gone: BTreeSet<Key> = before.iter().map(Record::key).filter(|key| !after.contains(key)).collect();
    let mut due: BTreeSet<Key> = go.into_iter().collect();
    due.extend([1, 2].map(Key::Audit));
    assert_eq!(gone, due);
    assert!(stay.iter().all(|key| after.contains(key)));
    // The chain is sound from where it begins now, and goes on.
    let verified = rig.people.verify(.., end.as_ref()).await.unwrap();
    assert_eq!((verified.entries, verified.last), (2, end));
    rig.people.record(&act(NOW)).await.unwrap();
    assert_eq!(rig.people.verify(.., end.as_ref()).await.unwrap().entries, 3);
    // Once more: nothing.
    assert_eq!(rig.people.retain(&PERIODS, NOW).await.unwrap(), Removed::default());
    // A moment later the next ones are due.
    let later = rig.people.retain(&PERIODS, Millis(NOW.0 + 1)).await.unwrap();
    assert_eq!(later, Removed { sign_ins: 1, consents: 4, trades: 1, audit: 1 });
    rig.people.verify(.., end.as_ref()).await.unwrap();
}

/// Services of a fleet remove what speaks of people at the same time.
#[tokio::test]
async fn two_may_remove_at_once() {
    let rig = Rig::new().await;
    seeded(&rig).await;
    let old = |n: u64| Act {
        at: Millis(n),
        actor: None,
        action: name("player.kick"),
        subject: Text(n.to_string()),
        outcome: name("done"),
        details: String::new(),
    };
    for n in 0..40 {
        rig.people.record(&old(n)).await.unwrap();
    }
    let other = over(&rig.store, &rig.keys, &rig.master).await;
    let (a, b) = tokio::join!(rig.people.retain(&PERIODS, NOW), other.retain(&PERIODS, NOW));
    assert!(a.unwrap().audit + b.unwrap().audit >= 40);
    assert_eq!(rig.people.verify(.., None).await.unwrap().entries, 0);
    assert_eq!(rig.people.retain(&PERIODS, NOW).await.unwrap(), Removed::default());
}

#[tokio::test]
async fn an_entry_taken_out_is_no_retention() {
    let rig = Rig::new().await;
    let act = |n: u64| Act {
        at: Millis(NOW.0 - 10_000_000 + n),
        actor: None,
        action: name("player.kick"),
        subject: Text(n.to_string()),
        outcome: name("done"),
        details: String::new(),
    };
    for n in 0..6 {
        rig.people.record(&act(n)).await.unwrap();
    }
    let cut = Millis(NOW.0 - 10_000_000 + 3);
    let now = Millis(cut.0 + u64::try_from(PERIODS.audit.as_millis()).unwrap());
    assert_eq!(rig.people.retain(&PERIODS, now).await.unwrap().audit, 3);
    rig.people.verify(.., None).await.unwrap();
    rig.remove(Key::Audit(4)).await;
    assert!(rig.people.verify(.., None).await.is_err(), "removed past the note");
}

#[tokio::test]
async fn periods_by_default_are_what_the_page_says() {
    let days = |period: Duration| period.as_secs() / (24 * 3600);
    let periods = Periods::default();
    let page = include_str!("../../../docs/PRIVACY.md");
    for line in [
        format!("| `sign_in` | {} days after", days(periods.sign_in)),
        format!("| `audit` | {} days after", days(periods.audit)),
        format!("| `consent` | {} days after", days(periods.consent)),
        format!("| `trade` | {} days after", days(periods.trade)),
        format!("the newest {} ", periods.saves),
        format!("| `segment` | {} days after", days(periods.log.unwrap_or_default())),
    ] {
        assert!(page.contains(&line), "docs/PRIVACY.md does not say {line:?}");
    }
    for rule in RULES.iter().filter(|rule| rule.period != Period::Always) {
        assert!(page.contains(&format!("`{}`", rule.kind.name())), "{}", rule.kind.name());
    }
}
