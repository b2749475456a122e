//! Who has which number in the world, from the session into the store and back. Public keys leave this file sealed only.
//! Must never give a number to somebody else, nor a seat to the service itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use netcode::protocol::{KnownPeer, PeerKey, Player};
use persistence::people::{People, PeopleError};
use persistence::{
    Batch, Epoch, Journal, Key, Kind, Name, PersonId, Query, Record, Rejected, Scope, Seat, Store, StoreError,
};
use sim::PlayerId;
use tokio::sync::watch;

use crate::session::ships::STEWARD;
use crate::session::world::HOST;
use crate::session_cmd::random;

/// Time between two tries.
const TRY: Duration = Duration::from_millis(500);

/// Why who is who could not be written.
#[derive(Debug, thiserror::Error)]
enum Unwritten {
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error(transparent)]
    Seat(#[from] Rejected),
}

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Self {
        Self::People(error.into())
    }
}

/// The seats of one world.
pub struct Seats {
    world: Name,
    epoch: Epoch,
    people: People,
    seats: BTreeMap<u32, Seat>,
    /// Whose they are, as far as they could be opened.
    keys: BTreeMap<u32, PeerKey>,
    /// Sealed, but not yet taken by the log: drawn and sealed once, however often they are offered.
    pending: BTreeMap<u32, Seat>,
}

impl Seats {
    /// Those that are stored.
    ///
    /// # Errors
    /// [`PeopleError`] where the store, or the store of keys, cannot be read.
    pub async fn open(store: &dyn Store, world: Name, epoch: Epoch, people: People) -> Result<Self, PeopleError> {
        let (known, keys, pending) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut seats = Self { world, epoch, people, seats: known, keys, pending };
        seats.load(store).await?;
        Ok(seats)
    }

