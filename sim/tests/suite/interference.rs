//! Interference: pulses add to an entity's wave, amplify it or cancel it, and what is cancelled whole dissolves. The same
//! after any save, restore and roll-back, and nothing is left in a state whose waves are as at first.

use proptest::prelude::*;
use sim::command::Spawn;
use sim::component::Kind;
use sim::field::Value;
use sim::waves::{PULSE_MAX, PULSE_ONE, Phasor, WAVES_MAX};
use sim::{Command, Event, InputFrame, Membership, PlayerId, Refusal, Role, RollbackRing, Simulation, SnapshotError};
use sim_testkit::common::{OPERATOR, all, command, fly, join, number, set, world};

const HALF: u32 = 1 << 31;
const QUARTER: u32 = 1 << 30;

/// Three scouts of players 1 to 3, a rock field and a dock, all far from each other.
fn lab() -> Simulation {
    let mut simulation = world(
        "name = \"lab\"\n[[fleet]]\nname = \"f\"\ncount = 3\nspacing_m = 1000\nfirst_player = 1\nposition_m = [0, 0, 0]\n\
         velocity_m_s = [0, 0, 0]\n[[asteroid_field]]\nname = \"rocks\"\ncount = 4\nposition_m = [0, 1e6, 0]\n\
         velocity_m_s = [0, 0, 0]\nextent_m = 1e5\nradius_m = [1, 2]\n[[structure]]\nname = \"dock\"\n\
         position_m = [0, 5000, 0]\nvelocity_m_s = [0, 0, 0]\nradius_m = 50\nmass_kg = 1e8\n",
    );
    let mut frame = join();
    frame.membership.push(Membership::Join { player: PlayerId(2), role: Role::Pilot });
    simulation.step(&frame);
    simulation
}

fn pulse(entity: u64, amplitude: u32, phase: u32) -> Command {
    Command::Interfere { entity, amplitude, phase }
}

/// Steps with one command of a player; what was refused, and what happened.
fn send(simulation: &mut Simulation, player: PlayerId, command: &Command) -> (Option<Refusal>, Vec<Event>) {
    let mut frame = InputFrame::default();
    frame.push(player, command);
    let report = simulation.step(&frame);
    (report.refused.first().map(|refused| refused.reason), report.events)
}

fn amplitude(simulation: &Simulation, id: u64) -> f64 {
    simulation.wave(id).expect("the entity exists").amplitude()
}

#[test]
fn pulses_amplify_turn_and_cancel_at_the_tick_they_land() {
    let mut s = lab();
    assert_eq!(s.wave(2), Some(Phasor::FIRST));
    assert_eq!(number(&s, 2, "Wave", "amplitude"), 1.0);
    let (refused, events) = send(&mut s, OPERATOR, &pulse(2, PULSE_ONE, 0));
    assert_eq!((refused, amplitude(&s, 2)), (None, 2.0), "in phase");
    assert_eq!(events, [Event::Amplified { entity: 2, amplitude: 2.0, phase_turns: 0.0 }]);
    let (_, events) = send(&mut s, OPERATOR, &pulse(2, PULSE_ONE, HALF));
    assert_eq!(events, [Event::Cancelled { entity: 2, amplitude: 1.0, phase_turns: 0.0 }]);
    send(&mut s, OPERATOR, &pulse(3, PULSE_ONE, QUARTER));
    assert_eq!(amplitude(&s, 3), 2.0f64.sqrt(), "a quarter of a turn off");
    assert_eq!(number(&s, 3, "Wave", "phase_turns"), 0.125);
    fly(&mut s, 50);
    assert_eq!((amplitude(&s, 1), amplitude(&s, 3)), (1.0, 2.0f64.sqrt()), "a wave stays as it is");
}

