//! Paints the head-up display and the menus on the processor, before black and before a bright planet, into PNG files.
//!
//! `cargo run -p render --example hud_preview [FOLDER]`

#[path = "../tests/suite/raster.rs"]
mod raster;
#[path = "../tests/suite/sample.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::time::Instant;

use glam::{Vec3, vec2};
use raster::Canvas;
use render::hud::colour::Palette;
use render::hud::layout::View;
use render::hud::menu::{Item, Menu, Timeline, TimelineMark, Value};
use render::hud::paint::Overlay;
use render::hud::{Front, paint};
use render::text::Text;

/// A lit ball on the left, stars on the right.
fn scene(width: usize, height: usize, bright: bool) -> Canvas {
    let size = vec2(width as f32, height as f32);
    Canvas::new(width, height, |x, y| {
        let at = vec2(x as f32, y as f32);
        let star = (x * 7919 + y * 104_729) % 4001 == 0;
        if !bright {
            return if star { Vec3::splat(0.6) } else { Vec3::splat(0.001) };
        }
        let way = (at - size * vec2(0.42, 1.05)) / (size.y * 0.85);
        let edge = 1.0 - way.length_squared();
        if edge < 0.0 {
            return if star { Vec3::splat(0.6) } else { Vec3::new(0.001, 0.002, 0.004) };
        }
        let lit = (edge.sqrt() * 0.6 - way.y * 0.6 + way.x * 0.25).clamp(0.0, 1.0);
        let cloud = 0.5 + 0.5 * ((way.x * 9.0).sin() * (way.y * 13.0 + way.x * 4.0).sin());
        Vec3::new(0.25, 0.5, 0.95).lerp(Vec3::ONE, cloud.powi(2)) * lit * 1.2
    })
}

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/hud".into()));
    let (mut text, palette) = (Text::new(), Palette::default());
    let orbit = sample::orbit();
    let danger = sample::danger();
    let marks = [(0.12, false), (0.4, true), (0.43, false), (0.8, true)].map(|(at, harm)| TimelineMark { at, harm });
    let timeline = Timeline {
        position: 0.34,
        marks: &marks,
        playing: true,
        time: "00:04:12.3",
        length: "00:12:00.0",
        speed: "2\u{d7}",
    };
    let item = |label, value| Item { label, value, enabled: true };
    let items = [
        item("Preset", Value::Choice("Ultra")),
        item("Resolution", Value::Slider(0.75, "75 %")),
        item("Full screen", Value::Toggle(true)),
        item("Spacetime lattice", Value::Toggle(false)),
        item("Field of view", Value::Slider(0.4, "60\u{b0}")),
        item("Key bindings", Value::Submenu),
        Item { label: "Headset", value: Value::Text("not found"), enabled: false },
        item("Back", Value::None),
    ];
    let menu = Menu {
        title: "Settings",
        items: &items,
        selected: 1,
        first: None,
        help: "How many pixels are drawn, of those of the window",
    };
    let hud = Front { values: Some(&orbit), ..Front::default() };
    let all = Front {
        values: Some(&danger),
        timeline: Some(&timeline),
        subtitle: Some(sample::SUBTITLE),
        toast: Some("Screenshot saved as spacetime-0042.png"),
        ..Front::default()
    };
    let pages = [
        ("orbit", hud, 1280, 720),
        ("danger", all, 1280, 720),
        ("menu", Front { menu: Some(&menu), ..hud }, 1280, 720),
        ("small", Front { timeline: None, ..all }, 640, 360),
        ("small-menu", Front { menu: Some(&menu), ..hud }, 640, 360),
        ("large", hud, 2560, 1440),
        ("eye", Front { timeline: None, ..all }, 1440, 1600),
    ];
    for (name, front, width, height) in pages {
        for (behind, bright) in [("black", false), ("planet", true)] {
            let view = if name == "eye" {
                View::eye(width, height, [-1.38, 0.84, 0.97, -1.11], 1.0)
            } else {
                View::screen(width, height, 60f32.to_radians(), 1.0)
            };
            let mut overlay = Overlay::default();
            let mut best_us = f64::INFINITY;
            for _ in 0..200 {
                let begun = Instant::now();
                overlay.clear();
                text.begin_frame();
                paint(&front, &view, &palette, &mut text, &mut overlay);
                best_us = best_us.min(begun.elapsed().as_secs_f64() * 1e6);
            }
            let mut canvas = scene(width as usize, height as usize, bright);
            canvas.draw(&overlay, text.atlas());
            let path = folder.join(format!("{name}-{behind}.png"));
            save(&canvas, &path)?;
            println!("{}: {} triangles in {best_us:.0} \u{b5}s", path.display(), overlay.indices.len() / 3);
        }
    }
    Ok(())
}

/// Writes a canvas as a PNG: 8-bit sRGB.
fn save(canvas: &Canvas, path: &Path) -> std::io::Result<()> {
    let encode = |value: f32| {
        let value = value.clamp(0.0, 1.0);
        let value = if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (value * 255.0).round() as u8
    };
    let bytes: Vec<u8> = canvas.pixels.iter().flat_map(|pixel| pixel.to_array().map(encode)).collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, canvas.width as u32, canvas.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}
