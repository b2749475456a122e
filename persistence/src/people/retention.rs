//! How long each kind of record is kept, and why; and the job that removes what is past its period of what speaks of people.
//! What is removed of a world's past is in `history`. Must never remove what is not past its period.

use std::time::Duration;

use super::People;
use super::commit::commit;
use super::error::PeopleError;
use super::page::Pages;
use crate::batch::{Batch, Change};
use crate::record::{Consent, Key, Kind, Millis, Record};
use crate::store::Query;

/// How long a kind is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// As long as the person is here: until they are erased.
    WhileHere,
    /// For good.
    Always,
    /// So long after a sign-in has expired.
    AfterExpiry,
    /// So long after it was written.
    AfterWriting,
    /// So long after the consent was taken back.
    AfterWithdrawal,
    /// Until there are enough newer ones; the first of each day, and what the log needs, as long as the log.
    Thinned,
}

/// How long a kind is kept, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub kind: Kind,
    /// How long.
    pub period: Period,
    /// Why so long.
    pub reason: &'static str,
}

const fn rule(kind: Kind, period: Period, reason: &'static str) -> Rule {
    Rule { kind, period, reason }
}

/// The register: every kind is in it.
pub const RULES: [Rule; 15] = [
    rule(Kind::Player, Period::WhileHere, "it is the person's account"),
    rule(Kind::Inventory, Period::WhileHere, "it is what the person owns"),
    rule(Kind::Credential, Period::WhileHere, "without it the person cannot sign in"),
    rule(Kind::SignIn, Period::AfterExpiry, "to answer who was signed in when an account was abused"),
    rule(Kind::Consent, Period::AfterWithdrawal, "to show that there was a consent for what was done under it"),
    rule(Kind::Discovery, Period::WhileHere, "it is part of the person's game"),
    rule(Kind::World, Period::Always, "it speaks of nobody"),
    rule(Kind::Seat, Period::Always, "logs know people by it; what says whose it was goes with the person"),
    rule(Kind::Snapshot, Period::Thinned, "to go back to; one with a label is kept until a person removes it"),
    rule(
        Kind::Segment,
        Period::AfterWriting,
        "to have any tick again; it goes up to a save, so that the rest can be had",
    ),
    rule(Kind::Trade, Period::AfterWriting, "to answer claims; under pseudonyms"),
    rule(Kind::Audit, Period::AfterWriting, "to find out what happened; the chain goes on from the last one removed"),
    rule(Kind::Setting, Period::Always, "it speaks of nobody"),
    rule(Kind::PersonKey, Period::WhileHere, "it opens what is the person's"),
    rule(Kind::Erasure, Period::Always, "so that no copy, however old, brings the person back"),
];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The lengths of the periods, for an operator to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Periods {
    /// After a sign-in has expired.
    pub sign_in: Duration,
    /// After an audit entry was written.
    pub audit: Duration,
    /// After a consent was taken back.
    pub consent: Duration,
    /// After a trade.
    pub trade: Duration,
    /// After a piece of a world's log was written; for good where there is none.
    pub log: Option<Duration>,
    /// So many of the newest saves of a world without a label: at least one.
    pub saves: usize,
}

impl Default for Periods {
    fn default() -> Self {
        let years = 3 * 365 * DAY;
        Self { sign_in: 30 * DAY, audit: 90 * DAY, consent: years, trade: years, log: Some(30 * DAY), saves: 60 }
    }
}

/// How many records of each kind were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the kinds")]
pub struct Removed {
    pub sign_ins: u64,
    pub consents: u64,
    pub trades: u64,
    pub audit: u64,
}

/// How many records are removed in one batch.
const BATCH: usize = 500;

impl People {
    /// Removes what speaks of people and is past its period, whoever's it is. What is exactly as old as its period is kept.
    /// Several processes may do so at once.
    ///
    /// # Errors
    /// [`PeopleError`]; what was removed before stays removed, and the job may be run again.
    pub async fn retain(&self, periods: &Periods, now: Millis) -> Result<Removed, PeopleError> {
        let sign_ins = now.before(periods.sign_in);
        let trades = now.before(periods.trade);
        Ok(Removed {
            sign_ins: self.drop_old(Kind::SignIn, |r| matches!(r, Record::SignIn(s) if s.expires < sign_ins)).await?,
            trades: self.drop_old(Kind::Trade, |r| matches!(r, Record::Trade(t) if t.at < trades)).await?,
            consents: self.drop_consents(now.before(periods.consent)).await?,
            audit: self.forget_entries(now.before(periods.audit)).await?,
        })
    }

    async fn drop_old(&self, kind: Kind, is_due: impl Fn(&Record) -> bool + Send) -> Result<u64, PeopleError> {
        let mut removed = 0;
        let mut pages = Pages::new(&*self.store, Query::of(kind));
        while let Some(page) = pages.next().await? {
            let keys: Vec<Key> = page.iter().filter(|record| is_due(record)).map(Record::key).collect();
            removed += self.drop_keys(keys).await?;
        }
        Ok(removed)
    }

    /// Removes what was said about a purpose up to the last time that it was taken back long enough ago.
    async fn drop_consents(&self, before: Millis) -> Result<u64, PeopleError> {
        let mut removed = 0;
        let mut waiting: Vec<Consent> = Vec::new();
        let mut pages = Pages::new(&*self.store, Query::of(Kind::Consent));
        while let Some(page) = pages.next().await? {
            let mut due = Vec::new();
            for record in page {
                let Record::Consent(consent) = record else { continue };
                // In the order of keys: by person, purpose and then time.
                if waiting.first().is_some_and(|w| (w.person, &w.purpose) != (consent.person, &consent.purpose)) {
                    waiting.clear();
                }
                let is_over = !consent.given && consent.at < before;
                waiting.push(consent);
                if is_over {
                    due.extend(waiting.drain(..).map(|c| Record::Consent(c).key()));
                }
            }
            removed += self.drop_keys(due).await?;
        }
        Ok(removed)
    }

    async fn drop_keys(&self, keys: Vec<Key>) -> Result<u64, PeopleError> {
        for part in keys.chunks(BATCH) {
            let changes = part.iter().map(|key| Change::Remove(key.clone(), None)).collect();
            commit(&*self.store, &Batch::new(changes)?).await?;
        }
        Ok(keys.len() as u64)
    }
}
