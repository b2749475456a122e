//! Who sent what, in a file beside a session's recording: confirmed inputs with the signatures of those who entered them.
//! Must never be trusted: `replay verify` checks it against the recording.
//!
//! The file: a line `spacetime-signed-2`, then pieces, each with its length before it (u32, little-endian). The first
//! piece is an [`Origin`], every further one a byte and what it announces: 0 for [`SignedEntries`], 1 for a [`Course`]. In
//! files with the line `spacetime-signed-1` every further one is `SignedEntries` without that byte.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use netcode::protocol::Turn;
use netcode::protocol::signed::SignedEntries;
use serde::{Deserialize, Serialize};

use super::input::TURN_TICKS_MAX;
use crate::exit::Failure;
use crate::output;

const HEADING: &[u8] = b"spacetime-signed-2\n";
/// Before sessions could be held.
const FORMER_HEADING: &[u8] = b"spacetime-signed-1\n";
const ENTRIES: u8 = 0;
const COURSE: u8 = 1;
/// Longest file that is read, bytes: days of a session of 16.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// How turns and ticks go together where a session goes on without a stop: one pair that does, and the length of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// First turn of the recording.
    pub turn: u64,
    /// First tick of that turn.
    pub tick: u64,
    /// Ticks of each turn.
    pub ticks_per_turn: u32,
}

/// How turns and ticks go together from a turn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// From which turn on.
    pub turn: u64,
    /// Its first tick, or the next one if it has none.
    pub tick: u64,
    /// Whether each turn has all its ticks, and each tick what was entered for it. If not, the world was held: turns have
    /// fewer ticks or none, and what was entered waited for the next one.
    pub is_regular: bool,
}

impl Origin {
    /// The turn that a tick belongs to, and its place in it, for ticks from the origin on.
    #[must_use]
    pub fn turn_of(&self, tick: u64) -> Option<(Turn, usize)> {
        let ticks = tick.checked_sub(self.tick)?;
        let length = u64::from(self.ticks_per_turn);
        Some((Turn(self.turn.checked_add(ticks / length)?), (ticks % length) as usize))
    }
}

/// Where the signatures of a recording are.
#[must_use]
pub fn path_of(recording: &Path) -> PathBuf {
    let mut name = recording.file_name().unwrap_or_default().to_owned();
    name.push(".signed");
    recording.with_file_name(name)
}

/// The file while it is written. Each piece reaches the system at once.
pub struct SignedWriter {
    file: File,
    path: PathBuf,
}

impl SignedWriter {
    /// Begins the file of a recording anew.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn begin(recording: &Path, origin: Origin) -> Result<Self, Failure> {
        let path = path_of(recording);
        let mut writer = Self { file: output::create(&path, &[])?, path };
        let origin = postcard::to_stdvec(&origin).unwrap_or_default();
        writer.write(&[HEADING, &piece(&origin)].concat())?;
        Ok(writer)
    }

    /// Adds what a member signed.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn push(&mut self, signed: &SignedEntries) -> Result<(), Failure> {
        self.write(&piece(&[&[ENTRIES], &signed.encode()[..]].concat()))
    }

    /// Adds how turns and ticks go together from now on.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn course(&mut self, course: Course) -> Result<(), Failure> {
        let course = postcard::to_stdvec(&course).unwrap_or_default();
        self.write(&piece(&[&[COURSE], &course[..]].concat()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|e| Failure::unwritable(&self.path, output::plain(&e)))
    }
}

fn piece(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// How its turns and the recording's ticks go together.
    pub origin: Origin,
    /// In the order of writing; not yet checked.
    pub entries: Vec<SignedEntries>,
    /// How they go together later on, by turn and tick.
    pub courses: Vec<Course>,
    /// Bytes at the end that are no whole piece.
    pub unreadable_bytes: usize,
}

/// Reads the signatures of a recording; nothing where there is no such file.
///
/// # Errors
/// [`Failure::Unreadable`] for a file that cannot be read, or is none of this kind from the start.
pub fn read(recording: &Path) -> Result<Option<Signed>, Failure> {
    let path = path_of(recording);
    let bytes = match std::fs::metadata(&path) {
        Ok(about) if about.len() > FILE_BYTES_MAX => return Err(Failure::unreadable(&path, "it is too long")),
        Ok(_) => std::fs::read(&path).map_err(|e| Failure::unreadable(&path, output::plain(&e)))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::unreadable(&path, output::plain(&error))),
    };
    parse(&bytes).map(Some).ok_or_else(|| Failure::unreadable(&path, "it is no file of signed inputs"))
}

