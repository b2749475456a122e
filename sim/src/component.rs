//! The components of an entity: small plain structs, one per hecs column, each with a table of its fields.
//! Digest, snapshot, diff, patch and export all read that table, so nothing can be forgotten in one of them.

use bytemuck::{Pod, Zeroable};
use glam::{DQuat, DVec3};

use crate::field::{Field, FieldType};
use crate::space::Position;

/// A plain struct kept in a column. No padding, a multiple of eight bytes long.
pub trait Component: Pod + Send + Sync + 'static {
    /// Place in [`COMPONENTS`], and of its digest among the sub-digests.
    const INDEX: usize;
    /// Name used in files, diffs and patches.
    const NAME: &'static str;
    /// Its fields in memory order; together they cover every byte.
    const FIELDS: &'static [Field];

    /// Whether this may be part of a state: finite, and inside the ranges its fields document.
    fn is_sound(&self) -> bool;
}

/// Names of all component types, by [`Component::INDEX`].
pub const COMPONENTS: [&str; 14] = [
    "Identity", "Position", "Velocity", "Attitude", "Spin", "Controls", "Assist", "Tank", "Clock", "Hull", "Weapon",
    "Berth", "Solid", "Round",
];

macro_rules! component {
    ($(#[$doc:meta])* $index:literal $name:ident { $($(#[$field_doc:meta])* $field:ident : $ty:ty = $unit:literal),+ $(,)? } $sound:expr) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty),+ }

        impl Component for $name {
            const INDEX: usize = $index;
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [Field] = &[
                $(Field::new(stringify!($field), core::mem::offset_of!($name, $field), <$ty as FieldType>::KIND, $unit)),+
            ];
            #[inline]
            fn is_sound(&self) -> bool {
                let sound: fn(&Self) -> bool = $sound;
                sound(self)
            }
        }
        const _: () = assert!(size_of::<$name>().is_multiple_of(8));
    };
}

component! {
    /// The stable name of an entity, given out by the simulation and never used twice.
    0 Identity {
        /// Never zero.
        id: u64 = "entity",
    } |c| c.id != 0
}

impl Component for Position {
    const INDEX: usize = 1;
    const NAME: &'static str = "Position";
    const FIELDS: &'static [Field] = &[
        Field::new("cell", core::mem::offset_of!(Position, cell), <[i64; 3] as FieldType>::KIND, "2^20 m"),
        Field::new("offset", core::mem::offset_of!(Position, offset), DVec3::KIND, "m"),
    ];
    #[inline]
    fn is_sound(&self) -> bool {
        self.is_canonical()
    }
}

component! {
    /// How fast an entity moves, as proper velocity `u = gamma v`, ICRF axes.
    2 Velocity {
        /// m/s; unbounded, while `v = u / sqrt(1 + u^2/c^2)` stays below c.
        proper_m_s: DVec3 = "m/s",
    } |c| within(c.proper_m_s, VELOCITY_MAX_M_S)
}

component! {
    /// Which way an entity points.
    3 Attitude {
        /// Unit quaternion that turns body axes (x forward, y left, z up) into ICRF axes.
        icrf_from_body: DQuat = "unit quaternion x y z w",
    } |c| (c.icrf_from_body.length_squared() - 1.0).abs() < 1e-9
}

component! {
    /// How fast an entity turns.
    4 Spin {
        /// rad/s about the body's own axes.
        body_rad_s: DVec3 = "rad/s",
    } |c| within(c.body_rad_s, SPIN_MAX_RAD_S)
}

component! {
    /// A ship's controls as last commanded, held until the next command. Full deflection is 32767.
    5 Controls {
        /// Main engine, 0 to 32767.
        main: i16 = "1/32767",
        /// Manoeuvring thrusters along body x, y, z.
        translate: [i16; 3] = "1/32767",
        /// Torque (assist off) or wanted turn rate (assist on) about body x, y, z.
        rotate: [i16; 3] = "1/32767",
        /// 1 with flight assist, 0 without.
        assist: i16 = "0 or 1",
    } |c| c.main >= 0 && (c.assist == 0 || c.assist == 1)
}

component! {
    /// What flight assist holds a ship to: a freely falling frame that was taken when assist went on.
    6 Assist {
        /// Proper velocity of that frame, m/s, ICRF axes.
        reference_m_s: DVec3 = "m/s",
    } |c| within(c.reference_m_s, 2.0 * VELOCITY_MAX_M_S)
}

component! {
    /// A ship's propellant.
    7 Tank {
        /// kg, at least 0.
        fuel_kg: f64 = "kg",
    } |c| (0.0..=1e15).contains(&c.fuel_kg) && c.fuel_kg.is_sign_positive()
}

