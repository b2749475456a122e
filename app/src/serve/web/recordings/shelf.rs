//! The folder of recordings, and what is known of each: a file by its id, and a small one beside it with what the recording
//! does not say itself. Must never make a path of anything but an id that was drawn here, nor take more room than is given.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::clock::Moment;
use api::identity::Person;
use api::ports::{Origin, Recording, RecordingError, TimedId, Wholeness};
use serde::{Deserialize, Serialize};
use sim::Membership;

use crate::exit::Failure;
use crate::output;
use crate::replay;
use crate::serve::config::Recordings as Limits;
use crate::serve::health::free_bytes;
use crate::serve::stores::make_folder;
use crate::session::ships::STEWARD;

/// What ends the name of a recording's file.
const RECORDING: &str = "strec";
/// And of what is known besides.
const KNOWN: &str = "json";
/// And of what is not whole yet: removed at the start.
const PART: &str = "part";
/// The same of what is known besides.
const NEW: &str = "new";

/// The recordings.
pub struct Shelf {
    limits: Limits,
    state: Mutex<BTreeMap<TimedId, Entry>>,
}

/// One of them.
struct Entry {
    recording: Recording,
    /// It has a place, and is not to be shown yet.
    is_hidden: bool,
}

/// What is written down beside a recording.
#[derive(Serialize, Deserialize)]
struct Known {
    name: Option<String>,
    is_upload: bool,
    is_live: bool,
    is_complete: bool,
    why: Option<String>,
    created_ms: u64,
    by: Option<u64>,
    bytes: u64,
    first_tick: u64,
    last_tick: u64,
    rate_hz: u32,
    scenario: String,
    digest: Option<String>,
    blake3: Option<String>,
    joins: Option<u64>,
}

