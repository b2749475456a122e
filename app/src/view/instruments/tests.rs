//! Readings against numbers worked out by hand. The world is one planet, or a planet and its moon, and a ship of the
//! built-in class of scouts.

use super::*;
use sim::frame_view::Pose;
use sim::{SimTime, Tick, TimeFactor};

const GM: f64 = 4e14;
const R: f64 = 6.4e6;
const C: f64 = 299_792_458.0;

fn scenario(more: &str) -> Scenario {
    let text = format!(
        "name = \"t\"\ndescription = \"d\"\nseed = 1\nepoch_jd_tdb = 2451545.0\n\
         [[body]]\nname = \"Home\"\ngm_km3_s2 = 4e5\nradius_km = 6400\nposition_km = [0, 0, 0]\nvelocity_km_s = [0, 0, 0]\n\
         {more}\n[[fleet]]\nname = \"f\"\nclass = \"scout\"\ncount = 1\naround = \"home\"\norbit = {{ altitude_km = 1600 }}\n"
    );
    Scenario::parse(&text).unwrap()
}

fn moon() -> Scenario {
    let body = "[[body]]\nname = \"moon\"\ngm_km3_s2 = 4e3\nradius_km = 1700\nrelative_to = \"home\"\n\
                position_km = [400000, 0, 0]\nvelocity_km_s = [0, 1, 0]\n";
    scenario(body)
}

/// A view in which ship 1 is at a place, with the scenario's bodies at their first places.
fn view(scenario: &Scenario, position_m: DVec3, velocity_m_s: DVec3) -> FrameView {
    let mut frame =
        FrameView { tick: Tick(90), time: SimTime(90 * 4), time_factor: TimeFactor::REAL_TIME, ..FrameView::default() };
    let places: Vec<Position> = scenario.bodies.iter().map(|body| Position::from_metres(body.position_m)).collect();
    frame.bodies_previous.clone_from(&places);
    frame.bodies_current = places;
    frame.bodies_velocity_m_s = scenario.bodies.iter().map(|body| body.velocity_m_s).collect();
    add(&mut frame, 1, Kind::Ship, position_m, Look { velocity_m_s, radius_m: 5.0, ..Look::default() });
    frame
}

fn add(frame: &mut FrameView, id: u64, kind: Kind, position_m: DVec3, look: Look) {
    let pose = Pose { position: Position::from_metres(position_m), icrf_from_body: DQuat::IDENTITY };
    frame.ids.push(id);
    frame.kinds.push(kind);
    frame.previous.push(pose);
    frame.current.push(pose);
    frame.looks.push(look);
}

fn turn(frame: &mut FrameView, icrf_from_ship: DQuat) {
    frame.previous[0].icrf_from_body = icrf_from_ship;
    frame.current[0].icrf_from_body = icrf_from_ship;
}

/// The ship's own view.
fn cockpit(frame: &FrameView) -> Camera {
    Camera::one(frame.current[0].position, frame.current[0].icrf_from_body, 1.0, 1.5)
}

fn read(scenario: &Scenario, frame: &FrameView, aim: Option<Aim>) -> HudValues {
    Instruments::new(scenario).read(frame, 1.0, 1, aim, &cockpit(frame)).unwrap()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
}

fn along(found: DVec3, expected: DVec3) {
    assert!((found - expected).length() < 1e-9, "{found} is not {expected}");
}

#[test]
fn a_circular_orbit_reads_as_the_formulas_say() {
    let world = scenario("");
    let (r, v) = (8e6, 7_071.067_811_865_476);
    near(v, (GM / r).sqrt());
    let frame = view(&world, DVec3::X * r, DVec3::Y * v);
    let values = read(&world, &frame, None);
    let speed = values.speed.unwrap();
    near(speed.metres_per_second, v);
    near(speed.share_of_c, v / C);
    assert_eq!(speed.reference.as_str(), "Home");
    let around = values.surroundings.unwrap();
    assert_eq!(around.name.as_str(), "Home");
    near(around.altitude_m, r - R);
    near(around.gravity_m_s2, 6.25);
    assert!(around.climb_m_s.abs() < 1e-9);
    assert_eq!(values.warnings, Warnings::default(), "all is well");
    // North is the pole, z; away from the body is x; so west is minus y, and the way is to the east.
    let attitude = values.attitude.unwrap();
    along(attitude.horizon_from_ship * DVec3::Z, DVec3::X);
    along(attitude.horizon_from_ship * DVec3::Y, -DVec3::Y);
    along(attitude.horizon_from_ship * DVec3::X, DVec3::Z);
    along(attitude.prograde.unwrap(), DVec3::Y);
    along(attitude.normal.unwrap(), DVec3::Z);
}

#[test]
fn the_horizon_is_that_of_the_place() {
    let world = scenario("");
    // At 45 degrees of longitude and 30 of latitude; up, north and west by the formulas for a sphere.
    let (half, slant) = (0.5f64.sqrt(), 0.75f64.sqrt());
    let up = DVec3::new(slant * half, slant * half, 0.5);
    let frame = view(&world, up * 8e6, DVec3::ZERO);
    let horizon = read(&world, &frame, None).attitude.unwrap().horizon_from_ship;
    along(horizon * up, DVec3::Z);
    along(horizon * DVec3::new(-0.5 * half, -0.5 * half, slant), DVec3::X);
    along(horizon * DVec3::new(half, -half, 0.0), DVec3::Y);
}

