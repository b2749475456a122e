//! Ten thousand ships, rocks and rounds around a planet: what a frame asks of the processor, and what the picture costs
//! on the software device against a plain instanced draw of as many cubes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use glam::DQuat;
use render::bodies::Look;
use render::extract::{Ride, Show, Stage};
use render::hud::{Comfort, Front};
use render::quality::{Preset, Quality};
use render::reference::{self, Cubes};
use render::scene::Cockpit;
use render::{Camera, Choice, Format, Gpu, GpuOptions, Renderer, Scene};
use sim::Scenario;
use sim::frame_view::FrameFeed;

/// Each eye's picture.
const SIZE: [u32; 2] = [512, 512];
const THINGS: u32 = 10_000;
/// Field of view from the lower to the upper edge, and how far apart the eyes are.
const FIELD_RAD: f64 = 1.6;
const EYES_M: f64 = 0.063;

/// A frame view of 10,000 ships, with its scenario.
fn extraction(c: &mut Criterion) {
    let (_, text) = sim::scenario::shipped().iter().find(|(name, _)| *name == "bench-10k").expect("it is shipped");
    let scenario = Scenario::parse(text).expect("shipped scenarios are sound");
    let mut simulation = sim::Simulation::new(&scenario);
    let mut feed = FrameFeed::new();
    feed.publish(&simulation);
    simulation.step(&sim::InputFrame::default());
    feed.publish(&simulation);
    let frame = feed.reader().latest();
    let stage = Stage::new(&scenario);
    let camera = Camera::one(frame.current[0].position, DQuat::IDENTITY, FIELD_RAD, 1.0).two(EYES_M);
    let mut scene = Scene::empty(camera);
    c.bench_function("things/extract-10k", |b| {
        let show = Show { ride: Some(Ride::Ship(frame.ids[0])), ..Show::default() };
        b.iter(|| stage.fill(&frame, 0.5, camera, &show, black_box(&mut scene)));
    });
}

fn drawing(c: &mut Criterion) {
    let gpu = Gpu::open(GpuOptions { choice: Choice::Software, validation: false }).expect("a Vulkan driver");
    let gpu = Arc::new(gpu);
    let mut scene = reference::scene(THINGS, Look::Earth, FIELD_RAD, 1.0);
    scene.camera = scene.camera.two(EYES_M);
    let low = Quality::of(Preset::Low);
    low.apply(&mut scene.options);
    let format = Format { size: SIZE, views: 2, scale: low.scale };
    let mut renderer = Renderer::new(gpu.clone(), format).expect("a renderer");
    let mut cubes = Cubes::new(gpu, SIZE, 2).expect("a renderer");
    let front = Front::default();
    // Only a renderer that has drawn may record for nothing.
    renderer.draw(&scene, &front).expect("a picture");
    c.bench_function("things/record-10k", |b| b.iter(|| renderer.record_only(&scene, &front).expect("a frame")));
    let mut group = c.benchmark_group("things");
    group.sample_size(20);
    group.bench_function("draw-10k", |b| b.iter(|| renderer.draw(&scene, &front).expect("a picture")));
    group.bench_function("cubes-10k", |b| b.iter(|| cubes.draw(&scene).expect("a picture")));
    let bare = Scene { things: Default::default(), ..scene.clone() };
    group.bench_function("draw-nothing", |b| b.iter(|| renderer.draw(&bare, &front).expect("a picture")));
    let seated = Scene { cockpit: Some(Cockpit { icrf_from_ship: DQuat::IDENTITY, lamps: 1.0 }), ..bare.clone() };
    group.bench_function("draw-cockpit", |b| b.iter(|| renderer.draw(&seated, &front).expect("a picture")));
    // The difference between these two is what comfort costs.
    let mut black = Scene::empty(scene.camera);
    (black.options.milky_way, black.options.stars) = (false, 0);
    let narrow = Front { comfort: Comfort { clear_rad: Some(0.4), fade: 0.1 }, ..front };
    group.bench_function("draw-black", |b| b.iter(|| renderer.draw(&black, &front).expect("a picture")));
    group.bench_function("draw-black-comfort", |b| b.iter(|| renderer.draw(&black, &narrow).expect("a picture")));
    group.finish();
}

criterion_group!(benches, extraction, drawing);
criterion_main!(benches);