impl Shelf {
    /// The shelf of a folder, with what is in it; what was left half is removed. It may take long: large files whose service
    /// was killed are read.
    ///
    /// # Errors
    /// [`Failure`] where the folder cannot be made or read.
    pub fn open(limits: Limits) -> Result<Self, Failure> {
        let shelf = Self { limits, state: Mutex::default() };
        let folder = &shelf.limits.folder;
        make_folder(folder)?;
        let failed = |e: io::Error| Failure::unreadable(folder, output::plain(&e));
        for file in fs::read_dir(folder).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<TimedId>().ok());
            match (id, path.extension().and_then(|ending| ending.to_str())) {
                (Some(id), Some(ending @ (PART | NEW))) => remove_or_warn(&shelf.path(id, ending)),
                (Some(id), Some(KNOWN)) if !shelf.path(id, RECORDING).exists() => {
                    remove_or_warn(&shelf.path(id, KNOWN));
                }
                (Some(id), Some(RECORDING)) => shelf.find(id),
                _ => {}
            }
        }
        Ok(shelf)
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<TimedId, Entry>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: TimedId, ending: &str) -> PathBuf {
        self.limits.folder.join(format!("{id}.{ending}"))
    }

    /// Where the file of a recording is.
    pub fn file(&self, id: TimedId) -> PathBuf {
        self.path(id, RECORDING)
    }

    /// Where it is while it comes.
    pub fn part(&self, id: TimedId) -> PathBuf {
        self.path(id, PART)
    }

    /// The most bytes that one may have.
    pub fn file_bytes_max(&self) -> u64 {
        self.limits.file_bytes
    }

    /// Takes up a file that was there at the start.
    fn find(&self, id: TimedId) {
        let file = self.file(id);
        let bytes = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        let known = fs::read(self.path(id, KNOWN)).ok().and_then(|text| serde_json::from_slice::<Known>(&text).ok());
        let was_live = known.as_ref().is_some_and(|known| known.is_live);
        let mut recording = known.map_or_else(|| empty(id), |known| known.recording(id));
        if !was_live && recording.bytes == bytes && recording.blake3.is_some() {
            self.state().insert(id, Entry { recording, is_hidden: false });
            return;
        }
        if let Err(why) = examine(&file, &mut recording) {
            // It takes room all the same, and whoever sees it can take it away.
            tracing::warn!(file = %file.display(), "this is no recording of use: {why}");
            (recording.state, recording.why) = (Wholeness::Incomplete, Some(why));
            (recording.bytes, recording.blake3) = (bytes, None);
        }
        if was_live {
            let lost = recording.why.take().unwrap_or_default();
            recording.why = Some(format!("the service was ended while this was captured; {lost}"));
        }
        self.put(recording);
    }

    /// Makes room for a recording that is to come; nobody sees it before [`Self::put`].
    ///
    /// # Errors
    /// [`RecordingError::Conflict`] where there is none.
    pub fn reserve(&self, recording: Recording) -> Result<(), RecordingError> {
        let mut state = self.state();
        if state.len() >= self.limits.count {
            let count = self.limits.count;
            let why = format!("there are {count} recordings, and no more are kept (recordings.count_max): delete some");
            return Err(RecordingError::Conflict(why));
        }
        if bytes_of(&state) >= self.limits.bytes {
            return Err(self.full());
        }
        state.insert(recording.id, Entry { recording, is_hidden: true });
        Ok(())
    }

    /// Whether the disk has more left than recordings have to leave. It waits for the disk.
    ///
    /// # Errors
    /// [`RecordingError::Conflict`].
    pub fn check_disk(&self) -> Result<(), RecordingError> {
        let least = self.limits.free_bytes;
        // Where the system does not say, health does.
        let Some(free) = free_bytes(&self.limits.folder).filter(|free| *free < least) else { return Ok(()) };
        let (free, least) = (free >> 20, least >> 20);
        Err(RecordingError::Conflict(format!(
            "the disk has {free} MB left, and recordings leave {least} MB free (recordings.free_mb_min): make room"
        )))
    }

    fn full(&self) -> RecordingError {
        let mb = self.limits.bytes >> 20;
        RecordingError::Conflict(format!(
            "recordings take {mb} MB, and no more is kept (recordings.mb_max): delete some"
        ))
    }

    /// What is to come has so many bytes by now.
    ///
    /// # Errors
    /// [`RecordingError::TooLarge`], [`RecordingError::Conflict`].
    pub fn grow(&self, id: TimedId, bytes: u64) -> Result<(), RecordingError> {
        if bytes > self.limits.file_bytes {
            return Err(RecordingError::TooLarge);
        }
        let mut state = self.state();
        if let Some(entry) = state.get_mut(&id) {
            entry.recording.bytes = bytes;
        }
        if bytes_of(&state) > self.limits.bytes { Err(self.full()) } else { Ok(()) }
    }

    /// A live recording has come so far.
    pub fn reached(&self, id: TimedId, last_tick: u64, joins: u64) {
        if let Some(entry) = self.state().get_mut(&id) {
            (entry.recording.last_tick, entry.recording.joins) = (last_tick, Some(joins));
        }
    }

    /// Shows a recording as it is now, and writes down what is known of it.
    pub fn put(&self, recording: Recording) {
        let known = Known::of(&recording);
        let (part, path) = (self.path(recording.id, NEW), self.path(recording.id, KNOWN));
        let text = serde_json::to_vec(&known).unwrap_or_default();
        // Without it the recording itself still tells most.
        if let Err(error) = fs::write(&part, text).and_then(|()| fs::rename(&part, &path)) {
            tracing::warn!(recording = %recording.id, "what is known of a recording is not written down: {error}");
        }
        self.state().insert(recording.id, Entry { recording, is_hidden: false });
    }

    /// Gives the place of something back that did not come.
    pub fn forget(&self, id: TimedId) {
        self.state().remove(&id);
        for ending in [PART, RECORDING, KNOWN] {
            remove_or_warn(&self.path(id, ending));
        }
    }

    /// Takes a recording away.
    ///
    /// # Errors
    /// [`RecordingError::NotFound`], [`RecordingError::Conflict`] for a live one.
    pub fn remove(&self, id: TimedId) -> Result<(), RecordingError> {
        let mut state = self.state();
        let recording = state.get(&id).filter(|entry| !entry.is_hidden).ok_or(RecordingError::NotFound)?;
        refuse_live(&recording.recording)?;
        state.remove(&id);
        drop(state);
        self.forget(id);
        Ok(())
    }

    /// A recording.
    pub fn get(&self, id: TimedId) -> Option<Recording> {
        self.state().get(&id).filter(|entry| !entry.is_hidden).map(|entry| entry.recording.clone())
    }

    /// Recordings older than this one, newest first, and whether there are more.
    pub fn list(&self, older_than: Option<TimedId>, limit: usize) -> (Vec<Recording>, bool) {
        let state = self.state();
        let is_older = |id: &TimedId| older_than.is_none_or(|than| *id < than);
        let mut shown = state.iter().rev().filter(|(id, entry)| !entry.is_hidden && is_older(id));
        let page = shown.by_ref().take(limit).map(|(_, entry)| entry.recording.clone()).collect();
        (page, shown.next().is_some())
    }
}

