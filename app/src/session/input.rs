//! What one member enters for one turn: orders about the session's course, and commands, each with the tick of the turn
//! that it is for. Bounded, and encoded in one way only. Must never look into a command: what it means is settled in
//! `sim::step`.
//!
//! Encoding: first the orders, each as a zero byte, its length as a varint (shortest form) and its bytes; then, command by
//! command, a varint (shortest form) of twice the length, which is not 0, plus one if the tick is not that of the command
//! before; then, if so, one byte of how many ticks later; then the command's bytes.

use netcode::protocol::{INPUT_BYTES_MAX, Input};
use sim::Command;
use sim::input::{COMMAND_BYTES_MAX, FRAME_COMMANDS_MAX};
use sim::tuning::{FILE_COMMANDS_MAX, FILE_INPUT_BYTES_MAX};

use super::order::{ORDER_BYTES_MAX, Order};

/// Most ticks a turn may have.
pub const TURN_TICKS_MAX: u32 = 64;
/// Most commands of one member in one turn. The commands of 64 members in one tick, and those of the world itself, then
/// never exceed what a frame may have.
pub const COMMANDS_MAX: usize = 62;
/// Most orders of one member in one turn.
pub const ORDERS_MAX: usize = 16;
const _: () = assert!(COMMANDS_MAX * netcode::protocol::MEMBERS_MAX + 128 <= FRAME_COMMANDS_MAX);
const _: () = assert!(COMMAND_BYTES_MAX + 3 <= INPUT_BYTES_MAX && ORDER_BYTES_MAX + 3 <= INPUT_BYTES_MAX);
// A tuning file is in force in one tick: two bytes before each of its commands.
const _: () = assert!(FILE_INPUT_BYTES_MAX + 2 * FILE_COMMANDS_MAX <= INPUT_BYTES_MAX);
const _: () = assert!(FILE_COMMANDS_MAX <= COMMANDS_MAX);

/// One member's input for one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionInput {
    /// What is ordered before the turn's first tick.
    orders: Vec<Order>,
    /// Tick of the turn, ascending, and the encoded command.
    commands: Vec<(u8, Vec<u8>)>,
    /// Length of the encoding.
    bytes: usize,
}

/// Why a command cannot be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The command is too long; it must be split, such as a patch into several.
    #[error("a command of {bytes} bytes cannot be entered, {COMMAND_BYTES_MAX} are allowed")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// The turn has no room for it; it can go into the next one.
    #[error("the turn is full: {commands} commands, {bytes} bytes in all")]
    Full {
        /// How many are in it.
        commands: usize,
        /// How many bytes they take.
        bytes: usize,
    },
    /// The tick is beyond any turn.
    #[error("a turn has at most {TURN_TICKS_MAX} ticks, and tick {tick} is beyond")]
    Tick {
        /// Which was asked for.
        tick: u32,
    },
}

impl SessionInput {
    /// Adds a command for a tick of the turn, counted from 0. One for an earlier tick than the last command's goes to
    /// that one's tick: commands never overtake each other.
    ///
    /// # Errors
    /// [`InputError`]; nothing is added.
    pub fn push(&mut self, tick: u32, command: &Command) -> Result<(), InputError> {
        self.push_encoded(tick, command.encode())
    }

    /// The same with a command as it is encoded.
    ///
    /// # Errors
    /// [`InputError`]; nothing is added.
    pub fn push_encoded(&mut self, tick: u32, bytes: Vec<u8>) -> Result<(), InputError> {
        if tick >= TURN_TICKS_MAX {
            return Err(InputError::Tick { tick });
        }
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(InputError::TooLong { bytes: bytes.len() });
        }
        let full = InputError::Full { commands: self.commands.len(), bytes: self.bytes };
        self.append(tick as u8, bytes).map_err(|_| full)
    }

    /// Adds an order. It counts before the turn's first tick, behind earlier ones.
    ///
    /// # Errors
    /// [`InputError::Full`]; nothing is added.
    pub fn push_order(&mut self, order: Order) -> Result<(), InputError> {
        let full = InputError::Full { commands: self.commands.len(), bytes: self.bytes };
        self.append_order(order).map_err(|_| full)
    }

    /// The orders, in order.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// The commands with their ticks, in order.
    pub fn commands(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.commands.iter().map(|(tick, bytes)| (u32::from(*tick), &bytes[..]))
    }

    /// Whether nothing is entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.orders.is_empty()
    }

    /// Adds an order, or gives it back where there is no room.
    fn append_order(&mut self, order: Order) -> Result<(), Order> {
        let length = order.encode().len();
        let more = 1 + if length < 0x80 { 1 } else { 2 } + length;
        if self.orders.len() >= ORDERS_MAX || length > ORDER_BYTES_MAX || self.bytes + more > INPUT_BYTES_MAX {
            return Err(order);
        }
        self.bytes += more;
        self.orders.push(order);
        Ok(())
    }

    fn last_tick(&self) -> u8 {
        self.commands.last().map_or(0, |(tick, _)| *tick)
    }

    /// Adds a command that is not too long, or gives it back where there is no room.
    fn append(&mut self, tick: u8, command: Vec<u8>) -> Result<(), Vec<u8>> {
        let tick = tick.max(self.last_tick());
        let varint = if command.len() < 64 { 1 } else { 2 };
        let more = varint + usize::from(tick > self.last_tick()) + command.len();
        if self.commands.len() >= COMMANDS_MAX || self.bytes + more > INPUT_BYTES_MAX {
            return Err(command);
        }
        self.bytes += more;
        self.commands.push((tick, command));
        Ok(())
    }
}

