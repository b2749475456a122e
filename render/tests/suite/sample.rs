//! Values as a flight may show them.

use glam::{DQuat, DVec3};
use render::hud::format::Short;
use render::hud::values::{Attitude, HudValues, Network, Speed, Surroundings, Target, Warnings};

/// What a tutorial may say.
pub const SUBTITLE: &str = "Push the throttle up with W until the engine runs, then turn the ship with the mouse: the \
                            round mark on the ball shows where you are going.";

/// In orbit about the Earth, the Moon ahead.
pub fn orbit() -> HudValues {
    HudValues {
        speed: Some(Speed { metres_per_second: 7_668.4, share_of_c: 2.5579e-5, reference: Short::from("Earth") }),
        proper_s: Some(45_297.1),
        coordinate_s: Some(45_297.4),
        time_factor: Some(100.0),
        julian_date: Some(2_461_367.524_3),
        target: Some(Target {
            name: Short::from("Moon"),
            distance_m: 378_120e3,
            closing_m_s: 1_023.0,
            direction: DVec3::new(1.0, -0.32, 0.16),
            radius_rad: 0.0045,
        }),
        hull: Some(0.97),
        fuel: Some(0.62),
        delta_v_m_s: Some(4_120.0),
        throttle: Some(0.35),
        assist: Some(true),
        attitude: Some(Attitude {
            horizon_from_ship: DQuat::from_rotation_z(-1.1)
                * DQuat::from_rotation_y(-0.3)
                * DQuat::from_rotation_x(0.25),
            prograde: Some(DVec3::new(1.0, 0.35, -0.2)),
            normal: Some(DVec3::new(0.3, 1.0, 0.9)),
            target: Some(DVec3::new(1.0, -0.32, 0.16)),
        }),
        surroundings: Some(Surroundings {
            name: Short::from("Earth"),
            altitude_m: 408_300.0,
            climb_m_s: -12.4,
            gravity_m_s2: 8.69,
        }),
        network: Some(Network {
            peers: 4,
            round_trip_ms: Some(42.0),
            input_delay_ms: Some(50.0),
            stalled: false,
            held: None,
        }),
        ..HudValues::default()
    }
}

/// Everything at its worst, with the longest names.
pub fn danger() -> HudValues {
    let mut values = orbit();
    values.warnings = Warnings {
        terrain_s: Some(212.0),
        collision_s: Some(8.4),
        high_gravity: true,
        low_fuel: true,
        near_light: true,
    };
    values.speed = Some(Speed {
        metres_per_second: -29_784_700.0,
        share_of_c: 1.0 - 3.2e-9,
        reference: Short::from("Comet 67P/Churyumov-Gerasimenko"),
    });
    values.target = Some(Target {
        name: Short::from("Comet 67P/Churyumov-Gerasimenko"),
        distance_m: 74.7e9,
        closing_m_s: -12_345_678.0,
        direction: DVec3::new(-1.0, -0.4, 0.3),
        radius_rad: 0.0,
    });
    values.coordinate_s = Some(-8e8);
    values.proper_s = Some(31_557_599.0);
    values.time_factor = Some(0.25);
    values.julian_date = Some(-1e9);
    values.surroundings = Some(Surroundings {
        name: Short::from("Comet 67P/Churyumov-Gerasimenko"),
        altitude_m: -384_400e3,
        climb_m_s: -12_345e3,
        gravity_m_s2: 274_123.0,
    });
    values.hull = Some(0.07);
    values.fuel = Some(0.18);
    values.delta_v_m_s = Some(123_456_789.0);
    values.throttle = Some(1.0);
    values.assist = Some(false);
    values.network =
        Some(Network { peers: 31, round_trip_ms: Some(12_345.0), input_delay_ms: None, stalled: true, held: None });
    values
}
