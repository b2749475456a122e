//! Flight against formulas that are known in closed form.

use core::f64::consts::PI;

use glam::DVec3;
use sim::Command;
use sim::Simulation;
use sim::field::Value;
use sim_testkit::common::{C, EARTH, LONE_EARTH, close, command, fly, number, place, set, vec3, velocity, world};

/// One ship of player 1 in an otherwise described world.
fn one_ship(rest: &str, position_m: DVec3, velocity_m_s: DVec3) -> String {
    let list = |v: DVec3| format!("[{:?}, {:?}, {:?}]", v.x, v.y, v.z);
    format!(
        "name = \"test\"\n{rest}\n[[fleet]]\nname = \"one\"\ncount = 1\nfirst_player = 1\nclass = \"scout\"\n\
         facing = [1, 0, 0]\nposition_m = {}\nvelocity_m_s = {}\n",
        list(position_m),
        list(velocity_m_s)
    )
}

fn set_factor(simulation: &mut Simulation, factor: u32) {
    command(simulation, &[Command::SetTimeFactor { quarters: 4 * factor }]);
}

fn set_velocity(id: u64, v: DVec3) -> Command {
    set(id, "Velocity", "proper_m_s", Value::Vec3(v))
}

#[test]
fn constant_proper_acceleration_is_hyperbolic_motion() {
    // c = 2 km/s, about 10 m/s^2 for 300 s: u passes c. The exhaust is so fast that a tick burns 4e-10 of the
    // mass, and the tank is filled up before every tick, so that the proper acceleration stays the same.
    let c = 2000.0f64;
    let class = "[[class]]\nname = \"tireless\"\nexhaust_m_s = 299792458";
    let text = one_ship(&format!("speed_of_light_m_s = 2000\n{class}"), DVec3::ZERO, DVec3::ZERO);
    let mut simulation = world(&text.replace("class = \"scout\"", "class = \"tireless\""));
    let input = sim::command::ControlInput { main: 32767, ..Default::default() };
    command(&mut simulation, &[]);
    let full = number(&simulation, 1, "Tank", "fuel_kg");
    let refuel = set(1, "Tank", "fuel_kg", Value::F64(full));
    command(&mut simulation, &[Command::Controls { ship: 1, controls: input }]);
    for _ in 1..90 * 300 {
        command(&mut simulation, std::slice::from_ref(&refuel));
    }
    let t = 300.0f64;
    let a = 120_000.0 / 12_000.0;
    let u = a * t;
    let x = c * c / a * ((1.0 + (u / c) * (u / c)).sqrt() - 1.0);
    let tau = c / a * libm::asinh(u / c);
    let tolerance = 1e-9;
    close(velocity(&simulation, 1).x, u, tolerance, "proper velocity");
    close(place(&simulation, 1).x, x, tolerance, "distance");
    close(t - number(&simulation, 1, "Clock", "lag_s"), tau, tolerance, "proper time");
}

#[test]
fn a_circular_orbit_closes_after_its_period() {
    let (gm, radius) = (EARTH.0, EARTH.1 + 400_000.0);
    let speed = (gm / radius).sqrt();
    let period = 2.0 * PI * radius / speed;
    // Newton's world: at the real c, the weak-field terms turn the orbit by 4 cm a revolution.
    let newton = format!("speed_of_light_m_s = 1e12\n{LONE_EARTH}");
    // Leapfrog from exact start values runs ahead by about (omega dt)^2 / 3 of the angle, which at 4x is 36 mm;
    // the composition that coasting uses is of sixth order.
    for (factor, miss_m) in [(4, 0.04), (100, 1e-3), (1000, 1e-3), (100_000, 100.0)] {
        let start = DVec3::new(radius, 0.0, 0.0);
        let mut simulation = world(&one_ship(&newton, start, DVec3::Y * speed));
        set_factor(&mut simulation, factor);
        let dt = f64::from(factor) / 90.0;
        let ticks = ((period / dt) as u32).max(1);
        fly(&mut simulation, ticks.saturating_sub(1));
        let angle = speed / radius * dt * f64::from(ticks);
        let (sin, cos) = libm::sincos(angle);
        let miss = (place(&simulation, 1) - DVec3::new(cos, sin, 0.0) * radius).length();
        println!("circular orbit at {factor}x: {miss:e} m after one revolution");
        assert!(miss < miss_m, "{miss} m off after one revolution at {factor}x");
    }
}

