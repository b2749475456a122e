//! The table of debug sessions that are open. Must never give a session to anybody but the sign-in that opened it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::identity::Caller;
use crate::ports::Control;

/// How long a session lasts that is not used.
pub const IDLE: Duration = Duration::from_secs(900);
/// Most sessions at once.
pub const SESSIONS_MAX: usize = 64;
/// Most sessions of one sign-in.
pub const SESSIONS_OF_ONE_MAX: usize = 8;
/// So long after it was steered last, the world may still come to stand as nobody wants it who debugs.
const AFTERMATH: Duration = Duration::from_secs(60);
/// Most watches of a session.
pub const WATCHES_MAX: usize = 64;

/// Names a debug session: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DebugId(u128);

impl DebugId {
    /// A new one.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_le_bytes(bytes)))
    }
}

impl fmt::Display for DebugId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// It is not a name of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a debug session is named by 32 hex digits")]
pub struct NoDebugId;

impl FromStr for DebugId {
    type Err = NoDebugId;

    fn from_str(text: &str) -> Result<Self, NoDebugId> {
        let is_hex = text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then(|| u128::from_str_radix(text, 16).ok().map(Self)).flatten().ok_or(NoDebugId)
    }
}

/// A field that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Of which entity.
    pub entity: u64,
    /// Name of the component.
    pub component: String,
    /// Name of the field.
    pub field: String,
}

/// One session.
#[derive(Clone, Debug)]
struct Session {
    owner: Caller,
    /// When it was used last, by [`crate::clock::Clock::passed`].
    used: Duration,
    breakpoints: BTreeSet<u32>,
    watches: BTreeMap<u32, Watch>,
    next_watch: u32,
    /// Nobody uses it any more.
    abandoned: bool,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// There is none, or it is somebody else's: nobody is told which.
    #[error("there is no such debug session")]
    NoSuchSession,
    /// There are too many already.
    #[error("there are too many debug sessions or watches")]
    Full,
    /// There is no such watch in it.
    #[error("there is no such watch")]
    NoSuchWatch,
}

/// What is left to do when sessions end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Breakpoints that are to be cleared.
    pub breakpoints: Vec<u32>,
    /// Nobody debugs any more: the world goes on.
    pub was_last: bool,
}

/// What is left to do in the world.
#[derive(Debug, Default)]
struct Owed {
    controls: Vec<Control>,
    /// When the world was steered last, by [`crate::clock::Clock::passed`].
    steered: Option<Duration>,
}

/// The sessions that are open, and what those that have ended owe to the world.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<BTreeMap<DebugId, Session>>,
    owed: Mutex<Owed>,
}

impl Sessions {
    fn all(&self) -> MutexGuard<'_, BTreeMap<DebugId, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owing(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is left to do in the world, each thing once. Whether there was anything new in it.
    pub fn owe(&self, controls: impl IntoIterator<Item = Control>) -> bool {
        let mut owed = self.owing();
        let before = owed.controls.len();
        for control in controls {
            if !owed.controls.contains(&control) {
                owed.controls.push(control);
            }
        }
        owed.controls.len() > before
    }

    /// What is left to do, in order.
    #[must_use]
    pub fn owed(&self) -> Vec<Control> {
        self.owing().controls.clone()
    }

    /// It is done, or need not be done any more.
    pub fn paid(&self, control: &Control) {
        self.owing().controls.retain(|other| other != control);
    }

    /// Notes that the world is about to be steered: whatever comes of it may come late, when nobody debugs any more.
    pub fn note_steering(&self, now: Duration) {
        self.owing().steered = Some(now);
    }

    /// Whether nobody debugs, and what they did before may still come.
    #[must_use]
    pub fn is_aftermath(&self, now: Duration) -> bool {
        let is_recent = self.owing().steered.is_some_and(|steered| now.saturating_sub(steered) < AFTERMATH);
        is_recent && self.is_empty()
    }

    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Whether a session is there: one that is over is, until its end was looked after.
    #[must_use]
    pub fn is_open(&self, id: DebugId) -> bool {
        self.all().contains_key(&id)
    }

    /// Opens one under this name, which is new.
    ///
    /// # Errors
    /// [`SessionError::Full`].
    pub fn open(&self, id: DebugId, owner: Caller, now: Duration) -> Result<(), SessionError> {
        let mut all = self.all();
        let own = all.values().filter(|session| session.owner.sign_in == owner.sign_in).count();
        if all.len() >= SESSIONS_MAX || own >= SESSIONS_OF_ONE_MAX || all.contains_key(&id) {
            return Err(SessionError::Full);
        }
        let session = Session {
            owner,
            used: now,
            breakpoints: BTreeSet::new(),
            watches: BTreeMap::new(),
            next_watch: 1,
            abandoned: false,
        };
        all.insert(id, session);
        Ok(())
    }

