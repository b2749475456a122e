//! Bytes in sealed frames, in the manner of STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, 2015): each frame's nonce and
//! additional data have its number and whether it is the last one, and the additional data the hash of the header. So a
//! frame that was changed, moved, repeated, left out or brought in from another backup does not open, nor does the end of
//! a file that was cut. Must never give out a byte of a frame that did not open.

use std::io::{self, Read, Write};

use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::{ArchiveError, Header};
use crate::key::BackupKey;

/// Bytes in a frame before it is sealed; only the last may have fewer.
pub const FRAME_BYTES: usize = 64 << 10;
/// Bytes by which a sealed frame is longer.
const TAG_BYTES: usize = 16;
/// Bytes before a frame: whether it is the last, and how long it is.
const HEAD_BYTES: usize = 5;

/// Seals and opens frames, one after the other.
struct Frames {
    cipher: XChaCha20Poly1305,
    header: [u8; 32],
    number: u64,
}

impl Frames {
    fn new(key: &BackupKey, header: &Header) -> Self {
        let cipher = XChaCha20Poly1305::new((&*header.frame_key(key)).into());
        Self { cipher, header: header.hash(), number: 0 }
    }

    /// Nonce and additional data of the next frame.
    fn next(&mut self, is_last: bool) -> (XNonce, [u8; 41]) {
        let number = self.number.to_le_bytes();
        self.number += 1;
        let mut nonce = XNonce::default();
        nonce[..8].copy_from_slice(&number);
        nonce[8] = u8::from(is_last);
        let mut about = [0; 41];
        about[..32].copy_from_slice(&self.header);
        about[32..40].copy_from_slice(&number);
        about[40] = u8::from(is_last);
        (nonce, about)
    }
}

/// Writes a header, and then whatever is written to it in sealed frames. Without [`Sealer::finish`] it has no end, and is
/// refused by who reads it.
pub struct Sealer<W: Write> {
    to: W,
    frames: Frames,
    buffer: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(mut to: W, key: &BackupKey, header: &Header) -> io::Result<Self> {
        to.write_all(&header.encode())?;
        Ok(Self { to, frames: Frames::new(key, header), buffer: Vec::with_capacity(FRAME_BYTES + TAG_BYTES) })
    }

    /// Writes the last frame.
    ///
    /// # Errors
    /// Those of the writer below.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let (nonce, about) = self.frames.next(is_last);
        let sealed = self.frames.cipher.encrypt_in_place(&nonce, &about, &mut self.buffer);
        sealed.map_err(|_| io::Error::other("a frame could not be sealed"))?;
        let mut head = [u8::from(is_last); HEAD_BYTES];
        head[1..].copy_from_slice(&(self.buffer.len() as u32).to_le_bytes());
        self.to.write_all(&head)?;
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full frame waits until it is known not to be the last.
        if self.buffer.len() == FRAME_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(FRAME_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what a [`Sealer`] wrote.
pub struct Opener<R: Read> {
    from: R,
    frames: Frames,
    frame: Vec<u8>,
    /// Bytes of the frame that were given out.
    given: usize,
    is_over: bool,
}

impl<R: Read> Opener<R> {
    /// Behind a header that was read.
    ///
    /// # Errors
    /// [`ArchiveError::WrongKey`].
    pub fn new(from: R, key: &BackupKey, header: &Header) -> Result<Self, ArchiveError> {
        if key.id() != header.key_id {
            return Err(ArchiveError::WrongKey);
        }
        Ok(Self { from, frames: Frames::new(key, header), frame: Vec::new(), given: 0, is_over: false })
    }

    /// Opens the next frame.
    fn open(&mut self) -> io::Result<()> {
        let number = self.frames.number;
        let damaged = |why: &str| io::Error::from(ArchiveError::damaged(format!("frame {number} {why}")));
        let mut head = [0; HEAD_BYTES];
        self.fill(&mut head, number)?;
        let [last, a, b, c, d] = head;
        let (is_last, length) = (last == 1, u32::from_le_bytes([a, b, c, d]) as usize);
        let is_full = length == FRAME_BYTES + TAG_BYTES;
        if last > 1 || !(TAG_BYTES..=FRAME_BYTES + TAG_BYTES).contains(&length) || !(is_last || is_full) {
            return Err(damaged("has a beginning that none has"));
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.resize(length, 0);
        self.fill(&mut frame, number)?;
        let (nonce, about) = self.frames.next(is_last);
        if self.frames.cipher.decrypt_in_place(&nonce, &about, &mut frame).is_err() {
            return Err(damaged("does not open"));
        }
        if is_last && self.from.read(&mut [0])? != 0 {
            return Err(ArchiveError::damaged("something follows its last frame").into());
        }
        (self.frame, self.given, self.is_over) = (frame, 0, is_last);
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8], number: u64) -> io::Result<()> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::damaged(format!("it is cut off in frame {number}")).into(),
            _ => error,
        })
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.frame.len() && !self.is_over {
            self.open()?;
        }
        let rest = self.frame.get(self.given..).unwrap_or_default();
        let taken = rest.len().min(out.len());
        out[..taken].copy_from_slice(&rest[..taken]);
        self.given += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use persistence::{Millis, Name};

