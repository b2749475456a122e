//! The sign-ins that stand, in memory: asked for each request, dead at once when they are ended. Must never let a caller
//! choose an id, and must never be asked to wait for a store.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::table::lock;
use crate::clock::Moment;
use crate::identity::{Person, Role, SignInId};
use crate::ports::{AccountError, Accounts, StoredSignIn};

/// A use is written to the store at most this often.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// How long sign-ins stand, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInPolicy {
    /// One that is not used for so long is over.
    pub idle: Duration,
    /// One is over after so long in any case.
    pub absolute: Duration,
    /// Of one person; the oldest ends for a new one.
    pub person_max: usize,
    /// Of all; beyond it nobody signs in.
    pub total_max: usize,
}

impl Default for SignInPolicy {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(900),
            absolute: Duration::from_secs(28_800),
            person_max: 10,
            total_max: 100_000,
        }
    }
}

/// What renews a sign-in, as the store has it.
pub(super) struct Renewal {
    /// Hash of the refresh token that is good now.
    pub hash: [u8; 32],
    /// Revision in the store.
    pub revision: u64,
}

/// A sign-in that goes from place to place is told of this often at most.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Where a sign-in is used.
struct Places {
    /// Households that used it last, newest first.
    last: [Option<IpAddr>; 2],
    /// When it was last told that there was another one.
    told: Option<Duration>,
}

/// A sign-in that stands, or stood.
pub(super) struct Live {
    pub id: SignInId,
    pub person: Person,
    /// A change of the role ends it, so it has one.
    pub role: Role,
    pub created: Moment,
    pub expires: Moment,
    address: String,
    seen: AtomicU64,
    /// The last use that the store knows, or will.
    written: AtomicU64,
    has_ended: AtomicBool,
    /// How often the store was to be told of a change.
    changes: AtomicU64,
    licence: AtomicU32,
    places: Mutex<Places>,
    /// Held while it is written, so that what the store has is what is known here.
    pub renewal: tokio::sync::Mutex<Renewal>,
}

impl Live {
    pub(super) fn new(stored: StoredSignIn, role: Role, licence: u32) -> Self {
        Self {
            id: stored.id,
            person: stored.person,
            role,
            created: stored.created,
            expires: stored.expires,
            places: Mutex::new(Places {
                last: [stored.address.parse().ok().map(super::allowance::household), None],
                told: None,
            }),
            address: stored.address,
            seen: AtomicU64::new(stored.seen.0),
            written: AtomicU64::new(stored.seen.0),
            has_ended: AtomicBool::new(stored.revoked),
            changes: AtomicU64::new(0),
            licence: AtomicU32::new(licence),
            renewal: tokio::sync::Mutex::new(Renewal { hash: stored.refresh, revision: stored.revision }),
        }
    }

    pub(super) fn seen(&self) -> Moment {
        Moment(self.seen.load(Ordering::SeqCst))
    }

    pub(super) fn licence(&self) -> u32 {
        self.licence.load(Ordering::SeqCst)
    }

