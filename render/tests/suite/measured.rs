//! Pictures measured in numbers: discs, terminators, stars, eclipses, eyes and depth are where geometry says.

use crate::common::{camera, renderer, validated};
use glam::{DQuat, DVec3};
use render::bodies::Look;
use render::camera::NEAR_M;
use render::hud::Front;
use render::scene::{Body, Exposure, Light, Options};
use render::sky::catalogue;
use render::{Camera, Picture, Scene};
use sim::Position;

/// A plain world: one body, and a Sun far away in that direction. Without the Milky Way.
pub fn lone(camera: Camera, look: Look, at: DVec3, radius_m: f64, sunward: DVec3) -> Scene {
    let position = Position::from_metres(at);
    let [_, flattened] = look.figure();
    let body = Body { look, position, icrf_from_body: DQuat::IDENTITY, radius_m, flattened, gm_m3_s2: 0.0 };
    let light = Light { position: position.plus(sunward.normalize() * 1.5e11), radius_m: 6.957e8 };
    let options = Options { exposure: Exposure::Fixed(1.0), milky_way: false, star_flux: 0.0, ..Options::default() };
    Scene { light, bodies: vec![body], options, ..Scene::empty(camera) }
}

/// The brightness of a pixel of linear light.
pub fn luminance(pixel: [f32; 4]) -> f64 {
    0.2126 * f64::from(pixel[0]) + 0.7152 * f64::from(pixel[1]) + 0.0722 * f64::from(pixel[2])
}

/// Coverage (or any channel) at a place between pixels.
fn sampled(light: &[[f32; 4]], size: [u32; 2], [x, y]: [f64; 2], channel: usize) -> f64 {
    let at = |x: f64, y: f64| {
        let column = (x.max(0.0) as usize).min(size[0] as usize - 1);
        let row = (y.max(0.0) as usize).min(size[1] as usize - 1);
        f64::from(light[row * size[0] as usize + column][channel])
    };
    let (u, v) = (x - 0.5, y - 0.5);
    let (fx, fy) = (u - u.floor(), v - v.floor());
    let row = |v: f64| at(u.floor(), v) * (1.0 - fx) + at(u.floor() + 1.0, v) * fx;
    row(v.floor()) * (1.0 - fy) + row(v.floor() + 1.0) * fy
}

/// How many pixels lie between where the limb should be and where coverage falls to one half, at worst.
fn limb_error(scene: &Scene, light: &[[f32; 4]], size: [u32; 2]) -> f64 {
    let body = scene.bodies[0];
    let centre = body.position.minus(scene.camera.position);
    let (toward, angle) = (centre.normalize(), (body.radius_m / centre.length()).asin());
    let (a, b) = toward.any_orthonormal_pair();
    let mut worst = 0.0f64;
    for step in 0..16 {
        let (sin, cos) = (f64::from(step) * core::f64::consts::TAU / 16.0).sin_cos();
        let limb_at = |angle: f64| toward * angle.cos() + (a * cos + b * sin) * angle.sin();
        let Some(expected) = scene.camera.pixel_of(0, limb_at(angle), size) else { continue };
        let Some(inward) = scene.camera.pixel_of(0, limb_at(angle * 0.98), size) else { continue };
        let inside =
            |[x, y]: [f64; 2]| x > 4.0 && y > 4.0 && x < f64::from(size[0]) - 4.0 && y < f64::from(size[1]) - 4.0;
        if !inside(expected) {
            continue;
        }
        let out = [expected[0] - inward[0], expected[1] - inward[1]];
        let length = out[0].hypot(out[1]);
        // Along the line across the limb.
        let found = (-300..=300).map(|i| f64::from(i) * 0.01).find(|d| {
            let place = [expected[0] + out[0] / length * d, expected[1] + out[1] / length * d];
            sampled(light, size, place, 3) < 0.5
        });
        worst = worst.max(found.map_or(3.0, f64::abs));
    }
    worst
}

