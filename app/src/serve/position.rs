//! How far the world was, in 24 bytes beside the store, rewritten with each turn and never synchronised: it survives the
//! process and not the machine's power, and tells how many executed ticks were lost. Must never hold the session up, and
//! never be what a world goes on from.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::exit::Failure;
use crate::output;

/// Bytes of the file: tick, digest, and the beginning of a hash of both.
const BYTES: usize = 24;

/// Writes it, by a thread of its own.
pub struct Position {
    sender: Option<SyncSender<(u64, u64)>>,
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

    /// The world is at this tick. Where the disk is slow, the next one counts.
    pub fn note(&self, tick: u64, digest: u64) {
        if let Some(sender) = &self.sender {
            let _ = sender.try_send((tick, digest));
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

fn write(file: &File, places: &Receiver<(u64, u64)>) {
    let mut is_failing = false;
    for (tick, digest) in places {
        let written = file.write_all_at(&encode(tick, digest), 0);
        if let Err(error) = &written
            && !is_failing
        {
            tracing::warn!("the position is not written: {error}");
        }
        is_failing = written.is_err();
    }
}

/// The tick and digest that the file tells; nothing where it tells none.
#[must_use]
pub fn read(path: &Path) -> Option<(u64, u64)> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(BYTES as u64 + 1).read_to_end(&mut bytes).ok()?;
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (tick, digest) = (number(0)?, number(8)?);
    (bytes == encode(tick, digest)).then_some((tick, digest))
}

fn encode(tick: u64, digest: u64) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let (numbers, sum) = bytes.split_at_mut(16);
    for (place, number) in numbers.chunks_exact_mut(8).zip([tick, digest]) {
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
        position.note(7, u64::MAX);
        drop(position);
        assert_eq!(read(&path), Some((7, u64::MAX)));
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
