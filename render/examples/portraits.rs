//! Draws portraits of the bodies as PNG files: `cargo run --release -p render --example portraits -- FOLDER [NAME..]`.

use std::path::PathBuf;
use std::sync::Arc;

use glam::DVec3;
use render::bodies::Look;
use render::hud::Front;
use render::{Camera, Choice, Format, Gpu, GpuOptions, Renderer, Scene};
use sim::Position;

/// Name, body, Julian date, distance in radii, degrees from the Sun (phase) and above the equator, field of view.
type Portrait = (&'static str, Look, f64, f64, f64, f64, f64);

const PORTRAITS: &[Portrait] = &[
    ("sun", Look::Sun, 2_451_545.0, 5.0, 0.0, 5.0, 40.0),
    ("mercury", Look::Mercury, 2_451_545.0, 3.2, 50.0, 5.0, 45.0),
    ("venus", Look::Venus, 2_451_545.0, 3.2, 50.0, 5.0, 45.0),
    ("earth", Look::Earth, 2_451_716.9, 3.2, 35.0, 15.0, 45.0),
    ("earth_crescent", Look::Earth, 2_451_716.2, 3.2, 125.0, 5.0, 45.0),
    ("earth_low", Look::Earth, 2_451_716.9, 1.06, 55.0, 20.0, 60.0),
    ("moon", Look::Moon, 2_451_564.7, 3.2, 5.0, 5.0, 45.0),
    ("moon_half", Look::Moon, 2_451_556.0, 3.2, -85.0, 5.0, 45.0),
    ("mars", Look::Mars, 2_451_545.7, 3.2, 45.0, 10.0, 45.0),
    ("jupiter", Look::Jupiter, 2_451_545.0, 3.2, 35.0, 5.0, 45.0),
    ("saturn", Look::Saturn, 2_451_545.0, 6.5, 40.0, -16.0, 45.0),
    ("saturn_behind", Look::Saturn, 2_451_545.0, 7.0, 150.0, 25.0, 45.0),
    ("uranus", Look::Uranus, 2_451_545.0, 3.2, 40.0, 5.0, 45.0),
    ("neptune", Look::Neptune, 2_451_545.0, 3.2, 40.0, 5.0, 45.0),
    ("pluto", Look::Pluto, 2_451_545.0, 3.2, 40.0, 5.0, 45.0),
    ("sky", Look::Earth, 2_451_545.0, 100.0, 0.0, 0.0, 70.0),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let wanted: Vec<String> = arguments.collect();
    let gpu = Arc::new(Gpu::open(GpuOptions { choice: Choice::Best, validation: false })?);
    println!("{}", gpu.name());
    let size = [1280, 720];
    let mut renderer = Renderer::new(gpu, Format { size, views: 1, scale: 1.0 })?;
    for &(name, look, jd, radii, phase, up, field) in PORTRAITS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        let camera = Camera::one(Position::ORIGIN, glam::DQuat::IDENTITY, field.to_radians(), 1280.0 / 720.0);
        let mut scene = Scene::solar_system(jd, camera)?;
        let Some(body) = scene.find(look).copied() else { continue };
        let pole = body.icrf_from_body * DVec3::Z;
        let sun = (scene.light.position.minus(body.position) + pole * 1e-3).normalize_or(DVec3::X);
        let east = pole.cross(sun).normalize_or(DVec3::Y);
        let (sin, cos) = phase.to_radians().sin_cos();
        let flat = (sun - pole * sun.dot(pole)).normalize_or(DVec3::X) * cos + east * sin;
        let from = flat * up.to_radians().cos() + pole * up.to_radians().sin();
        scene.camera.position = body.position.plus(from * radii * body.radius_m);
        let ahead = if name == "earth_low" {
            east * 0.8 - from * 0.75
        } else if name == "sky" {
            DVec3::new(-0.05, -0.87, -0.48)
        } else {
            -from
        };
        scene.camera.icrf_from_camera = Camera::looking(ahead, if name == "earth_low" { from } else { pole });
        let began = std::time::Instant::now();
        let pictures = renderer.pictures(&scene, &Front::default())?;
        println!("{name}: {:.2} s", began.elapsed().as_secs_f64());
        pictures[0].save(&folder.join(format!("{name}.png")))?;
    }
    Ok(())
}