    pub(super) fn set_licence(&self, version: u32) {
        self.licence.store(version, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Whether a household uses it that did not lately, and whether that is news: one that goes from place to place is told
    /// of once in a while.
    pub(super) fn moves_to(&self, household: IpAddr, passed: Duration) -> Option<bool> {
        let mut places = lock(&self.places);
        if places.last.contains(&Some(household)) {
            return None;
        }
        let before = places.last[0].replace(household);
        places.last[1] = before;
        before?;
        let is_news = places.told.is_none_or(|told| passed.saturating_sub(told) >= TOLD_EVERY);
        if is_news {
            places.told = Some(passed);
        }
        Some(is_news)
    }

    /// Whether it stands at this moment.
    pub(super) fn stands(&self, now: Moment, idle: Duration) -> bool {
        !self.has_ended() && now < self.expires && now < self.seen().plus(idle)
    }

    /// As it is to be stored, with the renewal that is held.
    pub(super) fn stored(&self, renewal: &Renewal) -> StoredSignIn {
        StoredSignIn {
            id: self.id,
            person: self.person,
            created: self.created,
            seen: self.seen(),
            expires: self.expires,
            revoked: self.has_ended(),
            refresh: renewal.hash,
            address: self.address.clone(),
            revision: renewal.revision,
        }
    }
}

#[derive(Default)]
struct Maps {
    by_id: HashMap<SignInId, Arc<Live>>,
    by_person: HashMap<Person, Vec<Arc<Live>>>,
}

impl Maps {
    fn remove(&mut self, live: &Live) {
        self.by_id.remove(&live.id);
        if let Some(of_person) = self.by_person.get_mut(&live.person) {
            of_person.retain(|other| other.id != live.id);
            if of_person.is_empty() {
                self.by_person.remove(&live.person);
            }
        }
    }
}

/// There are as many sign-ins as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// All sign-ins that stand.
pub(super) struct SignIns {
    policy: SignInPolicy,
    maps: RwLock<Maps>,
    /// What the store does not know yet. Each is in here once, so it is bounded as they are.
    unwritten: Mutex<HashMap<SignInId, Arc<Live>>>,
}

impl SignIns {
    pub(super) fn new(policy: SignInPolicy) -> Self {
        Self { policy, maps: RwLock::default(), unwritten: Mutex::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters one. The person's oldest end where there are too many; they are given back.
    pub(super) fn enter(&self, live: Arc<Live>, now: Moment) -> Result<Vec<Arc<Live>>, Full> {
        let mut maps = self.write();
        let mut displaced = Vec::new();
        if maps.by_id.len() >= self.policy.total_max {
            let over: Vec<_> =
                maps.by_id.values().filter(|live| !live.stands(now, self.policy.idle)).cloned().collect();
            over.iter().for_each(|live| maps.remove(live));
        }
        while maps.by_person.get(&live.person).is_some_and(|all| all.len() >= self.policy.person_max) {
            let Some(oldest) = maps.by_person.get(&live.person).and_then(|all| all.first()).cloned() else { break };
            oldest.has_ended.store(true, Ordering::SeqCst);
            maps.remove(&oldest);
            displaced.push(oldest);
        }
        if maps.by_id.len() >= self.policy.total_max {
            return Err(Full);
        }
        maps.by_person.entry(live.person).or_default().push(live.clone());
        maps.by_id.insert(live.id, live);
        drop(maps);
        displaced.iter().for_each(|live| self.write_later(live));
        Ok(displaced)
    }

    /// One that stands at this moment.
    pub(super) fn find(&self, id: SignInId, now: Moment) -> Option<Arc<Live>> {
        self.read().by_id.get(&id).filter(|live| live.stands(now, self.policy.idle)).cloned()
    }

    /// All of a person that stand.
    pub(super) fn of(&self, person: Person, now: Moment) -> Vec<Arc<Live>> {
        let maps = self.read();
        let all = maps.by_person.get(&person).into_iter().flatten();
        all.filter(|live| live.stands(now, self.policy.idle)).cloned().collect()
    }

    /// It is used.
    pub(super) fn used(&self, live: &Arc<Live>, now: Moment) {
        live.seen.fetch_max(now.0, Ordering::SeqCst);
        let written = live.written.load(Ordering::SeqCst);
        let is_due = now.since(Moment(written)) >= WRITE_EVERY;
        // Of many at once, one says so.
        if is_due && live.written.compare_exchange(written, now.0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.write_later(live);
        }
    }

    /// Ends one, from this moment on; the store hears of it later, or from who does not want to wait.
    pub(super) fn end(&self, live: &Arc<Live>) {
        self.end_here(live);
        self.write_later(live);
    }

    fn write_later(&self, live: &Arc<Live>) {
        let mut unwritten = lock(&self.unwritten);
        live.changes.fetch_add(1, Ordering::SeqCst);
        unwritten.insert(live.id, live.clone());
    }

    /// The store knows it as it was after so many changes.
    fn written(&self, live: &Live, changes: u64) {
        let mut unwritten = lock(&self.unwritten);
        if live.changes.load(Ordering::SeqCst) == changes {
            unwritten.remove(&live.id);
        }
    }

    /// Ends one that the store has otherwise, and takes it out.
    fn end_here(&self, live: &Live) {
        live.has_ended.store(true, Ordering::SeqCst);
        self.write().remove(live);
    }

    /// Tells the store what it does not know.
    ///
    /// # Errors
    /// What the store says; what it did not take is kept.
    pub(super) async fn write_back(&self, store: &dyn Accounts, now: Moment) -> Result<(), AccountError> {
        let due: Vec<_> = lock(&self.unwritten).values().cloned().collect();
        let mut result = Ok(());
        for live in due {
            // The others are tried all the same.
            result = self.write_one(&live, store, now).await.and(result);
        }
        result
    }

    /// Tells the store how one is. It waits to be written until the store has it, also where whoever waits for this goes
    /// away.
    ///
    /// # Errors
    /// As [`SignIns::write_back`].
    pub(super) async fn write_one(
        &self,
        live: &Arc<Live>,
        store: &dyn Accounts,
        now: Moment,
    ) -> Result<(), AccountError> {
        let mut renewal = live.renewal.lock().await;
        let changes = live.changes.load(Ordering::SeqCst);
        let mut outcome = store.put_sign_in(&live.stored(&renewal)).await.map(Some);
        if outcome == Err(AccountError::Conflict) {
            // Erased, or another service writes this store, or an answer was lost: what is known here is not the truth.
            tracing::warn!(target: "security", sign_in = %live.id, "a sign-in was not written: it ends");
            self.end_here(live);
            outcome = end_there(live, &renewal, store, now).await;
        }
        match outcome {
            Ok(revision) => {
                renewal.revision = revision.unwrap_or(renewal.revision);
                self.written(live, changes);
                Ok(())
            }
            Err(error @ (AccountError::Unavailable(_) | AccountError::Conflict)) => {
                if error == AccountError::Conflict {
                    tracing::error!(target: "security", sign_in = %live.id, "it has ended here, and not in the store yet");
                }
                self.write_later(live);
                Err(error)
            }
            // There is none to write.
            Err(error) => {
                tracing::warn!(target: "security", sign_in = %live.id, %error, "a sign-in was not written: it ends");
                self.end_here(live);
                self.written(live, changes);
                Ok(())
            }
        }
    }

    /// Forgets what is over.
    pub(super) fn sweep(&self, now: Moment) {
        let over = |live: &&Arc<Live>| !live.stands(now, self.policy.idle);
        let over: Vec<_> = self.read().by_id.values().filter(over).cloned().collect();
        if over.is_empty() {
            return;
        }
        let mut maps = self.write();
        // One may have been used meanwhile.
        over.iter().filter(|live| !live.stands(now, self.policy.idle)).for_each(|live| maps.remove(live));
    }

    /// How many there are, and how many of them wait to be written.
    pub(super) fn remembered(&self) -> (usize, usize) {
        let standing = self.read().by_id.len();
        (standing, lock(&self.unwritten).len())
    }
}

/// Ends a sign-in in the store, whatever the store has of it; gives its new revision, where it stands there.
async fn end_there(
    live: &Live,
    renewal: &Renewal,
    store: &dyn Accounts,
    now: Moment,
) -> Result<Option<u64>, AccountError> {
    let there = store.sign_ins(now).await?.into_iter().find(|stored| stored.id == live.id);
    let Some(there) = there else { return Ok(None) };
    let ended = StoredSignIn { revision: there.revision, ..live.stored(renewal) };
    store.put_sign_in(&ended).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(id: u8, person: u64) -> Arc<Live> {
        let stored = StoredSignIn {
            id: SignInId([id; 16]),
            person: Person(person),
            created: Moment(0),
            seen: Moment(0),
            expires: Moment(28_800_000),
            revoked: false,
            refresh: [0; 32],
            address: "127.0.0.1".into(),
            revision: 1,
        };
        Arc::new(Live::new(stored, Role::Player, 0))
    }

    /// SEC-045: idle, over, ended; each beside the same one a moment before.
    #[test]
    fn sign_ins_end_when_they_should() {
        let all = SignIns::new(SignInPolicy::default());
        let live = sign_in(1, 7);
        all.enter(live.clone(), Moment(0)).expect("room");
        let stands = |ms| all.find(live.id, Moment(ms)).is_some();
        assert!(stands(899_999) && !stands(900_000), "idle");
        let mut now = 0;
        while now + 800_000 < 28_800_000 {
            now += 800_000;
            assert!(stands(now));
            all.used(&live, Moment(now));
        }
        assert!(!stands(28_800_000), "at the latest, however much it is used");
        let other = sign_in(2, 7);
        all.enter(other.clone(), Moment(0)).expect("room");
        assert!(all.find(other.id, Moment(1)).is_some());
        all.end(&other);
        assert!(all.find(other.id, Moment(1)).is_none() && other.has_ended());
    }

    #[test]
    fn the_oldest_makes_room_and_all_together_are_bounded() {
        let all = SignIns::new(SignInPolicy { person_max: 2, total_max: 4, ..SignInPolicy::default() });
        let first = sign_in(1, 7);
        all.enter(first.clone(), Moment(0)).expect("room");
        all.enter(sign_in(2, 7), Moment(0)).expect("room");
        let displaced = all.enter(sign_in(3, 7), Moment(0)).expect("room");
        assert_eq!(displaced.iter().map(|live| live.id).collect::<Vec<_>>(), [first.id]);
        assert!(first.has_ended() && all.of(Person(7), Moment(0)).len() == 2);
        all.enter(sign_in(4, 8), Moment(0)).expect("room");
        all.enter(sign_in(5, 9), Moment(0)).expect("room");
        assert_eq!(all.enter(sign_in(6, 10), Moment(1)).err(), Some(Full));
        assert!(all.enter(sign_in(6, 10), Moment(900_000)).is_ok(), "what is over makes room");
    }

    #[test]
    fn churn_does_not_grow_it() {
        let all = SignIns::new(SignInPolicy::default());
        for i in 0..20_000u32 {
            let stored = StoredSignIn { id: SignInId([(i % 251) as u8; 16]), ..stored_of(i) };
            let live = Arc::new(Live::new(stored, Role::Player, 0));
            all.enter(live.clone(), Moment(0)).expect("room");
            all.end(&live);
        }
        assert_eq!(all.remembered(), (0, 251));
        all.enter(sign_in(1, 7), Moment(0)).expect("room");
        all.sweep(Moment(900_000));
        assert_eq!(all.remembered().0, 0);
        assert!(all.read().by_person.is_empty());
    }

    fn stored_of(i: u32) -> StoredSignIn {
        StoredSignIn {
            id: SignInId([0; 16]),
            person: Person(u64::from(i % 100) + 1),
            created: Moment(0),
            seen: Moment(0),
            expires: Moment(28_800_000),
            revoked: false,
            refresh: [0; 32],
            address: String::new(),
            revision: 0,
        }
    }
}