#[test]
fn what_is_cancelled_whole_dissolves() {
    let mut s = lab();
    let (dock, rock) = (all(&s, Kind::Structure)[0], all(&s, Kind::Asteroid)[1]);
    for entity in [dock, rock] {
        let before = s.entity_count();
        let (refused, events) = send(&mut s, OPERATOR, &pulse(entity, PULSE_ONE, HALF));
        assert_eq!((refused, events), (None, vec![Event::Dissolved { entity }]));
        assert_eq!((s.kind(entity), s.wave(entity), s.entity_count()), (None, None, before - 1));
    }
    // A ship becomes a wreck, and its pilot gets a new one whose wave begins anew.
    send(&mut s, OPERATOR, &pulse(2, PULSE_ONE, QUARTER));
    send(&mut s, OPERATOR, &pulse(2, PULSE_ONE, HALF));
    let (_, events) = send(&mut s, OPERATOR, &pulse(2, PULSE_ONE, QUARTER + HALF));
    assert_eq!(events, [Event::Dissolved { entity: 2 }, Event::Destroyed { entity: 2 }]);
    assert_eq!((s.kind(2), number(&s, 2, "Hull", "health_j")), (Some(Kind::Ship), 0.0));
    assert_eq!(send(&mut s, OPERATOR, &pulse(2, PULSE_ONE, 0)).0, Some(Refusal::Destroyed));
    let (refused, events) = send(&mut s, PlayerId(2), &Command::Respawn { ship: 2 });
    assert_eq!((refused, events), (None, vec![Event::Respawned { ship: 2 }]));
    assert_eq!((s.wave(2), s.digest().resources[5]), (Some(Phasor::FIRST), 0));
}

#[test]
fn a_ship_that_is_made_anew_has_a_wave_as_at_first() {
    let mut s = lab();
    send(&mut s, OPERATOR, &pulse(1, 7, 7));
    command(&mut s, &[set(1, "Hull", "health_j", Value::F64(0.0))]);
    assert_ne!(s.wave(1), Some(Phasor::FIRST));
    send(&mut s, OPERATOR, &Command::Respawn { ship: 1 });
    assert_eq!(s.wave(1), Some(Phasor::FIRST));
}

#[test]
fn what_may_not_be_is_refused_and_changes_nothing() {
    let mut s = lab();
    let most = pulse(1, PULSE_MAX, 0);
    for _ in 0..1023 {
        assert_eq!(send(&mut s, OPERATOR, &most).0, None);
    }
    let cases = [
        (PlayerId(2), pulse(2, 1, 0), Refusal::NotAllowed),
        (PlayerId(9), pulse(2, 1, 0), Refusal::NotAMember),
        (OPERATOR, pulse(77, 1, 0), Refusal::NoSuchEntity),
        (OPERATOR, pulse(u64::MAX, 1, 0), Refusal::NoSuchEntity),
        (OPERATOR, pulse(0, 1, 0), Refusal::NoSuchEntity),
        (OPERATOR, pulse(2, 0, 5), Refusal::OutOfRange),
        (OPERATOR, pulse(2, PULSE_MAX + 1, 5), Refusal::OutOfRange),
        (OPERATOR, pulse(2, u32::MAX, u32::MAX), Refusal::OutOfRange),
        (OPERATOR, most, Refusal::OutOfRange),
    ];
    for (player, command, reason) in cases {
        let mut untouched = s.clone();
        let (refused, events) = send(&mut s, player, &command);
        assert_eq!((refused, events), (Some(reason), vec![]), "{command:?}");
        untouched.step(&InputFrame::default());
        let difference = s.first_difference(&untouched).expect("the counter");
        assert_eq!((difference.component, difference.field.as_str()), ("Members", "refused"));
    }
}

#[test]
fn waves_are_bounded_in_number_and_go_with_their_entities() {
    let count = WAVES_MAX + 2;
    let mut s = world(&format!(
        "name = \"many\"\n[[asteroid_field]]\nname = \"f\"\ncount = {count}\nposition_m = [0, 0, 0]\n\
         velocity_m_s = [0, 0, 0]\nextent_m = 1e9\nradius_m = [1, 2]\n"
    ));
    s.step(&join());
    let ids = s.entity_ids();
    let frame_of = |ids: &[u64]| {
        let mut frame = InputFrame::default();
        ids.iter().for_each(|&id| frame.push(OPERATOR, &pulse(id, 3, 0)));
        frame
    };
    assert!(s.step(&frame_of(&ids[..WAVES_MAX])).refused.is_empty());
    let (beyond, last) = (ids[WAVES_MAX], ids[WAVES_MAX + 1]);
    assert_eq!(send(&mut s, OPERATOR, &pulse(beyond, 3, 0)).0, Some(Refusal::Full));
    assert_eq!(send(&mut s, OPERATOR, &pulse(ids[0], 3, 0)).0, None, "one that is there already has room");
    assert_eq!(send(&mut s, OPERATOR, &pulse(last, PULSE_ONE, HALF)).1, [Event::Dissolved { entity: last }]);
    let restored = Simulation::restore(s.scenario(), &s.snapshot()).expect("a full list is a list");
    assert_eq!(restored.digest(), s.digest());
    // One that is removed makes room.
    command(&mut s, &[Command::Despawn { entity: ids[5] }]);
    assert_eq!(send(&mut s, OPERATOR, &pulse(beyond, 3, 0)).0, None);
    // And one that is destroyed.
    let mut rest: Vec<u64> = s.entity_ids();
    rest.truncate(2000);
    for part in rest.chunks(1000) {
        let mut frame = InputFrame::default();
        part.iter().for_each(|&entity| frame.push(OPERATOR, &Command::Despawn { entity }));
        assert!(s.step(&frame).refused.is_empty());
    }
    assert!(Simulation::restore(s.scenario(), &s.snapshot()).is_ok());
}

