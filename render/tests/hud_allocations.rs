//! Painting the head-up display allocates nothing once warm, even while its numbers run. One test, so that no other
//! thread allocates meanwhile.

#[path = "suite/counting.rs"]
mod counting;
#[path = "suite/sample.rs"]
mod sample;

use std::sync::atomic::Ordering::Relaxed;

use render::hud::colour::Palette;
use render::hud::layout::View;
use render::hud::paint::Overlay;
use render::hud::{Front, paint};
use render::text::Text;

#[test]
fn a_warm_frame_allocates_nothing() {
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
    let before = counting::CALLS.load(Relaxed);
    (3000..3600).for_each(&mut frame);
    let calls = counting::CALLS.load(Relaxed) - before;
    assert_eq!(calls, 0, "in 600 frames");
}
