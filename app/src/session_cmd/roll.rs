//! Who is who in a session: numbers and keys, in a small text file beside its recording, for a session that goes on from
//! there. A recording knows players by their numbers only.

use std::path::{Path, PathBuf};

use netcode::protocol::{KnownPeer, PeerKey, Player};
use netcode::transport::{from_hex, to_hex};

use crate::exit::Failure;
use crate::output;

/// First line of the file.
const HEADING: &str = "spacetime-players-1";
/// Longest file that is read, bytes: more players than a session ever knows.
const BYTES_MAX: usize = 1 << 20;

/// Where the roll of a recording is.
#[must_use]
pub fn path_of(recording: &Path) -> PathBuf {
    let mut name = recording.file_name().unwrap_or_default().to_owned();
    name.push(".players");
    recording.with_file_name(name)
}

/// Writes it anew, in one step.
///
/// # Errors
/// [`Failure::Unwritable`].
pub fn write(path: &Path, known: &[KnownPeer]) -> Result<(), Failure> {
    let mut text = format!("{HEADING}\n");
    for peer in known.iter().filter(|peer| !peer.banned) {
        text.push_str(&format!("{} {}\n", peer.player.0, to_hex(&peer.key.0)));
    }
    let aside = path.with_extension("players-new");
    let written = std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, path));
    written.map_err(|e| Failure::unwritable(path, output::plain(&e)))
}

/// Reads it; nobody where there is none.
///
/// # Errors
/// [`Failure::Unreadable`].
pub fn read(path: &Path) -> Result<Vec<(PeerKey, Player)>, Failure> {
    let text = match std::fs::read(path) {
        Ok(bytes) if bytes.len() > BYTES_MAX => return Err(Failure::unreadable(path, "it is too long")),
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::unreadable(path, output::plain(&error))),
    };
    parse(&text).map_err(|line| Failure::unreadable(path, format!("line {line} is not a player and a key")))
}

/// The players of a text, or the number of the line that is wrong.
fn parse(text: &str) -> Result<Vec<(PeerKey, Player)>, usize> {
    let mut lines = text.lines().zip(1_usize..);
    if lines.next().is_none_or(|(first, _)| first != HEADING) {
        return Err(1);
    }
    lines
        .map(|(line, number)| {
            let (player, key) = line.split_once(' ').ok_or(number)?;
            let player = player.parse().ok().filter(|player| *player > 0 && *player < u32::MAX).ok_or(number)?;
            Ok((PeerKey(from_hex(key).ok_or(number)?), Player(player)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(&folder.path().join("a.strec"));
        assert!(path.ends_with("a.strec.players"));
        assert_eq!(read(&path).unwrap(), []);
        let peer = |player, banned| KnownPeer {
            key: PeerKey([player as u8; 32]),
            player: Player(player),
            role: 1,
            banned,
            member: true,
        };
        write(&path, &[peer(1, false), peer(2, true), peer(7, false)]).unwrap();
        let keys = [(PeerKey([1; 32]), Player(1)), (PeerKey([7; 32]), Player(7))];
        assert_eq!(read(&path).unwrap(), keys);
        for (text, line) in [("", 1), ("x\n", 1), ("spacetime-players-1\n0 00", 2), ("spacetime-players-1\n1 00\n", 2)]
        {
            assert_eq!(parse(text), Err(line), "{text:?}");
        }
    }
}
