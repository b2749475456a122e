//! The audit chain: who did what, each entry with the hash of the one before. Must never let an edit, a gap or a cut-off
//! end go unnoticed, nor say in the open who somebody is.
//!
//! Where the chain ends, and where it begins once older entries were removed by age, is kept as two settings under a keyed
//! hash: who can write the store, but has no key, cannot make them. Who keeps a [`Head`] elsewhere can tell even that an
//! older end was put back with an older setting.

use std::ops::{Bound, RangeBounds};

use super::People;
use super::commit::{ROUNDS_MAX, commit, look, pause};
use super::error::{PeopleError, VaultError, VerifyError};
use super::page::Pages;
use super::vault::DEPLOYMENT;
use crate::batch::{Batch, Change};
use crate::error::StoreError;
use crate::record::{Audit, Hash, Key, Kind, Millis, Name, PersonId, Record, Rev, Seal, Setting, Text};
use crate::store::Query;

/// Most bytes of what an entry is about.
const SUBJECT_BYTES_MAX: usize = 1024;
/// Most bytes of what an entry keeps sealed.
const DETAILS_BYTES_MAX: usize = 8 << 10;

/// The settings about the chain.
pub(super) const END: &str = "audit.end";
pub(super) const START: &str = "audit.start";

/// What is to be written down.
#[derive(Clone, PartialEq, Eq)]
pub struct Act {
    /// When. An entry is never older than the one before it.
    pub at: Millis,
    /// Who, where it was a person.
    pub actor: Option<PersonId>,
    /// What, such as `player.erase`.
    pub action: Name,
    /// To what: at most 1 KiB, and nothing that says who somebody is. For a person [`Act::on`].
    pub subject: Text,
    /// How it ended.
    pub outcome: Name,
    /// What else is known: at most 8 KiB, sealed with the actor's key.
    pub details: String,
}

impl Act {
    /// A person as the subject of an entry.
    #[must_use]
    pub fn on(person: PersonId) -> Text {
        Text(format!("person:{}", person.0))
    }
}

/// An entry's place and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Place in the chain, from 1.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// When.
    pub at: Millis,
}

impl Head {
    /// Before the first entry.
    const NONE: Self = Self { seq: 0, hash: Hash([0; 32]), at: Millis(0) };

    pub(super) fn of(entry: &Audit) -> Self {
        Self { seq: entry.seq, hash: entry.hash, at: entry.at }
    }
}

/// What was found sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// So many entries.
    pub entries: u64,
    /// The last of them.
    pub last: Option<Head>,
}

impl People {
    /// Writes an entry behind the last one. Its head, kept elsewhere, shows later that nothing before it was touched.
    ///
    /// # Errors
    /// [`PeopleError`]; [`PeopleError::Note`] where the note about the end was tampered with.
    pub async fn record(&self, act: &Act) -> Result<Head, PeopleError> {
        let heads = self.record_all(std::slice::from_ref(act)).await?;
        heads.last().copied().ok_or(PeopleError::Busy)
    }

    /// The same for several, one behind the other: all of them are written together, or none. Gives the head of each.
    ///
    /// # Errors
    /// As [`People::record`].
    pub async fn record_all(&self, acts: &[Act]) -> Result<Vec<Head>, PeopleError> {
        if acts.iter().any(|act| act.subject.0.len() > SUBJECT_BYTES_MAX) {
            return Err(PeopleError::TooLong("the subject of an audit entry"));
        }
        if acts.iter().any(|act| act.details.len() > DETAILS_BYTES_MAX) {
            return Err(PeopleError::TooLong("what an audit entry keeps sealed"));
        }
        self.append(acts, Vec::new()).await
    }

