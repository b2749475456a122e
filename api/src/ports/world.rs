//! The running world: what is to be seen of it, and how it is steered. Whatever changes it becomes an input of its log.
//! Must never let a caller wait for a tick longer than it has to, nor show what is not confirmed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the world is; costs nothing to ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldStatus {
    /// Its name in the store.
    pub world: String,
    /// The last confirmed tick.
    pub tick: u64,
    /// Digest of the state after it.
    pub digest: u64,
    /// The last tick that is durable.
    pub durable_tick: u64,
    /// Ticks per second.
    pub rate_hz: u32,
    /// Simulated time per tick, as an exact number of quarter ticks.
    pub time_factor_quarters: u32,
    /// Peers in the session, the service not counted.
    pub players: usize,
    /// Entities.
    pub entities: usize,
    /// Turns so far, those that came late, and the longest stand-still in microseconds.
    pub turns: (u64, u64, u64),
    /// What its turns are and cost.
    pub pace: Pace,
    /// Whether it is held.
    pub control: ControlState,
}

/// What the turns of a session are and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Ticks in each turn.
    pub turn_ticks: u32,
    /// What the last turns cost on average, microseconds.
    pub turn_cost_us: u64,
    /// Turns between an input and its effect.
    pub input_delay_turns: u32,
    /// Roll-backs of executed turns.
    pub roll_backs: u64,
}

/// A peer of the session, or somebody who has a link to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Number in the session, for a member.
    pub player: Option<u32>,
    /// Its first ship, where it has one.
    pub ship: Option<u64>,
    /// Identity in hex, where there is a link to it.
    pub key: Option<String>,
    /// The link, where there is one.
    pub link: Option<Link>,
}

/// A link to a peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Smoothed round-trip time, microseconds.
    pub round_trip_us: u64,
    /// Share of datagrams lost on the way here, 0 to 1.
    pub loss: f64,
    /// How many consecutive datagrams carry each entry.
    pub redundancy: u32,
    /// Whether it wants entries of others passed on.
    pub relays: bool,
}

/// What holds the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlState {
    /// Ticks do not go on.
    pub held: bool,
    /// At which tick it was held last.
    pub held_at_tick: Option<u64>,
    /// The breakpoint that has held it.
    pub by_breakpoint: Option<u32>,
    /// Breakpoints in force.
    pub breakpoints: Vec<u32>,
}

/// A change of the world: an operator's command, without types of the simulation. Field names and their units are those
/// of the components.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Sets fields of components: all of them or none.
    Patch(Vec<Field>),
    /// Replaces tuning values by the text of a tuning file: all of them or none.
    Tune(String),
    /// Simulated time per tick, as an exact number of quarter ticks.
    TimeFactor(u32),
    /// Adds a wave to an entity's.
    Interfere {
        /// Which entity.
        entity: u64,
        /// Of this amplitude; an entity has 1 to begin with.
        amplitude: f64,
        /// Phase in turns: 0 in phase, 0.5 in opposition.
        phase_turns: f64,
    },
}

/// One field to set.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Which entity.
    pub entity: u64,
    /// Name of the component.
    pub component: String,
    /// Name of the field.
    pub field: String,
    /// New value.
    pub value: FieldValue,
}

/// A value of a field: a number, or a few.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum FieldValue {
    /// A whole number.
    Whole(i64),
    /// A whole number beyond those.
    Large(u64),
    /// A number.
    Number(f64),
    /// Several whole numbers, such as a cell.
    Wholes(Vec<i64>),
    /// Several numbers, such as a vector or a quaternion (x, y, z, w).
    Numbers(Vec<f64>),
}

/// Where the world is to stop, and how it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Stop at the next tick that can be stopped at.
    Hold,
    /// Go on for so many ticks, and stop.
    Step(u32),
    /// Go on.
    Run,
    /// Go on up to this tick, and stop there.
    RunTo(u64),
    /// Stop where this holds.
    Break(NewBreakpoint),
    /// Forget a breakpoint.
    Clear(u32),
}

/// A breakpoint: one of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewBreakpoint {
    /// At a tick.
    Tick(u64),
    /// At the first tick where a condition over components holds, such as `entity 12: Motion.velocity_m_s.x > 5`.
    Condition(String),
}

/// What became of orders, once it is agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// They were applied at this tick.
    Applied {
        /// The tick.
        tick: u64,
        /// The breakpoint that was set, if one was.
        breakpoint: Option<u32>,
    },
    /// They are in the log, and will be applied with the next tick of a world that is held.
    Queued {
        /// That tick.
        tick: u64,
    },
}

