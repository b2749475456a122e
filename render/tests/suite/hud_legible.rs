//! Every letter of the head-up display and of the menus stands on its plate, inside the safe rectangle, apart from other
//! texts, and is read before black and before white, at every size of picture.

use crate::raster::Canvas;
use crate::sample;
use glam::{Vec3, Vec4, vec2};
use proptest::prelude::*;
use render::hud::colour::{Colour, Palette};
use render::hud::layout::{Part, View};
use render::hud::menu::{Item, Menu, Rows, Timeline, TimelineMark, Value};
use render::hud::paint::{GLYPH, Overlay, Rect, STRIP};
use render::hud::values::HudValues;
use render::hud::{Front, paint};
use render::text::Text;

const MARKS: [TimelineMark; 2] = [TimelineMark { at: 0.2, harm: false }, TimelineMark { at: 0.9, harm: true }];
const TIMELINE: Timeline<'_> = Timeline {
    position: 0.4,
    marks: &MARKS,
    playing: false,
    time: "23:59:59.9",
    length: "23:59:59.9",
    speed: "100\u{d7}",
};
const ITEMS: [Item<'_>; 6] = [
    Item {
        label: "A setting with a name that is far too long for its line",
        value: Value::Choice("A choice with a name that is far too long"),
        enabled: true,
    },
    Item { label: "Resolution of the picture of each eye", value: Value::Slider(0.5, "1 000 000 %"), enabled: true },
    Item { label: "Full screen", value: Value::Toggle(true), enabled: true },
    Item { label: "Lattice", value: Value::Toggle(false), enabled: true },
    Item { label: "Keys", value: Value::Submenu, enabled: true },
    Item { label: "Back", value: Value::None, enabled: true },
];

/// A letter: where it stands and its colour.
struct Letter {
    rect: Rect,
    colour: Colour,
    triangles: [usize; 2],
}

fn painted(front: &Front<'_>, view: &View) -> (Overlay, Text) {
    let (mut overlay, mut text) = (Overlay::default(), Text::new());
    text.begin_frame();
    paint(front, view, &Palette::default(), &mut text, &mut overlay);
    (overlay, text)
}

fn letters(overlay: &Overlay) -> Vec<Letter> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < overlay.indices.len() {
        let first = overlay.vertices[overlay.indices[at] as usize];
        if first.kind != GLYPH {
            at += 3;
            continue;
        }
        // Two triangles: the second ends with the opposite of the first corner and the last.
        let last = overlay.vertices[overlay.indices[at + 2] as usize];
        let rect = Rect { min: first.position.into(), max: last.position.into() };
        let [red, green, blue, alpha] = first.colour.map(|part| f32::from(part) / 65_535.0);
        let colour = Colour { red: red / alpha, green: green / alpha, blue: blue / alpha, alpha };
        found.push(Letter { rect, colour, triangles: [at, at + 6] });
        at += 6;
    }
    found
}

fn views() -> Vec<View> {
    let screens = [(640, 360), (800, 600), (1280, 720), (1280, 1024), (1920, 1080), (3440, 1440), (3840, 2160)];
    let screens = screens.map(|(width, height)| View::screen(width, height, 1.0, 1.0));
    let eyes = [(1440, 1600), (2064, 2208)].map(|(w, h)| View::eye(w, h, [-1.38, 0.84, 0.97, -1.11], 1.0));
    screens.into_iter().chain(eyes).collect()
}

