//! Scenes with ships and rocks near the Earth.

use glam::{DQuat, DVec3, Quat, Vec3};
use render::bodies::Look;
use render::scene::{Asteroid, Blast, Model, Round, Ship, tint};
use render::{Camera, Scene};
use sim::Position;

/// A ship that points along `forward` with its engines off.
pub fn ship(model: Model, position: Position, radius_m: f32, forward: DVec3, up: DVec3) -> Ship {
    Ship {
        model,
        position,
        icrf_from_body: Camera::looking(forward, up).as_quat(),
        radius_m,
        tint: [1.0; 3],
        throttle: 0.0,
        thrusters: Vec3::ZERO,
        hull: 1.0,
    }
}

/// A place over the Earth where it is morning, with the directions to the Sun (nearly), along the orbit, and up.
pub fn over_the_earth(camera: Camera, height_m: f64) -> (Scene, Position, [DVec3; 3]) {
    let mut scene = Scene::solar_system(2_451_545.0, camera).expect("the epoch is in the ephemeris");
    let earth = *scene.find(Look::Earth).expect("there is an Earth");
    let sun = scene.light.position.minus(earth.position).normalize();
    let along = DVec3::Z.cross(sun).normalize();
    let up = (sun * 0.55 + along * 0.8 + DVec3::Z * 0.2).normalize();
    let place = earth.position.plus(up * (earth.radius_m + height_m));
    scene.camera.position = place;
    (scene, place, [sun, along.reject_from_normalized(up).normalize(), up])
}

/// Ships around a station: all models, under power, firing, wrecked, blowing up; orbits behind them.
pub fn ring_of_ships(camera: Camera) -> Scene {
    let (mut scene, middle, [_, along, up]) = over_the_earth(camera, 420e3);
    let aside = up.cross(along);
    scene.things.ships.push(Ship {
        icrf_from_body: (Camera::looking(along, up) * DQuat::from_rotation_x(0.5)).as_quat(),
        ..ship(Model::Station, middle, 55.0, along, up)
    });
    let models = [Model::Scout, Model::Freighter, Model::Shuttle, Model::Scout, Model::Probe, Model::Scout];
    for i in 0..12u32 {
        let (sin, cos) = (f64::from(i) / 12.0 * core::f64::consts::TAU).sin_cos();
        let out = aside * cos + up * sin * 0.55 + along * sin * 0.6;
        let model = models[i as usize % models.len()];
        let radius_m = [14.0, 26.0, 14.0, 10.0, 7.0, 12.0][i as usize % 6];
        let forward = (along * cos - aside * sin + up * 0.2).normalize();
        let position = middle.plus(out * 130.0);
        let forward = if i % 3 == 0 { -out.normalize() } else { forward };
        let thrusters = if i % 4 == 1 { Vec3::new(0.0, 1.0, 0.7) } else { Vec3::ZERO };
        scene.things.ships.push(Ship {
            tint: tint(i % 5),
            throttle: if model == Model::Probe { 0.0 } else { 0.35 * (i % 3) as f32 + 0.2 },
            thrusters,
            hull: if i == 7 { 0.0 } else { 1.0 },
            ..ship(model, position, radius_m, forward, up)
        });
    }
    for i in 0..6 {
        let position = middle.plus(aside * (60.0 + 9.0 * f64::from(i)) + up * 62.0 - along * 70.0);
        scene.things.rounds.push(Round { position, trail_m: (-aside * 5.0).as_vec3() });
    }
    let position = middle.plus(up * 70.0 + aside * 120.0 + along * 10.0);
    scene.things.blasts.push(Blast { position, radius_m: 9.0, age_s: 0.28, seed: 5 });
    let circle = |radius: f64, tilt: f64| {
        (0..=96).map(move |i| {
            let (sin, cos) = (f64::from(i) / 96.0 * core::f64::consts::TAU).sin_cos();
            middle.plus((aside * cos + along * sin + up * tilt * sin) * radius)
        })
    };
    scene.things.lines.add(circle(190.0, 0.3), [0.15, 0.75, 1.0], [1.0, 0.2], 1.6);
    scene.things.lines.add(circle(4000.0, 0.1), [1.0, 0.5, 0.1], [0.8, 0.8], 1.6);
    let from = aside * -165.0 - along * 290.0 + up * 95.0;
    scene.camera.position = middle.plus(from);
    scene.camera.icrf_from_camera = Camera::looking(-from + up * 2.0, up);
    scene
}

/// A number from 0 to 1 that is the same each time.
pub fn random(seed: u32, n: u32) -> f64 {
    let mut h = seed.wrapping_mul(0x9E37_79B9) ^ n.wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    f64::from((h ^ (h >> 15)) >> 8) / 16_777_216.0
}

/// Rocks of all sizes and distances before the Moon's morning side.
pub fn rocks_over_the_moon(camera: Camera) -> Scene {
    let mut scene = Scene::solar_system(2_451_545.0, camera).expect("the epoch is in the ephemeris");
    let moon = *scene.find(Look::Moon).expect("there is a Moon");
    let sun = scene.light.position.minus(moon.position).normalize();
    let side = DVec3::Z.cross(sun).normalize();
    let out = (sun * 0.5 + side * 0.85).normalize();
    let up = out.cross(side).normalize();
    scene.camera.position = moon.position.plus(out * 3.1 * moon.radius_m + up * 0.3e6);
    scene.camera.icrf_from_camera = Camera::looking(-out + up * 0.12, up);
    let forward = scene.camera.icrf_from_camera * DVec3::X;
    let left = scene.camera.icrf_from_camera * DVec3::Y;
    for i in 0..420u32 {
        let distance = 95.0 * (1.0 + f64::from(i) * f64::from(i) * 0.012);
        let across = (random(i, 1) - 0.5) * 1.3;
        let high = (random(i, 2) - 0.5) * 0.55;
        let position = scene.camera.position.plus((forward + left * across + up * high) * distance);
        let turned = Quat::from_euler(
            glam::EulerRot::XYZ,
            random(i, 3) as f32 * 6.0,
            random(i, 4) as f32 * 6.0,
            random(i, 5) as f32 * 6.0,
        );
        let radius_m = 2.0 + 11.0 * random(i, 6).powi(2) as f32 * (1.0 + i as f32 * 0.03);
        let seed = i.wrapping_mul(0x9E37_79B9);
        scene.things.asteroids.push(Asteroid { position, icrf_from_body: turned, radius_m, seed });
    }
    scene
}