#[test]
fn discs_are_as_large_as_geometry_says_to_one_pixel() {
    validated(|gpu| {
        let size = [640, 480];
        let mut renderer = renderer(gpu, size, 1);
        // Radius, distance, aside: small and far, large, near enough to fill the view, off the middle, and very far.
        for (radius, at) in [
            (1.7374e6, DVec3::new(1.5e8, 0.0, 0.0)),
            (1.7374e6, DVec3::new(1e7, 0.0, 0.0)),
            (1.7374e6, DVec3::new(4.4e6, 0.0, 0.0)),
            (1.7374e6, DVec3::new(1e7, 3.5e6, -2e6)),
            (2.4e7, DVec3::new(4.5e12, 1e10, 0.0)),
        ] {
            let narrow = if at.length() > 1e12 { 0.004 } else { 55.0 };
            let mut view = camera(narrow, size);
            if at.length() > 1e12 {
                view.icrf_from_camera = Camera::looking(at, DVec3::Z);
            }
            let scene = lone(view, Look::Rock, at, radius, -at);
            renderer.draw(&scene, &Front::default()).unwrap();
            let error = limb_error(&scene, &renderer.light().unwrap(), size);
            assert!(error < 0.5, "{at}: {error} pixels");
        }
    });
}

#[test]
fn a_giant_is_flattened() {
    validated(|gpu| {
        let size = [400, 400];
        let mut renderer = renderer(gpu, size, 1);
        let at = DVec3::new(4e9, 0.0, 0.0);
        let scene = lone(camera(2.4, size), Look::Jupiter, at, 7.1492e7, -at);
        renderer.draw(&scene, &Front::default()).unwrap();
        let light = renderer.light().unwrap();
        let across: f64 = (0..400).map(|x| f64::from(light[200 * 400 + x][3])).sum();
        let down: f64 = (0..400).map(|y| f64::from(light[y * 400 + 200][3])).sum();
        let expected = 400.0 * (7.1492e7f64 / 4e9).asin().tan() / (1.2f64).to_radians().tan();
        assert!((across - expected).abs() < 1.5, "{across} {expected}");
        assert!((down / across - 66_854.0 / 71_492.0).abs() < 0.006, "{}", down / across);
    });
}

#[test]
fn the_terminator_stands_where_the_sun_sets() {
    validated(|gpu| {
        let size = [512, 512];
        let mut renderer = renderer(gpu, size, 1);
        for phase in [50.0f64, 90.0, 120.0] {
            // From afar, so that half of the body is seen; the Sun stands to the right.
            let at = DVec3::new(2e9, 0.0, 0.0);
            let radius = 1.7e6;
            let sunward = DVec3::new(-phase.to_radians().cos(), -phase.to_radians().sin(), 0.0);
            let scene = lone(camera(0.11, size), Look::Rock, at, radius, sunward);
            renderer.draw(&scene, &Front::default()).unwrap();
            let light = renderer.light().unwrap();
            let disc_px = radius / 2e9 / (0.055f64).to_radians().tan() * 256.0;
            // Averaged over rows near the equator, where hills even out.
            let column = |x: usize| (216..296).map(|y| luminance(light[y * 512 + x])).sum::<f64>() / 80.0;
            let most = (0..512).map(column).fold(0.0, f64::max);
            let dark = (0..512).rev().find(|&x| column(x) < 0.02 * most && (x as f64) < 256.0 + disc_px * 0.9);
            let found = ((dark.unwrap_or(0) as f64 + 1.0 - 256.0) / disc_px).clamp(-1.0, 1.0).asin().to_degrees();
            // Where the Sun is on the horizon, seen from the middle of the disc.
            let expected = phase - 90.0;
            assert!((found - expected).abs() < 2.0, "phase {phase}: {found}, expected {expected}");
        }
    });
}