/// Letters inside the safe rectangle, inside one part (or on no part at all), and not over those of another text.
fn check_places(front: &Front<'_>, view: &View) {
    let (overlay, _) = painted(front, view);
    let letters = letters(&overlay);
    let layout = front.layout(view);
    assert!(!letters.is_empty());
    for (i, letter) in letters.iter().enumerate() {
        let rect = letter.rect;
        assert!(view.safe.contains(rect), "a letter at {rect:?} outside {:?}", view.safe);
        if front.menu.is_none() {
            let inside = Part::ALL.iter().filter_map(|part| layout.rect(*part)).any(|part| part.contains(rect));
            let touches = Part::ALL.iter().filter_map(|part| layout.rect(*part)).any(|part| part.overlaps(rect));
            assert!(inside || !touches, "a letter at {rect:?} leaves its part in {:?}", view.size);
        }
        // Neighbours share a pixel or two of soft edge, on a ball the names may meet; else no letter covers another.
        let core = Rect { min: rect.min + rect.size() * 0.25, max: rect.max - rect.size() * 0.25 };
        let on_ball = layout.rect(Part::Navball).is_some_and(|ball| ball.contains(rect));
        for other in letters[..i].iter().filter(|_| !on_ball) {
            let other = other.rect;
            let core_of_other = Rect { min: other.min + other.size() * 0.25, max: other.max - other.size() * 0.25 };
            assert!(!core.overlaps(core_of_other), "letters at {rect:?} and {other:?} in {:?}", view.size);
        }
    }
}

/// Contrast of each letter with the least fitting pixel behind it.
fn check_contrast(front: &Front<'_>, view: &View, behind: Vec3) {
    let (overlay, mut text) = painted(front, view);
    let letters = letters(&overlay);
    let mut bare = overlay.clone();
    for letter in &letters {
        // Two triangles of no size.
        let [from, to] = letter.triangles;
        bare.indices[from..to].fill(0);
    }
    let mut canvas = Canvas::new(view.size.x as usize, view.size.y as usize, |_, _| behind);
    canvas.draw(&bare, text.atlas());
    let layout = front.layout(view);
    for letter in &letters {
        let on_ball = layout.rect(Part::Navball).is_some_and(|ball| ball.contains(letter.rect));
        if letter.colour.alpha < 0.99 {
            // What is fading out on the ball, or cannot be chosen.
            assert!(on_ball || front.menu.is_some());
            continue;
        }
        let [from, to] = [letter.rect.min, letter.rect.max].map(|corner| [corner.x as usize, corner.y as usize]);
        let mut ratios: Vec<f32> = Vec::new();
        for (x, y) in (from[1]..to[1]).flat_map(|y| (from[0]..to[0]).map(move |x| (x, y))) {
            let pixel = canvas.pixels[y * canvas.width + x];
            let below = Colour { red: pixel.x, green: pixel.y, blue: pixel.z, alpha: 1.0 };
            ratios.push(letter.colour.contrast(below));
        }
        ratios.sort_by(f32::total_cmp);
        // On the ball, lines and marks may cross a letter.
        let worst = if on_ball { ratios[ratios.len() / 2] } else { ratios[0] };
        assert!(worst >= 4.5, "contrast {worst} at {:?} before {behind} in {:?}", letter.rect, view.size);
    }
}

fn fronts<'a>(values: &'a [HudValues; 2], menu: &'a Menu<'a>) -> [Front<'a>; 5] {
    let [orbit, danger] = values;
    let (subtitle, toast) = (Some(sample::SUBTITLE), Some("Screenshot saved as spacetime-0042.png"));
    let plain = Front { values: Some(orbit), ..Front::default() };
    let full = Front { values: Some(danger), subtitle, toast, ..Front::default() };
    [
        plain,
        full,
        Front { timeline: Some(&TIMELINE), ..full },
        Front { menu: Some(menu), ..full },
        Front { subtitle, toast, ..Front::default() },
    ]
}

#[test]
fn letters_stand_where_they_belong() {
    let values = [sample::orbit(), sample::danger()];
    let menu = Menu {
        title: "A title that is too long for the menu it stands over",
        items: &ITEMS,
        selected: 0,
        first: None,
        help: sample::SUBTITLE,
    };
    for view in views() {
        fronts(&values, &menu).iter().for_each(|front| check_places(front, &view));
    }
}

