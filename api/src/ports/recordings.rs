//! Recordings: captures of the running world and files that people bring along, what is in them, and work on them that
//! takes long. Must never take a name from outside for a file, nor say where one is.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::clock::Moment;
use crate::identity::Person;

/// Names a recording or a job: the moment that it was made at, and 80 random bits. In order of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimedId(pub [u8; 16]);

impl TimedId {
    /// One that nobody has.
    ///
    /// # Errors
    /// [`getrandom::Error`].
    pub fn draw(now: Moment) -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        let (time, random) = id.split_at_mut(6);
        time.copy_from_slice(now.0.to_be_bytes().split_at(2).1);
        getrandom::fill(random)?;
        Ok(Self(id))
    }
}

impl fmt::Display for TimedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TimedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimedId({self})")
    }
}

impl Serialize for TimedId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// It is not an id as it is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hex digits")]
pub struct NotAnId;

impl FromStr for TimedId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let is_hex = text.len() == 32 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let number = if is_hex { u128::from_str_radix(text, 16).ok() } else { None };
        number.map(|number| Self(number.to_be_bytes())).ok_or(NotAnId)
    }
}

/// Where a recording comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RecordingKind)]
pub enum Origin {
    /// Of the running world.
    Capture,
    /// A person has brought it along.
    Upload,
}

/// How whole a recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RecordingState)]
pub enum Wholeness {
    /// It is being written.
    Live,
    /// It is as it was written, to its end.
    Complete,
    /// Its end or something in it is missing or damaged.
    Incomplete,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct Recording {
    /// Its id: 32 hex digits, in order of time.
    #[schema(value_type = String, min_length = 32, max_length = 32)]
    pub id: TimedId,
    /// What a person calls it.
    pub name: Option<String>,
    /// Where it comes from.
    pub kind: Origin,
    /// How whole it is.
    pub state: Wholeness,
    /// Why it is incomplete, or why a capture ended before somebody ended it.
    pub why: Option<String>,
    /// When it was made or brought along, RFC 3339.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub created: Moment,
    /// Number of the person who captured it or brought it along.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = Option<String>)]
    pub by: Option<Person>,
    /// Bytes of the file; of a live one those that are written.
    pub bytes: u64,
    /// Tick of its first state.
    pub first_tick: u64,
    /// Tick of its last state; of a live one of the last that is written.
    pub last_tick: u64,
    /// Ticks per second.
    pub rate_hz: u32,
    /// Name of its scenario.
    pub scenario: String,
    /// Digest of the last state, 16 hex digits, where it is known.
    pub digest: Option<String>,
    /// BLAKE3 of the file, 64 hex digits; not of a live one.
    pub blake3: Option<String>,
    /// How often somebody joined, where that was counted.
    pub joins: Option<u64>,
}

fn as_text<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

fn as_number<S: Serializer>(person: &Option<Person>, serializer: S) -> Result<S::Ok, S::Error> {
    person.map(|person| person.0.to_string()).serialize(serializer)
}

/// What is in a file, while it is open: it stays what it is though the recording is taken away.
pub trait Contents: Send + Sync + 'static {
    /// How long it is; of a live one up to where it is written.
    fn length(&self) -> u64;

    /// Names exactly these bytes: a strong tag without its quotes.
    fn tag(&self) -> String;

    /// So many bytes from there on; fewer at the end. It may wait for a disk.
    ///
    /// # Errors
    /// Those of the file.
    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;
}

/// A recording that is being brought along. What was written goes again where it is dropped.
#[async_trait]
pub trait Incoming: Send {
    /// Takes a further piece.
    ///
    /// # Errors
    /// [`RecordingError::TooLarge`], [`RecordingError::Conflict`], [`RecordingError::Unavailable`].
    async fn write(&mut self, piece: Bytes) -> Result<(), RecordingError>;

    /// Looks whether it is a recording, and keeps it.
    ///
    /// # Errors
    /// [`RecordingError::Refused`] for what is none, [`RecordingError::Unavailable`].
    async fn keep(self: Box<Self>) -> Result<Recording, RecordingError>;
}

/// Which states of a recording are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From this tick on; from its first without it.
    pub from_tick: Option<u64>,
    /// Up to this tick; only the first one without it.
    pub to_tick: Option<u64>,
    /// Every so many ticks.
    pub every: u64,
}

/// Some states of a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = RecordingStates)]
pub struct States {
    /// Tick of the recording's first state.
    pub first_tick: u64,
    /// Tick of its last state.
    pub last_tick: u64,
    /// Ticks per second.
    pub rate_hz: u32,
    /// The states, in order.
    #[schema(max_items = 600)]
    pub states: Vec<RecordedState>,
    /// From which tick to ask for the rest, where there is more. The same tick again where its state is not rebuilt yet.
    pub next_tick: Option<u64>,
}

