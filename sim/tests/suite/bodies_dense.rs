//! The bodies between steps and across saves: dense output, independence of how it is asked for and of the width
//! of the hardware, saving, restoring, digests.

use glam::DVec3;
use sim::bodies::{BodyState, Ephemeris, ForceField, RestoreError, SavedEphemeris, solar_system, states_at_seconds};
use sim::scenario::{Body, Forces};
use sim::time::SimTime;

const ALL: Forces = Forces { post_newtonian: true, figures: true };
const NEWTON: Forces = Forces { post_newtonian: false, figures: false };
const DAY: i64 = 86_400 * 360;

fn real() -> Vec<Body> {
    solar_system(2_451_545.0).unwrap()
}

fn at(ephemeris: &Ephemeris, time: i64) -> Vec<BodyState> {
    let mut out = Vec::new();
    ephemeris.states_at(time as f64, &mut out);
    out
}

fn digest(ephemeris: &Ephemeris) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    ephemeris.digest_words(&mut |word| hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23));
    hash
}

#[test]
fn steps_join_smoothly_and_ticks_follow_the_acceleration() {
    let bodies = real();
    let (mut ephemeris, mut field) = (Ephemeris::new(&bodies, ALL, 90), ForceField::new(&bodies, ALL));
    let mut accelerations = vec![DVec3::ZERO; bodies.len()];
    ephemeris.advance_to(SimTime(60 * DAY), SimTime(0));
    // 20 minutes: second differences stand above the rounding of positions, and within them the acceleration
    // changes by 1e-6 of itself.
    let (tick, seconds) = (1200 * 360, 1200.0);
    for time in (tick..59 * DAY).step_by(11 * tick as usize + 1) {
        let [before, now, after] = [-tick, 0, tick].map(|offset| at(&ephemeris, time + offset));
        let [positions, velocities]: [Vec<DVec3>; 2] =
            [now.iter().map(|s| s.position_m).collect(), now.iter().map(|s| s.velocity_m_s).collect()];
        field.accelerations(&positions, &velocities, &mut accelerations);
        for i in 0..bodies.len() {
            let second = (after[i].position.minus(now[i].position) - now[i].position.minus(before[i].position))
                / (seconds * seconds);
            let error = (second - accelerations[i]).length();
            // Rounding of displacements below 1e10 m is 1e-6 m, so 3e-12 m/s^2 here.
            let bound = 5e-12 + 5e-6 * accelerations[i].length();
            assert!(error < bound, "{} at {time}: {error:e} of {:e}", bodies[i].name, accelerations[i].length());
        }
        // A second: displacements up to 1e10 m are rounded to 1e-6 m.
        let [before, after] = [-360, 360].map(|offset| at(&ephemeris, time + offset));
        for i in 0..bodies.len() {
            let slip = (after[i].position.minus(before[i].position) / 2.0 - now[i].velocity_m_s).length();
            assert!(slip < 2e-6, "{} at {time}: velocity off by {slip:e} m/s", bodies[i].name);
        }
    }
}

#[test]
fn a_moment_next_to_a_join_is_less_than_a_millimetre_off() {
    let bodies = real();
    let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
    let mut joins = 0;
    for day in 1..=40 {
        ephemeris.advance_to(SimTime(day * DAY), SimTime((day - 2) * DAY));
        let ends: Vec<i64> = ephemeris.step_ends().collect();
        for &join in &ends[..ends.len() - 1] {
            let before = at(&ephemeris, join);
            // A step that is not there yet does not matter.
            let mut short = Ephemeris::new(&bodies, ALL, 90);
            short.advance_to(SimTime(join), SimTime(join));
            assert_eq!(before, at(&short, join));
            let mut after = Vec::new();
            // 2.8 nanoseconds into the next step.
            ephemeris.states_at(join as f64 + 1e-6, &mut after);
            for ((b, a), body) in before.iter().zip(&after).zip(&bodies) {
                let jump = (a.position.minus(b.position) - b.velocity_m_s * (1e-6 / 360.0)).length();
                let kick = (a.velocity_m_s - b.velocity_m_s).length();
                assert!(jump < 1e-5, "{}: {jump:e} m at {join}", body.name);
                assert!(kick < 2e-10, "{}: {kick:e} m/s at {join}", body.name);
            }
            joins += 1;
        }
    }
    assert!(joins > 40);
}

#[test]
fn dense_output_agrees_with_short_steps() {
    let bodies = real();
    let mut usual = Ephemeris::new(&bodies, ALL, 90);
    let mut fine = Ephemeris::new(&bodies, ALL, 90).with_pace(0.05);
    usual.advance_to(SimTime(40 * DAY), SimTime(0));
    fine.advance_to(SimTime(40 * DAY), SimTime(0));
    let mut worst = [0.0_f64; 2];
    for time in (0..40 * DAY).step_by(DAY as usize / 17) {
        for (a, b) in at(&usual, time).iter().zip(at(&fine, time)) {
            worst[0] = worst[0].max(a.position.minus(b.position).length());
            worst[1] = worst[1].max((a.velocity_m_s - b.velocity_m_s).length());
        }
    }
    assert!(worst[0] < 2e-3 && worst[1] < 1e-6, "{} m, {:e} m/s", worst[0], worst[1]);
}