#[test]
fn letters_are_read_before_black_and_before_white() {
    let values = [sample::orbit(), sample::danger()];
    let menu = Menu { title: "Settings", items: &ITEMS, selected: 1, first: None, help: "Help" };
    for view in views().into_iter().filter(|view| view.size.x < 2000.0) {
        for front in fronts(&values, &menu) {
            for behind in [Vec3::ZERO, Vec3::ONE] {
                check_contrast(&front, &view, behind);
            }
        }
    }
}

#[test]
fn a_target_is_marked_where_it_is_seen() {
    let view = View::screen(1280, 720, 1.0, 1.0);
    let mut values = sample::orbit();
    values.attitude = None;
    values.camera_from_ship = glam::DQuat::from_rotation_z(3.0);
    let target = values.target.as_mut().expect("the sample has one");
    target.direction = glam::DVec3::new(1.0, 0.2, 0.1);
    let with = painted(&Front { values: Some(&values), ..Front::default() }, &view).0;
    let at = view.project(glam::DVec3::new(1.0, 0.2, 0.1)).expect("it is ahead");
    let near = |overlay: &Overlay, radius: f32| {
        overlay.vertices.iter().filter(|v| vec2(v.position[0], v.position[1]).distance(at) < radius).count()
    };
    assert!(near(&with, 40.0) > 12, "four corners");
    values.target = None;
    let without = painted(&Front { values: Some(&values), ..Front::default() }, &view).0;
    assert_eq!(near(&without, 40.0), 0);
}

#[test]
fn an_arrow_points_to_what_is_out_of_sight() {
    let palette = Palette::default();
    let red = (palette.accent.red * 65_535.0).round() as u16;
    for view in views() {
        let middle = view.project(glam::DVec3::X).expect("straight ahead is seen");
        for (direction, side) in [
            (glam::DVec3::new(0.1, 5.0, 0.0), vec2(-1.0, 0.0)),
            (glam::DVec3::new(-1.0, -5.0, 0.0), vec2(1.0, 0.0)),
            (glam::DVec3::new(-9.0, 0.0, 1.0), vec2(0.0, -1.0)),
            (glam::DVec3::new(-9.0, 0.0, -1.0), vec2(0.0, 1.0)),
            (glam::DVec3::new(0.0, 3.0, 3.0), vec2(-1.0, -1.0)),
        ] {
            let mut values = HudValues { target: sample::orbit().target, ..HudValues::default() };
            // The nose is behind, so that its mark is not in the way.
            values.camera_from_ship = glam::DQuat::from_rotation_z(3.0);
            values.target.as_mut().expect("the sample has one").direction = direction;
            let overlay = painted(&Front { values: Some(&values), ..Front::default() }, &view).0;
            let arrow = overlay.vertices.iter().filter(|v| v.kind == STRIP && v.colour[0] == red);
            let corners: Vec<glam::Vec2> = arrow.map(|v| v.position.into()).collect();
            assert_eq!(corners.len(), 3, "one triangle in {:?}", view.size);
            let at = (corners[0] + corners[1] + corners[2]) / 3.0 - middle;
            // In the smallest pictures the ball begins right below the middle.
            let small = view.size.y < 600.0 && side.y > 0.0;
            assert!(at.dot(side) > 20.0 || small, "{direction}: {at} in {:?}", view.size);
            // The sharp corner, the furthest from the others, is in front.
            let tip = corners.iter().map(|corner| (*corner - middle - at).dot(side)).fold(0.0, f32::max);
            assert!(tip > 5.0, "{direction} in {:?}", view.size);
        }
    }
}