#[test]
fn a_world_without_changed_waves_is_written_as_ever() {
    let mut s = lab();
    let mut plain = s.clone();
    let version = |s: &Simulation| u16::from_le_bytes([s.snapshot()[6], s.snapshot()[7]]);
    assert_eq!(version(&s), 1);
    command(&mut s, &[pulse(1, 5, 5)]);
    assert_eq!(version(&s), 2, "what older builds refuse by its version");
    command(&mut s, &[pulse(1, 5, 5 + HALF)]);
    fly(&mut plain, 2);
    assert_eq!((s.digest(), s.snapshot()), (plain.digest(), plain.snapshot()));
}

#[test]
fn a_wave_goes_with_what_is_shot_or_runs_out() {
    let mut s = lab();
    let at = sim_testkit::common::place(&s, 1) + glam::DVec3::X * 300.0;
    let rock = Spawn {
        kind: Kind::Asteroid,
        body: None,
        position_m: at.to_array(),
        velocity_m_s: [0.0; 3],
        class: 0,
        player: 0,
        radius_m: 5.0,
        mass_kg: 1.0,
    };
    // The ship's own way of pointing, so that the round meets the rock.
    let ahead = Value::Quat(glam::DQuat::IDENTITY);
    command(&mut s, &[Command::Spawn(rock), set(1, "Attitude", "icrf_from_body", ahead), Command::Fire { ship: 1 }]);
    let (rock, round) = (*s.entity_ids().iter().rev().nth(1).expect("made"), all(&s, Kind::Projectile)[0]);
    assert_eq!(s.kind(rock), Some(Kind::Asteroid));
    command(&mut s, &[pulse(rock, 9, 9), pulse(round, 9, 9)]);
    fly(&mut s, 60);
    assert_eq!((s.kind(rock), s.kind(round), s.digest().resources[5]), (None, None, 0), "the rock was hit");
    fly(&mut s, 10);
    // Turned away, nothing is in the way: it runs out.
    let back = Value::Quat(glam::DQuat::from_rotation_z(core::f64::consts::PI));
    command(&mut s, &[set(1, "Attitude", "icrf_from_body", back), Command::Fire { ship: 1 }]);
    let round = all(&s, Kind::Projectile)[0];
    command(&mut s, &[pulse(round, 9, 9)]);
    assert_ne!(s.digest().resources[5], 0);
    fly(&mut s, 5 * 90 + 5);
    assert_eq!((s.kind(round), s.digest().resources[5]), (None, 0));
    assert!(Simulation::restore(s.scenario(), &s.snapshot()).is_ok());
}

/// The same bytes with a checksum that fits, as a forger would make them.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 8;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

#[test]
fn forged_waves_are_refused_or_sound() {
    let mut s = lab();
    for id in 1..=4 {
        command(&mut s, &[pulse(id, 70_000, id as u32 * 77_777)]);
    }
    let bytes = s.snapshot();
    let resources = u64::from_le_bytes(bytes[48..56].try_into().expect("eight")) as usize;
    // The waves are the last of the resources: a count, then an id and two parts each.
    let waves = 56 + resources - 64..56 + resources;
    let mut random = sim::random::RandomStream::new(8);
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..2000 {
        let mut forged = bytes.clone();
        let at = waves.start + (random.next_u64() as usize) % waves.len();
        forged[at] = random.next_u64() as u8;
        match Simulation::restore(s.scenario(), &resealed(forged)) {
            Err(SnapshotError::Impossible(_)) => refused += 1,
            Err(other) => panic!("{other}"),
            Ok(mut restored) => {
                accepted += 1;
                restored.step(&InputFrame::default());
                assert!(Simulation::restore(s.scenario(), &restored.snapshot()).is_ok());
            }
        }
    }
    assert!(refused > 100 && accepted > 100, "{refused} refused, {accepted} accepted");
    // A version that says there are waves, and none.
    let mut none = lab().snapshot();
    none[6] = 2;
    assert!(Simulation::restore(s.scenario(), &resealed(none)).is_err());
}

