//! What a fast eye sees, pixel by pixel against the closed formulas of `render::relativity`.

use crate::common::{renderer, validated};
use glam::{DQuat, DVec3, Quat};
use render::bodies::Look;
use render::camera::Field;
use render::extract::{Ride, Show, Stage};
use render::relativity::{aberrated, doppler_of_eye, shifted_black_body, unaberrated};
use render::scene::{Asteroid, Blast, Exposure, Model, Round, Ship, Things};
use render::sky::catalogue::{HIPPARCOS, Star, decode};
use render::{Camera, Gpu, Renderer, Scene};
use sim::Position;
use sim::frame_view::FrameFeed;
use std::sync::Arc;

/// Temperature of sunlight, kelvin.
const SUN_K: f64 = 5772.0;
const EDGE: u32 = 512;

/// Which way a camera looks to see one face of a cube around it.
fn face(forward: DVec3) -> Camera {
    let up = if forward.z.abs() > 0.5 { DVec3::X } else { DVec3::Z };
    Camera::one(Position::ORIGIN, Camera::looking(forward, up), std::f64::consts::FRAC_PI_2, 1.0)
}

/// All that an eye at rest sees.
struct Panorama(Vec<(Camera, Vec<[f32; 4]>)>);

impl Panorama {
    fn of(gpu: &Arc<Gpu>, scene: &Scene) -> Self {
        let mut renderer = renderer(gpu, [EDGE, EDGE], 1);
        let faces = DVec3::AXES.into_iter().flat_map(|axis| [axis, -axis]).map(|forward| {
            let camera = Camera { position: scene.camera.position, ..face(forward) };
            (camera, light(&mut renderer, &Scene { camera, ..scene.clone() }))
        });
        Self(faces.collect())
    }

    /// The light from a direction, between the pixels around it.
    fn at(&self, direction: DVec3) -> [f64; 3] {
        let seen = self.0.iter().filter_map(|(camera, pixels)| {
            let [x, y] = camera.pixel_of(0, direction, [EDGE, EDGE])?;
            let inside = |v: f64| (0.0..=f64::from(EDGE)).contains(&v);
            (inside(x) && inside(y)).then_some((x - 0.5, y - 0.5, pixels))
        });
        let (x, y, pixels) = seen.into_iter().next().expect("the cube is closed");
        let mut sum = [0.0; 3];
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let weight = (1.0 - (x.fract() - dx).abs()) * (1.0 - (y.fract() - dy).abs());
            let at = |v: f64, d: f64| (v.floor() + d).clamp(0.0, f64::from(EDGE - 1)) as usize;
            let pixel = pixels[at(y, dy) * EDGE as usize + at(x, dx)];
            (0..3).for_each(|i| sum[i] += weight * f64::from(pixel[i]));
        }
        sum
    }
}

fn light(renderer: &mut Renderer, scene: &Scene) -> Vec<[f32; 4]> {
    renderer.draw(scene, &render::hud::Front::default()).unwrap();
    renderer.light().unwrap()
}

/// A scene without a Sun to be dazzled by.
fn scene() -> Scene {
    let camera = face(DVec3::X);
    let mut scene = Scene::solar_system(2_451_545.0, camera).unwrap();
    scene.options.exposure = Exposure::Fixed(1.0);
    scene.options.star_flux = 0.0;
    scene.options.milky_way = false;
    scene
}

