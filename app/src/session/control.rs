//! Whether the world goes on: held or not, how far it may go, where it has to stop. Part of the session's state: every peer
//! works it out from the log alone, rolls it back and hands it to newcomers. Must never change the simulation, which does
//! not know of it.

use std::sync::Arc;

use netcode::protocol::Player;
use serde::{Deserialize, Serialize};
use sim::{Condition, Simulation};

use super::order::{Disobeyed, Order, Place};
use super::waiting::Due;

/// Most breakpoints at a time.
pub const BREAKPOINTS_MAX: usize = 16;
/// Tells a state of a session with a control that says something from a plain state of a simulation.
const MAGIC: &[u8; 6] = b"STHOLD";

/// The control of a session. The default one lets the world go on, which is what sessions are like that nobody debugs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    pace: Pace,
    breakpoints: Vec<Breakpoint>,
    /// What was entered and waits for a tick.
    pub(super) waiting: Due,
}

/// How far the world may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pace {
    /// On and on.
    #[default]
    Free,
    /// Nowhere.
    Held {
        /// Why.
        by: Cause,
    },
    /// So many ticks.
    Steps {
        /// How many are left.
        left: u32,
    },
    /// To a tick.
    To {
        /// Which.
        tick: u64,
    },
}

/// What holds the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// An order to hold.
    Ordered {
        /// Whose.
        player: Player,
    },
    /// The steps are done.
    Stepped,
    /// The tick is there that it was to run to.
    Reached,
    /// A breakpoint, the one with the lowest number if several were hit.
    Breakpoint {
        /// Which.
        id: u32,
        /// The entity that its condition holds of.
        entity: Option<u64>,
    },
}

/// A place where the world is to be held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Breakpoint {
    /// Its number.
    pub id: u32,
    /// Where it is.
    pub at: Place,
    /// Whether the condition held after the last tick: it is hit again only after it did not.
    pub is_met: bool,
    /// The condition, read.
    #[serde(skip)]
    condition: Option<Arc<Condition>>,
}

impl Breakpoint {
    fn new(id: u32, at: Place) -> Result<Self, Disobeyed> {
        let condition = match &at {
            Place::Tick(_) => None,
            Place::Condition(text) => Some(Arc::new(Condition::parse(text)?)),
        };
        Ok(Self { id, at, is_met: false, condition })
    }

    /// Whether it is hit in this state, which is the one after a tick; if so, what holds the world.
    fn look(&mut self, simulation: &Simulation) -> Option<Cause> {
        let found = self.condition.as_ref().and_then(|condition| condition.holds(simulation));
        let was_met = std::mem::replace(&mut self.is_met, found.is_some());
        let is_hit = self.is_at(simulation.tick().0) || (self.is_met && !was_met);
        is_hit.then_some(Cause::Breakpoint { id: self.id, entity: found })
    }

    fn is_at(&self, tick: u64) -> bool {
        self.at == Place::Tick(tick)
    }
}

impl Control {
    /// Whether it says nothing: the world goes on, and nothing waits or will stop it.
    #[must_use]
    pub fn is_neutral(&self) -> bool {
        self.pace == Pace::Free && self.breakpoints.is_empty() && self.waiting.is_empty()
    }

