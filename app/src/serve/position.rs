//! How far the world was, in 32 bytes beside the store, rewritten with each turn and never synchronised: it survives the
//! process and not the machine's power, and tells how many ticks were lost, and how many of those anybody was told of. Must
//! never hold the session up, and never be what a world goes on from.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::exit::Failure;
use crate::output;

/// Bytes of the file: three numbers, and the beginning of a hash of them.
const BYTES: usize = 32;

/// How far the world was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last tick that was executed and confirmed.
    pub tick: u64,
    /// The digest after it.
    pub digest: u64,
    /// The last tick that others could know of.
    pub published: u64,
}

/// Writes it, by a thread of its own.
pub struct Position {
    sender: Option<SyncSender<Reached>>,
    thread: Option<JoinHandle<()>>,
}

impl Position {
    /// Opens the file, for its owner only.
    ///
    /// # Errors
    /// [`Failure::Unwritable`], or [`Failure::Machine`] where the system gives no thread.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(|e| Failure::unwritable(path, output::plain(&e)))?;
        let (sender, places) = sync_channel(1);
        let thread = std::thread::Builder::new().name("position".to_owned()).spawn(move || write(&file, &places));
        let thread = thread.map_err(|e| Failure::Machine(format!("there is no thread for the position: {e}")))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// The world is there. Where the disk is slow, the next time counts.
    pub fn note(&self, reached: Reached) {
        if let Some(sender) = &self.sender {
            let _ = sender.try_send(reached);
        }
    }
}

impl Drop for Position {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It does nothing that panics.
            let _ = thread.join();
        }
    }
}

fn write(file: &File, places: &Receiver<Reached>) {
    let mut is_failing = false;
    for reached in places {
        let written = file.write_all_at(&encode(reached), 0);
        if let Err(error) = &written
            && !is_failing
        {
            tracing::warn!("the position is not written: {error}");
        }
        is_failing = written.is_err();
    }
}

/// What the file tells; nothing where it tells nothing.
#[must_use]
pub fn read(path: &Path) -> Option<Reached> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(BYTES as u64 + 1).read_to_end(&mut bytes).ok()?;
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let reached = Reached { tick: number(0)?, digest: number(8)?, published: number(16)? };
    (bytes == encode(reached)).then_some(reached)
}

fn encode(reached: Reached) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let (numbers, sum) = bytes.split_at_mut(24);
    for (place, number) in numbers.chunks_exact_mut(8).zip([reached.tick, reached.digest, reached.published]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let hash = blake3::derive_key("spacetime 2026 position of a world", numbers);
    sum.iter_mut().zip(hash).for_each(|(place, byte)| *place = byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("position");
        assert_eq!(read(&path), None);
        let position = Position::open(&path).unwrap();
        let reached = Reached { tick: 7, digest: u64::MAX, published: 5 };
        position.note(reached);
        drop(position);
        assert_eq!(read(&path), Some(reached));
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut torn = bytes.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, torn).unwrap();
            assert_eq!(read(&path), None, "bit {bit}");
        }
        std::fs::write(&path, [bytes, vec![0]].concat()).unwrap();
        assert_eq!(read(&path), None);
    }
}