/// Share of the pixels of a picture, taken with the velocity `beta`, that differ from what the formulas make of the
/// panorama at rest by more than `tolerance` of the brightest part; and the mean light, so that black proves nothing.
fn wrong(gpu: &Arc<Gpu>, scene: &Scene, beta: DVec3, forward: DVec3, tolerance: f64) -> (f64, f64) {
    let rest = Panorama::of(gpu, scene);
    let size = [160, 120];
    let attitude = Camera::looking(forward, DVec3::Z);
    let camera = Camera::one(scene.camera.position, attitude, 1.6, 4.0 / 3.0).moving(beta, 1.0);
    let Field { left, right, up, down } = camera.eye(0).field;
    let [to_right, to_down, ahead] = camera.axes(0);
    let pixels = light(&mut renderer(gpu, size, 1), &Scene { camera, ..scene.clone() });
    let before = shifted_black_body(SUN_K, 1.0);
    let (mut bad, mut sum) = (0, 0.0);
    for (i, found) in pixels.iter().enumerate() {
        let x = (f64::from(i as u32 % size[0]) + 0.5) / f64::from(size[0]);
        let y = (f64::from(i as u32 / size[0]) + 0.5) / f64::from(size[1]);
        let seen = ahead + to_right * (left + x * (right - left)) + to_down * (-up + y * (up - down));
        let at_rest = unaberrated(seen.normalize(), beta);
        let after = shifted_black_body(SUN_K, doppler_of_eye(at_rest, beta));
        let plain = rest.at(at_rest);
        let expected = [0, 1, 2].map(|c| plain[c] * f64::from(after[c] / before[c]));
        let most = expected.iter().copied().fold(0.004, f64::max);
        sum += most / pixels.len() as f64;
        bad += usize::from((0..3).any(|c| (f64::from(found[c]) - expected[c]).abs() > tolerance * most));
    }
    (bad as f64 / pixels.len() as f64, sum)
}

/// What is seen in a window of 9 x 9 pixels around a place: light, and the middle of it.
fn spot(pixels: &[[f32; 4]], size: [u32; 2], [x, y]: [f64; 2]) -> ([f64; 3], [f64; 2]) {
    let (mut light, mut moment, mut weight) = ([0.0; 3], [0.0; 2], 0.0);
    for dy in -4..=4i64 {
        for dx in -4..=4i64 {
            let (column, row) = (x as i64 + dx, y as i64 + dy);
            let pixel = pixels[row as usize * size[0] as usize + column as usize];
            let bright = f64::from(pixel[0] + pixel[1] + pixel[2]);
            (0..3).for_each(|c| light[c] += f64::from(pixel[c]));
            moment[0] += bright * (column as f64 + 0.5);
            moment[1] += bright * (row as f64 + 0.5);
            weight += bright;
        }
    }
    (light, moment.map(|m| m / weight))
}

#[test]
fn stars_crowd_and_change_their_colours() {
    const HIGH_RAD: f64 = 0.35;
    validated(|gpu| {
        let size = [640, 480];
        let mut scene = scene();
        scene.bodies.clear();
        scene.options.star_flux = 20.0;
        let stars = decode(HIPPARCOS).unwrap();
        let mut renderer = renderer(gpu, size, 1);
        let mut checked = 0;
        // Orion's place at rest, where it is seen at other speeds, and straight ahead.
        let (orion, ahead) = (DVec3::new(0.1, 0.99, 0.0).normalize(), DVec3::new(0.6, 0.6, 0.1));
        let views = [DVec3::ZERO, ahead, -ahead, DVec3::Z * 0.5].map(|beta| (beta, aberrated(orion, beta)));
        for (beta, forward) in views.into_iter().chain([(ahead, ahead)]) {
            let attitude = Camera::looking(forward, DVec3::Z);
            scene.camera = Camera::one(Position::ORIGIN, attitude, HIGH_RAD, 4.0 / 3.0).moving(beta, 1.0);
            let pixels = light(&mut renderer, &scene);
            let place = |star: &Star| {
                let [x, y] = scene.camera.pixel_of(0, aberrated(star.direction(scene.years), beta), size)?;
                ((6.0..634.0).contains(&x) && (6.0..474.0).contains(&y)).then_some([x, y])
            };
            let flux = |star: &Star| {
                let doppler = doppler_of_eye(star.direction(scene.years), beta);
                let shifted = shifted_black_body(star.temperature_k(), doppler);
                shifted.map(|c| f64::from(c * star.relative_irradiance()) * 20.0 / (doppler * doppler))
            };
            let seen: Vec<_> = stars.iter().filter_map(|star| Some((star, place(star)?, flux(star)))).collect();
            for (star, at, expected) in &seen {
                let luminance = |c: &[f64; 3]| 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
                let near = |other: &[f64; 2]| (other[0] - at[0]).abs() < 7.0 && (other[1] - at[1]).abs() < 7.0;
                let crowd = seen.iter().filter(|(other, place, _)| other.hip != star.hip && near(place));
                let others: f64 = crowd.map(|(.., flux)| luminance(flux)).sum();
                if luminance(expected) < 0.5 || others > 0.01 * luminance(expected) {
                    continue;
                }
                let (found, middle) = spot(&pixels, size, *at);
                let off = (middle[0] - at[0]).hypot(middle[1] - at[1]) * (HIGH_RAD / 480.0).to_degrees();
                assert!(off < 0.01, "HIP {} is {off} degrees off", star.hip);
                for c in 0..3 {
                    let most = expected.iter().copied().fold(0.0, f64::max);
                    assert!((found[c] - expected[c]).abs() < 0.03 * most, "HIP {}: {found:?} {expected:?}", star.hip);
                }
                checked += 1;
            }
        }
        assert!(checked > 10, "only {checked} stars stand alone");
    });
}