    /// Looks into a session of this caller, and counts that as use of it.
    fn within<T>(
        &self,
        id: DebugId,
        caller: &Caller,
        now: Duration,
        look: impl FnOnce(&mut Session) -> T,
    ) -> Result<T, SessionError> {
        let mut all = self.all();
        let session = all.get_mut(&id).filter(|session| {
            !session.abandoned && session.owner.sign_in == caller.sign_in && now.saturating_sub(session.used) < IDLE
        });
        let session = session.ok_or(SessionError::NoSuchSession)?;
        session.used = now;
        // With the newest access token the session lives on as long as the sign-in does.
        session.owner = *caller;
        Ok(look(session))
    }

    /// Whether a session is there, and this caller's.
    ///
    /// # Errors
    /// [`SessionError::NoSuchSession`].
    pub fn touch(&self, id: DebugId, caller: &Caller, now: Duration) -> Result<(), SessionError> {
        self.within(id, caller, now, |_| ())
    }

    /// Breakpoints that a session has set.
    ///
    /// # Errors
    /// [`SessionError::NoSuchSession`].
    pub fn breakpoints(&self, id: DebugId, caller: &Caller, now: Duration) -> Result<Vec<u32>, SessionError> {
        self.within(id, caller, now, |session| session.breakpoints.iter().copied().collect())
    }

    /// Notes that a breakpoint is the session's. `false` where the session is over meanwhile: the breakpoint has to go.
    pub fn note_breakpoint(&self, id: DebugId, breakpoint: u32) -> bool {
        self.all().get_mut(&id).is_some_and(|session| session.breakpoints.insert(breakpoint))
    }

    /// Takes a breakpoint out of a session.
    ///
    /// # Errors
    /// [`SessionError::NoSuchSession`]; `false` where it is not the session's.
    pub fn forget_breakpoint(
        &self,
        id: DebugId,
        caller: &Caller,
        breakpoint: u32,
        now: Duration,
    ) -> Result<bool, SessionError> {
        self.within(id, caller, now, |session| session.breakpoints.remove(&breakpoint))
    }

