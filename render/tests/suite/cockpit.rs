//! The cockpit measured in numbers: closed, clear in the middle, where its model says for both eyes, at rest at any speed,
//! lit by the Sun through its panes alone, and there in the pilot's camera only.

use glam::{DQuat, DVec3, Vec3};
use render::bodies::Look;
use render::extract::{Ride, Show, Stage};
use render::hud::Front;
use render::models::{COCKPIT, Model, load};
use render::scene::{Cockpit, Ship};
use render::{Camera, Renderer, Scene};
use sim::Position;
use sim::frame_view::FrameFeed;

use crate::common::{camera, renderer, validated};
use crate::measured::{lone, luminance};
use crate::models::{open_edges, triangles, volume_m3};

const SIZE: [u32; 2] = [480, 270];

fn model() -> Model {
    load(COCKPIT).expect("the built-in cockpit is sound")
}

/// Nothing but a cockpit that points along x, and a Sun in that direction.
fn alone(camera: Camera, sunward: DVec3) -> Scene {
    let mut scene = lone(camera, Look::Rock, DVec3::X * -1e12, 1.0, sunward);
    scene.light.position = Position::from_metres(sunward.normalize() * 1.496e11);
    scene.bodies.clear();
    scene.cockpit = Some(Cockpit { icrf_from_ship: DQuat::IDENTITY, lamps: 1.0 });
    scene
}

fn light(renderer: &mut Renderer, scene: &Scene) -> Vec<[f32; 4]> {
    renderer.draw(scene, &Front::default()).unwrap();
    renderer.light().unwrap()
}

/// The farthest to the right that the left half of the model reaches at the height of the eyes, pixels; from the model
/// alone. An eye stands `aside_m` to the left of the middle.
fn pillar_edge_px(model: &Model, camera: &Camera, view: usize) -> f64 {
    let eye = camera.eye(view).offset_m;
    let mut edge = f64::MIN;
    for triangle in triangles(&model.levels[0]) {
        for (a, b) in [(0, 1), (1, 2), (2, 0)].map(|(a, b)| (triangle[a], triangle[b])) {
            if (a.z > 0.0) != (b.z > 0.0) {
                let at = (a + (b - a) * (a.z / (a.z - b.z))).as_dvec3() - eye;
                let pixel = camera.pixel_of(view, at, SIZE);
                edge = pixel.filter(|_| at.y > 0.05 && at.x > 0.3).map_or(edge, |[x, _]| edge.max(x));
            }
        }
    }
    edge
}

#[test]
fn the_model_is_closed_small_and_holds_the_head() {
    let model = model();
    let level = &model.levels[0];
    assert_eq!((model.levels.len(), open_edges(level)), (1, 0));
    assert!(volume_m3(level) > 0.0 && level.indices.len() / 3 < 3000, "{} triangles", level.indices.len() / 3);
    let nearest = level.vertices.iter().map(|v| Vec3::from(v.position_m).length()).fold(f32::MAX, f32::min);
    assert!(nearest > 0.15 && model.bounds.radius_m < 2.0, "{nearest} {:?}", model.bounds);
    assert_eq!(model.panes.len(), 10);
    for pane in &model.panes {
        // Seen from within, the corners run counter-clockwise: the pane looks at the eye.
        let normal = (pane[1] - pane[0]).cross(pane[2] - pane[0]);
        assert!(normal.dot(pane[0]) < 0.0, "{pane:?}");
    }
}

/// Checks that take a renderer each would wait longer for its shaders than for their pictures.
#[test]
fn for_two_eyes() {
    validated(|gpu| {
        let (view, mut renderer) = (camera(60.0, SIZE).two(0.063), renderer(gpu, SIZE, 2));
        let found = light(&mut renderer, &alone(view, DVec3::Z));
        the_middle_of_the_view_is_clear(&view, &found);
        a_pillar_has_the_parallax_of_its_distance(&view, &found, &renderer.depth().unwrap());
    });
}

#[test]
fn for_one_eye() {
    validated(|gpu| {
        let mut renderer = renderer(gpu, SIZE, 1);
        it_hides_what_is_nearer_than_itself_too(&mut renderer);
        it_is_at_rest_at_nine_tenths_of_the_speed_of_light(&mut renderer);
        sunlight_falls_in_through_the_panes_and_past_the_bodies(&mut renderer);
    });
}

fn the_middle_of_the_view_is_clear(view: &Camera, covered: &[[f32; 4]]) {
    let [wide, high] = [25f64, 15.0].map(|deg| deg.to_radians().tan());
    let (mut around, field) = (0, view.eye(0).field);
    for (i, pixel) in covered.iter().enumerate() {
        let (column, row) = (i as u32 % SIZE[0], (i as u32 / SIZE[0]) % SIZE[1]);
        let x = field.left + (f64::from(column) + 0.5) / f64::from(SIZE[0]) * (field.right - field.left);
        let y = field.up - (f64::from(row) + 0.5) / f64::from(SIZE[1]) * (field.up - field.down);
        if x.abs() < wide && y.abs() < high {
            assert_eq!(pixel[3], 0.0, "{x} aside and {y} up something is in the way");
        } else {
            around += usize::from(pixel[3] > 0.0);
        }
    }
    let share = around as f64 / covered.len() as f64;
    assert!((0.12..0.5).contains(&share), "{share} of the picture is cockpit");
}