impl Input for SessionInput {
    fn neutral() -> Self {
        Self::default()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for order in &self.orders {
            let bytes = order.encode();
            out.push(0);
            put_length(bytes.len(), out);
            out.extend_from_slice(&bytes);
        }
        let mut last = 0;
        for (tick, command) in &self.commands {
            put_length(command.len() << 1 | usize::from(*tick > last), out);
            if *tick > last {
                out.push(tick - last);
                last = *tick;
            }
            out.extend_from_slice(command);
        }
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut input = Self::default();
        let mut tick = 0_u8;
        while let Some(rest) = bytes.strip_prefix(&[0]).filter(|_| input.commands.is_empty()) {
            let (length, rest) = take_length(rest)?;
            let (order, rest) = rest.split_at_checked(length)?;
            input.append_order(Order::decode(order)?).ok()?;
            bytes = rest;
        }
        while !bytes.is_empty() {
            let (head, rest) = take_length(bytes)?;
            bytes = rest;
            if head & 1 != 0 {
                let (&later, rest) = bytes.split_first()?;
                tick = tick.checked_add(later).filter(|&t| later > 0 && u32::from(t) < TURN_TICKS_MAX)?;
                bytes = rest;
            }
            let (command, rest) = bytes.split_at_checked(head >> 1)?;
            if command.is_empty() || command.len() > COMMAND_BYTES_MAX {
                return None;
            }
            input.append(tick, command.to_vec()).ok()?;
            bytes = rest;
        }
        Some(input)
    }

    /// What is submitted later goes behind, at its tick or later. What does not fit is returned, all of it from the
    /// first order or command on that does not.
    fn merge(&mut self, later: Self) -> Option<Self> {
        let mut rest = Self::default();
        // What does not fit came out of an input of its own, so an empty one has room for it.
        for order in later.orders {
            let over = if rest.is_empty() { self.append_order(order).err() } else { Some(order) };
            over.into_iter().for_each(|order| drop(rest.append_order(order)));
        }
        for (tick, command) in later.commands {
            let over = if rest.is_empty() { self.append(tick, command).err() } else { Some(command) };
            over.into_iter().for_each(|command| drop(rest.append(tick, command)));
        }
        (!rest.is_empty()).then_some(rest)
    }
}

/// Appends a number below 2^14 in its shortest form.
fn put_length(number: usize, out: &mut Vec<u8>) {
    if number < 0x80 {
        out.push(number as u8);
    } else {
        out.extend([number as u8 | 0x80, (number >> 7) as u8]);
    }
}

