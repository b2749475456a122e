//! Tests of what follows from what is pressed.

use proptest::prelude::*;

use super::super::keys::MouseButton;
use super::*;

const FEEL: Feel = Feel { mouse: 1.0, invert_pitch: false };

/// The controls with these inputs held for `seconds`.
fn held(inputs: &[(Input, f32)], feel: Feel, seconds: f64) -> ControlInput {
    let (mut pressed, bindings) = (Pressed::default(), Bindings::default());
    for (input, value) in inputs {
        pressed.take(&Event::Set(*input, *value), 0.1);
    }
    Helm { throttle: 0.5, ..Helm::default() }.controls(&pressed, &bindings, feel, [0.0; 2], seconds)
}

#[test]
fn each_key_pushes_the_ship_the_way_it_says() {
    let key = |key| [(Input::Key(key), 1.0)];
    let max = i16::MAX;
    // Body axes: x forward, y left, z up.
    for (keys, rotate, translate) in [
        (Key::KeyW, [0, -max, 0], [0; 3]),
        (Key::KeyS, [0, max, 0], [0; 3]),
        (Key::KeyA, [0, 0, max], [0; 3]),
        (Key::KeyD, [0, 0, -max], [0; 3]),
        (Key::KeyQ, [-max, 0, 0], [0; 3]),
        (Key::KeyE, [max, 0, 0], [0; 3]),
        (Key::KeyI, [0; 3], [max, 0, 0]),
        (Key::KeyK, [0; 3], [-max, 0, 0]),
        (Key::KeyJ, [0; 3], [0, max, 0]),
        (Key::KeyL, [0; 3], [0, -max, 0]),
        (Key::KeyO, [0; 3], [0, 0, max]),
        (Key::KeyU, [0; 3], [0, 0, -max]),
    ] {
        let controls = held(&key(keys), FEEL, 0.01);
        assert_eq!((controls.rotate, controls.translate), (rotate, translate), "{keys:?}");
        assert!(controls.assist);
    }
    let inverted = Feel { invert_pitch: true, ..FEEL };
    assert_eq!(held(&key(Key::KeyW), inverted, 0.01).rotate, [0, max, 0]);
    let both = [(Input::Key(Key::KeyA), 1.0), (Input::Key(Key::KeyD), 1.0)];
    assert_eq!(held(&both, FEEL, 0.01).rotate, [0; 3], "opposites cancel");
}

#[test]
fn the_throttle_moves_while_held_and_stays() {
    let up = [(Input::Key(Key::ShiftLeft), 1.0)];
    let share = |controls: ControlInput| f64::from(controls.main) / FULL;
    assert!((share(held(&[], FEEL, 0.1)) - 0.5).abs() < 1e-4);
    assert!((share(held(&up, FEEL, 0.15)) - 0.6).abs() < 1e-4);
    let half = [(Input::Pad(PadButton::RightTrigger), 0.5)];
    assert!((share(held(&half, FEEL, 0.15)) - 0.55).abs() < 1e-4, "a trigger pulled in part is slower");
    let mut helm = Helm::default();
    helm.begin(Action::ThrottleFull);
    helm.begin(Action::Assist);
    assert_eq!((helm.throttle, helm.assist), (1.0, false));
    helm.begin(Action::ThrottleCut);
    assert_eq!(helm.throttle, 0.0);
}

#[test]
fn a_stick_counts_beyond_its_dead_zone() {
    let stick = |value| held(&[(Input::Stick(Stick::LeftStickLeft), value)], FEEL, 0.01).rotate[2];
    assert_eq!(stick(0.09), 0);
    assert_eq!(stick(1.0), i16::MAX);
    let middle = f64::from(stick(0.55)) / FULL;
    assert!((middle - 0.5).abs() < 1e-4, "what is left of the way is the whole range: {middle}");
}

#[test]
fn the_mouse_steers_while_its_button_is_held() {
    let (mut pressed, bindings, mut helm) = (Pressed::default(), Bindings::default(), Helm::default());
    let right_down = [MOUSE_FULL / 2.0, MOUSE_FULL / 4.0];
    assert_eq!(helm.controls(&pressed, &bindings, FEEL, right_down, 0.01).rotate, [0; 3]);
    pressed.take(&Event::Set(Input::Mouse(MouseButton::Left), 1.0), 0.1);
    let steered = helm.controls(&pressed, &bindings, FEEL, right_down, 0.01).rotate;
    assert_eq!(steered, [0, deflection(0.25), deflection(-0.5)], "nose down and right");
    assert_eq!(helm.controls(&pressed, &bindings, FEEL, [0.0; 2], 0.01).rotate, steered, "it holds");
    pressed.take(&Event::Set(Input::Mouse(MouseButton::Left), 0.0), 0.1);
    assert_eq!(helm.controls(&pressed, &bindings, FEEL, [0.0; 2], 0.01).rotate, [0; 3]);
}

#[test]
fn a_press_begins_once_and_a_lost_window_lets_go() {
    let mut pressed = Pressed::default();
    let fire = Event::Set(Input::Key(Key::Space), 1.0);
    assert_eq!(pressed.take(&fire, 0.1), [Input::Key(Key::Space)]);
    assert!(pressed.take(&fire, 0.1).is_empty(), "a key that repeats");
    let bindings = Bindings::default();
    assert!(pressed.is_held(&bindings, Action::Fire));
    pressed.take(&Event::Focus(false), 0.1);
    assert!(!pressed.is_held(&bindings, Action::Fire));
    assert_eq!(pressed.take(&fire, 0.1).len(), 1);
    assert_eq!(begun(&bindings, &[Input::Key(Key::Space)], Context::Flight), [Action::Fire]);
    assert_eq!(begun(&bindings, &[Input::Key(Key::Space)], Context::Replay), [Action::Play]);
}

#[test]
fn the_wheel_turns_by_whole_notches() {
    let mut pressed = Pressed::default();
    assert!(pressed.take(&Event::Turned(0.6), 0.1).is_empty());
    assert_eq!(pressed.take(&Event::Turned(0.6), 0.1), [Input::Wheel(Wheel::Up)]);
    assert_eq!(pressed.take(&Event::Turned(-2.4), 0.1), [Input::Wheel(Wheel::Down); 2]);
}

proptest! {
    #[test]
    fn any_values_make_lawful_controls(
        events in proptest::collection::vec((0usize..140, any::<f32>(), any::<f32>()), 0..60),
        zone in any::<f32>(), mouse in any::<f64>(), seconds in any::<f64>(),
    ) {
        let (mut pressed, bindings, mut helm) = (Pressed::default(), Bindings::default(), Helm::default());
        let all: Vec<Input> = Input::all().collect();
        for (at, x, y) in events {
            pressed.take(&Event::Set(all[at % all.len()], x), zone);
            pressed.take(&Event::Motion(x, y), zone);
            pressed.take(&Event::Turned(y), zone);
            let motion = pressed.take_motion();
            let seconds = if seconds.is_nan() { 0.0 } else { seconds };
            let controls = helm.controls(&pressed, &bindings, Feel { mouse, invert_pitch: false }, motion, seconds);
            prop_assert!(controls.main >= 0 && (0.0..=1.0).contains(&helm.throttle));
        }
    }
}
