//! A disk in memory that loses its power, tears what was not synchronised, and fills up. Must never lose what was.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use persistence::Embedded;
use persistence::StoreError;
use redb::{Builder, StorageBackend};

/// What survives a cut of the power by itself.
const SECTOR: usize = 512;

/// A disk. Copies of it are the same disk.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What is read.
    now: Vec<u8>,
    /// What was synchronised.
    safe: Vec<u8>,
    /// What was not, in order.
    unsafe_writes: Vec<Write>,
    /// Operations until the power goes; none without a cut.
    until_cut: Option<u64>,
    /// Most bytes.
    capacity: Option<u64>,
}

#[derive(Debug)]
enum Write {
    At(u64, Vec<u8>),
    Length(u64),
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics in here")
    }

    /// The power is on, until so many operations are done.
    pub fn power_on(&self, until_cut: Option<u64>) {
        self.state().until_cut = until_cut;
    }

    /// The power was off: of each write that was not synchronised, `keeps` says of each of its sectors whether it made it.
    pub fn lose_power(&self, mut keeps: impl FnMut() -> bool) {
        let mut state = self.state();
        let mut image = std::mem::take(&mut state.safe);
        for write in std::mem::take(&mut state.unsafe_writes) {
            match write {
                Write::Length(length) => {
                    if keeps() {
                        image.resize(usize::try_from(length).expect("a small disk"), 0);
                    }
                }
                Write::At(offset, bytes) => {
                    for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                        let at = usize::try_from(offset).expect("a small disk") + n * SECTOR;
                        if keeps() && at + sector.len() <= image.len() {
                            image[at..at + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
            }
        }
        state.now.clone_from(&image);
        state.safe = image;
        state.until_cut = None;
    }

    /// It holds so many bytes from now on.
    pub fn resize(&self, capacity: Option<u64>) {
        self.state().capacity = capacity;
    }

    /// How many bytes are on it.
    pub fn used(&self) -> u64 {
        self.state().now.len() as u64
    }

    /// Flips a bit, as if it had been written so.
    pub fn flip(&self, byte: usize, bit: u8) {
        let mut state = self.state();
        state.now[byte] ^= 1 << bit;
        state.safe[byte] ^= 1 << bit;
    }

    /// A store on it.
    pub fn open(&self) -> std::result::Result<Embedded, StoreError> {
        let disk = self.clone();
        Embedded::with(Box::new(move || Builder::new().set_cache_size(1 << 20).create_with_backend(disk.clone())))
    }
}

impl State {
    /// One more operation.
    fn operate(&mut self) -> Result<()> {
        match &mut self.until_cut {
            Some(0) => Err(Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        let mut state = self.state();
        state.operate()?;
        Ok(state.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        state.operate()?;
        let from = usize::try_from(offset).map_err(Error::other)?;
        let bytes = state.now.get(from..from + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.state();
        state.operate()?;
        if state.capacity.is_some_and(|capacity| len > capacity) {
            return Err(ErrorKind::StorageFull.into());
        }
        state.now.resize(usize::try_from(len).map_err(Error::other)?, 0);
        state.unsafe_writes.push(Write::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.state();
        state.operate()?;
        let State { now, safe, unsafe_writes, .. } = &mut *state;
        // Only what was written is copied: the disk is larger than that.
        safe.resize(now.len(), 0);
        for write in unsafe_writes.drain(..) {
            if let Write::At(offset, bytes) = write {
                let at = usize::try_from(offset).map_err(Error::other)?;
                let end = (at + bytes.len()).min(now.len());
                if at < end {
                    safe[at..end].copy_from_slice(&now[at..end]);
                }
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.state();
        state.operate()?;
        let at = usize::try_from(offset).map_err(Error::other)?;
        state.now.get_mut(at..at + data.len()).ok_or(ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        state.unsafe_writes.push(Write::At(offset, data.to_vec()));
        Ok(())
    }
}