/// Takes a number in its shortest form, and no more than two bytes of it.
fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&low, rest) = bytes.split_first()?;
    if low & 0x80 == 0 {
        return Some((usize::from(low), rest));
    }
    let (&high, rest) = rest.split_first()?;
    let is_shortest = high != 0 && high & 0x80 == 0;
    is_shortest.then_some((usize::from(low & 0x7f) | usize::from(high) << 7, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sim::command::{ControlInput, FieldPatch};
    use sim::field::Value;

    fn encoded(input: &SessionInput) -> Vec<u8> {
        let mut bytes = Vec::new();
        input.encode(&mut bytes);
        bytes
    }

    fn raw(commands: &[(u8, usize)]) -> SessionInput {
        let mut input = SessionInput::default();
        for &(tick, length) in commands {
            let _ = input.append(tick, vec![tick; length]);
        }
        input
    }

    #[test]
    fn one_command_costs_one_byte_more_than_itself() {
        let command = Command::Controls { ship: 3, controls: ControlInput { main: 30_000, ..Default::default() } };
        let mut input = SessionInput::default();
        input.push(0, &command).unwrap();
        assert_eq!(encoded(&input).len(), command.encode().len() + 1);
        assert!(encoded(&SessionInput::neutral()).is_empty());
    }

    #[test]
    fn what_is_too_long_never_enters() {
        let fields: Vec<_> = (0..30)
            .map(|entity| FieldPatch {
                entity,
                component: "Velocity".into(),
                field: "proper_m_s".into(),
                value: Value::F64(1.0),
            })
            .collect();
        let patch = Command::Patch { fields: [fields.clone(), fields].concat() };
        let bytes = patch.encode().len();
        let mut input = SessionInput::default();
        let refused = input.push(0, &patch).unwrap_err();
        assert_eq!(refused, InputError::TooLong { bytes });
        assert_eq!(refused.to_string(), format!("a command of {bytes} bytes cannot be entered, 1024 are allowed"));
        assert_eq!(input.push(64, &Command::Fire { ship: 1 }), Err(InputError::Tick { tick: 64 }));
        assert!(input.is_empty());
        for _ in 0..COMMANDS_MAX {
            input.push(0, &Command::Fire { ship: 1 }).unwrap();
        }
        assert!(matches!(input.push(0, &Command::Fire { ship: 1 }), Err(InputError::Full { .. })));
    }

    #[test]
    fn later_commands_never_overtake() {
        let (mut a, b) = (raw(&[(0, 1), (2, 2)]), raw(&[(0, 3), (1, 4), (2, 5)]));
        assert_eq!(a.merge(b), None);
        let ticks: Vec<_> = a.commands().map(|(tick, bytes)| (tick, bytes.len())).collect();
        assert_eq!(ticks, [(0, 1), (2, 2), (2, 3), (2, 4), (2, 5)]);
    }

    #[test]
    fn what_does_not_fit_comes_back_in_order() {
        let mut a = raw(&[(0, 300), (0, 300), (0, 300)]);
        let rest = a.merge(raw(&[(0, 90), (1, 300), (2, 5)])).expect("1310 bytes do not fit");
        assert_eq!(a.commands().count(), 4);
        assert_eq!(rest.commands().map(|(tick, bytes)| (tick, bytes.len())).collect::<Vec<_>>(), [(1, 300), (2, 5)]);
    }

    #[test]
    fn one_meaning_has_one_encoding() {
        for bytes in [
            &[0x82, 0x00, 7][..],       // a length in two bytes that fits into one
            &[0x82, 0x80, 0x00, 7][..], // in three
            &[0x03, 0x00, 7][..],       // later by nothing
            &[0x03, 64, 7][..],         // beyond any turn
            &[0x04, 7][..],             // cut
            &[0x83][..],                // cut in the head
            &[0x01, 1][..],             // a command of no bytes
            &[0x00, 1][..],             // an order, cut
            &[0x00, 2, 0, 0][..],       // with something behind it
            &[0x00, 0x81, 0x00, 0][..], // a length in two bytes that fits into one
            &[0x00, 2, 2, 0x81, 0x00],  // a number inside it that is longer than it need be
            &[0x02, 7, 0x00, 1, 0],     // behind a command
        ] {
            assert_eq!(SessionInput::decode(bytes), None, "{bytes:?}");
        }
        assert!(SessionInput::decode(&[0x02, 7]).is_some());
        assert_eq!(SessionInput::decode(&[0x00, 1, 0, 0x02, 7]).map(|input| input.orders().count()), Some(1));
        assert_eq!(SessionInput::decode(&[0x00, 1, 0].repeat(ORDERS_MAX + 1)), None, "too many orders");
        assert_eq!(SessionInput::decode(&[0; COMMANDS_MAX + 1]), None, "too many commands");
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_input_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(input) = SessionInput::decode(&bytes) {
                prop_assert_eq!(encoded(&input), bytes);
            }
        }

        #[test]
        fn inputs_come_back(
            commands in proptest::collection::vec((0u8..64, 1usize..1024), 0..20),
            orders in proptest::collection::vec(0u32..1000, 0..20),
        ) {
            let mut input = SessionInput::default();
            for ticks in orders {
                let _ = input.push_order(Order::Step { ticks });
            }
            prop_assert!(input.merge(raw(&commands)).is_none_or(|rest| !rest.is_empty()));
            let bytes = encoded(&input);
            prop_assert_eq!(bytes.len(), input.bytes);
            prop_assert!(bytes.len() <= INPUT_BYTES_MAX);
            prop_assert_eq!(SessionInput::decode(&bytes), Some(input));
        }

        #[test]
        fn merging_loses_nothing(
            a in proptest::collection::vec((0u8..64, 1usize..1024), 0..9),
            b in proptest::collection::vec((0u8..64, 1usize..1024), 0..9),
            long in 0u16..512,
        ) {
            let (mut a, mut b) = (raw(&a), raw(&b));
            let text = "x".repeat(usize::from(long));
            let order = Order::Break { id: 1, at: crate::session::order::Place::Condition(text) };
            let has_room = b.push_order(order.clone()).is_ok();
            let all: Vec<_> = a.commands.iter().chain(&b.commands).map(|(_, bytes)| bytes.clone()).collect();
            let rest = a.merge(b).unwrap_or_default();
            let kept: Vec<_> = a.commands.iter().chain(&rest.commands).map(|(_, bytes)| bytes.clone()).collect();
            prop_assert_eq!(kept, all);
            let orders: Vec<_> = a.orders().chain(rest.orders()).cloned().collect();
            prop_assert_eq!(orders, if has_room { vec![order] } else { vec![] });
            prop_assert!(encoded(&a).len() <= INPUT_BYTES_MAX);
        }
    }
}