fn a_pillar_has_the_parallax_of_its_distance(view: &Camera, found: &[[f32; 4]], depths: &[f32]) {
    let model = model();
    let mut edges = [0.0; 2];
    for (eye, edge) in edges.iter_mut().enumerate() {
        // The row at the height of the eyes, from the middle to the left.
        let row = (eye as u32 * SIZE[1] + SIZE[1] / 2) * SIZE[0];
        let column = (0..SIZE[0] / 2).rev().find(|x| found[(row + x) as usize][3] > 0.5).unwrap();
        *edge = f64::from(column) + 1.0;
        let expected = pillar_edge_px(&model, view, eye);
        assert!((*edge - expected).abs() < 1.0, "eye {eye}: {edge} pixels, expected {expected}");
        // The nearer half of depths is the cockpit's.
        assert!(depths[(row + column) as usize] > 0.5);
    }
    // 0.74 m ahead, by the model.
    let expected = 0.063 / 0.74 / 30f64.to_radians().tan() * f64::from(SIZE[1]) / 2.0;
    assert!((edges[0] - edges[1] - expected).abs() < 2.0, "{edges:?}, expected {expected} apart");
}

fn it_hides_what_is_nearer_than_itself_too(renderer: &mut Renderer) {
    let mut scene = alone(camera(60.0, SIZE), DVec3::Z);
    let bare = light(renderer, &scene);
    // A ship all around the camera.
    let ship = Ship {
        model: render::scene::Model::Station,
        position: Position::from_metres(DVec3::X * 1.0),
        icrf_from_body: glam::Quat::IDENTITY,
        radius_m: 6.0,
        tint: [1.0; 3],
        throttle: 0.0,
        thrusters: Vec3::ZERO,
        hull: 1.0,
    };
    scene.things.ships.push(ship);
    let crowded = light(renderer, &scene);
    assert!(crowded.iter().zip(&bare).filter(|(c, b)| b[3] == 0.0 && c[3] > 0.0).count() > 5_000, "it is seen");
    assert!(crowded.iter().zip(&bare).all(|(c, b)| b[3] == 0.0 || c == b), "it cuts through the cockpit");
}

fn it_is_at_rest_at_nine_tenths_of_the_speed_of_light(renderer: &mut Renderer) {
    // The Sun lies along the way, where motion does not move it.
    let sunward = DVec3::new(0.6, -0.4, 0.7).normalize();
    let mut scene = alone(camera(90.0, SIZE), sunward);
    let slow = light(renderer, &scene);
    scene.camera = scene.camera.moving(sunward * 0.9, 1.0);
    let fast = light(renderer, &scene);
    let most = slow.iter().zip(&fast).flat_map(|(a, b)| [0, 1, 2, 3].map(|i| (a[i] - b[i]).abs())).fold(0.0, f32::max);
    assert!(most < 2e-3 && slow.iter().any(|p| luminance(*p) > 0.1), "{most}");
}

fn sunlight_falls_in_through_the_panes_and_past_the_bodies(renderer: &mut Renderer) {
    let mut seen = |sunward: DVec3, shade: bool, lamps: f32, octaves: u32| {
        let mut scene = alone(camera(80.0, SIZE), sunward);
        scene.camera.icrf_from_camera = DQuat::from_rotation_y(0.6);
        scene.cockpit = Some(Cockpit { icrf_from_ship: DQuat::IDENTITY, lamps });
        scene.options.octaves = octaves;
        if shade {
            // Before the Sun, and out of the picture.
            scene.bodies = lone(scene.camera, Look::Moon, sunward * 1e7, 9e6, DVec3::X).bodies;
        }
        light(renderer, &scene).iter().map(|p| luminance(*p)).sum::<f64>()
    };
    let (above, below) = (DVec3::new(0.3, 0.0, 1.0), DVec3::new(-0.3, 0.0, -1.0));
    for octaves in [16, 5] {
        let [lit, shaded, kept_out] =
            [(above, false), (above, true), (below, false)].map(|(sun, shade)| seen(sun, shade, 0.0, octaves));
        assert!(lit > 10.0 * shaded && lit > 10.0 * kept_out, "{octaves}: {lit} {shaded} {kept_out}");
        assert!(seen(above, true, 1.0, octaves) > 4.0 * shaded, "lamps do not need the Sun");
    }
}

#[test]
fn only_the_pilot_has_one() {
    let (_, text) = sim::scenario::shipped().iter().find(|(name, _)| *name == "busy").expect("it is shipped");
    let scenario = sim::Scenario::parse(text).expect("it is shipped");
    let mut feed = FrameFeed::new();
    feed.publish(&sim::Simulation::new(&scenario));
    let mut frame = (*feed.reader().latest()).clone();
    let stage = Stage::new(&scenario);
    let at = frame.kinds.iter().position(|kind| *kind == sim::Kind::Ship).expect("there are ships");
    let (id, pose) = (frame.ids[at], frame.current[at]);
    let mut scene = Scene::empty(Camera { position: pose.position, ..camera(60.0, SIZE) });
    let show = Show { ride: Some(Ride::Ship(id)), ..Show::default() };
    let mut seen = |frame: &_, inside: Option<u64>, cockpit: bool| {
        stage.fill(frame, 1.0, scene.camera, &Show { inside, cockpit, ..show }, &mut scene);
        scene.cockpit
    };
    let pilot = seen(&frame, Some(id), true).expect("the pilot sees it");
    assert!(pilot.icrf_from_ship.dot(pose.icrf_from_body).abs() > 1.0 - 1e-12 && pilot.lamps == 1.0);
    // Behind a ship and around it there is none, nor where a camera within has turned away from the seat.
    assert_eq!((seen(&frame, None, true), seen(&frame, Some(id), false)), (None, None));
    frame.looks[at].hull = 0.0;
    assert_eq!(seen(&frame, Some(id), true).map(|wreck| wreck.lamps), Some(0.0));
}