    /// Adds a watch, and gives its number.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn watch(&self, id: DebugId, caller: &Caller, watch: Watch, now: Duration) -> Result<u32, SessionError> {
        self.within(id, caller, now, |session| {
            if session.watches.len() >= WATCHES_MAX {
                return Err(SessionError::Full);
            }
            let number = session.next_watch;
            session.next_watch = session.next_watch.wrapping_add(1);
            session.watches.insert(number, watch);
            Ok(number)
        })?
    }

    /// Takes a watch away.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn unwatch(&self, id: DebugId, caller: &Caller, watch: u32, now: Duration) -> Result<(), SessionError> {
        let removed = self.within(id, caller, now, |session| session.watches.remove(&watch).is_some())?;
        if removed { Ok(()) } else { Err(SessionError::NoSuchWatch) }
    }

    /// Watches of a session, by number.
    ///
    /// # Errors
    /// [`SessionError::NoSuchSession`].
    pub fn watches(&self, id: DebugId, caller: &Caller, now: Duration) -> Result<Vec<(u32, Watch)>, SessionError> {
        self.within(id, caller, now, |session| session.watches.iter().map(|(n, watch)| (*n, watch.clone())).collect())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`SessionError::NoSuchSession`].
    pub fn close(&self, id: DebugId, caller: &Caller, now: Duration) -> Result<Left, SessionError> {
        self.touch(id, caller, now)?;
        Ok(self.end(|other, _| *other == id))
    }

    /// Nobody uses this one any more: it ends with the next look at those that are over.
    pub fn abandon(&self, id: DebugId) {
        if let Some(session) = self.all().get_mut(&id) {
            session.abandoned = true;
        }
    }

    /// Ends the sessions that were abandoned, that were not used for too long, or whose owner may not debug any more.
    pub fn expire(&self, now: Duration, may: impl Fn(&Caller) -> bool) -> Left {
        self.end(|_, session| session.abandoned || now.saturating_sub(session.used) >= IDLE || !may(&session.owner))
    }

    fn end(&self, ends: impl Fn(&DebugId, &Session) -> bool) -> Left {
        let mut all = self.all();
        let over: Vec<DebugId> = all.iter().filter(|(id, session)| ends(id, session)).map(|(id, _)| *id).collect();
        let ended: Vec<Session> = over.iter().filter_map(|id| all.remove(id)).collect();
        Left {
            was_last: !ended.is_empty() && all.is_empty(),
            breakpoints: ended.iter().flat_map(|session| session.breakpoints.iter().copied()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::identity::{Person, Role, SignInId};

    const NOW: Duration = Duration::from_secs(10);

    fn caller(n: u8) -> Caller {
        Caller { person: Person(n.into()), role: Role::Operator, sign_in: SignInId([n; 16]), expires: Moment(u64::MAX) }
    }

    #[test]
    fn names_are_random_and_have_one_spelling() {
        let (a, b) = (DebugId::random().unwrap(), DebugId::random().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!("0".repeat(32).parse(), Ok(DebugId(0)));
        for wrong in
            ["", "0", &"A".repeat(32), &"0".repeat(33), &format!("+{}", "0".repeat(31)), "é".repeat(16).as_str()]
        {
            assert_eq!(wrong.parse::<DebugId>(), Err(NoDebugId), "{wrong}");
        }
    }

    #[test]
    fn a_session_is_its_owners_alone_and_ends_when_it_is_not_used() {
        let (sessions, id) = (Sessions::default(), DebugId(7));
        sessions.open(id, caller(1), NOW).unwrap();
        assert_eq!(sessions.touch(id, &caller(2), NOW), Err(SessionError::NoSuchSession));
        assert_eq!(sessions.touch(DebugId(8), &caller(1), NOW), Err(SessionError::NoSuchSession));
        let later = NOW + IDLE - Duration::from_millis(1);
        assert_eq!(sessions.touch(id, &caller(1), later), Ok(()));
        assert_eq!(sessions.expire(later + IDLE - Duration::from_millis(1), |_| true), Left::default());
        assert_eq!(sessions.touch(id, &caller(1), later + IDLE), Err(SessionError::NoSuchSession));
        assert_eq!(sessions.expire(later + IDLE, |_| true), Left { breakpoints: vec![], was_last: true });
    }

    #[test]
    fn the_last_one_that_ends_lets_the_world_go_on_and_breakpoints_go_with_their_session() {
        let sessions = Sessions::default();
        for n in [1, 2] {
            sessions.open(DebugId(n), caller(n as u8), NOW).unwrap();
        }
        assert!(sessions.note_breakpoint(DebugId(1), 5) && sessions.note_breakpoint(DebugId(1), 3));
        assert!(sessions.note_breakpoint(DebugId(2), 4));
        assert_eq!(sessions.forget_breakpoint(DebugId(1), &caller(1), 4, NOW), Ok(false), "another session's");
        let left = sessions.close(DebugId(1), &caller(1), NOW).unwrap();
        assert_eq!(left, Left { breakpoints: vec![3, 5], was_last: false });
        assert!(!sessions.note_breakpoint(DebugId(1), 9));
        sessions.open(DebugId(3), caller(3), NOW).unwrap();
        sessions.abandon(DebugId(3));
        assert_eq!(sessions.touch(DebugId(3), &caller(3), NOW), Err(SessionError::NoSuchSession));
        let left = sessions.expire(NOW, |owner| owner.sign_in != caller(2).sign_in);
        assert_eq!(left, Left { breakpoints: vec![4], was_last: true });
    }

    #[test]
    fn what_is_owed_stays_until_it_is_done_and_a_newer_token_keeps_a_session() {
        let sessions = Sessions::default();
        assert!(sessions.owe([Control::Clear(3), Control::Run, Control::Clear(3)]));
        assert!(!sessions.owe([Control::Run]));
        sessions.paid(&Control::Clear(3));
        assert_eq!(sessions.owed(), [Control::Run]);
        assert!(!sessions.is_aftermath(NOW), "nothing was steered");
        sessions.note_steering(NOW);
        assert!(sessions.is_aftermath(NOW) && !sessions.is_aftermath(NOW + AFTERMATH));
        let old = Caller { expires: Moment(5), ..caller(1) };
        sessions.open(DebugId(1), old, NOW).unwrap();
        assert!(!sessions.is_aftermath(NOW) && sessions.is_open(DebugId(1)));
        sessions.touch(DebugId(1), &caller(1), NOW).unwrap();
        assert_eq!(sessions.expire(NOW, |owner| owner.expires > Moment(5)), Left::default());
        assert!(sessions.expire(NOW, |_| false).was_last && !sessions.is_open(DebugId(1)));
    }

    #[test]
    fn there_is_a_limit_of_everything() {
        let sessions = Sessions::default();
        for n in 0..SESSIONS_OF_ONE_MAX as u128 {
            sessions.open(DebugId(n), caller(1), NOW).unwrap();
        }
        assert_eq!(sessions.open(DebugId(99), caller(1), NOW), Err(SessionError::Full));
        let watch = || Watch { entity: 1, component: "Hull".to_owned(), field: "health_j".to_owned() };
        let numbers: Vec<u32> =
            (0..WATCHES_MAX).map(|_| sessions.watch(DebugId(0), &caller(1), watch(), NOW).unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert_eq!(sessions.watch(DebugId(0), &caller(1), watch(), NOW), Err(SessionError::Full));
        assert_eq!(sessions.unwatch(DebugId(0), &caller(1), numbers[3], NOW), Ok(()));
        assert_eq!(sessions.unwatch(DebugId(0), &caller(1), numbers[3], NOW), Err(SessionError::NoSuchWatch));
        assert_eq!(sessions.watches(DebugId(0), &caller(1), NOW).unwrap().len(), WATCHES_MAX - 1);
    }
}