/// One thing that was wrong with an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// What it is about, as a JSON pointer into what was sent, or the line and column of a file.
    pub at: String,
    /// Why, in a sentence.
    pub why: String,
}

/// Why the world did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// There is no such entity.
    #[error("there is no such entity")]
    NoSuchEntity,
    /// There is no such breakpoint.
    #[error("there is no such breakpoint")]
    NoSuchBreakpoint,
    /// What was ordered is not possible; nothing of it was entered.
    #[error("what was ordered is not possible")]
    Refused(Vec<Refused>),
    /// Too much waits already.
    #[error("too much waits already")]
    Full,
    /// It was not agreed within the time; it may still come.
    #[error("not agreed within the time")]
    Late,
    /// That tick is not kept any more, or has not come.
    #[error("that tick is not kept")]
    NotKept,
    /// The session is over.
    #[error("the session is over")]
    Over,
}

/// A node of the scene: an entity or a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Stable id; bodies have theirs below zero, from -1 on, in the order of the scenario.
    pub id: i64,
    /// What it hangs on.
    pub parent: Option<i64>,
    /// `body`, `ship`, `asteroid`, ...
    pub kind: String,
    /// What it is called, where it has a name.
    pub name: String,
    /// Names of its components.
    pub components: Vec<&'static str>,
}

/// A body of the physics: mass, and motion in ICRF axes about the barycentre.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// As in [`Node::id`].
    pub id: i64,
    /// Name, where it has one.
    pub name: String,
    /// `body`, `ship`, ...
    pub kind: String,
    /// Mass, kg.
    pub mass_kg: f64,
    /// Cell of the position: edge 2^20 m.
    pub cell: [i64; 3],
    /// Offset in it, m.
    pub offset_m: [f64; 3],
    /// Velocity, m/s (for what has one, proper velocity gamma v).
    pub velocity_m_s: [f64; 3],
    /// Radius, m.
    pub radius_m: f64,
}

/// Everything about one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Stable id.
    pub id: u64,
    /// What it is.
    pub kind: String,
    /// Its components.
    pub components: Vec<Component>,
}

/// One component of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its name.
    pub name: &'static str,
    /// Its fields in their order.
    pub fields: Vec<(&'static str, FieldValue)>,
}

/// A confirmed state of the world, which does not change any more.
pub trait View: Send + Sync + 'static {
    /// After this tick.
    fn tick(&self) -> u64;
    /// Its digest.
    fn digest(&self) -> u64;
    /// Nodes behind an id in ascending order of ids, at most so many, and whether there are more.
    fn nodes(&self, behind: Option<i64>, limit: usize) -> (Vec<Node>, bool);
    /// The same of bodies.
    fn bodies(&self, behind: Option<i64>, limit: usize) -> (Vec<Body>, bool);
    /// Everything about one entity.
    fn entity(&self, id: u64) -> Option<Entity>;
}

/// The running world.
#[async_trait]
pub trait World: Send + Sync + 'static {
    /// How it is.
    fn status(&self) -> WorldStatus;

    /// Members of the session and links, by number; the service is none of them.
    fn peers(&self) -> Vec<Peer>;

    /// The digest after a tick that is not long past.
    fn digest_at(&self, tick: u64) -> Option<u64>;

    /// The state after this tick, if it is kept; the newest one without it, not older than 100 ms in a world that goes on.
    ///
    /// # Errors
    /// [`WorldError::NotKept`], [`WorldError::Late`], [`WorldError::Over`].
    async fn view(&self, tick: Option<u64>) -> Result<Arc<dyn View>, WorldError>;

    /// Looks whether orders would be obeyed in the state that the world is in now; enters nothing.
    ///
    /// # Errors
    /// [`WorldError`], with everything that is wrong with them.
    async fn check(&self, orders: &[Order]) -> Result<(), WorldError>;

    /// Enters orders into the log, all for one tick, and waits until they are agreed, at most so long.
    ///
    /// # Errors
    /// [`WorldError`]; but for [`WorldError::Late`] nothing was entered.
    async fn order(&self, orders: Vec<Order>, wait: Duration) -> Result<Receipt, WorldError>;

    /// The same of a control. For steps it waits until they are done, and the tick is the one that they led to.
    ///
    /// # Errors
    /// As [`World::order`].
    async fn control(&self, control: Control, wait: Duration) -> Result<Receipt, WorldError>;
}