    /// The same of several, with as many details as a seal holds, together with other records: all of it is written, or
    /// nothing. Gives the head of each act.
    pub(super) async fn append(&self, acts: &[Act], beside: Vec<Record>) -> Result<Vec<Head>, PeopleError> {
        let _turn = self.chain.lock().await;
        for round in 0..ROUNDS_MAX {
            let (end, rev) = self.note(END).await?;
            let mut head = end.unwrap_or(Head::NONE);
            let (mut records, mut heads) = (beside.clone(), Vec::with_capacity(acts.len()));
            for act in acts {
                let entry = self.entry(act, &head).await?;
                head = Head::of(&entry);
                heads.push(head);
                records.push(Record::Audit(entry));
            }
            let Some(witness) = records.first().cloned() else { return Ok(heads) };
            if !acts.is_empty() {
                records.push(Record::Setting(self.noted(END, rev, &head)?));
            }
            let conflict = match commit(&*self.store, &Batch::put(records)?).await {
                Ok(()) => return Ok(heads),
                Err(StoreError::Conflict(conflict)) => conflict,
                Err(error) => return Err(error.into()),
            };
            // Another process was quicker; or this was written, its answer lost, and another entry came behind it.
            if look(&*self.store, &witness.key()).await? == Some(witness) {
                return Ok(heads);
            }
            if !matches!(conflict.key, Key::Audit(_) | Key::Setting(_)) {
                return Err(StoreError::Conflict(conflict).into());
            }
            pause(round).await;
        }
        Err(PeopleError::Busy)
    }