/// What is to be seen of one state.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RecordingStateAt)]
pub struct RecordedState {
    /// Its tick.
    pub tick: u64,
    /// Its digest, 16 hex digits.
    #[schema(min_length = 16, max_length = 16)]
    pub digest: String,
    /// Massive bodies.
    pub bodies: Vec<PlacedBody>,
    /// Entities in ascending order of ids.
    #[schema(max_items = 2000)]
    pub entities: Vec<PlacedEntity>,
    /// Further entities, which are not listed.
    pub entities_left_out: u64,
}

/// Where a massive body is, in ICRF axes about the barycentre.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PlacedBody {
    /// Its id, below zero.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Position, m.
    pub position_m: [f64; 3],
    /// Velocity, m/s.
    pub velocity_m_s: [f64; 3],
    /// Radius, m.
    pub radius_m: f64,
}

/// Where an entity is, in ICRF axes about the barycentre.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PlacedEntity {
    /// Its id.
    pub id: i64,
    /// `ship`, `asteroid`, ...
    pub kind: String,
    /// What it is called; may be empty.
    pub name: String,
    /// Position, m.
    pub position_m: [f64; 3],
    /// Proper velocity, m/s.
    pub velocity_m_s: [f64; 3],
    /// From its own axes to ICRF, as a quaternion (x, y, z, w), for what has one.
    pub attitude: Option<[f64; 4]>,
    /// Radius, m.
    pub radius_m: f64,
}

/// Some of what happened in a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingEvents)]
pub struct Happenings {
    /// What happened, in order.
    #[schema(max_items = 1000)]
    pub events: Vec<Happening>,
    /// From which tick to ask for the rest, where there may be more.
    pub next_tick: Option<u64>,
    /// How many events of that tick were told already.
    pub next_skip: u64,
}

/// Something that was entered into the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingEvent)]
pub struct Happening {
    /// The first tick whose state has it.
    pub tick: u64,
    /// Number of the player; nothing for the service itself.
    pub player: Option<u32>,
    /// `join`, `leave`, `patch`, `reload`, `time_factor`, `interfere`, `spawn`, `despawn`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// What, in a few words.
    pub what: String,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RecordingJobState)]
pub enum Stage {
    /// Others are before it.
    Waiting,
    /// It is being done.
    Running,
    /// Done.
    Done,
    /// Not possible.
    Failed,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RecordingTask)]
pub enum Task {
    /// Simulates a recording again, and compares.
    Verify,
    /// Compares two recordings.
    Diff,
}

/// Work on recordings.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RecordingJob)]
pub struct Job {
    /// Its id: 32 hex digits.
    #[schema(value_type = String, min_length = 32, max_length = 32)]
    pub job: TimedId,
    /// What it does.
    pub kind: Task,
    /// How far it is.
    pub state: Stage,
    /// Why it was not possible.
    pub why: Option<String>,
    /// The recordings; of two the left one first.
    #[schema(value_type = Vec<String>)]
    pub recordings: Vec<TimedId>,
    /// Ticks that are done.
    pub ticks_done: u64,
    /// Ticks in all.
    pub ticks_total: u64,
    /// What a verification found.
    pub verification: Option<Verification>,
    /// What a comparison found.
    pub comparison: Option<Comparison>,
}

/// What simulating a recording again has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingVerification)]
pub struct Verification {
    /// `exact` or `diverged`.
    #[schema(value_type = String)]
    pub verdict: &'static str,
    /// Whether the recording is whole, so that the verdict is about all of it.
    pub complete: bool,
    /// What is lost or damaged, with segment, ticks and byte.
    pub lost: Option<String>,
    /// Ticks that were simulated and compared.
    pub ticks: u64,
    /// The first tick that is not what was recorded.
    pub first_divergence: Option<Divergence>,
    /// Ticks that could not be compared.
    pub unverified: Vec<Unverified>,
}

/// A departure from a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingDivergence)]
pub struct Divergence {
    /// The tick whose state differs.
    pub tick: u64,
    /// What gave it away: `digest` of the tick, or `keyframe` of it.
    #[schema(value_type = String)]
    pub found_by: &'static str,
    /// The digest in the recording.
    pub recorded: String,
    /// The digest as this build computes it.
    pub computed: String,
    /// What differs first; `left` is what was recorded.
    pub difference: Option<FieldDifference>,
}

/// Ticks that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingGap)]
pub struct Unverified {
    /// First state.
    pub from_tick: u64,
    /// Last state.
    pub to_tick: u64,
    /// Why.
    pub reason: String,
}

/// The first field that differs between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldDifference {
    /// Component, or resource.
    pub component: String,
    /// Whose; nothing for a resource.
    pub entity: Option<u64>,
    /// Which field of it.
    pub field: String,
    /// Its value in the first state.
    pub left: String,
    /// Its value in the second state.
    pub right: String,
}