    /// How far the world may go.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Where it is to be held, by number.
    #[must_use]
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.breakpoints
    }

    /// What holds the world, if it is held.
    #[must_use]
    pub fn held(&self) -> Option<Cause> {
        match self.pace {
            Pace::Held { by } => Some(by),
            _ => None,
        }
    }

    /// How many ticks may be executed from this one on, where that is limited. A breakpoint may come sooner.
    #[must_use]
    pub fn ticks_left(&self, now: u64) -> Option<u64> {
        match self.pace {
            Pace::Free => None,
            Pace::Held { .. } => Some(0),
            Pace::Steps { left } => Some(u64::from(left)),
            Pace::To { tick } => Some(tick.saturating_sub(now)),
        }
    }

    /// Obeys an order at this tick.
    ///
    /// # Errors
    /// [`Disobeyed`]; nothing has changed.
    pub(super) fn obey(&mut self, player: Player, order: &Order, now: u64) -> Result<(), Disobeyed> {
        let past = |asked: u64| Disobeyed::Past { asked, now };
        match order {
            Order::Hold => self.pace = Pace::Held { by: Cause::Ordered { player } },
            Order::Run => self.pace = Pace::Free,
            Order::Step { ticks } => {
                let before = if let Pace::Steps { left } = self.pace { left } else { 0 };
                let left = before.saturating_add(*ticks);
                self.pace = if left == 0 { Pace::Held { by: Cause::Stepped } } else { Pace::Steps { left } };
            }
            Order::RunTo { tick } if *tick < now => return Err(past(*tick)),
            Order::RunTo { tick } if *tick == now => self.pace = Pace::Held { by: Cause::Reached },
            Order::RunTo { tick } => self.pace = Pace::To { tick: *tick },
            Order::Break { at: Place::Tick(tick), .. } if *tick <= now => return Err(past(*tick)),
            Order::Break { id, at } => {
                let breakpoint = Breakpoint::new(*id, at.clone())?;
                match self.breakpoints.binary_search_by_key(id, |other| other.id) {
                    Ok(at) => self.breakpoints[at] = breakpoint,
                    Err(_) if self.breakpoints.len() == BREAKPOINTS_MAX => return Err(Disobeyed::Full),
                    Err(at) => self.breakpoints.insert(at, breakpoint),
                }
            }
            Order::Clear { id } => {
                let at = self.breakpoints.binary_search_by_key(id, |other| other.id);
                let at = at.map_err(|_| Disobeyed::NoSuchBreakpoint { id: *id })?;
                self.breakpoints.remove(at);
            }
        }
        Ok(())
    }

    /// Whether the next tick is executed.
    #[must_use]
    pub(super) fn goes_on(&self) -> bool {
        !matches!(self.pace, Pace::Held { .. })
    }

    /// A tick was executed, and this is the state after it.
    pub(super) fn stepped(&mut self, simulation: &Simulation) {
        let now = simulation.tick().0;
        match &mut self.pace {
            Pace::Steps { left: 1 } => self.pace = Pace::Held { by: Cause::Stepped },
            Pace::Steps { left } => *left = left.saturating_sub(1),
            Pace::To { tick } if *tick <= now => self.pace = Pace::Held { by: Cause::Reached },
            Pace::Free | Pace::Held { .. } | Pace::To { .. } => {}
        }
        // Each of them looks at each tick, whether or not another one was hit.
        let hits: Vec<Cause> = self.breakpoints.iter_mut().filter_map(|point| point.look(simulation)).collect();
        self.breakpoints.retain(|point| !point.is_at(now));
        if let Some(&by) = hits.first() {
            self.pace = Pace::Held { by };
        }
    }

    /// Whether a tick changes anything here.
    #[must_use]
    pub(super) fn is_watching(&self) -> bool {
        self.pace != Pace::Free || !self.breakpoints.is_empty()
    }

    /// Nobody is there any more who could let the world go on. What waits goes on waiting for the next tick.
    pub(super) fn release(&mut self) {
        (self.pace, self.breakpoints) = (Pace::Free, Vec::new());
    }

    /// A digest of the state of a session, from that of its simulation: this one where nothing is controlled.
    #[must_use]
    pub fn mixed(&self, digest: u64) -> u64 {
        if self.is_neutral() {
            return digest;
        }
        let mut hasher = blake3::Hasher::new_derive_key("spacetime 2026 control of a session");
        hasher.update(&digest.to_le_bytes()).update(&self.encode());
        let mut bytes = [0; 8];
        hasher.finalize_xof().fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn encode(&self) -> Vec<u8> {
        // Numbers and text always encode.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// The state of a session from that of its simulation: the same bytes where nothing is controlled.
    #[must_use]
    pub fn wrap(&self, snapshot: Vec<u8>) -> Vec<u8> {
        if self.is_neutral() {
            return snapshot;
        }
        let control = self.encode();
        [MAGIC, &(control.len() as u32).to_le_bytes()[..], &control, &snapshot].concat()
    }

    /// The two parts of a state of a session.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the bytes.
    pub fn unwrap(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Ok((Self::default(), bytes)) };
        let parts = || {
            let (length, rest) = rest.split_first_chunk()?;
            let (control, snapshot) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let (control, []) = postcard::take_from_bytes::<Self>(control).ok()? else { return None };
            Some((control, snapshot))
        };
        let (mut control, snapshot) = parts().ok_or("the session's control is malformed")?;
        for point in &mut control.breakpoints {
            let read = Breakpoint::new(point.id, point.at.clone()).map_err(|e| format!("a breakpoint: {e}"))?;
            point.condition = read.condition;
        }
        let is_ordered = control.breakpoints.windows(2).all(|pair| pair[0].id < pair[1].id);
        if !is_ordered || control.breakpoints.len() > BREAKPOINTS_MAX || !control.waiting.is_sound() {
            return Err("the session's control is none that orders lead to".to_owned());
        }
        Ok((control, snapshot))
    }

    /// The simulation's part of a state of a session.
    #[must_use]
    pub fn plain(bytes: &[u8]) -> &[u8] {
        Self::unwrap(bytes).map_or(bytes, |(_, snapshot)| snapshot)
    }

    /// In one line, for who compares two of them.
    #[must_use]
    pub fn describe(&self) -> String {
        let points: Vec<String> = self.breakpoints.iter().map(|point| format!("{} {:?}", point.id, point.at)).collect();
        let waiting = self.waiting.batches.iter().map(|batch| batch.commands.len()).sum::<usize>();
        format!("{:?}, breakpoints [{}], {waiting} commands waiting", self.pace, points.join(", "))
    }
}
