//! Commands and their wire form: postcard of [`Command`], at most [`COMMAND_BYTES_MAX`] bytes. Decoding is
//! total: any bytes give a command or a [`Refusal`], never a panic and never a large allocation.

use serde::{Deserialize, Serialize};

use crate::component::{Controls, Kind};
use crate::field::Value;
use crate::input::{COMMAND_BYTES_MAX, Role};
use crate::refusal::Refusal;

/// Most fields one patch may set.
pub const PATCH_FIELDS_MAX: usize = 32;
/// Most values one tuning reload may carry.
pub const TUNING_VALUES_MAX: usize = 32;

/// An intent. Every number is quantised by its sender, so that all peers apply the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Sets a ship's controls until the next such command. Owner only.
    Controls {
        /// The ship.
        ship: u64,
        /// Full deflection is 32767.
        controls: ControlInput,
    },
    /// Fires a ship's gun once. Owner only.
    Fire {
        /// The ship.
        ship: u64,
    },
    /// Puts a destroyed ship back to its berth. Owner only.
    Respawn {
        /// The ship.
        ship: u64,
    },
    /// Sets how much simulated time passes per tick. Operators only.
    SetTimeFactor {
        /// Quarter-ticks per tick, 0 to 400,000.
        quarters: u32,
    },
    /// Makes an entity. Operators only.
    Spawn(Spawn),
    /// Removes an entity. Operators only.
    Despawn {
        /// Which.
        entity: u64,
    },
    /// Sets named component fields; all of them or, if any is refused, none. Operators only.
    Patch {
        /// What to set, at most [`PATCH_FIELDS_MAX`].
        fields: Vec<FieldPatch>,
    },
    /// Replaces tuning values by name; all of them or none. Operators only.
    Tune {
        /// Parameter path, such as `class.scout.main_thrust_n`, and its new value.
        values: Vec<(String, f64)>,
    },
    /// Adds a pulse to an entity's wave. An entity whose wave is cancelled whole dissolves. Operators only.
    Interfere {
        /// Which.
        entity: u64,
        /// In units of 1 / [`crate::waves::PULSE_ONE`], from 1 to [`crate::waves::PULSE_MAX`].
        amplitude: u32,
        /// In units of 2^-32 of a turn.
        phase: u32,
    },
}

/// Stick and throttle positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlInput {
    /// Main engine, 0 to 32767.
    pub main: i16,
    /// Manoeuvring thrusters along body x (forward), y (left), z (up).
    pub translate: [i16; 3],
    /// Torque or wanted turn rate about body x (roll), y (pitch), z (yaw).
    pub rotate: [i16; 3],
    /// Flight assist.
    pub assist: bool,
}

impl From<ControlInput> for Controls {
    fn from(c: ControlInput) -> Self {
        Self { main: c.main, translate: c.translate, rotate: c.rotate, assist: i16::from(c.assist) }
    }
}

/// A new entity, placed relative to a body or, without one, to the barycentre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spawn {
    /// What to make.
    pub kind: Kind,
    /// Index of the body the vectors below are relative to.
    pub body: Option<u16>,
    /// Metres, ICRF axes, from the body's centre.
    pub position_m: [f64; 3],
    /// m/s relative to the body.
    pub velocity_m_s: [f64; 3],
    /// Ships: index of the class.
    pub class: u32,
    /// Ships: who flies it; 0 for nobody.
    pub player: u32,
    /// Asteroids and structures: metres.
    pub radius_m: f64,
    /// Asteroids and structures: kilograms.
    pub mass_kg: f64,
}

/// One field to set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldPatch {
    /// Which entity.
    pub entity: u64,
    /// Component name, as in [`crate::component::Component::NAME`].
    pub component: String,
    /// Field name.
    pub field: String,
    /// New value, of the field's type.
    pub value: Value,
}

impl Command {
    /// The lowest role that may send it.
    #[must_use]
    pub const fn role_needed(&self) -> Role {
        match self {
            Self::Controls { .. } | Self::Fire { .. } | Self::Respawn { .. } => Role::Pilot,
            Self::SetTimeFactor { .. }
            | Self::Spawn(_)
            | Self::Despawn { .. }
            | Self::Patch { .. }
            | Self::Tune { .. }
            | Self::Interfere { .. } => Role::Operator,
        }
    }

    /// The bytes that travel and are logged.
    ///
    /// # Panics
    /// Never: every field has a postcard form and the output grows as needed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a command of plain values always encodes")
    }

    /// Reads a command from what a peer sent.
    ///
    /// # Errors
    /// [`Refusal::TooLong`] beyond [`COMMAND_BYTES_MAX`], [`Refusal::UnknownKind`] for a kind this build
    /// does not know, [`Refusal::Malformed`] for anything else that is not exactly one command.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        const KINDS: u8 = 9;
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        match bytes.first() {
            None => return Err(Refusal::Malformed),
            Some(&kind) if kind >= KINDS => return Err(Refusal::UnknownKind),
            Some(_) => {}
        }
        match postcard::take_from_bytes(bytes) {
            Ok((command, [])) => Ok(command),
            _ => Err(Refusal::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_control_command_is_a_few_bytes() {
        let controls = ControlInput { main: 20_000, rotate: [0, -300, 12], ..ControlInput::default() };
        assert!(Command::Controls { ship: 70_000, controls }.encode().len() <= 16);
    }

    #[test]
    fn what_is_no_command_is_refused_by_name() {
        assert_eq!(Command::decode(&[]), Err(Refusal::Malformed));
        assert_eq!(Command::decode(&[9, 1]), Err(Refusal::UnknownKind));
        assert_eq!(Command::decode(&[1]), Err(Refusal::Malformed));
        assert_eq!(Command::decode(&[1, 5, 0]), Err(Refusal::Malformed), "trailing bytes");
        assert_eq!(Command::decode(&[0; COMMAND_BYTES_MAX + 1]), Err(Refusal::TooLong));
        // A patch that claims four billion fields.
        assert_eq!(Command::decode(&[6, 0xff, 0xff, 0xff, 0xff, 0x0f]), Err(Refusal::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(command) = Command::decode(&bytes) {
                let again = Command::decode(&command.encode());
                // NaN is not equal to itself, so compare what travels.
                prop_assert_eq!(again.map(|c| c.encode()), Ok(command.encode()));
            }
        }
    }
}
