//! The components of an entity: small plain structs, one per hecs column, each with a table of its fields.
//! Digest, snapshot, diff, patch and export all read that table, so nothing can be forgotten in one of them.

use bytemuck::{Pod, Zeroable};
use glam::{DQuat, DVec3};

use crate::field::{Field, FieldType};
use crate::space::Position;

/// A plain struct kept in a column. No padding, a multiple of eight bytes long.
pub trait Component: Pod + Send + Sync + 'static {
    /// Name used in files, diffs and patches.
    const NAME: &'static str;
    /// Its fields in memory order; together they cover every byte.
    const FIELDS: &'static [Field];
}

macro_rules! component {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $ty:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty),+ }

        impl Component for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [Field] = &[
                $(Field::new(stringify!($field), core::mem::offset_of!($name, $field), <$ty as FieldType>::KIND)),+
            ];
        }
        const _: () = assert!(size_of::<$name>().is_multiple_of(8));
    };
}

component! {
    /// The stable name of an entity, given out by the simulation and never used twice.
    Identity {
        /// Never zero.
        id: u64,
    }
}

impl Component for Position {
    const NAME: &'static str = "Position";
    const FIELDS: &'static [Field] = &[
        Field::new("cell", core::mem::offset_of!(Position, cell), <[i64; 3] as FieldType>::KIND),
        Field::new("offset", core::mem::offset_of!(Position, offset), DVec3::KIND),
    ];
}

component! {
    /// How fast an entity moves, as proper velocity `u = gamma v`, ICRF axes.
    Velocity {
        /// m/s; unbounded, while `v = u / sqrt(1 + u^2/c^2)` stays below c.
        proper_m_s: DVec3,
    }
}

component! {
    /// Which way an entity points.
    Attitude {
        /// Unit quaternion that turns body axes (x forward, y left, z up) into ICRF axes.
        icrf_from_body: DQuat,
    }
}

component! {
    /// How fast an entity turns.
    Spin {
        /// rad/s about the body's own axes.
        body_rad_s: DVec3,
    }
}

component! {
    /// A ship's controls as last commanded, held until the next command. Full deflection is 32767.
    Controls {
        /// Main engine, 0 to 32767.
        main: i16,
        /// Manoeuvring thrusters along body x, y, z.
        translate: [i16; 3],
        /// Torque (assist off) or wanted turn rate (assist on) about body x, y, z.
        rotate: [i16; 3],
        /// 1 with flight assist, 0 without.
        assist: i16,
    }
}

component! {
    /// What flight assist holds a ship to: a freely falling frame that was taken when assist went on.
    Assist {
        /// Proper velocity of that frame, m/s, ICRF axes.
        reference_m_s: DVec3,
    }
}

component! {
    /// A ship's propellant.
    Tank {
        /// kg, at least 0.
        fuel_kg: f64,
    }
}

component! {
    /// A ship's own clock, told by how far it lags behind coordinate time: exact where the lag is tiny.
    Clock {
        /// Seconds of coordinate time minus seconds of proper time since the ship was made.
        lag_s: f64,
    }
}

component! {
    /// What holds a thing together. At zero it is destroyed: asteroids and structures vanish, ships become wrecks.
    Hull {
        /// Joules of impact it still withstands.
        health_j: f64,
    }
}

component! {
    /// A ship's gun.
    Weapon {
        /// First tick at which it may fire again.
        ready_tick: u64,
    }
}

component! {
    /// Whose ship this is, of which class, and where it returns to.
    Berth {
        /// Player who flies it; 0 is nobody.
        player: u32,
        /// Index of its class in the tuning tables.
        class: u32,
        /// Index of the fleet it belongs to in the scenario.
        fleet: u32,
        /// Its place in that fleet.
        slot: u32,
    }
}

component! {
    /// Shape and mass of an asteroid or a structure: a solid sphere.
    Solid {
        /// Metres.
        radius_m: f64,
        /// Kilograms.
        mass_kg: f64,
    }
}

component! {
    /// A projectile in flight: a point mass.
    Round {
        /// Entity that fired it.
        shooter: u64,
        /// Simulated time at which it vanishes, quarter-ticks since the epoch.
        expires_quarters: i64,
        /// Kilograms.
        mass_kg: f64,
    }
}

/// What kind of entity something is: which components it has. The order is part of the snapshot format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A rigid body under command.
    Ship,
    /// A rock.
    Asteroid,
    /// A station or another thing that was built.
    Structure,
    /// A round in flight.
    Projectile,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 4] = [Self::Ship, Self::Asteroid, Self::Structure, Self::Projectile];

    /// The name used in files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ship => "ship",
            Self::Asteroid => "asteroid",
            Self::Structure => "structure",
            Self::Projectile => "projectile",
        }
    }
}