    fn key() -> BackupKey {
        BackupKey::new([3; 32])
    }

    fn header() -> Header {
        Header::new(&key(), Name::new("main").unwrap(), Millis(5)).unwrap()
    }

    fn sealed(header: &Header, bytes: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), &key(), header).unwrap();
        sealer.write_all(bytes).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(mut file: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        let header = Header::read(&mut file)?;
        let mut out = Vec::new();
        Opener::new(file, &key(), &header)?.read_to_end(&mut out).map_err(ArchiveError::reading)?;
        Ok(out)
    }

    /// Where the frames begin, and the end.
    fn frames(file: &[u8]) -> Vec<usize> {
        let mut at = vec![usize::from(u16::from_le_bytes([file[10], file[11]]))];
        while *at.last().unwrap() < file.len() {
            let start = *at.last().unwrap();
            let length = u32::from_le_bytes(file[start + 1..start + 5].try_into().unwrap()) as usize;
            at.push(start + HEAD_BYTES + length);
        }
        at
    }

    #[test]
    fn any_length_comes_back() {
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 7] {
            let bytes: Vec<u8> = (0..length).map(|i| ((i * 31) >> 3) as u8).collect();
            let file = sealed(&header(), &bytes);
            assert_eq!(opened(&file).unwrap(), bytes, "{length}");
            assert_eq!(frames(&file).len() - 1, length.div_ceil(FRAME_BYTES).max(1), "{length}");
        }
    }

    #[test]
    fn frames_that_were_moved_are_refused() {
        let header = header();
        let file = sealed(&header, &vec![1; 4 * FRAME_BYTES]);
        let at = frames(&file);
        let start = &file[..at[0]];
        let frame = |i: usize| &file[at[i]..at[i + 1]];
        let put =
            |order: &[usize]| [&[start][..], &order.iter().map(|i| frame(*i)).collect::<Vec<_>>()].concat().concat();
        assert!(opened(&put(&[0, 1, 2, 3])).is_ok());
        for order in [&[0, 2, 1, 3][..], &[0, 1, 3], &[0, 1, 2], &[0, 1, 1, 2, 3], &[3], &[], &[0, 1, 2, 3, 3]] {
            assert!(matches!(opened(&put(order)), Err(ArchiveError::Damaged(_))), "{order:?}");
        }
        // A frame that was not the last is made the last.
        let mut cut = put(&[0, 1, 2]);
        cut[at[2]] = 1;
        assert!(matches!(opened(&cut), Err(ArchiveError::Damaged(_))));
        // From another backup with the same key, and even the same salt.
        let mut other = header.clone();
        other.id.0[0] ^= 1;
        let other = sealed(&other, &vec![1; 4 * FRAME_BYTES]);
        let mixed = [&file[..at[1]], &other[at[1]..at[2]], &file[at[2]..]].concat();
        assert!(matches!(opened(&mixed), Err(ArchiveError::Damaged(_))));
    }

    #[test]
    fn another_key_is_said() {
        let header = header();
        let file = sealed(&header, b"something");
        let other = Opener::new(&file[..], &BackupKey::new([4; 32]), &header);
        assert!(matches!(other.map(drop), Err(ArchiveError::WrongKey)));
    }
}