#[test]
fn a_menu_shows_the_chosen_line_however_long_it_is() {
    let items: Vec<Item<'_>> = (0..100).map(|_| Item { label: "Line", value: Value::None, enabled: true }).collect();
    let palette = Palette::default();
    for view in views() {
        for selected in [0, 1, 50, 98, 99, 1000] {
            let menu = Menu { title: "Many", items: &items, selected, first: None, help: "" };
            let front = Front { menu: Some(&menu), ..Front::default() };
            let (overlay, _) = painted(&front, &view);
            let chosen =
                letters(&overlay).iter().filter(|letter| (letter.colour.red - palette.accent.red).abs() < 1e-3).count();
            assert_eq!(chosen, "Line".len(), "line {selected} in {:?}", view.size);
            check_places(&Front { toast: Some("Saved"), ..front }, &view);
        }
    }
}

/// Whoever points finds the line that is painted there.
#[test]
fn lines_are_where_a_pointer_finds_them() {
    let items: Vec<Item<'_>> = (0..100).map(|_| Item { label: "Line", value: Value::None, enabled: true }).collect();
    let palette = Palette::default();
    for view in views() {
        for (count, first) in [(5, None), (100, None), (100, Some(40)), (100, Some(99))] {
            for selected in [0, 1, 42, 98].into_iter().filter(|selected| *selected < count) {
                let menu = Menu { title: "Many", items: &items[..count], selected, first, help: "Help" };
                let rows = Rows::of(&view, &menu);
                let (overlay, _) = painted(&Front { menu: Some(&menu), ..Front::default() }, &view);
                let accent = |letter: &Letter| (letter.colour.red - palette.accent.red).abs() < 1e-3;
                let marked: Vec<_> = letters(&overlay).into_iter().filter(accent).collect();
                assert_eq!(marked.is_empty(), rows.rect(selected).is_none(), "line {selected} of {count}");
                for letter in marked {
                    assert_eq!(rows.at(letter.rect.centre()), Some(selected), "{first:?} in {:?}", view.size);
                }
                assert_eq!(rows.at(rows.plate.min - 1.0), None);
                assert_eq!(rows.at(rows.plate.max - 1.0), None, "where the help stands is no line");
            }
        }
    }
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        -1e3f64..1e3,
        prop::sample::select(vec![0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e-300]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_values_are_painted_within_the_picture(
        n in prop::collection::vec(any_number(), 24), width in 1u32..2000, height in 1u32..1200, name in "\\PC{0,80}",
    ) {
        let mut values = sample::danger();
        let name = render::hud::format::Short::from(name.as_str());
        let vector = |i: usize| glam::DVec3::new(n[i], n[i + 1], n[i + 2]);
        values.coordinate_s = Some(n[0]);
        values.proper_s = Some(n[1]);
        values.time_factor = Some(n[2]);
        values.julian_date = Some(n[3]);
        values.hull = Some(n[4]);
        values.fuel = Some(n[5]);
        values.throttle = Some(n[6]);
        values.delta_v_m_s = Some(n[7]);
        values.light_m_s = n[8];
        values.warnings.terrain_s = Some(n[9]);
        values.camera_from_ship = glam::DQuat::from_xyzw(n[0], n[1], n[2], n[3]);
        if let Some(target) = &mut values.target {
            (target.name, target.direction, target.radius_rad, target.distance_m) = (name, vector(10), n[13], n[14]);
        }
        if let Some(attitude) = &mut values.attitude {
            attitude.horizon_from_ship = glam::DQuat::from_xyzw(n[15], n[16], n[17], n[18]);
            (attitude.prograde, attitude.normal, attitude.target) = (Some(vector(18)), Some(vector(19)), Some(vector(20)));
        }
        let view = View::screen(width, height, 1.0, 1.0);
        let (overlay, mut text) = painted(&Front { values: Some(&values), toast: Some(name.as_str()), ..Front::default() }, &view);
        for vertex in &overlay.vertices {
            prop_assert!(Vec4::from(vertex.shape).is_finite());
            let at = vec2(vertex.position[0], vertex.position[1]);
            prop_assert!(at.is_finite() && at.abs().max_element() < 1e5, "{at}");
        }
        Canvas::new(64, 64, |_, _| Vec3::ZERO).draw(&overlay, text.atlas());
    }
}