#[test]
fn directions_are_in_the_ships_axes() {
    let world = scenario("");
    let mut frame = view(&world, DVec3::X * 8e6, DVec3::Y * 7000.0);
    // Its nose points along y, where it flies: its left is minus x.
    turn(&mut frame, DQuat::from_rotation_z(std::f64::consts::FRAC_PI_2));
    let mut camera = cockpit(&frame);
    let values = Instruments::new(&world).read(&frame, 1.0, 1, Some(Aim::Body(0)), &camera).unwrap();
    let attitude = values.attitude.unwrap();
    along(attitude.prograde.unwrap(), DVec3::X);
    along(attitude.target.unwrap(), DVec3::Y);
    along(attitude.horizon_from_ship * DVec3::X, -DVec3::Y);
    along(values.camera_from_ship * DVec3::X, DVec3::X);
    along(values.target.unwrap().direction.normalize(), DVec3::Y);
    // A camera that looks along x sees the nose on its left.
    camera.icrf_from_camera = DQuat::IDENTITY;
    let values = Instruments::new(&world).read(&frame, 1.0, 1, Some(Aim::Body(0)), &camera).unwrap();
    along(values.camera_from_ship * DVec3::X, DVec3::Y);
    along(values.target.unwrap().direction.normalize(), -DVec3::X);
}

#[test]
fn targets_close_in_with_a_positive_sign() {
    let world = scenario("");
    let mut frame = view(&world, DVec3::X * 8e6, DVec3::new(-30.0, 7000.0, 0.0));
    let station = DVec3::new(8e6, 1000.0, 0.0);
    let look = Look { velocity_m_s: DVec3::new(0.0, 6990.0, 0.0), radius_m: 50.0, ..Look::default() };
    add(&mut frame, 2, Kind::Structure, station, look);
    let target = read(&world, &frame, Some(Aim::Thing(2))).target.unwrap();
    near(target.distance_m, 950.0);
    near(target.closing_m_s, 10.0);
    near(target.radius_rad, 0.05f64.asin());
    along(target.direction, DVec3::Y * 1000.0);
    let target = read(&world, &frame, Some(Aim::Body(0))).target.unwrap();
    assert_eq!(target.name.as_str(), "Home");
    near(target.distance_m, 8e6 - R);
    near(target.closing_m_s, 30.0);
    near(target.radius_rad, 0.8f64.asin());
    frame.looks[0].velocity_m_s.x = 30.0;
    near(read(&world, &frame, Some(Aim::Body(0))).target.unwrap().closing_m_s, -30.0);
    for gone in [Aim::Thing(77), Aim::Body(9)] {
        assert_eq!(read(&world, &frame, Some(gone)).target, None);
    }
}

#[test]
fn clocks_and_tanks_read_as_the_view_has_them() {
    let world = scenario("");
    let mut frame = view(&world, DVec3::X * 8e6, DVec3::ZERO);
    frame.time = SimTime(90 * 4 * 86_400);
    frame.time_factor = TimeFactor::from_quarters(40).unwrap();
    frame.looks[0] =
        Look { lag_s: 0.25, fuel: 0.5, hull: 0.75, throttle: 1.0, assist: true, radius_m: 5.0, ..Look::default() };
    let instruments = Instruments::new(&world);
    let values = instruments.read(&frame, 0.5, 1, None, &cockpit(&frame)).unwrap();
    // Half a tick before a day: ten seconds pass per second, 1/9 s per tick.
    near(values.coordinate_s.unwrap(), 86_400.0 - 0.5 / 9.0);
    near(values.proper_s.unwrap(), 86_400.0 - 0.5 / 9.0 - 0.25);
    assert!((values.julian_date.unwrap() - 2_451_546.0).abs() < 1e-6);
    assert_eq!((values.time_factor, values.paused), (Some(10.0), false));
    assert_eq!(
        (values.hull, values.fuel, values.throttle, values.assist),
        (Some(0.75), Some(0.5), Some(1.0), Some(true))
    );
    // 30 km/s * ln(10 t / 8 t).
    near(values.delta_v_m_s.unwrap(), 30_000.0 * 1.25f64.ln());
    frame.time_factor = TimeFactor::PAUSED;
    assert!(read(&world, &frame, None).paused);
}

#[test]
fn the_moon_takes_over_within_its_sphere_of_influence() {
    let world = moon();
    // 400,000 km * (1/100)^0.4 = 63,396 km.
    let at = |from_moon_m: f64| view(&world, DVec3::X * (4e8 - from_moon_m), DVec3::Y * 1500.0);
    for (from_moon_m, name, speed) in [(63.3e6, "Moon", 500.0), (63.5e6, "Home", 1500.0)] {
        let values = read(&world, &at(from_moon_m), None);
        let found = values.speed.unwrap();
        assert_eq!((found.reference.as_str(), values.surroundings.unwrap().name.as_str()), (name, name));
        near(found.metres_per_second, speed);
    }
    // Both pull: 4e14 / (3.98e8)^2 one way, 4e12 / (2e6)^2 the other.
    let gravity = read(&world, &at(2e6), None).surroundings.unwrap().gravity_m_s2;
    near(gravity, 1.0 - 4e14 / 3.98e8f64.powi(2));
}

