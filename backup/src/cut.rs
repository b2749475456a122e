//! A world as it was at a tick: which of its saves and pieces of its log a restore keeps, and the piece that is cut there.
//! Must never promise a tick to which no unbroken log leads.

use std::collections::{BTreeMap, BTreeSet};

use persistence::{Digest, Epoch, Name, Record, Segment, Tick};
use sim::recording::{FORMAT_VERSION, pack_segment, unpack_segment};

/// Why a world cannot be brought back at a tick.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// There is no such world.
    #[error("the backup has no world {0}")]
    NoWorld(Name),
    /// No log leads there.
    #[error("the backup cannot bring the world {world} back at tick {wanted}: {why}")]
    Unreachable {
        /// Which.
        world: Name,
        /// The tick that was asked for.
        wanted: u64,
        /// Up to where it can, as a clause.
        why: String,
    },
    /// A piece of the log is not what it should be.
    #[error("the log of the world {world} from tick {first_tick} cannot be cut: {why}")]
    Segment {
        /// Which.
        world: Name,
        /// Where the piece begins.
        first_tick: u64,
        /// A clause.
        why: String,
    },
}

/// Looks at all records of a backup, and then says whether a world can be brought back at a tick.
#[derive(Debug)]
pub struct Survey {
    world: Name,
    tick: Tick,
    is_there: bool,
    saves: BTreeSet<u64>,
    /// First ticks and ends.
    pieces: BTreeMap<u64, u64>,
}

impl Survey {
    /// For this world and tick.
    #[must_use]
    pub const fn new(world: Name, tick: Tick) -> Self {
        Self { world, tick, is_there: false, saves: BTreeSet::new(), pieces: BTreeMap::new() }
    }

    /// Takes note of a record.
    pub fn see(&mut self, record: &Record) {
        match record {
            Record::World(world) if world.id == self.world => self.is_there = true,
            Record::Snapshot(save) if save.world == self.world => {
                self.saves.insert(save.tick.0);
            }
            Record::Segment(piece) if piece.world == self.world => {
                self.pieces.insert(piece.first_tick.0, piece.end().0);
            }
            _ => {}
        }
    }

    /// What is to be done.
    ///
    /// # Errors
    /// [`CutError::NoWorld`] and [`CutError::Unreachable`].
    pub fn finish(self) -> Result<Cut, CutError> {
        if !self.is_there {
            return Err(CutError::NoWorld(self.world));
        }
        let wanted = self.tick.0;
        // A world without a save begins with its scenario, at tick 0.
        let mut reached = self.saves.range(..=wanted).next_back().copied().unwrap_or(0);
        for (first, end) in self.pieces.range(..wanted) {
            if *first <= reached && *end > reached {
                reached = *end;
            }
        }
        if reached >= wanted {
            return Ok(Cut { world: self.world, tick: self.tick });
        }
        let why = format!("the log behind the last save before it ends at tick {reached}");
        Err(CutError::Unreachable { world: self.world, wanted, why })
    }
}

/// Cuts a world at a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which.
    pub world: Name,
    /// Of the last state.
    pub tick: Tick,
}

impl Cut {
    /// What becomes of a record: nothing, for what is later. The world gets the next epoch, so that no process that had it
    /// before can write to it.
    ///
    /// # Errors
    /// [`CutError::Segment`].
    pub fn apply(&self, record: Record) -> Result<Option<Record>, CutError> {
        Ok(match record {
            Record::World(mut world) if world.id == self.world => {
                world.rev = world.rev.next();
                world.epoch = Epoch(world.epoch.0.saturating_add(1));
                Some(Record::World(world))
            }
            Record::Snapshot(save) if save.world == self.world => {
                (save.tick <= self.tick).then_some(Record::Snapshot(save))
            }
            Record::Segment(piece) if piece.world == self.world => {
                if piece.first_tick >= self.tick {
                    None
                } else if piece.end() <= self.tick {
                    Some(Record::Segment(piece))
                } else {
                    Some(Record::Segment(self.shorten(piece)?))
                }
            }
            other => Some(other),
        })
    }

