//! What one member enters for one turn: commands, each with the tick of the turn that it is for. Bounded, and encoded
//! in one way only. Must never look into a command: what it means is settled in `sim::step`.
//!
//! Encoding, command by command: a varint (shortest form) of twice the length plus one if the tick is not that of the
//! command before; then, if so, one byte of how many ticks later; then the command's bytes.

use netcode::protocol::{INPUT_BYTES_MAX, Input};
use sim::Command;
use sim::input::{COMMAND_BYTES_MAX, FRAME_COMMANDS_MAX};

/// Most ticks a turn may have.
pub const TURN_TICKS_MAX: u32 = 64;
/// Most commands of one member in one turn. The commands of 64 members in one tick, and those of the world itself, then
/// never exceed what a frame may have.
pub const COMMANDS_MAX: usize = 62;
const _: () = assert!(COMMANDS_MAX * netcode::protocol::MEMBERS_MAX + 128 <= FRAME_COMMANDS_MAX);
const _: () = assert!(COMMAND_BYTES_MAX + 3 <= INPUT_BYTES_MAX);

/// One member's input for one turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionInput {
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
    #[error("the turn is full: {commands} commands of {bytes} bytes")]
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
        if tick >= TURN_TICKS_MAX {
            return Err(InputError::Tick { tick });
        }
        let bytes = command.encode();
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(InputError::TooLong { bytes: bytes.len() });
        }
        let full = InputError::Full { commands: self.commands.len(), bytes: self.bytes };
        self.append(tick as u8, bytes).map_err(|_| full)
    }

    /// The commands with their ticks, in order.
    pub fn commands(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.commands.iter().map(|(tick, bytes)| (u32::from(*tick), &bytes[..]))
    }

    /// Whether nothing is entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
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
        let mut last = 0;
        for (tick, command) in &self.commands {
            let head = command.len() << 1 | usize::from(*tick > last);
            if head < 0x80 {
                out.push(head as u8);
            } else {
                out.extend([head as u8 | 0x80, (head >> 7) as u8]);
            }
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
        while let Some((&low, rest)) = bytes.split_first() {
            let mut head = usize::from(low);
            bytes = rest;
            if low & 0x80 != 0 {
                let (&high, rest) = bytes.split_first()?;
                // The shortest form only, and no more than two bytes of it.
                if high == 0 || high & 0x80 != 0 {
                    return None;
                }
                head = head & 0x7f | usize::from(high) << 7;
                bytes = rest;
            }
            if head & 1 != 0 {
                let (&later, rest) = bytes.split_first()?;
                tick = tick.checked_add(later).filter(|&t| later > 0 && u32::from(t) < TURN_TICKS_MAX)?;
                bytes = rest;
            }
            let (command, rest) = bytes.split_at_checked(head >> 1)?;
            if command.len() > COMMAND_BYTES_MAX {
                return None;
            }
            input.append(tick, command.to_vec()).ok()?;
            bytes = rest;
        }
        Some(input)
    }

    /// What is submitted later goes behind, at its tick or later. What does not fit is returned, all of it from the
    /// first command on that does not.
    fn merge(&mut self, later: Self) -> Option<Self> {
        let mut rest = Self::default();
        for (tick, command) in later.commands {
            if rest.is_empty() {
                if let Err(command) = self.append(tick, command) {
                    // It came out of an input of its own, so an empty one has room for it.
                    let _ = rest.append(tick, command);
                }
            } else {
                let _ = rest.append(tick, command);
            }
        }
        (!rest.is_empty()).then_some(rest)
    }
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
        ] {
            assert_eq!(SessionInput::decode(bytes), None, "{bytes:?}");
        }
        assert!(SessionInput::decode(&[0x02, 7]).is_some());
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
        fn inputs_come_back(commands in proptest::collection::vec((0u8..64, 0usize..1024), 0..20)) {
            let input = raw(&commands);
            let bytes = encoded(&input);
            prop_assert_eq!(bytes.len(), input.bytes);
            prop_assert!(bytes.len() <= INPUT_BYTES_MAX);
            prop_assert_eq!(SessionInput::decode(&bytes), Some(input));
        }

        #[test]
        fn merging_loses_nothing(
            a in proptest::collection::vec((0u8..64, 0usize..1024), 0..9),
            b in proptest::collection::vec((0u8..64, 0usize..1024), 0..9),
        ) {
            let (mut a, b) = (raw(&a), raw(&b));
            let all: Vec<_> = a.commands.iter().chain(&b.commands).map(|(_, bytes)| bytes.clone()).collect();
            let rest = a.merge(b).unwrap_or_default();
            let kept: Vec<_> = a.commands.iter().chain(&rest.commands).map(|(_, bytes)| bytes.clone()).collect();
            prop_assert_eq!(kept, all);
            prop_assert!(encoded(&a).len() <= INPUT_BYTES_MAX);
        }
    }
}