#[test]
fn a_planet_is_shifted_pixel_by_pixel() {
    validated(|gpu| {
        let mut scene = scene();
        scene.options.octaves = 1;
        scene.options.exposure = Exposure::Fixed(9000.0);
        let uranus = *scene.find(Look::Uranus).unwrap();
        let noon = scene.light.position.minus(uranus.position).normalize();
        let towards = (-noon + DVec3::new(0.1, 0.3, 0.2)).normalize();
        scene.camera.position = uranus.position.plus(-towards * 3.2 * uranus.radius_m);
        scene.bodies.retain(|body| body.look == Look::Uranus);
        // It comes from the side, from ahead and from behind.
        for (beta, forward) in
            [(towards.any_orthonormal_vector() * 0.6, towards), (towards * 0.8, towards), (-towards * 0.5, towards)]
        {
            let turned = DQuat::from_rotation_arc(forward, aberrated(towards, beta)) * forward;
            let (share, mean) = wrong(gpu, &scene, beta, turned, 0.03);
            // A limb is as wide as a pixel, which is not the same in the panorama.
            assert!(share < 0.02 && mean > 0.02, "{share} of the pixels, mean {mean}, at {beta}");
        }
    });
}

#[test]
fn the_sun_is_shifted_pixel_by_pixel() {
    validated(|gpu| {
        let mut scene = scene();
        scene.options.octaves = 1;
        let sun = *scene.find(Look::Sun).unwrap();
        scene.bodies.retain(|body| body.look == Look::Sun);
        let towards = DVec3::new(0.6, -0.3, 0.1).normalize();
        scene.camera.position = sun.position.plus(-towards * 3.5 * sun.radius_m);
        for beta in [towards.any_orthonormal_vector() * 0.9, towards * 0.3 + DVec3::Z * 0.5] {
            let (share, mean) = wrong(gpu, &scene, beta, aberrated(towards, beta), 0.05);
            assert!(share < 0.02 && mean > 0.02, "{share} of the pixels, mean {mean}, at {beta}");
        }
    });
}