#[test]
fn it_does_not_matter_how_it_is_asked() {
    let bodies = real();
    let ask = |times: &[i64]| {
        let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
        let mut seen = Vec::new();
        for (i, &time) in times.iter().enumerate() {
            let from = if i == 0 { 0 } else { times[i - 1] };
            ephemeris.advance_to(SimTime(time), SimTime(from));
            seen.push((time, at(&ephemeris, time)));
        }
        seen
    };
    let every: Vec<i64> = (1..=3000).map(|k| k * 400_000).collect();
    let slow = ask(&every);
    for far in [ask(&[3000 * 400_000]), ask(&[400_000, 1000 * 400_000, 2999 * 400_000])] {
        for (time, states) in far {
            assert_eq!(slow.iter().find(|s| s.0 == time).unwrap().1, states);
        }
    }
    let queried = states_at_seconds(&bodies, ALL, 90, &[3000.0 * 400_000.0 / 360.0]).unwrap().remove(0);
    assert_eq!(slow.last().unwrap().1, queried);
}

#[test]
fn wide_and_scalar_paths_give_equal_bits() {
    let bodies = real();
    let mut wide = Ephemeris::new(&bodies, ALL, 90);
    let mut scalar = Ephemeris::new(&bodies, ALL, 90).scalar();
    for tick in 1..400 {
        let (now, from) = (SimTime(tick * 400_000), SimTime((tick - 1) * 400_000));
        wide.advance_to(now, from);
        scalar.advance_to(now, from);
        assert_eq!(digest(&wide), digest(&scalar), "tick {tick}");
        assert_eq!(at(&wide, now.0 - 1234), at(&scalar, now.0 - 1234));
    }
}

#[test]
fn what_was_saved_goes_on_bit_for_bit() {
    let bodies = real();
    let mut original = Ephemeris::new(&bodies, ALL, 90);
    let mut ring = original.clone();
    for tick in 1..=600_i64 {
        let (now, from) = (SimTime(tick * 400_000), SimTime((tick - 1) * 400_000));
        original.advance_to(now, from);
        if tick % 150 == 7 {
            let bytes = postcard::to_stdvec(&original.save()).unwrap();
            let saved: SavedEphemeris = postcard::from_bytes(&bytes).unwrap();
            let mut restored = Ephemeris::new(&bodies, ALL, 90);
            restored.restore(saved, now).unwrap();
            assert_eq!(digest(&restored), digest(&original));
            assert_eq!(at(&restored, from.0), at(&original, from.0));
            ring.clone_from(&original);
            for later in tick + 1..tick + 300 {
                restored.advance_to(SimTime(later * 400_000), SimTime((later - 1) * 400_000));
                ring.advance_to(SimTime(later * 400_000), SimTime((later - 1) * 400_000));
            }
            assert_eq!(digest(&restored), digest(&ring));
            let time = (tick + 299) * 400_000;
            let mut straight = original.clone();
            straight.advance_to(SimTime(time), SimTime(time));
            assert_eq!(at(&restored, time), at(&straight, time));
        }
    }
}

#[test]
fn saved_states_that_no_step_could_use_are_refused() {
    let bodies = real();
    let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
    let now = SimTime(3 * DAY);
    ephemeris.advance_to(now, SimTime(3 * DAY - 400_000));
    let saved = ephemeris.save();
    let mut few = Ephemeris::new(&bodies[..2], NEWTON, 90);
    assert_eq!(few.restore(saved.clone(), now), Err(RestoreError::WrongSize));
    let mut other = Ephemeris::new(&bodies, ALL, 90);
    assert_eq!(other.restore(saved.clone(), SimTime(90 * DAY)), Err(RestoreError::BadTimes));
    assert_eq!(other.restore(saved.clone(), SimTime(0)), Err(RestoreError::BadTimes));
    // As JSON the numbers can be reached by hand.
    let json = serde_json::to_string(&saved).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&json).unwrap();
    value["motion"]["blocks"][0]["x"][1] = serde_json::json!(1e30);
    let bad: SavedEphemeris = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(other.restore(bad, now), Err(RestoreError::BadValue));
    value["motion"]["blocks"][0]["x"][1] = serde_json::json!(1.0);
    value["steps"][0]["length"] = serde_json::json!(0);
    let bad: SavedEphemeris = serde_json::from_value(value).unwrap();
    assert_eq!(other.restore(bad, now), Err(RestoreError::BadTimes));
    // Every refusal left it as it was.
    assert_eq!(digest(&other), digest(&Ephemeris::new(&bodies, ALL, 90)));
}

#[test]
fn every_bit_of_the_state_is_in_the_digest() {
    let bodies = real();
    let mut ephemeris = Ephemeris::new(&bodies, ALL, 90);
    let now = SimTime(3 * DAY);
    ephemeris.advance_to(now, SimTime(3 * DAY));
    let bytes = postcard::to_stdvec(&ephemeris.save()).unwrap();
    let right = digest(&ephemeris);
    let mut changed = 0;
    for index in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        let Ok(saved) = postcard::from_bytes::<SavedEphemeris>(&flipped) else { continue };
        let mut other = Ephemeris::new(&bodies, ALL, 90);
        if other.restore(saved, now).is_ok() {
            assert_ne!(digest(&other), right, "byte {index}");
            changed += 1;
        }
    }
    assert!(changed > 500, "{changed}");
}

#[test]
fn the_nearest_kept_moment_answers_for_what_is_not_kept() {
    let mut ephemeris = Ephemeris::new(&real(), ALL, 90);
    assert_eq!(at(&ephemeris, 99)[3].position_m, real()[3].position_m);
    ephemeris.advance_to(SimTime(20 * DAY), SimTime(20 * DAY));
    assert!(ephemeris.step_ends().count() == 1);
    assert_eq!(at(&ephemeris, 0), at(&ephemeris, DAY));
    assert_eq!(at(&ephemeris, 300 * DAY), at(&ephemeris, 400 * DAY));
}
