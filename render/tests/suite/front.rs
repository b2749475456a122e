//! What lies before the scene, as the device draws it: the same as the overlay's own rules say, in both eyes, and dark
//! where comfort asks for it.

use crate::common::{camera, renderer, validated};
use crate::raster::Canvas;
use crate::sample;
use glam::Vec3;
use render::bodies::Look;
use render::hud::colour::Palette;
use render::hud::layout::View;
use render::hud::menu::{Item, Menu, Value};
use render::hud::paint::Overlay;
use render::hud::{Comfort, Front, paint};
use render::text::Text;
use render::{Camera, Picture, Scene};

/// Nothing but black.
fn darkness(size: [u32; 2]) -> Scene {
    let mut scene = Scene::solar_system(2_451_545.0, camera(60.0, size)).unwrap();
    scene.bodies.clear();
    scene.options.milky_way = false;
    scene.options.star_flux = 0.0;
    scene
}

/// The 8-bit sRGB of a linear value.
fn encoded(value: f32) -> f32 {
    let value = value.clamp(0.0, 1.0);
    255.0 * if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

/// The most that any part of any pixel differs by, and how many differ by more than 3 of 255.
fn difference(drawn: &Picture, canvas: &Canvas) -> (f32, usize) {
    let pairs = drawn.rgba.chunks_exact(4).zip(&canvas.pixels);
    let apart = pairs.map(|(found, pixel)| {
        let expected = pixel.to_array().map(encoded);
        (0..3).map(|i| (f32::from(found[i]) - expected[i]).abs()).fold(0.0, f32::max)
    });
    apart.fold((0.0, 0), |(most, count), apart| (most.max(apart), count + usize::from(apart > 3.0)))
}

fn check(size: [u32; 2], fronts: &[Front<'_>]) {
    validated(|gpu| {
        let scene = darkness(size);
        let (mut renderer, mut text) = (renderer(gpu, size, 1), Text::new());
        let view = View::screen(size[0], size[1], 60f32.to_radians(), 1.0);
        for front in fronts {
            let drawn = renderer.pictures(&scene, front).unwrap().remove(0);
            let mut overlay = Overlay::default();
            text.begin_frame();
            paint(front, &view, &Palette::default(), &mut text, &mut overlay);
            let mut canvas = Canvas::new(size[0] as usize, size[1] as usize, |_, _| Vec3::ZERO);
            canvas.draw(&overlay, text.atlas());
            let lit = canvas.pixels.iter().filter(|pixel| pixel.max_element() > 0.2).count();
            assert!(lit > 500, "{lit} pixels have something bright");
            let (most, count) = difference(&drawn, &canvas);
            // Edges of triangles are cut at 256ths of a pixel by both, but not always at the same.
            assert!(count < 60, "{count} pixels differ, by up to {most} of 255");
        }
    });
}

#[test]
fn the_device_draws_what_the_rules_say() {
    let values = [sample::orbit(), sample::danger()];
    let items = [Item { label: "New flight", value: Value::None, enabled: true }];
    let menu = Menu { title: "SpaceTime", items: &items, selected: 0, first: None, help: "Begin" };
    // One after the other with one renderer: glyphs that come later are copied to the device too.
    let fronts = [
        Front { values: Some(&values[0]), ..Front::default() },
        Front { menu: Some(&menu), toast: Some("Saved"), ..Front::default() },
        Front { values: Some(&values[1]), subtitle: Some(sample::SUBTITLE), ..Front::default() },
    ];
    check([960, 540], &fronts);
}

#[test]
fn a_frame_that_is_only_recorded_takes_no_letters_away() {
    validated(|gpu| {
        let (size, items) = ([320, 180], [Item { label: "New flight", value: Value::None, enabled: true }]);
        let menu = Menu { title: "SpaceTime", items: &items, selected: 0, first: None, help: "Begin" };
        let (scene, front) = (darkness(size), Front { menu: Some(&menu), ..Front::default() });
        let mut recorded = renderer(gpu, size, 1);
        // The first is drawn, without the menu's letters.
        recorded.record_only(&scene, &Front::default()).unwrap();
        recorded.record_only(&scene, &front).unwrap();
        let pictures = [recorded, renderer(gpu, size, 1)].map(|mut it| it.pictures(&scene, &front).unwrap());
        assert_eq!(pictures[0], pictures[1]);
    });
}

#[test]
fn both_eyes_have_instruments() {
    validated(|gpu| {
        let size = [400, 440];
        let mut scene = darkness(size);
        scene.camera = scene.camera.two(0.063);
        let values = sample::orbit();
        let front = Front { values: Some(&values), ..Front::default() };
        let pictures = renderer(gpu, size, 2).pictures(&scene, &front).unwrap();
        let bright = |picture: &Picture| picture.rgba.chunks_exact(4).filter(|texel| texel[0] > 150).count();
        assert!(bright(&pictures[0]) > 300);
        // As far as it is away, both eyes see the same.
        assert_eq!(pictures[0], pictures[1]);
    });
}

#[test]
fn comfort_darkens_from_the_edge() {
    validated(|gpu| {
        let size = [200, 200];
        // The Earth at noon fills the picture.
        let mut scene = Scene::solar_system(2_451_545.0, camera(60.0, size).two(0.063)).unwrap();
        let (earth, sun) = (*scene.find(Look::Earth).unwrap(), scene.light.position);
        let noon = sun.minus(earth.position).normalize();
        scene.camera.position = earth.position.plus(noon * earth.radius_m * 1.1);
        scene.camera.icrf_from_camera = Camera::looking(-noon, glam::DVec3::Z);
        let mut renderer = renderer(gpu, size, 2);
        let mut seen = |comfort: Comfort| renderer.pictures(&scene, &Front { comfort, ..Front::default() }).unwrap();
        let light = |picture: &Picture, x: usize, y: usize| {
            let at = 4 * (y * 200 + x);
            picture.rgba[at..at + 3].iter().map(|part| u32::from(*part)).sum::<u32>()
        };
        let plain = seen(Comfort::default());
        let narrow = seen(Comfort { clear_rad: Some(0.2), fade: 0.0 });
        let dark = seen(Comfort { clear_rad: None, fade: 1.0 });
        for eye in 0..2 {
            assert!(light(&plain[eye], 100, 100) > 0 && light(&plain[eye], 2, 2) > 0, "there is something to see");
            assert_eq!(light(&narrow[eye], 100, 100), light(&plain[eye], 100, 100));
            // 0.2 and 0.175 radians from the middle all is dark: 68 of 100 pixels.
            assert_eq!([light(&narrow[eye], 2, 100), light(&narrow[eye], 100, 170)], [0, 0]);
            assert_eq!(dark[eye].rgba.chunks_exact(4).map(|t| u32::from(t[0]) + u32::from(t[1])).sum::<u32>(), 0);
        }
    });
}

#[test]
fn comfort_darkens_light_and_instruments_alike() {
    validated(|gpu| {
        let size = [320, 200];
        let mut scene = Scene::solar_system(2_451_545.0, camera(60.0, size)).unwrap();
        let (earth, sun) = (*scene.find(Look::Earth).unwrap(), scene.light.position);
        let noon = sun.minus(earth.position).normalize();
        scene.camera.position = earth.position.plus(noon * earth.radius_m * 1.1);
        scene.camera.icrf_from_camera = Camera::looking(-noon, glam::DVec3::Z);
        let mut renderer = renderer(gpu, size, 1);
        let values = sample::orbit();
        let front = Front { values: Some(&values), ..Front::default() };
        let mut seen = |comfort: Comfort| renderer.pictures(&scene, &Front { comfort, ..front }).unwrap().remove(0);
        let plain = seen(Comfort::default());
        let half = seen(Comfort { clear_rad: None, fade: 0.5 });
        let narrow = seen(Comfort { clear_rad: Some(0.25), fade: 0.5 });
        let linear = |texel: u8| {
            let v = f64::from(texel) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let mut bright = 0;
        for (at, (before, after)) in plain.rgba.iter().zip(&half.rgba).enumerate().filter(|(at, _)| at % 4 != 3) {
            // One step of 8 bits, and what dither does.
            let expected = 0.5 * linear(*before);
            assert!((linear(*after) - expected).abs() < 0.006 + 0.03 * expected, "{at}: {before} became {after}");
            bright += usize::from(*before > 200);
        }
        assert!(bright > 300, "{bright} parts are bright: instruments are there");
        // The share that is left by the angle from the middle: half up to 0.25, then down to nothing at 0.425.
        for (at, (before, after)) in plain.rgba.chunks_exact(4).zip(narrow.rgba.chunks_exact(4)).enumerate() {
            let tangent =
                |pixel: usize, of: u32| (pixel as f64 + 0.5 - f64::from(of) / 2.0) / 100.0 * 30f64.to_radians().tan();
            let angle = tangent(at % 320, 320).hypot(tangent(at / 320, 200)).atan();
            if angle > 0.426 {
                assert_eq!(after[..3], [0; 3], "{at}");
            } else if angle < 0.25 {
                let expected = 0.5 * linear(before[1]);
                assert!((linear(after[1]) - expected).abs() < 0.006 + 0.03 * expected, "{at}");
            }
        }
    });
}