#[test]
fn dangers_are_named() {
    let world = scenario("");
    let sinking = view(&world, DVec3::X * (R + 3005.0), DVec3::X * -100.0);
    // 3000 = 100 t + 9.76 t^2 / 2.
    let seconds = read(&world, &sinking, None).warnings.terrain_s.unwrap();
    assert!((seconds - 16.6).abs() < 0.1, "{seconds}");
    let mut meeting = view(&world, DVec3::X * 8e6, DVec3::Y * 7071.0);
    let look = |speed: f64| Look { velocity_m_s: DVec3::Y * speed, radius_m: 45.0, ..Look::default() };
    add(&mut meeting, 2, Kind::Asteroid, DVec3::new(8e6, 250.0, 0.0), look(7061.0));
    add(&mut meeting, 3, Kind::Projectile, DVec3::new(8e6, 60.0, 0.0), look(7001.0));
    near(read(&world, &meeting, None).warnings.collision_s.unwrap(), 20.0);
    meeting.looks[1] = look(7070.5);
    assert_eq!(read(&world, &meeting, None).warnings.collision_s, None, "gently, and far off");
    let mut fast = view(&world, DVec3::X * 8e6, DVec3::X * (0.2 * C));
    fast.looks[0].fuel = 0.05;
    let warnings = read(&world, &fast, None).warnings;
    assert!(warnings.near_light && warnings.low_fuel && !warnings.high_gravity);
}

#[test]
fn gravity_beyond_the_engine_counts_where_one_falls() {
    // A scout with full tanks has 10 m/s^2; at 6,300 km from the centre of this planet there are 10.08.
    let mut world = scenario("");
    world.bodies[0].radius_m = 6e6;
    let there = DVec3::X * 6.3e6;
    let circular = (GM / 6.3e6f64).sqrt();
    assert!(!read(&world, &view(&world, there, DVec3::Y * circular), None).warnings.high_gravity);
    assert!(read(&world, &view(&world, there, DVec3::Y * 3000.0), None).warnings.high_gravity);
    let mut empty = view(&world, there, DVec3::Y * 3000.0);
    empty.looks[0].fuel = 0.5;
    assert!(!read(&world, &empty, None).warnings.high_gravity, "a lighter ship can");
}

#[test]
fn things_have_names_and_are_found_by_them() {
    let world = scenario(
        "[[structure]]\nname = \"dock\"\naround = \"home\"\norbit = { altitude_km = 900 }\nradius_m = 9\nmass_kg = 1e5\n",
    );
    let mut frame = view(&world, DVec3::X * 8e6, DVec3::ZERO);
    for (id, kind) in [(2, Kind::Structure), (5, Kind::Asteroid), (6, Kind::Structure)] {
        add(&mut frame, id, kind, DVec3::Y * 8e6, Look::default());
    }
    let instruments = Instruments::new(&world);
    let name = |id| instruments.name(&frame, id).map(|name| name.as_str().to_owned());
    assert_eq!(
        [1, 2, 5, 6].map(name),
        ["scout 1", "dock", "asteroid 5", "structure 6"].map(|name| Some(name.to_owned()))
    );
    assert_eq!(name(3), None);
    let found = ["HOME", "Dock", "5", "nobody"].map(|name| instruments.aim(name));
    assert_eq!(found, [Some(Aim::Body(0)), Some(Aim::Thing(2)), Some(Aim::Thing(5)), None]);
    assert_eq!(instruments.names().collect::<Vec<_>>(), ["Home", "dock"]);
}

#[test]
fn whoever_is_no_ship_has_no_instruments() {
    let world = scenario("");
    let mut frame = view(&world, DVec3::X * 8e6, DVec3::ZERO);
    add(&mut frame, 2, Kind::Asteroid, DVec3::Y * 8e6, Look::default());
    let instruments = Instruments::new(&world);
    for id in [0, 2, 3] {
        assert!(instruments.read(&frame, 1.0, id, None, &cockpit(&frame)).is_none());
    }
}

#[test]
fn without_bodies_there_is_a_reading_all_the_same() {
    let mut world = scenario("");
    let mut frame = view(&world, DVec3::X * 8e6, DVec3::Y * 10.0);
    world.bodies.clear();
    (frame.bodies_previous, frame.bodies_current, frame.bodies_velocity_m_s) = Default::default();
    let values = read(&world, &frame, None);
    assert_eq!((values.speed.unwrap().reference.as_str(), values.surroundings), ("barycentre", None));
    let attitude = values.attitude.unwrap();
    assert_eq!((attitude.horizon_from_ship, attitude.normal), (DQuat::IDENTITY, None));
    along(attitude.prograde.unwrap(), DVec3::Y);
}
