//! Tells confirmed entries together with their authors' signatures, for who keeps a recording that is to prove who sent
//! what. Must never tell what its signature does not hold for, nor anything twice.

use std::collections::BTreeMap;

use crate::protocol::effect::{Effect, Event};
use crate::protocol::ids::Turn;
use crate::protocol::input::Input;
use crate::protocol::ledger::Life;
use crate::protocol::signed::SignedEntries;
use crate::protocol::turn_part::Entries;

use super::{Core, Session};

impl<I: Input> Core<I> {
    /// From now on tells confirmed entries with their signatures, as [`Event::Signed`]: one for each signed head, about
    /// once a second and member.
    pub fn tell_signed(&mut self) {
        self.signed.get_or_insert_with(BTreeMap::new);
    }

    /// Tells what has been confirmed and is signed.
    pub(super) fn note_signed(&mut self) {
        let (Some(session), Some(told)) = (&mut self.session, &mut self.signed) else { return };
        for life in session.divergence.heads.lives() {
            let Some(signed) = session.signed_entries(life, told.get(&life).copied()) else { continue };
            let turn = signed.last().unwrap_or_default();
            if signed.holds() {
                told.insert(life, turn.plus(1));
                self.effects.push(Effect::Event(Event::Signed(Box::new(signed))));
            } else {
                // What its author told us itself is not looked at before it is needed.
                session.divergence.heads.forget(life, turn);
            }
        }
        told.retain(|life, _| session.ledger.author(*life).is_some());
    }
}

impl<I: Input> Session<I> {
    /// The confirmed entries of a life from a turn on, or from the oldest one that is kept, up to its newest head.
    fn signed_entries(&self, life: Life, from: Option<Turn>) -> Option<SignedEntries> {
        let author = self.ledger.author(life)?;
        let first = author.start().max(from.unwrap_or_default());
        let heads = self.divergence.heads.from(life, first).filter(|signed| signed.head.turn < self.confirmed);
        let signed = heads.filter(|signed| author.chain_after(signed.head.turn) == Some(signed.head.chain)).last()?;
        let last = signed.head.turn;
        let member = self.record(last)?.during.member(life.0).filter(|member| member.incarnation == life.1)?;
        let mut entries = Entries::default();
        for turn in first.0..=last.0 {
            entries.push(&author.get(Turn(turn))?.bytes);
        }
        Some(SignedEntries::new(member.key, first, author.chain_before(first)?, entries, signed.clone()))
    }
}