#[test]
fn a_hohmann_transfer_arrives() {
    let gm = EARTH.0;
    let (low, high) = (EARTH.1 + 300_000.0, EARTH.1 + 2_000_000.0);
    let half_axis = (low + high) / 2.0;
    let leave = (gm * (2.0 / low - 1.0 / half_axis)).sqrt();
    let arrive = (gm * (2.0 / high - 1.0 / half_axis)).sqrt();
    let half_period = PI * (half_axis * half_axis * half_axis / gm).sqrt();
    let mut simulation = world(&one_ship(LONE_EARTH, DVec3::X * low, DVec3::Y * (gm / low).sqrt()));
    // The first tick joins, boosts, and speeds time up; then coast to apogee.
    let dt = 4.0 / 90.0;
    command(&mut simulation, &[set_velocity(1, DVec3::Y * leave), Command::SetTimeFactor { quarters: 16 }]);
    let ticks = (half_period / dt) as u32;
    fly(&mut simulation, ticks - 1);
    let left = half_period - f64::from(ticks) * dt;
    let (p, v) = (place(&simulation, 1), velocity(&simulation, 1));
    // Less than a tick before apogee: the distance is stationary there.
    close(p.length(), high, 1e-8, "apogee");
    close(v.length(), arrive, 1e-8, "speed at apogee");
    assert!((p + v * left + DVec3::X * high).length() < 1.0, "at the far side: {p}");
    // The second burn makes it circular.
    command(&mut simulation, &[set_velocity(1, v.normalize() * (gm / p.length()).sqrt())]);
    for _ in 0..10 {
        fly(&mut simulation, 3_000);
        close(place(&simulation, 1).length(), high, 1e-5, "circular at the top");
    }
}

#[test]
fn the_travelling_twin_stays_younger() {
    let text = format!(
        "{}\n[[fleet]]\nname = \"home\"\ncount = 1\nposition_m = [0, 1000, 0]\nvelocity_m_s = [0, 0, 0]\n",
        one_ship("speed_of_light_m_s = 1000", DVec3::ZERO, DVec3::ZERO)
    );
    let mut simulation = world(&text);
    // v = 0.6 c: gamma = 1.25, u = 0.75 c.
    let away = DVec3::X * 750.0;
    command(&mut simulation, &[set_velocity(1, away)]);
    fly(&mut simulation, 9_000 - 1);
    close(place(&simulation, 1).x, 60_000.0, 1e-12, "turning point");
    command(&mut simulation, &[set_velocity(1, -away)]);
    fly(&mut simulation, 9_000 - 1);
    assert!(place(&simulation, 1).length() < 1e-6);
    assert_eq!(number(&simulation, 2, "Clock", "lag_s"), 0.0);
    close(number(&simulation, 1, "Clock", "lag_s"), 200.0 - 160.0, 1e-12, "years lost");
}

#[test]
fn a_fast_clock_runs_slow_like_a_muon() {
    // Muons of gamma = 29.3 in the CERN storage ring lived 29.3 times as long.
    let gamma = 29.3f64;
    let u = C * (gamma * gamma - 1.0).sqrt();
    let mut simulation = world(&one_ship("", DVec3::ZERO, DVec3::ZERO));
    command(&mut simulation, &[set_velocity(1, DVec3::X * u)]);
    fly(&mut simulation, 899);
    close(10.0 - number(&simulation, 1, "Clock", "lag_s"), 10.0 / gamma, 1e-12, "own time");
    close(place(&simulation, 1).x, 10.0 * u / gamma, 1e-12, "distance");
}

#[test]
fn a_clock_on_the_ground_loses_what_the_earth_takes() {
    let height = EARTH.1 + 5.0;
    let mut simulation = world(&one_ship(LONE_EARTH, DVec3::X * height, DVec3::ZERO));
    fly(&mut simulation, 90 * 60);
    assert!((place(&simulation, 1).length() - height).abs() < 0.01, "it rests on the ground");
    assert!(velocity(&simulation, 1).length() < 0.2, "at rest");
    let q = 2.0 * EARTH.0 / (height * C * C);
    close(number(&simulation, 1, "Clock", "lag_s"), 60.0 * q / (1.0 + (1.0 - q).sqrt()), 1e-6, "lag");
}