/// A recording that is written cannot be taken away, nor is there anything to say of the whole of it.
///
/// # Errors
/// [`RecordingError::Conflict`].
pub fn refuse_live(recording: &Recording) -> Result<(), RecordingError> {
    if recording.state == Wholeness::Live {
        return Err(RecordingError::Conflict("it is being captured: end the capture first".to_owned()));
    }
    Ok(())
}

fn bytes_of(state: &BTreeMap<TimedId, Entry>) -> u64 {
    state.values().map(|entry| entry.recording.bytes).sum()
}

fn remove_or_warn(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), "this cannot be removed: {error}");
    }
}

/// One of which nothing is known yet, brought along at the moment that its id tells.
pub fn empty(id: TimedId) -> Recording {
    let mut time = [0; 8];
    time.split_at_mut(2).1.copy_from_slice(id.0.split_at(6).0);
    Recording {
        id,
        name: None,
        kind: Origin::Upload,
        state: Wholeness::Live,
        why: None,
        created: Moment(u64::from_be_bytes(time)),
        by: None,
        bytes: 0,
        first_tick: 0,
        last_tick: 0,
        rate_hz: 0,
        scenario: String::new(),
        digest: None,
        blake3: None,
        joins: None,
    }
}

/// Reads all of a file, and fills in what it says.
///
/// # Errors
/// A sentence, without the file's name: it is no recording that this build can read.
pub fn examine(file: &Path, recording: &mut Recording) -> Result<(), String> {
    let mut opened = replay::Recording::open(file).map_err(|failure| said(&failure, file))?;
    let status = opened.reader.check().map_err(|e| output::plain(&e))?.clone();
    recording.state = if status.is_complete() { Wholeness::Complete } else { Wholeness::Incomplete };
    if !status.is_complete() {
        recording.why = Some(status.to_string());
    }
    let (ticks, header) = (opened.reader.ticks(), opened.header());
    (recording.first_tick, recording.last_tick, recording.rate_hz) = (ticks.start, ticks.end, header.tick_rate_hz);
    recording.scenario = replay::shown(&header.scenario_name);
    recording.bytes = opened.reader.file_bytes();
    recording.digest = opened.reader.final_digest().map(output::hex);
    let steps = opened.reader.frames_from(ticks.start).map_while(Result::ok);
    let joins = steps.map(|step| joins(&step.frame.membership)).sum();
    recording.joins = status.is_complete().then_some(joins);
    recording.blake3 = Some(hash(file).map_err(|e| output::plain(&e))?);
    Ok(())
}

/// How often somebody joined; the service's own seat does not count.
pub fn joins(entries: &[Membership]) -> u64 {
    let is_join = |entry: &&Membership| matches!(entry, Membership::Join { player, .. } if *player != STEWARD);
    entries.iter().filter(is_join).count() as u64
}

/// BLAKE3 of a file, in hex.
///
/// # Errors
/// Those of the file.
pub fn hash(file: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(file)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Why something went wrong, without where the file is.
pub fn said(failure: &Failure, file: &Path) -> String {
    without_path(&failure.to_string(), file)
}

/// The same of a sentence.
pub fn without_path(sentence: &str, file: &Path) -> String {
    sentence.replace(&file.display().to_string(), "the recording")
}

impl Known {
    fn of(recording: &Recording) -> Self {
        let recording = recording.clone();
        Self {
            name: recording.name,
            is_upload: recording.kind == Origin::Upload,
            is_live: recording.state == Wholeness::Live,
            is_complete: recording.state == Wholeness::Complete,
            why: recording.why,
            created_ms: recording.created.0,
            by: recording.by.map(|person| person.0),
            bytes: recording.bytes,
            first_tick: recording.first_tick,
            last_tick: recording.last_tick,
            rate_hz: recording.rate_hz,
            scenario: recording.scenario,
            digest: recording.digest,
            blake3: recording.blake3,
            joins: recording.joins,
        }
    }

    fn recording(self, id: TimedId) -> Recording {
        Recording {
            id,
            name: self.name,
            kind: if self.is_upload { Origin::Upload } else { Origin::Capture },
            state: if self.is_complete { Wholeness::Complete } else { Wholeness::Incomplete },
            why: self.why,
            created: Moment(self.created_ms),
            by: self.by.map(Person),
            bytes: self.bytes,
            first_tick: self.first_tick,
            last_tick: self.last_tick,
            rate_hz: self.rate_hz,
            scenario: self.scenario,
            digest: self.digest,
            blake3: self.blake3,
            joins: self.joins,
        }
    }
}
