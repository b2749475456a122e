//! Pictures that must go on looking as they do: drawn by the software device and compared with those in
//! `fixtures/pictures` as an eye compares.
//!
//! Pins: the look of bodies, rings, shadows, air and sky, through tone mapping. It catches a changed shader, exposure or
//! order of passes. Mint anew only on purpose, after looking at the result:
//! `SPACETIME_WRITE_PICTURES=1 cargo test -p render --test suite golden_pictures`. On failure the picture found and its
//! differences lie in the folder that the message names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{camera, renderer, validated};
use crate::{fleet, sample};
use glam::{DQuat, DVec3};
use render::bodies::Look;
use render::compare::compare;
use render::hud::Front;
use render::hud::values::HudValues;
use render::scene::{Body, Cockpit};
use render::{Camera, Gpu, Picture, Renderer, Scene};

const SIZE: [u32; 2] = [640, 360];
/// Share of pixels that may look different: other versions of the software device round differently.
const SHARE_MAX: f64 = 0.003;

fn scene(jd_tdb: f64, vertical_deg: f64) -> Scene {
    Scene::solar_system(jd_tdb, camera(vertical_deg, SIZE)).unwrap()
}

fn body(scene: &Scene, look: Look) -> Body {
    *scene.find(look).unwrap()
}

/// From one body to another, metres.
fn between(scene: &Scene, from: Look, to: Look) -> DVec3 {
    body(scene, to).position.minus(body(scene, from).position)
}

/// Puts the camera at `from_m` from a body's centre and lets it look at `at_m` from there.
fn look_from(scene: &mut Scene, look: Look, from_m: DVec3, at_m: DVec3, up: DVec3) {
    scene.camera.position = body(scene, look).position.plus(from_m);
    scene.camera.icrf_from_camera = Camera::looking(at_m - from_m, up);
}

/// A picture that is looked after: its name, its size, what it shows and what lies before that.
struct Shot {
    name: &'static str,
    size: [u32; 2],
    scene: Scene,
    values: Option<HudValues>,
}

impl Shot {
    fn of(name: &'static str, scene: Scene) -> Self {
        Self { name, size: SIZE, scene, values: None }
    }
}