#[test]
fn stars_are_where_they_are_to_a_hundredth_of_a_degree_and_as_bright() {
    validated(|gpu| {
        let size = [900, 600];
        let stars = catalogue::decode(catalogue::HIPPARCOS).unwrap();
        let mut renderer = renderer(gpu, size, 1);
        let years = 20.0;
        // Sirius, Canopus, Arcturus, Vega, Betelgeuse, Antares, Deneb, Polaris, Alnitak, Barnard's star's neighbour.
        for hip in [32_349, 30_438, 69_673, 91_262, 27_989, 80_763, 102_098, 11_767, 26_727, 86_032] {
            let star = stars.iter().find(|s| s.hip == hip).unwrap();
            let direction = star.direction(years);
            let aside = direction.any_orthonormal_vector() * 0.13;
            let mut view = camera(40.0, size);
            view.icrf_from_camera = Camera::looking(direction + aside, DVec3::new(0.1, 0.2, 1.0));
            let mut scene = lone(view, Look::Rock, DVec3::X * -1e12, 1.0, DVec3::X);
            scene.options = Options { milky_way: false, star_flux: 5.0, ..Options::default() };
            scene.years = years;
            renderer.draw(&scene, &Front::default()).unwrap();
            let light = renderer.light().unwrap();
            let [x, y] = view.pixel_of(0, direction, size).unwrap();
            let (mut sum, mut at) = (0.0, [0.0; 2]);
            for v in y as usize - 3..=y as usize + 3 {
                for u in x as usize - 3..=x as usize + 3 {
                    let here = luminance(light[v * 900 + u]);
                    sum += here;
                    at = [at[0] + here * (u as f64 + 0.5), at[1] + here * (v as f64 + 0.5)];
                }
            }
            let off_px = (at[0] / sum - x).hypot(at[1] / sum - y);
            let off_deg = (off_px * f64::from((2.0 * 20f32.to_radians().tan()) / 600.0)).to_degrees();
            assert!(off_deg < 0.01, "HIP {hip}: {off_deg} degrees");
            let flux = 5.0 * f64::from(star.relative_irradiance());
            // Others stand beside; the brightness of the spot is 1 per unit of flux.
            assert!((sum / flux - 1.0).abs() < 0.06, "HIP {hip}: {sum} of {flux}");
        }
    });
}

/// Share of the Sun's disc that stays free: two circles, as in any textbook of geometry.
fn free(sun: f64, other: f64, apart: f64) -> f64 {
    if apart >= sun + other {
        return 1.0;
    }
    if apart <= (sun - other).abs() {
        return if other >= sun { 0.0 } else { 1.0 - (other / sun).powi(2) };
    }
    let a = ((apart * apart + sun * sun - other * other) / (2.0 * apart * sun)).acos();
    let b = ((apart * apart + other * other - sun * sun) / (2.0 * apart * other)).acos();
    let both = sun * sun * (a - a.sin() * a.cos()) + other * other * (b - b.sin() * b.cos());
    1.0 - both / (core::f64::consts::PI * sun * sun)
}

#[test]
fn shadows_have_umbra_and_penumbra_of_the_right_size() {
    validated(|gpu| {
        let size = [512, 512];
        let mut renderer = renderer(gpu, size, 1);
        let (distance, radius, sun_distance) = (3e7, 1e7, 1.5e11);
        let at = DVec3::new(distance, 0.0, 0.0);
        // The Sun is behind the camera; so is the body that throws the shadow.
        let scene = lone(camera(12.0, size), Look::Rock, at, radius, -DVec3::X);
        renderer.draw(&scene, &Front::default()).unwrap();
        let without = renderer.light().unwrap();
        for (away, other_m) in [(1e8, 1e6), (1e8, 3e5), (2e8, 8e5)] {
            let mut shaded = scene.clone();
            let position = Position::from_metres(at - DVec3::X * (radius + away));
            shaded.bodies.push(Body { look: Look::Moon, position, radius_m: other_m, ..scene.bodies[0] });
            renderer.draw(&shaded, &Front::default()).unwrap();
            let with = renderer.light().unwrap();
            let (sun_rad, other_rad) = (scene.light.radius_m / sun_distance, other_m / away);
            let mut seen = [false; 3];
            for x in 256..500 {
                let i = 256 * 512 + x;
                let aside_m = (x as f64 + 0.5 - 256.0) / 256.0 * 6f64.to_radians().tan() * (distance - radius);
                let expected = free(sun_rad, other_rad, aside_m / away);
                let found = luminance(with[i]) / luminance(without[i]);
                assert!((found - expected).abs() < 0.03, "{away:e} {other_m:e}, {aside_m} m aside: {found} {expected}");
                seen =
                    [seen[0] || expected < 0.01, seen[1] || (0.2..0.8).contains(&expected), seen[2] || expected == 1.0];
            }
            assert!(seen[1] && seen[2], "the test looks at the edge of the shadow");
            assert_eq!(seen[0], other_rad > sun_rad, "a wide body has an umbra");
        }
    });
}

