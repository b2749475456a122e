//! The file that one backup is: a header in the open, then records, compressed and sealed in frames, then a footer that
//! counts them. `docs/BACKUP.md` has the format byte by byte. Must never hold a key of a person, nor need more memory for a
//! larger backup.

mod error;
mod header;
mod reader;
mod seal;
mod tally;
mod writer;

pub use error::ArchiveError;
pub use header::{FORMAT_VERSION, HEADER_BYTES_MAX, Header};
pub use reader::Reader;
pub use seal::{FRAME_BYTES, Opener, Sealer};
pub(crate) use tally::Tally;
pub use tally::{End, Footer};
pub use writer::Writer;

use persistence::Kind;

/// Most bytes of one record: a payload has less than 1 GiB, and something is around it.
const RECORD_BYTES_MAX: u64 = (1 << 30) + (64 << 10);
/// Most bytes of a footer: as many as some 600,000 worlds take.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Stands where the number of a kind would be, before the footer.
const FOOTER: u8 = 0xff;

/// The kinds that a backup has: all but those of a store of keys.
#[must_use]
pub fn kinds() -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)).collect()
}

/// The number of a kind in the file: its place among all of them.
fn number_of(kind: Kind) -> u8 {
    Kind::ALL.iter().position(|other| *other == kind).and_then(|at| u8::try_from(at).ok()).unwrap_or(FOOTER)
}

/// The kind with a number, if a backup may have it.
fn kind_of(number: u8) -> Option<Kind> {
    Kind::ALL.get(usize::from(number)).copied().filter(|kind| !Kind::OF_KEYS.contains(kind))
}