#[test]
fn a_navigation_satellite_loses_three_halves_of_its_depth() {
    let (gm, radius) = (EARTH.0, 26_561_750.0);
    let mut simulation = world(&one_ship(LONE_EARTH, DVec3::X * radius, DVec3::Y * (gm / radius).sqrt()));
    fly(&mut simulation, 90 * 60);
    close(number(&simulation, 1, "Clock", "lag_s"), 60.0 * 1.5 * gm / (radius * C * C), 1e-8, "lag");
}

#[test]
fn a_light_fast_thing_falls_twice_as_fast() {
    // Passing the Earth at 0.9999 c, far out: the deflection is (1 + beta^2) times Newton's.
    let (gm, miss) = (EARTH.0, 5e8);
    let gamma = 100.0f64;
    let u = C * (gamma * gamma - 1.0).sqrt();
    let beta2 = 1.0 - 1.0 / (gamma * gamma);
    let far = 100.0 * miss;
    let mut simulation = world(&one_ship(LONE_EARTH, DVec3::new(-far, miss, 0.0), DVec3::ZERO));
    command(&mut simulation, &[set_velocity(1, DVec3::X * u)]);
    let seconds = 2.0 * far / (u / gamma);
    fly(&mut simulation, (seconds * 90.0) as u32);
    let v = velocity(&simulation, 1);
    let newton = 2.0 * gm / (miss * (u / gamma) * (u / gamma));
    // A finite path: cos of the angle at its ends.
    let seen = far / (far * far + miss * miss).sqrt();
    close(-v.y / v.x, newton * seen * (1.0 + beta2), 1e-3, "deflection");
}

#[test]
fn engines_follow_the_rocket_equation() {
    let mut simulation = world(&one_ship("", DVec3::ZERO, DVec3::ZERO));
    let input = sim::command::ControlInput { main: 32767, ..Default::default() };
    command(&mut simulation, &[Command::Controls { ship: 1, controls: input }]);
    fly(&mut simulation, 90 * 1100);
    assert_eq!(number(&simulation, 1, "Tank", "fuel_kg"), 0.0);
    // 4 t of propellant at 30 km/s, 8 t dry: ln(12/8).
    close(velocity(&simulation, 1).x, 30_000.0 * libm::log(1.5), 1e-6, "delta v");
}

#[test]
fn a_commanded_spin_is_held_by_assist() {
    let mut simulation = world(&one_ship("", DVec3::ZERO, DVec3::ZERO));
    let controls = sim::command::ControlInput { rotate: [0, 0, 16384], assist: true, ..Default::default() };
    command(&mut simulation, &[Command::Controls { ship: 1, controls }]);
    fly(&mut simulation, 900);
    let spin = vec3(&simulation, 1, "Spin", "body_rad_s");
    close(spin.z, 0.8 * 16384.0 / 32767.0, 1e-9, "turn rate");
}

#[test]
fn coasting_keeps_the_energy_of_long_orbits_and_fly_bys() {
    let newton = format!("speed_of_light_m_s = 1e12\n{LONE_EARTH}");
    let gm = EARTH.0;
    // An orbit from 7,000 to 70,000 km, started at the top; and a fly-by at 10 km/s that comes within 9,000 km.
    let (low, high) = (7.0e6f64, 7.0e7f64);
    let top = (gm * (2.0 / high - 2.0 / (low + high))).sqrt();
    for (name, place_m, velocity_m_s) in
        [("ellipse", DVec3::X * high, DVec3::Y * top), ("fly-by", DVec3::new(2e8, 1.55e7, 0.0), DVec3::X * -1e4)]
    {
        for (factor, most) in [(100, 1e-10), (1_000, 1e-8), (100_000, 1e-3)] {
            let mut simulation = world(&one_ship(&newton, place_m, velocity_m_s));
            let energy = |s: &Simulation| 0.5 * velocity(s, 1).length_squared() - gm / place(s, 1).length();
            let start = energy(&simulation);
            set_factor(&mut simulation, factor);
            // 40,000 s: past the bottom.
            fly(&mut simulation, 40_000 * 90 / factor);
            let drift = (energy(&simulation) / start - 1.0).abs();
            println!("{name} at {factor}x: energy off by {drift:.1e}");
            assert!(drift < most, "{name} at {factor}x: energy off by {drift:e}");
        }
    }
}