/// Never panics, whatever the bytes are.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Signed> {
    let is_former = bytes.starts_with(FORMER_HEADING);
    let (first, mut rest) = take(bytes.strip_prefix(HEADING).or_else(|| bytes.strip_prefix(FORMER_HEADING))?)?;
    let (origin, []) = postcard::take_from_bytes::<Origin>(first).ok()? else { return None };
    if !(1..=TURN_TICKS_MAX).contains(&origin.ticks_per_turn) {
        return None;
    }
    let mut signed = Signed { origin, entries: Vec::new(), courses: Vec::new(), unreadable_bytes: 0 };
    while let Some((bytes, after)) = take(rest) {
        let (kind, bytes) =
            if is_former { (ENTRIES, bytes) } else { bytes.split_first().map_or((COURSE, bytes), |(k, b)| (*k, b)) };
        if !signed.add(kind, bytes) {
            break;
        }
        rest = after;
    }
    signed.unreadable_bytes = rest.len();
    Some(signed)
}

impl Signed {
    /// Adds a piece; `false`, and nothing is added, if it is none.
    fn add(&mut self, kind: u8, bytes: &[u8]) -> bool {
        if kind == ENTRIES {
            let entries = SignedEntries::decode(bytes);
            return entries.map(|entries| self.entries.push(entries)).is_some();
        }
        let Ok((course, [])) = postcard::take_from_bytes::<Course>(bytes) else { return false };
        let (turn, tick) =
            self.courses.last().map_or((self.origin.turn, self.origin.tick), |last| (last.turn, last.tick));
        let follows = kind == COURSE && course.turn >= turn && course.tick >= tick;
        follows.then(|| self.courses.push(course)).is_some()
    }
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin = Origin { turn: 40, tick: 123, ticks_per_turn: 3 };

    #[test]
    fn a_file_without_signatures_is_one_and_a_torn_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("a.strec");
        assert_eq!(read(&recording).unwrap(), None);
        SignedWriter::begin(&recording, ORIGIN).unwrap();
        let (entries, courses) = (Vec::new(), Vec::new());
        let empty = Signed { origin: ORIGIN, entries, courses, unreadable_bytes: 0 };
        assert_eq!(read(&recording).unwrap(), Some(empty.clone()));
        let whole = std::fs::read(path_of(&recording)).unwrap();
        for tail in [&[9, 0, 0, 0, 1][..], &[2, 0, 0, 0, 1, 1], &[1]] {
            let found = parse(&[&whole, tail].concat());
            assert_eq!(found, Some(Signed { unreadable_bytes: tail.len(), ..empty.clone() }));
        }
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
        std::fs::write(path_of(&recording), "something else").unwrap();
        assert!(read(&recording).unwrap_err().to_string().contains("no file of signed inputs"));
    }

    #[test]
    fn courses_come_back_and_never_lead_backwards() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("a.strec");
        let mut writer = SignedWriter::begin(&recording, ORIGIN).unwrap();
        let courses = [(41, 126, false), (90, 126, true), (90, 126, false), (100, 130, true)];
        let courses = courses.map(|(turn, tick, is_regular)| Course { turn, tick, is_regular });
        courses.iter().for_each(|course| writer.course(*course).unwrap());
        let whole = std::fs::read(path_of(&recording)).unwrap();
        assert_eq!(parse(&whole).map(|signed| (signed.courses, signed.unreadable_bytes)), Some((courses.to_vec(), 0)));
        for (turn, tick) in [(99, 130), (100, 129)] {
            let course = postcard::to_stdvec(&Course { turn, tick, is_regular: false }).unwrap();
            let tail = piece(&[&[COURSE], &course[..]].concat());
            let found = parse(&[&whole[..], &tail].concat()).unwrap();
            assert_eq!((found.courses.len(), found.unreadable_bytes), (4, tail.len()), "{turn} {tick}");
        }
        let former = [FORMER_HEADING, &whole[HEADING.len()..]].concat();
        assert!(parse(&former).unwrap().courses.is_empty(), "there were none of them");
    }

    #[test]
    fn ticks_belong_to_turns() {
        assert_eq!(ORIGIN.turn_of(122), None);
        assert_eq!(ORIGIN.turn_of(123), Some((Turn(40), 0)));
        assert_eq!(ORIGIN.turn_of(125), Some((Turn(40), 2)));
        assert_eq!(ORIGIN.turn_of(126), Some((Turn(41), 0)));
        assert_eq!(ORIGIN.turn_of(u64::MAX).map(|(_, place)| place), Some(0));
    }
}
