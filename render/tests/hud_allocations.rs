//! What a frame allocates once warm: painting the head-up display and making a scene nothing, even while numbers run and
//! things move; drawing as often for many things as for few. One test, so that no other thread allocates meanwhile.

#[path = "suite/counting.rs"]
mod counting;
#[path = "suite/sample.rs"]
mod sample;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use glam::DQuat;
use render::bodies::Look;
use render::extract::{Blasts, Show, Stage};
use render::hud::colour::Palette;
use render::hud::layout::View;
use render::hud::paint::Overlay;
use render::hud::{Front, paint};
use render::text::Text;
use render::{Camera, Choice, Format, Gpu, GpuOptions, Renderer, Scene, reference};
use sim::frame_view::FrameFeed;
use sim::{Scenario, Simulation};

#[test]
fn a_warm_frame_allocates_nothing() {
    painting();
    extraction();
    drawing();
}

/// How often memory was asked for.
fn calls(work: impl FnOnce()) -> usize {
    let before = counting::CALLS.load(Relaxed);
    work();
    counting::CALLS.load(Relaxed) - before
}

fn extraction() {
    let (_, text) = sim::scenario::shipped().iter().find(|(name, _)| *name == "busy").expect("it is shipped");
    let scenario = Scenario::parse(text).expect("it is sound");
    let mut simulation = Simulation::new(&scenario);
    let mut feed = FrameFeed::new();
    for _ in 0..2 {
        feed.publish(&simulation);
        simulation.step(&sim::InputFrame::default());
    }
    let frame = feed.reader().latest();
    let stage = Stage::new(&scenario);
    let (mut blasts, camera) = (Blasts::default(), Camera::one(frame.current[0].position, DQuat::IDENTITY, 1.0, 1.5));
    let mut scene = Scene::empty(camera);
    let mut fill = |fraction: f64| {
        blasts.observe(&frame, scenario.tick_rate_hz);
        let blasts = Some(&blasts);
        let show = Show { own: Some(frame.ids[0]), orbits: true, blasts, ..Show::default() };
        stage.fill(&frame, fraction, camera, &show, &mut scene);
    };
    fill(0.0);
    assert_eq!(calls(|| (1..20).for_each(|i| fill(f64::from(i) / 20.0))), 0, "in 19 scenes");
    assert!(scene.things.len() > 500 && scene.things.lines.runs.len() > 5);
}

fn drawing() {
    let gpu = Gpu::open(GpuOptions { choice: Choice::Software, validation: false });
    let gpu = Arc::new(gpu.unwrap_or_else(|e| panic!("{e}")));
    let mut renderer = Renderer::new(gpu, Format { size: [64, 64], views: 1, scale: 1.0 }).expect("a renderer");
    let mut count = |scene: &Scene| {
        let mut draw = || renderer.draw(scene, &Front::default()).expect("a picture");
        (0..4).for_each(|_| draw());
        calls(|| (0..8).for_each(|_| draw()))
    };
    let [few, many] = [1_000, 10_000].map(|n| count(&reference::scene(n, Look::Rock, 1.0, 1.0)));
    // What vulkano itself asks for.
    assert!(few > 0 && many.abs_diff(few) <= few / 20, "{few} times for 1,000 things, {many} times for 10,000");
}

fn painting() {
    let (mut text, mut overlay, palette) = (Text::new(), Overlay::default(), Palette::default());
    let view = View::screen(1280, 720, 1.0, 1.0);
    let mut values = [sample::orbit(), sample::danger()];
    let mut frame = |i: usize| {
        let values = &mut values[i / 60 % 2];
        if let Some(speed) = &mut values.speed {
            speed.metres_per_second += 1.7;
        }
        values.coordinate_s = Some(i as f64 * 0.173);
        overlay.clear();
        text.begin_frame();
        let subtitle = Some(sample::SUBTITLE);
        paint(&Front { values: Some(values), subtitle, ..Front::default() }, &view, &palette, &mut text, &mut overlay);
    };
    // Long enough that every digit was seen at every place of a pixel where it comes up.
    (0..3000).for_each(&mut frame);
    assert_eq!(calls(|| (3000..3600).for_each(&mut frame)), 0, "in 600 frames");
}