    /// The part of a piece that comes before the tick.
    fn shorten(&self, piece: Segment) -> Result<Segment, CutError> {
        let first_tick = piece.first_tick.0;
        let refuse = |why: String| CutError::Segment { world: self.world.clone(), first_tick, why };
        let version = u16::try_from(piece.format).map_err(|_| refuse("its format is not known".to_owned()))?;
        let (frames, digests) =
            unpack_segment(version, piece.ticks, &piece.payload).map_err(|e| refuse(e.to_string()))?;
        let ticks = usize::try_from(self.tick.0 - first_tick).unwrap_or(usize::MAX).min(frames.len());
        let (frames, digests) = (frames.get(..ticks), digests.get(..ticks));
        let last = digests.and_then(<[u64]>::last).copied().ok_or_else(|| refuse("it is empty".to_owned()))?;
        let payload = pack_segment(frames.unwrap_or_default(), digests.unwrap_or_default());
        let payload = payload.map_err(|e| refuse(e.to_string()))?;
        let (ticks, digest) = (u32::try_from(ticks).unwrap_or(u32::MAX), Digest(last));
        Ok(Segment { ticks, digest, format: u32::from(FORMAT_VERSION), payload, ..piece }.hashed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use persistence_testkit::records;
    use sim::{Command, InputFrame, PlayerId};

    fn survey(saves: &[u64], pieces: &[(u64, u32)], wanted: u64) -> Result<Cut, CutError> {
        let mut survey = Survey::new(records::name("w"), Tick(wanted));
        survey.see(&Record::World(records::world("w")));
        saves.iter().for_each(|tick| survey.see(&Record::Snapshot(records::snapshot("w", *tick, 1))));
        pieces.iter().for_each(|(first, n)| survey.see(&Record::Segment(records::segment("w", *first, *n, 1))));
        survey.see(&Record::Snapshot(records::snapshot("other", wanted, 1)));
        survey.finish()
    }

    #[test]
    fn only_ticks_that_a_log_leads_to_are_promised() {
        let pieces = [(0, 90), (90, 90), (270, 90)];
        for wanted in [0, 1, 89, 90, 100, 179, 180, 270, 271, 360] {
            assert!(survey(&[0, 90, 270], &pieces, wanted).is_ok(), "{wanted}");
        }
        for wanted in [181, 200, 269, 361, u64::MAX >> 1] {
            assert!(matches!(survey(&[0, 90, 270], &pieces, wanted), Err(CutError::Unreachable { .. })), "{wanted}");
        }
        assert!(survey(&[], &pieces, 180).is_ok(), "from the scenario");
        assert!(survey(&[], &pieces[1..], 180).is_err());
        let message = survey(&[90], &pieces[..1], 100).unwrap_err().to_string();
        assert!(message.ends_with("ends at tick 90"), "{message}");
        let missing = Survey::new(records::name("w"), Tick(0)).finish();
        assert_eq!(missing, Err(CutError::NoWorld(records::name("w"))));
    }

    #[test]
    fn a_piece_is_cut_at_the_tick() {
        let frame = |n: i32| {
            let mut frame = InputFrame::default();
            frame.push(PlayerId(1), &Command::SetTimeFactor { quarters: n.unsigned_abs() });
            frame
        };
        let frames: Vec<_> = (0..10).map(frame).collect();
        let digests: Vec<u64> = (100..110).collect();
        let payload = pack_segment(&frames, &digests).unwrap();
        let format = u32::from(FORMAT_VERSION);
        let piece = Segment { digest: Digest(109), format, payload, ..records::segment("w", 20, 10, 0) }.hashed();
        let cut = Cut { world: records::name("w"), tick: Tick(24) };
        let Some(Record::Segment(short)) = cut.apply(Record::Segment(piece.clone())).unwrap() else {
            panic!("a piece")
        };
        assert_eq!((short.first_tick, short.ticks, short.end(), short.digest), (Tick(20), 4, Tick(24), Digest(103)));
        assert_eq!(Record::Segment(short.clone()).check(), Ok(()));
        let kept = unpack_segment(FORMAT_VERSION, 4, &short.payload).unwrap();
        assert_eq!(kept, (frames[..4].to_vec(), digests[..4].to_vec()));
        for (tick, is_kept) in [(20, false), (19, false), (30, true), (31, true)] {
            let cut = Cut { world: records::name("w"), tick: Tick(tick) };
            let whole = is_kept.then(|| Record::Segment(piece.clone()));
            assert_eq!(cut.apply(Record::Segment(piece.clone())).unwrap(), whole, "{tick}");
        }
        let other = Record::Segment(Segment { world: records::name("v"), ..piece.clone() }.hashed());
        assert_eq!(cut.apply(other.clone()).unwrap(), Some(other));
        let unknown = Segment { format: 70_000, ..piece }.hashed();
        assert!(matches!(cut.apply(Record::Segment(unknown)), Err(CutError::Segment { .. })));
    }
}