    /// Looks at all entries of a range of places. `expected` is a head that was kept elsewhere.
    ///
    /// # Errors
    /// [`VerifyError`], with the first entry that is not right.
    pub async fn verify(
        &self,
        range: impl RangeBounds<u64> + Send,
        expected: Option<&Head>,
    ) -> Result<Verified, VerifyError> {
        let start = self.note(START).await?.0.unwrap_or(Head::NONE);
        let end = self.note(END).await?.0.unwrap_or(Head::NONE);
        let (from, to) = bounds(&range);
        let from = from.max(start.seq.saturating_add(1));
        let mut before = self.before(from, &start).await?;
        let mut verified = Verified { entries: 0, last: None };
        let mut query = Query::of(Kind::Audit);
        if from > 1 {
            query = query.beyond(Key::Audit(from - 1));
        }
        let mut pages = Pages::new(&*self.store, query);
        'pages: while let Some(page) = pages.next().await? {
            for record in page {
                let Record::Audit(entry) = record else { continue };
                if entry.seq > to {
                    break 'pages;
                }
                follows(&before, &entry)?;
                let head = Head::of(&entry);
                if expected.is_some_and(|expected| expected.seq == head.seq && expected.hash != head.hash)
                    || end.seq == head.seq && end.hash != head.hash
                {
                    return Err(VerifyError::Edited(head.seq));
                }
                verified.entries += 1;
                before = head;
                verified.last = Some(head);
            }
        }
        let found = verified.last.map_or(from.saturating_sub(1), |last| last.seq);
        let known = end.seq.max(expected.map_or(0, |expected| expected.seq)).min(to);
        if found < known {
            return Err(VerifyError::Truncated { found, known });
        }
        // No entry is written without the note, which may have moved on meanwhile.
        let end = self.note(END).await?.0.unwrap_or(Head::NONE);
        if verified.last.is_some_and(|last| last.seq > end.seq) {
            return Err(VerifyError::Broken(end.seq.saturating_add(1)));
        }
        Ok(verified)
    }

    /// What an entry keeps sealed; nothing where the actor was erased.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub async fn open_entry(&self, entry: &Audit) -> Result<Option<String>, PeopleError> {
        self.open_text(entry.actor.unwrap_or(DEPLOYMENT), &Key::Audit(entry.seq), &entry.private).await
    }

    async fn entry(&self, act: &Act, end: &Head) -> Result<Audit, PeopleError> {
        let seq = end.seq.saturating_add(1);
        let sealed = if act.details.is_empty() {
            Ok(Seal::default())
        } else {
            self.vault.seal(act.actor.unwrap_or(DEPLOYMENT), &Key::Audit(seq), act.details.as_bytes()).await
        };
        let private = match sealed {
            // What an erased person did is written down, but not what says who they were.
            Err(VaultError::Erased) => Seal::default(),
            other => other?,
        };
        let Act { at, actor, action, subject, outcome, details: _ } = act.clone();
        let hash = Hash([0; 32]);
        let at = at.max(end.at);
        let mut entry = Audit { seq, at, actor, action, subject, outcome, private, previous: end.hash, hash };
        entry.hash = entry.expected();
        Ok(entry)
    }

    /// The entry before a place.
    async fn before(&self, from: u64, start: &Head) -> Result<Head, VerifyError> {
        if from <= start.seq.saturating_add(1) {
            return Ok(*start);
        }
        match self.store.get(&Key::Audit(from - 1)).await? {
            Some(Record::Audit(entry)) => Ok(Head::of(&entry)),
            _ => Err(VerifyError::Missing(from - 1)),
        }
    }

    /// A note about the chain, and the revision that is to follow.
    pub(super) async fn note(&self, name: &'static str) -> Result<(Option<Head>, Rev), PeopleError> {
        let key = Key::Setting(setting_name(name)?);
        let Some(Record::Setting(setting)) = self.store.get(&key).await? else { return Ok((None, Rev::FIRST)) };
        let head = self.read_note(name, &setting.value.0).ok_or(PeopleError::Note(name))?;
        Ok((Some(head), setting.rev.next()))
    }

    pub(super) fn noted(&self, name: &'static str, rev: Rev, head: &Head) -> Result<Setting, PeopleError> {
        let value = format!("{} {} {}", head.seq, head.at.0, head.hash);
        let mac = self.vault.tag(name, value.as_bytes());
        Ok(Setting { name: setting_name(name)?, rev, value: Text(format!("{value} {mac}")) })
    }

    fn read_note(&self, name: &str, text: &str) -> Option<Head> {
        let (value, mac) = text.rsplit_once(' ')?;
        // In constant time: blake3 compares its hashes so.
        let ours = blake3::Hash::from_bytes(self.vault.tag(name, value.as_bytes()).0);
        if ours != blake3::Hash::from_hex(mac).ok()? {
            return None;
        }
        let mut parts = value.split(' ');
        let (seq, at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let hash = blake3::Hash::from_hex(parts.next()?).ok()?;
        Some(Head { seq, at: Millis(at), hash: Hash(hash.into()) })
    }

    /// Removes what is before this moment from the beginning of the chain, and notes where it begins then. Gives how many
    /// entries that were.
    pub(super) async fn forget_entries(&self, before: Millis) -> Result<u64, PeopleError> {
        let (mut removed, mut round) = (0, 0);
        while round < ROUNDS_MAX {
            // Before the entries are read: whoever removes some meanwhile moves the note on.
            let (_, rev) = self.note(START).await?;
            let page = self.store.list(&Query::of(Kind::Audit)).await?;
            let entries = page.records.iter().filter_map(|r| if let Record::Audit(e) = r { Some(e) } else { None });
            let due: Vec<&Audit> = entries.take_while(|entry| entry.at < before).collect();
            let Some(last) = due.last() else { return Ok(removed) };
            let mut changes: Vec<Change> = due.iter().map(|e| Change::Remove(Key::Audit(e.seq), None)).collect();
            changes.push(Change::Put(Record::Setting(self.noted(START, rev, &Head::of(last))?)));
            match commit(&*self.store, &Batch::new(changes)?).await {
                Ok(()) => removed += due.len() as u64,
                // Another process does the same.
                Err(StoreError::Conflict(_)) => {
                    pause(round).await;
                    round += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(PeopleError::Busy)
    }
}

fn setting_name(name: &'static str) -> Result<Name, PeopleError> {
    Name::new(name).map_err(|_| PeopleError::Note(name))
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(from) => from.saturating_add(1),
        Bound::Unbounded => 1,
    };
    let to = match range.end_bound() {
        Bound::Included(to) => *to,
        Bound::Excluded(to) => to.saturating_sub(1),
        Bound::Unbounded => u64::MAX,
    };
    (from.max(1), to)
}

fn follows(before: &Head, entry: &Audit) -> Result<(), VerifyError> {
    if entry.hash != entry.expected() {
        return Err(VerifyError::Edited(entry.seq));
    }
    let due = before.seq.saturating_add(1);
    if entry.seq != due {
        return Err(VerifyError::Missing(due));
    }
    if entry.previous != before.hash || entry.at < before.at {
        return Err(VerifyError::Broken(entry.seq));
    }
    Ok(())
}