/// Two ships of a shipped world, one 3,000 km ahead and aside of the other, with these velocities over that of light;
/// gives back where the first sees the second: as the scene has it, and where it is.
fn one_sees_another(own: DVec3, other: DVec3) -> (Camera, DVec3, DVec3) {
    let (_, text) = sim::scenario::shipped().iter().find(|(name, _)| *name == "busy").expect("it is shipped");
    let scenario = sim::Scenario::parse(text).expect("it is shipped");
    let mut feed = FrameFeed::new();
    feed.publish(&sim::Simulation::new(&scenario));
    let mut frame = (*feed.reader().latest()).clone();
    let ships: Vec<usize> = (0..frame.ids.len()).filter(|at| frame.kinds[*at] == sim::Kind::Ship).take(2).collect();
    let apart = DVec3::new(2e6, -1.5e6, 1.6e6);
    let place = frame.current[ships[0]].position.plus(apart);
    (frame.previous[ships[1]].position, frame.current[ships[1]].position) = (place, place);
    frame.looks[ships[0]].velocity_m_s = own * scenario.speed_of_light_m_s;
    frame.looks[ships[1]].velocity_m_s = other * scenario.speed_of_light_m_s;
    let camera = Camera { position: frame.current[ships[0]].position, ..face(DVec3::X) };
    let own_id = frame.ids[ships[0]];
    let show = Show { ride: Some(Ride::Ship(own_id)), inside: Some(own_id), ..Show::default() };
    let mut scene = Scene::empty(camera);
    Stage::new(&scenario).fill(&frame, 1.0, camera, &show, &mut scene);
    let seen = scene.things.ships[0].position.minus(camera.position);
    (scene.camera, seen, apart)
}

#[test]
fn other_ships_are_where_their_light_left_them() {
    // It stands still and the other one flies away: it is seen where it was as long ago as its light took.
    let beta = DVec3::new(0.3, 0.1, -0.2);
    let (camera, seen, apart) = one_sees_another(DVec3::ZERO, beta);
    assert_eq!(camera.beta, DVec3::ZERO);
    let light_took = (apart - seen).length() / beta.length();
    assert!((light_took / seen.length() - 1.0).abs() < 1e-9 && (apart - seen).length() > 1e5);
    // Side by side, light's delay and aberration cancel: it is seen where it is.
    let (camera, seen, apart) = one_sees_another(beta, beta);
    assert!((aberrated(seen.normalize(), camera.beta) - in_its_own_frame(apart, beta)).length() < 1e-9);
}

/// Which way a companion lies for an eye that moves with it: its place in the eye's own frame, where both are at rest.
fn in_its_own_frame(apart: DVec3, beta: DVec3) -> DVec3 {
    let ahead = beta.normalize();
    let gamma = 1.0 / (1.0 - beta.length_squared()).sqrt();
    (apart + ahead * (gamma - 1.0) * apart.dot(ahead)).normalize()
}

#[test]
fn ships_are_seen_where_they_crowd() {
    validated(|gpu| {
        let size = [400, 300];
        let mut scene = scene();
        scene.bodies.clear();
        scene.options.exposure = Exposure::Fixed(1.0);
        let mut renderer = renderer(gpu, size, 1);
        for (at, radius_m, beta) in [
            // A mesh, a ball, a spot; from ahead and from aside.
            (DVec3::new(400.0, 60.0, -40.0), 12.0, DVec3::X * 0.6),
            (DVec3::new(900.0, 700.0, 100.0), 4.0, DVec3::new(0.7, -0.3, 0.2)),
            (DVec3::new(9e3, 1e3, 2e3), 4.0, DVec3::new(-0.4, 0.2, 0.1)),
        ] {
            let rock =
                Asteroid { position: Position::from_metres(at), icrf_from_body: Quat::IDENTITY, radius_m, seed: 3 };
            scene.things.asteroids = vec![rock];
            scene.light.position = Position::from_metres(at * -1e9);
            let seen = aberrated(at.normalize(), beta);
            let attitude = Camera::looking(seen + DVec3::new(0.0, 0.1, 0.1), DVec3::Z);
            scene.camera = Camera::one(Position::ORIGIN, attitude, 0.8, 4.0 / 3.0).moving(beta, 1.0);
            let pixels = light(&mut renderer, &scene);
            let (mut weight, mut moment) = (0.0, [0.0; 2]);
            for (i, pixel) in pixels.iter().enumerate() {
                let bright = f64::from(pixel[0] + pixel[1] + pixel[2]);
                weight += bright;
                moment[0] += bright * (f64::from(i as u32 % size[0]) + 0.5);
                moment[1] += bright * (f64::from(i as u32 / size[0]) + 0.5);
            }
            let expected = scene.camera.pixel_of(0, seen, size).expect("it is in the picture");
            let off = (moment[0] / weight - expected[0]).hypot(moment[1] / weight - expected[1]);
            assert!(weight > 0.0 && off < 1.5, "{off} pixels off at {beta}, light {weight}");
        }
    });
}