#[test]
fn a_difference_between_waves_is_named() {
    let (mut a, mut b) = (lab(), lab());
    command(&mut a, &[pulse(3, 500, 0)]);
    command(&mut b, &[pulse(3, 501, 0)]);
    assert_eq!(a.digest().first_difference(&b.digest()), Some("Wave"));
    let found = a.first_difference(&b).expect("they differ");
    assert_eq!((found.component, found.entity, found.field.as_str()), ("Wave", Some(3), "amplitude"));
    assert_eq!(sim::System::writers("Wave").first(), Some(&sim::System::Commands));
    let (mut c, mut d) = (lab(), lab());
    command(&mut c, &[pulse(2, 500, 0)]);
    command(&mut d, &[pulse(3, 500, 0)]);
    assert_ne!(c.digest(), d.digest(), "whose wave it is counts");
    let near = a.neighbourhood(PlayerId(3), 10.0, 1);
    assert_eq!((near.entity_ids(), near.wave(3)), (vec![3], a.wave(3)));
    let far = a.neighbourhood(PlayerId(1), 10.0, 1);
    assert_eq!(far.digest().resources[5], 0, "waves of what is left out are left out");
}

/// Pulses on the ships and the rocks of the lab, some of them refused.
fn any_pulses() -> impl Strategy<Value = Vec<(u64, u32, u32)>> {
    let phase = prop_oneof![any::<u32>(), (0u32..8).prop_map(|eighth| eighth << 29)];
    prop::collection::vec((1u64..10, prop_oneof![Just(PULSE_ONE), 0u32..=2 * PULSE_ONE], phase), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_order_of_pulses_does_not_matter(pulses in prop::collection::vec((1u64..4, 1u32..=PULSE_MAX / 64, any::<u32>()), 1..24)) {
        // A strong wave first, so that none dissolves on the way.
        let first = (1u64..4).map(|id| pulse(id, PULSE_MAX, 0));
        let step = |order: &[(u64, u32, u32)]| {
            let mut s = lab();
            let rest = order.iter().map(|&(id, amplitude, phase)| pulse(id, amplitude, phase));
            command(&mut s, &first.clone().chain(rest).collect::<Vec<_>>());
            s
        };
        let forward = step(&pulses);
        let backward: Vec<_> = pulses.iter().rev().copied().collect();
        prop_assert_eq!(forward.digest(), step(&backward).digest());
        prop_assert_eq!(forward.snapshot(), step(&backward).snapshot());
    }

    #[test]
    fn a_pulse_and_its_opposite_leave_nothing(id in 1u64..9, amplitude in 1u32..=PULSE_MAX, phase in any::<u32>()) {
        prop_assume!((amplitude, phase) != (PULSE_ONE, HALF));
        let mut s = lab();
        let mut plain = s.clone();
        command(&mut s, &[pulse(id, amplitude, phase)]);
        fly(&mut plain, 1);
        prop_assert_ne!(s.digest(), plain.digest());
        command(&mut s, &[pulse(id, amplitude, phase.wrapping_add(HALF))]);
        fly(&mut plain, 1);
        prop_assert_eq!(s.digest(), plain.digest());
    }

    /// Saved, restored and rolled back on the way, the waves are those of a run in one piece.
    #[test]
    fn saves_and_roll_backs_change_nothing(pulses in any_pulses(), at in 0usize..24) {
        let mut plain = lab();
        let mut other = lab();
        let mut ring = RollbackRing::new(64);
        for (i, &(id, amplitude, phase)) in pulses.iter().enumerate() {
            send(&mut plain, OPERATOR, &pulse(id, amplitude, phase));
            ring.save(&other);
            if i == at {
                let tick = other.tick();
                send(&mut other, OPERATOR, &pulse(id, amplitude, phase ^ QUARTER));
                send(&mut other, OPERATOR, &pulse(id, PULSE_ONE, HALF));
                prop_assert!(ring.restore(&mut other, tick));
                prop_assert_eq!(ring.snapshot(&other, tick), Some(other.snapshot()));
                other = Simulation::restore(other.scenario(), &other.snapshot()).expect("as it was written");
            }
            send(&mut other, OPERATOR, &pulse(id, amplitude, phase));
            prop_assert_eq!(plain.digest(), other.digest());
        }
        prop_assert_eq!(plain.snapshot(), other.snapshot());
        for id in plain.entity_ids() {
            let wave = plain.wave(id).expect("it is there");
            prop_assert!(wave.amplitude().is_finite() && (0.0..1.0).contains(&wave.phase_turns()));
        }
    }
}
