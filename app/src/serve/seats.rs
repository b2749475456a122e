//! Who has which number in the world, from the session into the store and back. Keys of people leave this file sealed only.
//! Must never give a number to somebody else, nor a seat to the service itself.

use std::collections::BTreeMap;

use netcode::protocol::{KnownPeer, PeerKey, Player};
use persistence::{Change, Hash, Name, PersonId, Record, Rev, Seal, Seat};

use super::sealing::Sealing;
use crate::exit::Failure;
use crate::session::world::HOST;
use crate::session_cmd::random;

/// The seats of one world.
pub struct Seats {
    world: Name,
    sealing: Sealing,
    seats: BTreeMap<u32, Seat>,
    /// Whose they are, as far as they could be opened.
    keys: BTreeMap<u32, PeerKey>,
}

impl Seats {
    /// Those that were stored.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the keys of people cannot be had.
    pub fn open(world: Name, sealing: Sealing, stored: Vec<Seat>) -> Result<Self, Failure> {
        let mut keys = BTreeMap::new();
        for seat in &stored {
            // Who was erased has no key any more; the number stays taken.
            let Some(plain) = sealing.open(seat)? else { continue };
            if let Ok(key) = <[u8; 32]>::try_from(plain.as_slice()) {
                keys.insert(seat.number, PeerKey(key));
            }
        }
        let seats = stored.into_iter().map(|seat| (seat.number, seat)).collect();
        Ok(Self { world, sealing, seats, keys })
    }

    /// Who is who, for a session that goes on. A number whose owner is not known any more belongs to a key that nobody
    /// has, so that nobody else gets it.
    #[must_use]
    pub fn known(&self) -> Vec<(PeerKey, Player)> {
        let key = |seat: &Seat| self.keys.get(&seat.number).copied().unwrap_or(PeerKey(seat.tag.0));
        self.seats.values().map(|seat| (key(seat), Player(seat.number))).collect()
    }

    /// Who may not come back.
    #[must_use]
    pub fn banned(&self) -> Vec<PeerKey> {
        let banned = self.seats.values().filter(|seat| seat.banned);
        banned.filter_map(|seat| self.keys.get(&seat.number).copied()).collect()
    }

    /// What has to be written so that the store knows these peers.
    ///
    /// # Errors
    /// [`Failure::Machine`] where the keys of people cannot be had.
    pub fn changes(&self, peers: &[KnownPeer]) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for peer in peers.iter().filter(|peer| peer.player != HOST) {
            let seat = match self.seats.get(&peer.player.0) {
                // Who was removed once stays so, also where a later session has not heard of it.
                Some(seat) if seat.banned || !peer.banned => continue,
                Some(seat) => Seat { rev: seat.rev.next(), banned: true, ..seat.clone() },
                None => self.seat(peer)?,
            };
            changes.push(Change::Put(Record::Seat(seat)));
        }
        Ok(changes)
    }

    /// These changes were taken.
    pub fn took(&mut self, changes: &[Change], peers: &[KnownPeer]) {
        for change in changes {
            if let Change::Put(Record::Seat(seat)) = change {
                self.seats.insert(seat.number, seat.clone());
            }
        }
        self.keys.extend(peers.iter().map(|peer| (peer.player.0, peer.key)));
    }

    fn seat(&self, peer: &KnownPeer) -> Result<Seat, Failure> {
        let seat = Seat {
            world: self.world.clone(),
            number: peer.player.0,
            rev: Rev::FIRST,
            person: PersonId(u64::from_le_bytes(random()?) >> 1 | 1),
            tag: Hash(self.sealing.tag(&peer.key.0)),
            banned: peer.banned,
            private: Seal::default(),
        };
        let private = self.sealing.seal(&seat, &peer.key.0)?;
        Ok(Seat { private, ..seat })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(player: u32, banned: bool) -> KnownPeer {
        KnownPeer { key: PeerKey([player as u8; 32]), player: Player(player), role: 1, banned, member: !banned }
    }

    #[test]
    fn numbers_stay_with_their_keys_and_removed_players_stay_removed() {
        let world = Name::new("w").unwrap();
        let mut seats = Seats::open(world.clone(), Sealing::Open, Vec::new()).unwrap();
        let peers = [peer(0, false), peer(1, false), peer(2, false)];
        let changes = seats.changes(&peers).unwrap();
        assert_eq!(changes.len(), 2, "the service has no seat");
        seats.took(&changes, &peers);
        assert!(seats.changes(&peers).unwrap().is_empty());
        let peers = [peer(1, false), peer(2, true)];
        let changes = seats.changes(&peers).unwrap();
        let Some(Change::Put(Record::Seat(seat))) = changes.first() else { panic!("a seat") };
        assert_eq!((seat.number, seat.rev, seat.banned), (2, Rev(2), true));
        seats.took(&changes, &peers);
        assert!(seats.changes(&[peer(2, false)]).unwrap().is_empty());
        let stored: Vec<Seat> = seats.seats.values().cloned().collect();
        let again = Seats::open(world, Sealing::Open, stored).unwrap();
        assert_eq!(again.known(), [(PeerKey([1; 32]), Player(1)), (PeerKey([2; 32]), Player(2))]);
        assert_eq!(again.banned(), [PeerKey([2; 32])]);
    }
}