/// How two recordings differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RecordingComparison)]
pub struct Comparison {
    /// Whether both have the same ticks, and all of them are equal.
    pub identical: bool,
    /// In what they differ first: `scenario`, `ticks`, `start`, `inputs`, `state` or `length`.
    #[schema(value_type = Option<String>)]
    pub differ_in: Option<&'static str>,
    /// Ticks that were compared.
    pub ticks_compared: u64,
    /// The first tick whose state differs.
    pub tick: Option<u64>,
    /// The system after which the states differ first.
    #[schema(value_type = Option<String>)]
    pub system: Option<&'static str>,
    /// What differs first.
    pub difference: Option<FieldDifference>,
    /// The tick at which that was read.
    pub difference_tick: Option<u64>,
    /// Digests at `tick`: left, right.
    pub digests: Option<Vec<String>>,
    /// What differs, in words.
    pub summary: String,
}

/// Why it was not done. All but the last are told to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// There is no such recording, or job.
    #[error("there is no such recording")]
    NotFound,
    /// It does not go with how things are now; a sentence.
    #[error("{0}")]
    Conflict(String),
    /// Understood, and not possible; a sentence.
    #[error("{0}")]
    Refused(String),
    /// A parameter of the query is beyond what the recording has.
    #[error("{0} {1}")]
    Beyond(&'static str, String),
    /// More bytes than a recording may have.
    #[error("a recording may not have so many bytes")]
    TooLarge,
    /// Too much waits already.
    #[error("too much waits already")]
    Full,
    /// Not now; for the log.
    #[error("{0}")]
    Unavailable(String),
}

/// The recordings of a service.
#[async_trait]
pub trait Recordings: Send + Sync + 'static {
    /// Begins to capture the running world.
    ///
    /// # Errors
    /// [`RecordingError::Conflict`] where a capture runs or there is no room, [`RecordingError::Unavailable`].
    async fn start(&self, id: TimedId, by: Person, name: Option<String>) -> Result<Recording, RecordingError>;

    /// The capture that runs, or has ended by itself and nobody was told yet.
    fn capturing(&self) -> Option<TimedId>;

    /// Ends the capture. One that has ended by itself is told of once.
    ///
    /// # Errors
    /// [`RecordingError::Conflict`] where there is none, [`RecordingError::Unavailable`].
    async fn stop(&self) -> Result<Recording, RecordingError>;

    /// Recordings that are older than this one, newest first, at most so many; and whether there are more.
    fn list(&self, older_than: Option<TimedId>, limit: usize) -> (Vec<Recording>, bool);

    /// One of them.
    fn get(&self, id: TimedId) -> Option<Recording>;

    /// Opens its file.
    ///
    /// # Errors
    /// [`RecordingError::NotFound`], [`RecordingError::Unavailable`].
    async fn open(&self, id: TimedId) -> Result<Arc<dyn Contents>, RecordingError>;

    /// Begins to take in a recording that somebody brings along.
    ///
    /// # Errors
    /// [`RecordingError::Conflict`] where there is no room, [`RecordingError::Unavailable`].
    async fn take_in(&self, id: TimedId, by: Person, name: Option<String>)
    -> Result<Box<dyn Incoming>, RecordingError>;

    /// Takes a recording away.
    ///
    /// # Errors
    /// [`RecordingError::NotFound`], [`RecordingError::Conflict`] for a live one, [`RecordingError::Unavailable`].
    async fn remove(&self, id: TimedId) -> Result<(), RecordingError>;

    /// Begins to verify a recording, as a job of this id.
    ///
    /// # Errors
    /// [`RecordingError::NotFound`], [`RecordingError::Conflict`] for a live one, [`RecordingError::Full`].
    fn verify(&self, job: TimedId, id: TimedId) -> Result<(), RecordingError>;

    /// Begins to compare two.
    ///
    /// # Errors
    /// As [`Recordings::verify`].
    fn compare(&self, job: TimedId, left: TimedId, right: TimedId) -> Result<(), RecordingError>;

    /// A job, while it is kept.
    fn job(&self, job: TimedId) -> Option<Job>;

    /// States of a recording.
    ///
    /// # Errors
    /// [`RecordingError::NotFound`], [`RecordingError::Beyond`], [`RecordingError::Refused`] where it is damaged.
    async fn states(&self, id: TimedId, span: Span) -> Result<States, RecordingError>;

    /// What happened in a recording from a tick on, without the first so many events of that tick; at most so many.
    ///
    /// # Errors
    /// As [`Recordings::states`].
    async fn events(
        &self,
        id: TimedId,
        from: Option<u64>,
        skip: u64,
        limit: usize,
    ) -> Result<Happenings, RecordingError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_of_time_and_have_one_spelling() {
        let draw = |at: u64| TimedId::draw(Moment(at)).expect("random numbers");
        assert!(draw(1) < draw(2) && draw(0xffff) < draw(0x10000) && draw(5) != draw(5));
        let id = draw(1_700_000_000_000);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "../../etc/passwd", &"A".repeat(32), &"0".repeat(31), &"0".repeat(33), &format!("+{}", "1".repeat(31))]
        {
            assert_eq!(wrong.parse::<TimedId>(), Err(NotAnId), "{wrong}");
        }
    }
}