    async fn load(&mut self, store: &dyn Store) -> Result<(), PeopleError> {
        let mut query = Query::of(Kind::Seat).within(Scope::World(self.world.clone()));
        loop {
            let page = store.list(&query).await?;
            query.beyond = page.records.last().map(Record::key);
            for record in page.records {
                let Record::Seat(seat) = record else { continue };
                let key = Key::Seat(seat.world.clone(), seat.number);
                // Who was erased has no key any more; the number stays taken.
                let plain = self.people.vault().unseal(seat.person, &key, &seat.private).await?;
                if let Some(key) = plain.and_then(|plain| <[u8; 32]>::try_from(&plain[..]).ok()) {
                    self.keys.insert(seat.number, PeerKey(key));
                }
                self.seats.insert(seat.number, seat);
            }
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Who is who, for a session that goes on with these `members` of the world. A number whose owner is not known (any
    /// more) belongs to a key that nobody has, so that nobody else gets it with its ship: one whose seat was not stored
    /// yet when the service was killed, say.
    #[must_use]
    pub fn known(&self, members: impl Iterator<Item = PlayerId>) -> Vec<(PeerKey, Player)> {
        let nobody = |number: u32| PeerKey(blake3::derive_key("spacetime 2026 nobody's key", &number.to_le_bytes()));
        let key = |number: u32| self.keys.get(&number).copied().unwrap_or_else(|| nobody(number));
        let members = members.filter(|member| *member != STEWARD).map(|member| member.0).filter(|n| *n != HOST.0);
        let numbers: BTreeSet<u32> = self.seats.keys().copied().chain(members).collect();
        numbers.into_iter().map(|number| (key(number), Player(number))).collect()
    }

    /// Who may not come back.
    #[must_use]
    pub fn banned(&self) -> Vec<PeerKey> {
        let banned = self.seats.values().filter(|seat| seat.banned);
        banned.filter_map(|seat| self.keys.get(&seat.number).copied()).collect()
    }

    /// Writes whoever comes, until nobody can come any more. A new seat goes where the log goes: the session knows of
    /// somebody before the world does, so the seat is durable before the log has their ship, as long as the store of keys
    /// answers in time: where it does not, the ship may be first, and its number is nobody's if the service is killed
    /// before the seat follows ([`Self::known`]). Goes on trying until another process owns the world, or the log is over.
    pub async fn keep(
        mut self,
        store: Arc<dyn Store>,
        journal: Arc<Journal>,
        mut peers: watch::Receiver<Vec<KnownPeer>>,
    ) {
        while peers.changed().await.is_ok() {
            loop {
                let known = peers.borrow_and_update().clone();
                match self.write(&*store, &journal, &known).await {
                    Ok(()) => break,
                    Err(
                        Unwritten::Seat(Rejected::Over(error))
                        | Unwritten::People(PeopleError::Store(error @ StoreError::Fenced { .. })),
                    ) => return tracing::error!("who is who is not stored: {error}"),
                    Err(error) => tracing::warn!("who is who is not stored yet: {error}"),
                }
                tokio::time::sleep(TRY).await;
                // Somebody may have been erased meanwhile.
                if let Err(error) = self.load(&*store).await {
                    tracing::debug!("{error}");
                }
            }
        }
    }

    async fn write(&mut self, store: &dyn Store, journal: &Journal, known: &[KnownPeer]) -> Result<(), Unwritten> {
        for peer in known.iter().filter(|peer| peer.player != HOST) {
            let seat = match self.seats.get(&peer.player.0) {
                // Who was removed once stays so, also where a later session has not heard of it.
                Some(seat) if seat.banned || !peer.banned => continue,
                Some(seat) => {
                    let seat = Seat { rev: seat.rev.next(), banned: true, ..seat.clone() };
                    // Somebody who is being erased changes it too, which must not end the log.
                    store.commit(&self.batch(&seat)?).await?;
                    seat
                }
                None => {
                    let seat = Seat { banned: peer.banned, ..self.sealed(peer).await? };
                    journal.offer(self.batch(&seat)?, None)?;
                    self.pending.remove(&peer.player.0);
                    seat
                }
            };
            self.seats.insert(seat.number, seat);
            self.keys.insert(peer.player.0, peer.key);
        }
        Ok(())
    }

    /// A new seat, or the one that was not taken before.
    async fn sealed(&mut self, peer: &KnownPeer) -> Result<Seat, Unwritten> {
        let number = peer.player.0;
        if let Some(seat) = self.pending.get(&number) {
            return Ok(seat.clone());
        }
        let drawn = random().map_err(|e| StoreError::Other(e.to_string()))?;
        let person = PersonId(u64::from_le_bytes(drawn) >> 2 | 1);
        let seat = self.people.seat(&self.world, number, person, &peer.key.0).await?;
        self.pending.insert(number, seat.clone());
        Ok(seat)
    }

    fn batch(&self, seat: &Seat) -> Result<Batch, StoreError> {
        Ok(Batch::put([Record::Seat(seat.clone())])?.fenced(self.world.clone(), self.epoch))
    }
}

#[cfg(test)]
mod tests {
    use persistence::people::{MasterKey, Vault};
    use persistence::{Embedded, Limits, Rev, Ticket};

    use super::*;

    fn peer(player: u32, banned: bool) -> KnownPeer {
        KnownPeer { key: PeerKey([player as u8; 32]), player: Player(player), role: 1, banned, member: !banned }
    }

    #[tokio::test]
    async fn numbers_stay_with_their_keys_and_removed_players_stay_removed() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Arc::new(Embedded::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>;
        let (store, world) = (open("world.redb"), Name::new("w").unwrap());
        let scenario = crate::scenario_cmd::load("demo").unwrap();
        let record = Record::World(crate::serve::resume::new_world(&world, &scenario));
        store.commit(&Batch::put([record]).unwrap()).await.unwrap();
        let keys = open("keys.redb");
        let vault = Arc::new(Vault::open(Arc::clone(&keys), MasterKey::random().unwrap()).await.unwrap());
        let people = People::new(Arc::clone(&store), vault);
        let seats = async || Seats::open(&*store, world.clone(), Epoch(1), people.clone()).await.unwrap();
        let journal = |batches| {
            let limits = Limits { bytes: 1 << 20, batches };
            Journal::start(Arc::clone(&store), limits, &tokio::runtime::Handle::current())
        };
        let mut first = seats().await;
        // However often there is no room, somebody gets one key.
        let (full, journal) = (journal(0), journal(16));
        for _ in 0..3 {
            let refused = first.write(&*store, &full, &[peer(1, false)]).await.unwrap_err();
            assert!(matches!(refused, Unwritten::Seat(Rejected::Full)), "{refused}");
        }
        let made = keys.keys(&Query::of(Kind::PersonKey)).await.unwrap().len();
        assert_eq!(made, 2, "that of lookups, and that of player 1");
        first.write(&*store, &journal, &[peer(0, false), peer(1, false), peer(2, false)]).await.unwrap();
        assert_eq!(journal.drain(Duration::from_secs(30)).await.written, Ticket(2), "where the log goes, in its order");
        first.write(&*store, &journal, &[peer(1, false), peer(2, true)]).await.unwrap();
        let mut again = seats().await;
        let seated = [(PeerKey([1; 32]), Player(1)), (PeerKey([2; 32]), Player(2))];
        assert_eq!(again.known(std::iter::empty()), seated, "no seat for 0");
        let members = [PlayerId(HOST.0), PlayerId(1), PlayerId(3), STEWARD];
        let known = again.known(members.into_iter());
        assert_eq!((&known[..2], known[2].1, known.len()), (&seated[..], Player(3), 3), "a member without a seat");
        assert_eq!(again.banned(), [PeerKey([2; 32])]);
        again.write(&*store, &journal, &[peer(2, false)]).await.unwrap();
        let Some(Record::Seat(seat)) = store.get(&Key::Seat(world.clone(), 2)).await.unwrap() else { panic!("a seat") };
        assert!(
            seat.banned && seat.rev == Rev(2) && !seat.private.0.windows(4).any(|w| w == [2; 4]),
            "sealed: {seat:?}"
        );
    }
}
