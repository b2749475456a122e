//! Whose data was touched, as far as the audit chain tells: for whoever has to say so after a breach. Must never leave out
//! anybody whom an entry names, nor count what was refused or undone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::Value;

use super::People;
use super::error::PeopleError;
use super::page::Pages;
use crate::record::{Audit, Kind, Millis, PersonId, Record};
use crate::store::Query;

/// What was done with what is kept of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Whose.
    pub person: PersonId,
    /// The first time.
    pub first: Millis,
    /// The last time.
    pub last: Millis,
    /// How often, by what was done.
    pub acts: BTreeMap<String, u64>,
}

/// Which acts are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Only of this person's account.
    pub by: Option<PersonId>,
    /// Only from this address.
    pub address: Option<String>,
}

/// One entry that touched somebody.
struct Act {
    seq: u64,
    at: Millis,
    action: String,
    persons: BTreeSet<PersonId>,
}

impl People {
    /// Everybody whose data was touched within a time, by these acts, in the order of their numbers. An act touches whose
    /// account did it, whom it was done to, and whom it showed.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn touched(&self, span: RangeInclusive<Millis>, access: &Access) -> Result<Vec<Touched>, PeopleError> {
        let (mut acts, mut undone) = (Vec::new(), BTreeSet::new());
        let mut pages = Pages::new(&*self.store, Query::of(Kind::Audit));
        while let Some(page) = pages.next().await? {
            for record in page {
                let Record::Audit(entry) = record else { continue };
                if !span.contains(&entry.at) {
                    continue;
                }
                let details = self.open_entry(&entry).await?.unwrap_or_default();
                let details: Value = serde_json::from_str(&details).unwrap_or_default();
                undone.extend(details["instead_of"].as_u64());
                if fits(&entry, &details, access) {
                    let action = entry.action.to_string();
                    acts.push(Act { seq: entry.seq, at: entry.at, action, persons: named(&entry, &details) });
                }
            }
        }
        let mut all: BTreeMap<PersonId, Touched> = BTreeMap::new();
        for act in acts.into_iter().filter(|act| !undone.contains(&act.seq)) {
            for person in act.persons {
                let new = Touched { person, first: act.at, last: act.at, acts: BTreeMap::new() };
                let touched = all.entry(person).or_insert(new);
                touched.last = act.at;
                *touched.acts.entry(act.action.clone()).or_default() += 1;
            }
        }
        Ok(all.into_values().collect())
    }
}

/// Whether an entry is about something that was done, by whom it is asked about. Where the actor was erased since, the
/// address is not known any more, and nobody is left out for that.
fn fits(entry: &Audit, details: &Value, access: &Access) -> bool {
    let is_done = matches!(entry.outcome.as_str(), "done" | "asked");
    let by = access.by.is_none_or(|by| entry.actor == Some(by));
    let from = details["address"].as_str();
    let is_from = access.address.as_deref().is_none_or(|wanted| from.is_none_or(|from| from == wanted));
    is_done && by && is_from
}

fn named(entry: &Audit, details: &Value) -> BTreeSet<PersonId> {
    let number = |text: &str| text.parse().ok().map(PersonId);
    let subject = entry.subject.0.strip_prefix("person:").and_then(number);
    let shown = details["persons"].as_array().into_iter().flatten().filter_map(|person| number(person.as_str()?));
    entry.actor.into_iter().chain(subject).chain(shown).collect()
}