#[test]
fn nothing_is_seen_of_a_planet_that_lies_behind() {
    validated(|gpu| {
        let size = [160, 120];
        let mut scene = scene();
        scene.options.exposure = Exposure::Fixed(9000.0);
        let uranus = *scene.find(Look::Uranus).unwrap();
        let noon = scene.light.position.minus(uranus.position).normalize();
        scene.bodies.retain(|body| body.look == Look::Uranus);
        let mut renderer = renderer(gpu, size, 1);
        // So fast that it is wide behind, and its square is the whole picture.
        for (radii, speed) in [(4.0, 0.7), (3.2, 0.9), (30.0, 0.99)] {
            scene.camera.position = uranus.position.plus(noon * radii * uranus.radius_m);
            let attitude = Camera::looking(noon, DVec3::Z);
            scene.camera = Camera::one(scene.camera.position, attitude, 0.9, 4.0 / 3.0).moving(noon * speed, 1.0);
            let most = light(&mut renderer, &scene).iter().map(|p| p[0] + p[1] + p[2]).fold(0.0, f32::max);
            assert!(most < 1e-3, "{most} at {radii} radii and {speed} c");
        }
    });
}

/// What glows, alone in the dark: exhaust from the side, a round, and an explosion as it begins and when it is fire.
fn glowing(at: DVec3) -> [(&'static str, Things); 4] {
    let position = Position::from_metres(at);
    let across = at.any_orthonormal_vector().normalize();
    let ship = Ship {
        model: Model::Scout,
        position,
        icrf_from_body: Quat::from_rotation_arc(glam::Vec3::X, across.as_vec3()),
        radius_m: 9.0,
        tint: [1.0; 3],
        throttle: 1.0,
        thrusters: glam::Vec3::ZERO,
        hull: 1.0,
    };
    let round = Round { position, trail_m: across.as_vec3() * 8.0 };
    let blast = |age_s| Things { blasts: vec![Blast { position, radius_m: 6.0, age_s, seed: 5 }], ..Things::default() };
    [
        ("exhaust", Things { ships: vec![ship], ..Things::default() }),
        ("round", Things { rounds: vec![round], ..Things::default() }),
        ("flash", blast(0.002)),
        ("fire", blast(0.1)),
    ]
}

#[test]
fn what_glows_keeps_its_colour_as_if_it_flew_along() {
    validated(|gpu| {
        let size = [240, 240];
        let at = DVec3::new(1500.0, 1200.0, -500.0);
        let toward = at.normalize();
        let mut renderer = renderer(gpu, size, 1);
        let mut scene = scene();
        scene.bodies.clear();
        // No sunlight: what it gives off is all.
        scene.options.exposure = Exposure::Fixed(1e-12);
        for (name, things) in glowing(at) {
            scene.things = things;
            // Fields that are as wide for an eye at rest, so that pixels fall on one another.
            let mut seen = |beta: DVec3| {
                let wide_rad = 0.015 / doppler_of_eye(toward, beta);
                // Upright in both.
                let up = aberrated((toward + DVec3::Z * 1e-4).normalize(), beta) - aberrated(toward, beta);
                let attitude = Camera::looking(aberrated(toward, beta), up.normalize());
                scene.camera = Camera::one(Position::ORIGIN, attitude, wide_rad, 1.0).moving(beta, 1.0);
                light(&mut renderer, &scene)
            };
            let rest = seen(DVec3::ZERO);
            let most = rest.iter().map(|pixel| pixel[0]).fold(0.0, f32::max);
            assert!(most > 0.05, "{name}: {most}");
            for beta in [toward * 0.4, toward * -0.3, toward.any_orthonormal_vector() * 0.6, toward * 0.9] {
                let pixels = seen(beta);
                assert!(pixels.iter().flatten().all(|part| part.is_finite()), "{name} at {beta}");
                let bright = rest.iter().zip(&pixels).filter(|(before, _)| before[0] > 0.3 * most);
                for c in 0..3 {
                    let mut shares: Vec<f32> = bright
                        .clone()
                        .filter(|(before, _)| before[c] > 1e-3)
                        .map(|(before, after)| after[c] / before[c])
                        .collect();
                    // Some parts of some are too weak to be compared, but never the red one.
                    assert!(shares.len() >= 4 || c > 0, "{name}: only {} pixels are bright", shares.len());
                    shares.sort_by(f32::total_cmp);
                    let middle = shares.get(shares.len() / 2).copied().unwrap_or(1.0);
                    assert!((middle - 1.0).abs() < 0.1, "{name} at {beta}, part {c}: {middle} times as bright");
                }
            }
        }
    });
}

/// Share of the bright pixels of a picture of thin lines, taken with the velocity `beta`, that lie where an eye at rest
/// sees no line within two pixels; and how many are bright.
fn astray(gpu: &Arc<Gpu>, scene: &Scene, beta: DVec3, forward: DVec3) -> (f64, usize) {
    let rest = Panorama::of(gpu, scene);
    let size = [320, 240];
    let attitude = Camera::looking(forward, DVec3::Z);
    let camera = Camera::one(scene.camera.position, attitude, 1.3, 4.0 / 3.0).moving(beta, 1.0);
    let Field { left, right, up, down } = camera.eye(0).field;
    let [to_right, to_down, ahead] = camera.axes(0);
    let pixels = light(&mut renderer(gpu, size, 1), &Scene { camera, ..scene.clone() });
    let step = core::f64::consts::FRAC_PI_2 / f64::from(EDGE);
    let bright: Vec<usize> = (0..pixels.len()).filter(|at| pixels[*at][2] > 0.15).collect();
    let lost = bright.iter().filter(|at| {
        let x = (f64::from(**at as u32 % size[0]) + 0.5) / f64::from(size[0]);
        let y = (f64::from(**at as u32 / size[0]) + 0.5) / f64::from(size[1]);
        let seen = (ahead + to_right * (left + x * (right - left)) + to_down * (-up + y * (up - down))).normalize();
        let (u, v) = seen.any_orthonormal_pair();
        let around = (-2..=2).flat_map(|i| (-2..=2).map(move |j| (f64::from(i), f64::from(j))));
        let lights = around.map(|(i, j)| rest.at(unaberrated((seen + (u * i + v * j) * step).normalize(), beta))[2]);
        lights.fold(0.0, f64::max) < 0.03
    });
    (lost.count() as f64 / bright.len().max(1) as f64, bright.len())
}

#[test]
fn orbits_and_the_lattice_are_seen_where_the_bodies_are() {
    validated(|gpu| {
        let mut scene = scene();
        let earth = *scene.find(Look::Earth).unwrap();
        let away = DVec3::new(0.8, -0.5, 0.4).normalize();
        scene.camera.position = earth.position.plus(away * 6.0 * earth.radius_m);
        let beta = DVec3::new(0.1, 0.45, -0.3);
        let forward = aberrated(-away, beta);
        scene.bodies.clear();
        let (u, v) = away.any_orthonormal_pair();
        let circle = (0..=256).map(|i| {
            let (sin, cos) = (f64::from(i) * core::f64::consts::TAU / 256.0).sin_cos();
            earth.position.plus((u * cos + v * sin) * 2.0 * earth.radius_m)
        });
        scene.things.lines.add(circle, [0.2, 0.5, 1.0], [1.0, 1.0], 1.6);
        let (lost, bright) = astray(gpu, &scene, beta, forward);
        assert!(lost < 0.02 && bright > 200, "orbit: {lost} of {bright}");
        scene.things.lines.clear();
        scene.bodies.push(earth);
        scene.options.exposure = Exposure::Fixed(1e-12);
        scene.options.lattice = true;
        let (lost, bright) = astray(gpu, &scene, beta, forward);
        assert!(lost < 0.02 && bright > 200, "lattice: {lost} of {bright}");
    });
}