#[test]
fn two_eyes_see_parallax() {
    validated(|gpu| {
        let size = [400, 300];
        let mut renderer = renderer(gpu, size, 2);
        let view = camera(50.0, size).two(0.5);
        let scene = lone(view, Look::Rock, DVec3::new(10.0, 0.0, 0.0), 0.8, -DVec3::X);
        renderer.draw(&scene, &Front::default()).unwrap();
        let light = renderer.light().unwrap();
        let middle = |eye: &[[f32; 4]]| {
            let weigh = |i: usize| f64::from(eye[i][3]);
            let total: f64 = (0..eye.len()).map(weigh).sum();
            (0..eye.len()).map(|i| weigh(i) * ((i % 400) as f64 + 0.5)).sum::<f64>() / total
        };
        let shift = middle(&light[..120_000]) - middle(&light[120_000..]);
        let expected = 0.5 / 10.0 / (25f64).to_radians().tan() * 150.0;
        assert!((shift - expected).abs() < 0.5, "{shift} {expected}");
        let lit = |picture: &Picture| picture.rgba.chunks_exact(4).filter(|p| p[0] > 40).count();
        let pictures = renderer.pictures(&scene, &Front::default()).unwrap();
        let [left, right] = [lit(&pictures[0]), lit(&pictures[1])];
        assert!(left > 100 && left.abs_diff(right) < left / 20, "{left} {right}");
    });
}

#[test]
fn depth_is_true_from_low_orbit_to_the_outer_planets() {
    validated(|gpu| {
        let size = [64, 64];
        let mut renderer = renderer(gpu, size, 1);
        for (radius, distance) in [(6.371e6, 6.371e6 + 2.0), (6.371e6, 7e6), (1.7e6, 4e8), (2.4e7, 4.5e12)] {
            let at = DVec3::X * distance;
            // Straight down onto even ground.
            let narrow = if distance > 1e12 { 1e-4 } else { 0.1 };
            let scene = lone(camera(narrow, size), Look::Rock, at, radius, -at);
            renderer.draw(&scene, &Front::default()).unwrap();
            let depth = f64::from(renderer.depth().unwrap()[32 * 64 + 32]);
            let expected = distance - radius;
            assert!((NEAR_M / depth / expected - 1.0).abs() < 1e-4, "{} {expected}", NEAR_M / depth);
        }
    });
}

#[test]
fn the_same_scene_gives_the_same_picture() {
    validated(|gpu| {
        let size = [320, 200];
        let view = camera(60.0, size);
        let mut scene = Scene::solar_system(2_451_545.0, view).unwrap();
        let earth = *scene.find(Look::Earth).unwrap();
        scene.camera.position = earth.position.plus(DVec3::new(-1.8e7, 0.0, 2e6));
        let mut first = renderer(gpu, size, 1);
        let pictures =
            [first.pictures(&scene, &Front::default()).unwrap(), first.pictures(&scene, &Front::default()).unwrap()];
        assert_eq!(pictures[0], pictures[1]);
        assert_eq!(pictures[0], renderer(gpu, size, 1).pictures(&scene, &Front::default()).unwrap());
    });
}