component! {
    /// A ship's own clock, told by how far it lags behind coordinate time: exact where the lag is tiny.
    8 Clock {
        /// Seconds of coordinate time minus seconds of proper time since the ship was made.
        lag_s: f64 = "s",
    } |c| c.lag_s.abs() <= 1e30
}

component! {
    /// What holds a thing together. At zero it is destroyed: asteroids and structures vanish, ships become wrecks.
    9 Hull {
        /// Joules of impact it still withstands.
        health_j: f64 = "J",
    } |c| (0.0..=1e60).contains(&c.health_j) && c.health_j.is_sign_positive()
}

component! {
    /// A ship's gun.
    10 Weapon {
        /// First tick at which it may fire again.
        ready_tick: u64 = "tick",
    } |_| true
}

component! {
    /// Whose ship this is, of which class, and where it returns to.
    11 Berth {
        /// Player who flies it; 0 is nobody.
        player: u32 = "player",
        /// Index of its class in the tuning tables.
        class: u32 = "index of class",
        /// Index of the fleet it belongs to in the scenario.
        fleet: u32 = "index of fleet",
        /// Its place in that fleet.
        slot: u32 = "number",
    } |_| true
}

component! {
    /// Shape and mass of an asteroid or a structure: a solid sphere.
    12 Solid {
        /// Metres.
        radius_m: f64 = "m",
        /// Kilograms.
        mass_kg: f64 = "kg",
    } |c| (1e-3..=1e6).contains(&c.radius_m) && (1e-6..=1e30).contains(&c.mass_kg)
}

component! {
    /// A projectile in flight: a point mass.
    13 Round {
        /// Entity that fired it.
        shooter: u64 = "entity",
        /// Simulated time at which it vanishes, quarter-ticks since the epoch.
        expires_quarters: i64 = "quarter-ticks since the epoch",
        /// Kilograms.
        mass_kg: f64 = "kg",
    } |c| (1e-9..=1e30).contains(&c.mass_kg)
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

/// Most proper velocity along any axis, m/s: far beyond use, and its square and the square of that are finite.
/// Motion and contact hold to it.
pub const VELOCITY_MAX_M_S: f64 = 1e30;
/// Most turn rate about any axis, rad/s. Contact and ground hold to it.
pub const SPIN_MAX_RAD_S: f64 = 1e9;

impl Velocity {
    /// This velocity, held to what a state may have.
    #[inline(always)]
    #[must_use]
    pub fn held(proper_m_s: DVec3) -> Self {
        let most = DVec3::splat(VELOCITY_MAX_M_S);
        Self { proper_m_s: proper_m_s.clamp(-most, most) }
    }
}

impl Spin {
    /// This turn rate, held to what a state may have.
    #[must_use]
    pub fn held(body_rad_s: DVec3) -> Self {
        let most = DVec3::splat(SPIN_MAX_RAD_S);
        Self { body_rad_s: body_rad_s.clamp(-most, most) }
    }
}

/// Whether each axis is a number of at most `limit`: far beyond use, and small enough that squares stay finite.
fn within(v: DVec3, limit: f64) -> bool {
    v.abs().cmple(DVec3::splat(limit)).all()
}

/// Something done with each component type of a kind of entity.
pub trait Visitor {
    /// Called once per component type, in the order of the snapshot format.
    fn visit<C: Component>(&mut self);
}

/// Visits the component types that entities of `kind` have. The one list behind digest, snapshot, rollback,
/// diff, patch and export.
pub fn visit_components(kind: Kind, visitor: &mut impl Visitor) {
    visitor.visit::<Identity>();
    visitor.visit::<Position>();
    visitor.visit::<Velocity>();
    if kind == Kind::Projectile {
        visitor.visit::<Round>();
        return;
    }
    visitor.visit::<Attitude>();
    visitor.visit::<Spin>();
    visitor.visit::<Hull>();
    if kind == Kind::Ship {
        visitor.visit::<Controls>();
        visitor.visit::<Assist>();
        visitor.visit::<Tank>();
        visitor.visit::<Clock>();
        visitor.visit::<Weapon>();
        visitor.visit::<Berth>();
    } else {
        visitor.visit::<Solid>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Check(usize);

    impl Visitor for Check {
        fn visit<C: Component>(&mut self) {
            assert_eq!(COMPONENTS[C::INDEX], C::NAME);
            let covered: usize = C::FIELDS.iter().map(|f| f.kind.size()).sum();
            assert_eq!(covered, size_of::<C>(), "{}: fields do not cover the struct", C::NAME);
            self.0 |= 1 << C::INDEX;
        }
    }

    #[test]
    fn every_component_is_visited_and_fully_described() {
        let mut check = Check(0);
        for kind in Kind::ALL {
            visit_components(kind, &mut check);
        }
        assert_eq!(check.0, (1 << COMPONENTS.len()) - 1);
    }
}