/// Compares with the fixture of that name, or writes it where that is asked for; says what is wrong.
fn check(gpu: &Arc<Gpu>, renderers: &mut Vec<Renderer>, shot: &Shot) -> Option<String> {
    let (name, views) = (shot.name, shot.scene.camera.views());
    let fits = |renderer: &Renderer| renderer.format().size == shot.size && renderer.format().views == views;
    let at = renderers.iter().position(fits).unwrap_or_else(|| {
        renderers.push(renderer(gpu, shot.size, views));
        renderers.len() - 1
    });
    // Pictures of two eyes stand side by side.
    let front = Front { values: shot.values.as_ref(), ..Front::default() };
    let found = Picture::beside(&renderers[at].pictures(&shot.scene, &front).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/pictures").join(format!("{name}.png"));
    if std::env::var_os("SPACETIME_WRITE_PICTURES").is_some() {
        found.save(&path).unwrap();
    }
    let expected = Picture::load(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let difference = compare(&expected, &found).expect("pictures of one size");
    if difference.share <= SHARE_MAX {
        return None;
    }
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    found.save(&out.join(format!("{name}.found.png"))).unwrap();
    difference.picture.save(&out.join(format!("{name}.difference.png"))).unwrap();
    let (share, worst) = (difference.share * 100.0, difference.worst);
    Some(format!("{name}: {share:.2} % of pixels differ, by up to {worst}; see {}", out.display()))
}

/// Compares them all, one after the other: a device and its shaders take longer to make than a picture.
fn check_all(shots: &[fn() -> Shot]) {
    validated(|gpu| {
        let mut renderers = Vec::new();
        let wrong: Vec<String> = shots.iter().filter_map(|shot| check(gpu, &mut renderers, &shot())).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn golden_bodies_and_sky() {
    check_all(&[
        earthrise,
        earth_and_moon,
        saturn,
        shadow_of_the_moon_on_the_earth,
        total_eclipse_of_the_sun,
        eclipse_of_the_moon,
        jupiter,
        milky_way,
    ]);
}

#[test]
fn golden_things_and_spacetime() {
    check_all(&[
        ring_of_ships,
        rocks,
        lattice_near_the_sun,
        nine_tenths_of_the_speed_of_light,
        sunlit_cockpit,
        both_eyes,
        head_up_display,
    ]);
}

fn earthrise() -> Shot {
    // From low over the Moon's sunlit limb, at first quarter.
    let mut scene = scene(2_451_557.4, 24.0);
    let earth = between(&scene, Look::Moon, Look::Earth).normalize();
    let sun = between(&scene, Look::Moon, Look::Sun).normalize();
    let radius = body(&scene, Look::Moon).radius_m;
    // Across the way to the Earth.
    let side = (sun - earth * sun.dot(earth)).normalize();
    // The Sun is low there, so that the ground has shadows.
    let up = side * 0.3 + earth.cross(side) * 0.954;
    let from = (up * 0.98 - earth * 0.16).normalize() * radius * 1.035;
    look_from(&mut scene, Look::Moon, from, from + earth * 1e8 - up * 1.1e7, up);
    Shot::of("earthrise", scene)
}

fn earth_and_moon() -> Shot {
    let mut scene = scene(2_451_559.4, 15.0);
    let earth = between(&scene, Look::Moon, Look::Earth);
    let sun = between(&scene, Look::Moon, Look::Sun).normalize();
    let toward = earth.normalize();
    let side = (sun - toward * sun.dot(toward)).normalize();
    // From the Sun's side and behind the Moon, the Earth beside it.
    let from = side * 5.0e6 - toward * 2.4e7;
    look_from(&mut scene, Look::Moon, from, side * 2.6e6, DVec3::Z);
    Shot::of("earth_and_moon", scene)
}

fn saturn() -> Shot {
    let mut scene = scene(2_453_000.0, 22.0);
    let saturn = body(&scene, Look::Saturn);
    let pole = saturn.icrf_from_body * DVec3::Z;
    let sun = between(&scene, Look::Saturn, Look::Sun).normalize();
    let side = pole.cross(sun).normalize();
    // The south was lit then.
    let from = (sun * 0.72 + side * 0.62 - pole * 0.30).normalize() * 7.4e8;
    look_from(&mut scene, Look::Saturn, from, DVec3::ZERO, pole + side * 0.25);
    Shot::of("saturn", scene)
}

fn shadow_of_the_moon_on_the_earth() -> Shot {
    // The total eclipse of 21 August 2017, at its greatest (18:25:32 UT).
    let mut scene = scene(2_457_987.268_6, 40.0);
    let sun = between(&scene, Look::Earth, Look::Sun).normalize();
    let moon = between(&scene, Look::Earth, Look::Moon);
    // From beside the line from Sun to Moon, so that the Moon is not in the way.
    let from = (sun + moon.cross(sun).normalize() * 0.2 + DVec3::Z * 0.1).normalize() * 2.1e7;
    look_from(&mut scene, Look::Earth, from, DVec3::ZERO, DVec3::Z);
    Shot::of("shadow_of_the_moon", scene)
}

fn total_eclipse_of_the_sun() -> Shot {
    // The same eclipse from within the umbra, above the air.
    let mut scene = scene(2_457_987.268_6, 2.6);
    let axis = between(&scene, Look::Sun, Look::Moon).normalize();
    let moon = between(&scene, Look::Earth, Look::Moon);
    // Where the axis of the shadow is nearest to the Earth's centre; then back toward the Moon, out of the Earth.
    let nearest = moon - axis * moon.dot(axis);
    look_from(&mut scene, Look::Earth, nearest - axis * 6.6e6, moon, DVec3::Z);
    Shot::of("total_eclipse", scene)
}

fn eclipse_of_the_moon() -> Shot {
    // In the middle of the total eclipse of 21 January 2000 (4:44 UT), and an hour and a half before.
    let mut scene = scene(2_451_564.637, 0.9);
    let moon = between(&scene, Look::Earth, Look::Moon);
    look_from(&mut scene, Look::Earth, moon.normalize() * 7e6, moon, DVec3::Z);
    Shot::of("eclipse_of_the_moon", scene)
}

fn jupiter() -> Shot {
    let mut scene = scene(2_451_545.0, 30.0);
    let jupiter = body(&scene, Look::Jupiter);
    let sun = between(&scene, Look::Jupiter, Look::Sun).normalize();
    let pole = jupiter.icrf_from_body * DVec3::Z;
    let from = (sun + pole.cross(sun) * 0.7).normalize() * 2.9e8;
    look_from(&mut scene, Look::Jupiter, from, DVec3::ZERO, pole);
    Shot::of("jupiter", scene)
}

fn milky_way() -> Shot {
    let mut scene = scene(2_451_545.0, 75.0);
    let earth = body(&scene, Look::Earth);
    scene.camera.position = earth.position.plus(DVec3::Z * 3e8);
    // Toward the galaxy's centre: Scorpius and Sagittarius.
    scene.camera.icrf_from_camera = Camera::looking(DVec3::new(-0.20, -0.86, -0.46), DVec3::Z);
    scene.bodies.retain(|body| body.look != Look::Sun);
    Shot::of("milky_way", scene)
}

fn ring_of_ships() -> Shot {
    Shot::of("ring_of_ships", fleet::ring_of_ships(camera(40.0, SIZE)))
}

fn rocks() -> Shot {
    Shot::of("rocks", fleet::rocks_over_the_moon(camera(40.0, SIZE)))
}

fn lattice_near_the_sun() -> Shot {
    let mut scene = scene(2_451_545.0, 50.0);
    scene.options.lattice = true;
    let sun = body(&scene, Look::Sun);
    let from = DVec3::new(-14.0, -3.0, 4.2) * sun.radius_m;
    look_from(&mut scene, Look::Sun, from, DVec3::new(0.0, 1.5, -2.4) * sun.radius_m, DVec3::new(0.0, -0.4, 0.92));
    Shot::of("lattice", scene)
}

fn nine_tenths_of_the_speed_of_light() -> Shot {
    // Over the Earth's day side, along the sky's Orion, which crowds ahead and turns blue.
    let mut scene = scene(2_451_545.0, 75.0);
    let earth = body(&scene, Look::Earth);
    let sun = between(&scene, Look::Earth, Look::Sun).normalize();
    let ahead = DVec3::new(0.1, 0.99, 0.02).normalize();
    let out = (sun + ahead.cross(DVec3::Z) * 0.4).normalize();
    let from = out * earth.radius_m * 2.2 - ahead * earth.radius_m * 1.5;
    look_from(&mut scene, Look::Earth, from, from + ahead * 1e7 - out * 2e6, out);
    scene.camera = scene.camera.moving(ahead * 0.9, 1.0);
    Shot::of("near_light", scene)
}

/// A cockpit that points where the camera looks.
fn cockpit(scene: &Scene) -> Option<Cockpit> {
    Some(Cockpit { icrf_from_ship: scene.camera.icrf_from_camera, lamps: 1.0 })
}

fn sunlit_cockpit() -> Shot {
    // The Sun comes in from ahead and the left; the pilot looks down a little.
    let mut scene = fleet::ring_of_ships(camera(80.0, SIZE));
    scene.camera.icrf_from_camera *= DQuat::from_rotation_z(2.4);
    scene.cockpit = cockpit(&scene);
    scene.camera.icrf_from_camera *= DQuat::from_rotation_y(0.35);
    Shot::of("cockpit", scene)
}

fn both_eyes() -> Shot {
    let size = [720, 720];
    let mut scene = fleet::ring_of_ships(camera(75.0, size));
    scene.camera = scene.camera.two(0.063);
    scene.cockpit = cockpit(&scene);
    Shot { size, values: Some(sample::orbit()), ..Shot::of("both_eyes", scene) }
}

fn head_up_display() -> Shot {
    let mut scene = fleet::ring_of_ships(camera(60.0, [1280, 720]));
    scene.cockpit = cockpit(&scene);
    Shot { size: [1280, 720], values: Some(sample::orbit()), ..Shot::of("head_up_display", scene) }
}
