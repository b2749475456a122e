//! Shapes of the overlay, drawn by the rules of its format, have the areas and places that they should have.

use std::f32::consts::{PI, TAU};

use crate::raster::Canvas;
use glam::{Vec2, Vec3, vec2};
use render::hud::colour::Colour;
use render::hud::paint::{Overlay, Rect};
use render::text::Text;

const SIZE: usize = 100;

fn draw(paint: impl Fn(&mut Overlay, Colour)) -> Canvas {
    let (mut overlay, mut text) = (Overlay::default(), Text::new());
    paint(&mut overlay, Colour::from_srgb(0xFFFFFF));
    let mut canvas = Canvas::new(SIZE, SIZE, |_, _| Vec3::ZERO);
    canvas.draw(&overlay, text.atlas());
    canvas
}

/// Covered area in pixels, and its centre.
fn area(canvas: &Canvas) -> (f32, Vec2) {
    let (mut sum, mut moment) = (0.0, Vec2::ZERO);
    for (i, pixel) in canvas.pixels.iter().enumerate() {
        sum += pixel.x;
        moment += vec2((i % SIZE) as f32 + 0.5, (i / SIZE) as f32 + 0.5) * pixel.x;
    }
    (sum, moment / sum)
}

fn check(name: &str, expected_area: f32, expected_centre: Option<Vec2>, paint: impl Fn(&mut Overlay, Colour)) {
    let (found, centre) = area(&draw(paint));
    assert!((found - expected_area).abs() < 0.012 * expected_area, "{name}: area {found}, not {expected_area}");
    if let Some(expected) = expected_centre {
        assert!(centre.distance(expected) < 0.25, "{name}: centre {centre}, not {expected}");
    }
}

#[test]
fn shapes_have_their_areas() {
    let at = vec2(50.3, 49.6);
    check("disc", PI * 30.0 * 30.0, Some(at), |o, c| o.disc(at, 30.0, c));
    check("circle", TAU * 30.0 * 1.5, Some(at), |o, c| o.circle(at, 30.0, 1.5, c));
    check("thin circle", TAU * 30.0 * 0.6, Some(at), |o, c| o.circle(at, 30.0, 0.6, c));
    check("rectangle", 40.0 * 20.5, Some(at), |o, c| o.fill(Rect::around(at, vec2(20.0, 10.25)), 0.0, c));
    let corners = (4.0 - PI) * 64.0;
    check("round corners", 40.0 * 20.0 - corners, Some(at), |o, c| {
        o.fill(Rect::around(at, vec2(20.0, 10.0)), 8.0, c);
    });
    check("half disc of arc", PI * 25.0 * 3.0, None, |o, c| o.arc(at, 25.0, 0.0, PI, 3.0, c));
    check("triangle", 0.5 * 60.0 * 40.0, Some(vec2(40.0, 20.0 + 80.0 / 3.0)), |o, c| {
        o.triangle([vec2(10.0, 60.0), vec2(70.0, 60.0), vec2(40.0, 20.0)], c);
    });
    check("triangle the other way", 0.5 * 60.0 * 40.0, None, |o, c| {
        o.triangle([vec2(70.0, 60.0), vec2(10.0, 60.0), vec2(40.0, 20.0)], c);
    });
}

#[test]
fn lines_are_as_wide_and_long_as_said_at_any_angle() {
    for width in [0.5, 1.0, 1.4, 3.0] {
        for step in 0..24 {
            let way = Vec2::from_angle(step as f32 * TAU / 24.0 + 0.1) * 35.0;
            let (from, to) = (vec2(50.2, 50.7) - way, vec2(50.2, 50.7) + way);
            check("line", 70.0 * width, Some(vec2(50.2, 50.7)), |o, c| o.line(from, to, width, c));
            check("line of points", 70.0 * width, Some(vec2(50.2, 50.7)), |o, c| {
                o.polyline(&[from, from.lerp(to, 0.3), to], width, c);
            });
        }
    }
}

#[test]
fn a_line_on_whole_pixels_is_sharp() {
    let canvas = draw(|o, c| o.line(vec2(10.0, 20.5), vec2(30.0, 20.5), 1.0, c));
    for (i, pixel) in canvas.pixels.iter().enumerate() {
        let (x, y) = (i % SIZE, i / SIZE);
        let expected = if y == 20 && (10..30).contains(&x) { 1.0 } else { 0.0 };
        assert!((pixel.x - expected).abs() < 1e-3, "{x}, {y}: {}", pixel.x);
    }
}

#[test]
fn a_transparent_bent_line_has_no_dots_at_its_bends() {
    let canvas = draw(|o, c| {
        let points: Vec<Vec2> = (0..20).map(|i| vec2(10.0 + 4.0 * i as f32, 50.0 + (i as f32).sin())).collect();
        o.polyline(&points, 6.0, c.alpha(0.5));
    });
    let brightest = canvas.pixels.iter().map(|pixel| pixel.x).fold(0.0, f32::max);
    assert!(brightest < 0.501, "{brightest}");
}

#[test]
fn nothing_is_painted_for_what_has_no_size() {
    let canvas = draw(|o, c| {
        o.fill(Rect::new(10.0, 10.0, 0.0, 5.0), 2.0, c);
        o.fill(Rect::new(10.0, 10.0, -5.0, 5.0), 2.0, c);
        o.line(Vec2::ONE, Vec2::ONE, 2.0, c);
        o.polyline(&[Vec2::ONE], 2.0, c);
        o.triangle([Vec2::ONE; 3], c);
    });
    assert_eq!(area(&canvas).0, 0.0);
}
