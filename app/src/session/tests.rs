//! Sessions without a network: frames made by a script go to several peers' replicas, as a core would have them go.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use netcode::protocol::{Change, Departure, Effect, Event, Hash, PeerKey, Player, Turn};
use netcode::replica::Replica;
use netcode::speculation::Neighbourhood;
use netcode::world::World;
use netcode::{Frame, Input};
use sim::command::ControlInput;
use sim::fault::Fault;
use sim::recording::Reader;
use sim::{Command, InputFrame, Kind, Membership, PlayerId, Role, Simulation, System};

use super::driver::{Link, Options};
use super::input::SessionInput;
use super::near::Near;
use super::recorder::SessionRecorder;
use super::ships::STEWARD;
use super::side::Side;
use super::signed::Origin;
use super::world::{HOST, SessionScenario, SimWorld};
use crate::progress::Progress;
use crate::record;
use crate::replay::{Recording, verify};

const ORIGIN: Origin = Origin { turn: 0, tick: 0, ticks_per_turn: 1 };

/// Nobody to send to.
pub(super) struct Nowhere;

impl Link for Nowhere {
    fn send(&mut self, _to: PeerKey, _bytes: Vec<u8>) {}
    fn connect(&mut self, _to: PeerKey, _address: Vec<u8>) {}
    fn disconnect(&mut self, _to: PeerKey) {}
}

pub(super) fn text(name: &str) -> &'static str {
    sim::scenario::shipped().iter().find(|(n, _)| *n == name).expect("shipped").1
}

/// What four pilots and whoever else do in one turn: a script of the turn's number alone.
pub(super) fn frame(turn: u64, ticks_per_turn: u32) -> Arc<Frame<SessionInput>> {
    let mut changes = Vec::new();
    if turn == 0 {
        changes.extend((1..=4).map(|p| Change::Join { player: Player(p), role: if p == 1 { 2 } else { 1 } }));
    }
    if turn == 25 {
        changes.push(Change::Leave { player: Player(3), why: Departure::Silent });
    }
    if turn == 40 {
        changes.push(Change::Join { player: Player(3), role: 1 });
        changes.push(Change::Join { player: Player(5), role: 1 });
    }
    let inputs = (1..=5).map(|p| {
        let mut input = SessionInput::neutral();
        for tick in 0..ticks_per_turn {
            let n = (turn * 7 + u64::from(p) * 3 + u64::from(tick)) as i16;
            if n % 5 == 0 {
                // The demo's ships have the numbers of their pilots.
                let controls = ControlInput { main: n % 100 * 300, rotate: [n % 9, 0, n % 7], ..Default::default() };
                input.push(tick, &Command::Controls { ship: u64::from(p), controls }).expect("it fits");
                input.push(tick, &Command::Fire { ship: u64::from(p) }).expect("it fits");
            }
        }
        (Player(p), input)
    });
    Arc::new(Frame { turn: Turn(turn), changes, inputs: inputs.collect(), chain: Hash::default() })
}

pub(super) fn install(name: &str, ticks_per_turn: u32, turn: Option<Turn>, snapshot: Vec<u8>) -> Effect<SessionInput> {
    let scenario = Arc::new(SessionScenario::new(text(name), ticks_per_turn).encode());
    Effect::Install { turn, scenario, snapshot: Arc::new(snapshot) }
}

/// One peer with everything but the core.
pub(super) struct Peer {
    pub(super) replica: Replica<SimWorld>,
    pub(super) side: Side<Nowhere>,
    ticks_per_turn: u32,
}

impl Peer {
    pub(super) fn new(options: Options, ticks_per_turn: u32) -> Self {
        Self { replica: Replica::new(SimWorld::empty()), side: Side::new(Nowhere, options), ticks_per_turn }
    }

    pub(super) fn founder(options: Options, ticks_per_turn: u32) -> Self {
        let mut peer = Self::new(options, ticks_per_turn);
        peer.apply(install("demo", ticks_per_turn, None, Vec::new()));
        peer
    }

    pub(super) fn apply(&mut self, effect: Effect<SessionInput>) {
        self.replica.apply(effect, &mut self.side).expect("the effects are in order");
    }

    /// Executes turns up to before `end`; each is confirmed two turns later.
    pub(super) fn run(&mut self, end: u64) {
        let start = self.replica.executed().map_or(0, |turn| turn.0 + 1);
        for turn in start..end {
            self.apply(Effect::Execute(frame(turn, self.ticks_per_turn)));
            if turn >= 2 {
                self.confirm(turn - 2);
            }
        }
    }

    pub(super) fn confirm(&mut self, turn: u64) {
        self.apply(Effect::Confirm { turn: Turn(turn), chain: Hash::default() });
    }

    pub(super) fn digest(&self) -> u64 {
        self.replica.world().simulation().digest().total
    }
}

pub(super) fn recording_to(path: &Path, keyframe_ticks: u32) -> Options {
    let recording = record::Options { keyframe_ticks: Some(keyframe_ticks), fork: None };
    Options { record: Some(path.to_owned()), recording, ..Options::default() }
}

pub(super) fn verified(path: &Path) -> u64 {
    let mut recording = Recording::open(path).expect("a recording");
    let verdict = verify::verify(&mut recording, None, Progress::new(true)).expect("it can be verified");
    assert_eq!((verdict.verdict, verdict.complete), ("exact", true), "{}: {verdict:?}", path.display());
    verdict.ticks
}

/// Every frame and digest of the log, by tick.
pub(super) fn log_of(path: &Path) -> Vec<(u64, InputFrame, u64)> {
    let mut reader = Reader::open(std::fs::File::open(path).expect("it is there")).expect("a recording");
    let first = reader.ticks().start;
    reader.frames_from(first).map(|step| step.expect("whole")).map(|s| (s.tick, s.frame, s.digest)).collect()
}

#[test]
fn going_back_and_again_gives_the_same() {
    for ticks_per_turn in [1, 3] {
        let mut peer = Peer::founder(Options::default(), ticks_per_turn);
        peer.run(20);
        let earlier = peer.replica.world().snapshot();
        peer.run(50);
        let (digest, now) = (peer.digest(), peer.replica.world().snapshot());
        let kept = peer.replica.world().snapshot_at(Some(Turn(19)));
        assert_eq!(kept.as_ref(), Some(&earlier), "a kept state is written as it was");
        assert_eq!(peer.replica.world().snapshot(), now, "without touching the present one");
        peer.apply(Effect::RollBack { to: Some(Turn(30)) });
        assert_ne!(peer.digest(), digest);
        peer.run(50);
        assert_eq!(peer.digest(), digest);
        assert_eq!(peer.replica.world().simulation().tick().0, 50 * u64::from(ticks_per_turn));
    }
}

#[test]
fn who_comes_late_goes_the_same_way() {
    let mut founder = Peer::founder(Options::default(), 3);
    founder.run(30);
    let mut late = Peer::new(Options::default(), 3);
    late.apply(install("demo", 3, Some(Turn(29)), founder.replica.world().snapshot()));
    assert_eq!(late.digest(), founder.digest());
    founder.run(80);
    late.run(80);
    assert_eq!(late.digest(), founder.digest());
    // Again, with the scenario that is there already.
    let snapshot = founder.replica.world().snapshot();
    late.apply(install("demo", 3, Some(Turn(79)), snapshot));
    assert_eq!(late.digest(), founder.digest());
}

#[test]
fn what_is_no_world_is_refused_in_a_sentence() {
    let mut world = SimWorld::empty();
    for (scenario, snapshot) in [
        (vec![1, 2, 3], Vec::new()),
        (SessionScenario::new(text("demo"), 0).encode(), Vec::new()),
        (SessionScenario::new(text("demo"), 65).encode(), Vec::new()),
        (SessionScenario::new("bodies = 3", 3).encode(), Vec::new()),
        (SessionScenario::new(text("demo"), 3).encode(), vec![0; 100]),
    ] {
        let sentence = world.install(&scenario, &snapshot).unwrap_err();
        assert!(sentence.len() > 20, "{sentence}");
    }
    assert_eq!(world.simulation().entity_count(), 0, "nothing has changed");
    assert!(world.first_difference(&[1, 2]).is_err());
}

#[test]
fn every_pilot_has_a_ship() {
    let mut peer = Peer::founder(Options::default(), 3);
    peer.run(40);
    let ships = |peer: &Peer, player| peer.replica.world().simulation().ships_of(PlayerId(player));
    for player in 1..=4 {
        assert_eq!(ships(&peer, player), [u64::from(player)], "the scenario's");
    }
    assert_eq!(peer.replica.world().simulation().entity_count(), rocks_and_rounds(&peer) + 4);
    peer.run(42);
    assert_eq!(ships(&peer, 3), [3], "who comes back has the ship of before");
    let [new] = ships(&peer, 5)[..] else { panic!("the fifth has no ship") };
    let simulation = peer.replica.world().simulation();
    let place = |id| crate::entity::position(&simulation.inspect(id).unwrap()).unwrap();
    let apart = place(new).minus(place(1)).length();
    assert!((500.0..700.0).contains(&apart), "{apart} m from the first ship");
    assert!(simulation.members().any(|member| member == (STEWARD, Role::Operator)));
    // It can be flown.
    let mut input = SessionInput::neutral();
    let controls = ControlInput { main: 30_000, ..Default::default() };
    input.push(0, &Command::Controls { ship: new, controls }).unwrap();
    let frame = Frame { turn: Turn(42), changes: vec![], inputs: vec![(Player(5), input)], chain: Hash::default() };
    peer.apply(Effect::Execute(Arc::new(frame)));
    let played = peer.replica.world().played().last().expect("the last turn");
    assert!(played.ticks[0].report.refused.is_empty(), "{:?}", played.ticks[0].report.refused);
    assert!(played.ticks[0].frame.commands.len() == 1);
}

fn rocks_and_rounds(peer: &Peer) -> usize {
    let simulation = peer.replica.world().simulation();
    simulation.entity_ids().into_iter().filter(|&id| simulation.kind(id) != Some(Kind::Ship)).count()
}

#[test]
fn ships_of_nobody_are_given_away_first() {
    let mut peer = Peer::new(Options::default(), 1);
    peer.apply(install("bench-1k", 1, None, Vec::new()));
    let changes = (1..=3).map(|p| Change::Join { player: Player(p), role: u8::from(p != 2) }).collect();
    let frame = Frame { turn: Turn(0), changes, inputs: vec![], chain: Hash::default() };
    peer.apply(Effect::Execute(Arc::new(frame)));
    let simulation = peer.replica.world().simulation();
    let ships: Vec<_> = (1..=3).map(|p| simulation.ships_of(PlayerId(p))).collect();
    assert_eq!(ships, [vec![1], vec![], vec![2]], "who only watches has none");
    assert_eq!(simulation.entity_count(), 1000);
}

#[test]
fn nobody_can_speak_for_the_steward() {
    let mut peer = Peer::founder(Options::default(), 1);
    peer.run(45);
    let mut input = SessionInput::neutral();
    input.push(0, &Command::SetTimeFactor { quarters: 0 }).unwrap();
    let inputs = vec![(Player(0), input.clone()), (Player(STEWARD.0), input)];
    let frame = Frame { turn: Turn(45), changes: vec![], inputs, chain: Hash::default() };
    peer.apply(Effect::Execute(Arc::new(frame)));
    let played = peer.replica.world().played().last().expect("the last turn");
    assert!(played.ticks[0].frame.is_empty());
}

#[test]
fn a_host_without_a_ship_commands_as_the_steward_and_the_world_never_hears_of_it() {
    let mut peer = Peer::new(Options::default(), 1);
    let mut scenario = SessionScenario::new(text("demo"), 1);
    scenario.founders.push((HOST.0, 2));
    let scenario = Arc::new(scenario.encode());
    peer.apply(Effect::Install { turn: None, scenario, snapshot: Arc::new(Vec::new()) });
    let ships = peer.replica.world().simulation().entity_count();
    let mut input = SessionInput::neutral();
    input.push(0, &Command::SetTimeFactor { quarters: 0 }).unwrap();
    let changes = vec![Change::Join { player: Player(1), role: 1 }];
    let frame = Frame { turn: Turn(0), changes, inputs: vec![(HOST, input)], chain: Hash::default() };
    peer.apply(Effect::Execute(Arc::new(frame)));
    let leaves = vec![Change::Leave { player: HOST, why: Departure::Left }];
    let frame = Frame { turn: Turn(1), changes: leaves, inputs: vec![], chain: Hash::default() };
    peer.apply(Effect::Execute(Arc::new(frame)));
    let simulation = peer.replica.world().simulation();
    assert_eq!(simulation.time_factor().quarters(), 0, "the command counts");
    let members: Vec<_> = simulation.members().collect();
    assert_eq!(members, [(PlayerId(1), Role::Pilot), (STEWARD, Role::Operator)]);
    assert_eq!(simulation.entity_count(), ships, "it was given no ship");
    let frames: Vec<_> = peer.replica.world().played().flat_map(|played| &played.ticks).map(|t| &t.frame).collect();
    assert!(frames.iter().all(|frame| frame.check().is_ok()), "the log takes it");
}

#[test]
fn recordings_of_all_peers_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (turns, ticks_per_turn) = (110, 3);
    let mut peers: Vec<Peer> =
        ["a.strec", "b.strec"].map(|name| Peer::founder(recording_to(&path(name), 100), ticks_per_turn)).into();
    peers.iter_mut().for_each(|peer| peer.run(turns));
    // The second one had executed other turns meanwhile, which were taken back.
    peers[1].apply(Effect::RollBack { to: Some(Turn(turns - 2)) });
    peers[1].run(turns);
    let mut late = Peer::new(recording_to(&path("late.strec"), 100), ticks_per_turn);
    let mut founder = Peer::founder(Options::default(), ticks_per_turn);
    founder.run(47);
    late.apply(install("demo", ticks_per_turn, Some(Turn(46)), founder.replica.world().snapshot()));
    late.run(turns + 20);
    peers.push(late);
    for peer in peers {
        let (_, ending) = peer.side.finish();
        assert_eq!(ending.failures, Vec::<String>::new());
    }
    let files = ["a.strec", "b.strec"].map(|name| std::fs::read(path(name)).unwrap());
    assert!(files[0] == files[1], "founders write the same file");
    assert_eq!(verified(&path("a.strec")), (turns - 2) * 3);
    assert_eq!(verified(&path("late.strec")), (turns + 20 - 2 - 47) * 3);
    let (whole, part) = (log_of(&path("a.strec")), log_of(&path("late.strec")));
    assert_eq!(part[0].0, 141, "it begins where it came in");
    let shared = whole.len() - 141;
    assert!(shared > 150);
    assert_eq!(whole[141..], part[..shared]);
    assert_eq!(
        shared_segments(&path("a.strec"), &path("late.strec")),
        3,
        "segments and keyframes at 180, 201, 270, 300"
    );
}

/// How many segments the two recordings have in common: at the same ticks, and with the same contents.
fn shared_segments(a: &Path, b: &Path) -> usize {
    let mut readers = [a, b].map(|path| Reader::open(std::fs::File::open(path).unwrap()).unwrap());
    let mut segments = readers
        .each_mut()
        .map(|reader| (0..reader.segments().len()).map(|i| reader.read_segment(i).expect("whole")).collect::<Vec<_>>());
    let of_b = std::mem::take(&mut segments[1]);
    of_b.iter().filter(|segment| segments[0].contains(segment)).count()
}

#[test]
fn a_new_world_begins_a_new_recording() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("a.strec");
    let mut peer = Peer::founder(recording_to(&base, 900), 1);
    peer.run(30);
    let mut other = Peer::founder(Options::default(), 1);
    other.run(60);
    peer.apply(install("demo", 1, Some(Turn(59)), other.replica.world().snapshot()));
    peer.run(100);
    let (_, ending) = peer.side.finish();
    assert_eq!(ending.recordings, [base.clone(), folder.path().join("a-2.strec")]);
    assert_eq!(verified(&ending.recordings[0]), 28, "what was confirmed");
    assert_eq!(verified(&ending.recordings[1]), 38);
}

#[test]
fn a_disk_that_is_too_slow_ends_the_recording_early_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut peer = Peer::founder(Options::default(), 1);
    peer.replica.world_mut().set_keyframes(Some(10));
    for turn in 0..40 {
        peer.apply(Effect::Execute(frame(turn, 1)));
    }
    let world = peer.replica.world_mut();
    let scenario = world.simulation().scenario().clone();
    let start = Simulation::new(&scenario).snapshot();
    let played: Vec<_> = world.take_played(Turn(39)).collect();
    assert_eq!(played.iter().filter(|p| p.keyframe.is_some()).count(), 4);

    // No room for keyframes: they are left out, the log is whole.
    let path = folder.path().join("log.strec");
    let mut recorder = SessionRecorder::begin(&path, &scenario, 0, &start, record::Options::default(), ORIGIN).unwrap();
    recorder.limit_queue(1 << 20, 1000);
    played.iter().for_each(|played| recorder.push(played));
    assert_eq!(recorder.status().keyframes_left_out, 4);
    recorder.finish().unwrap();
    assert_eq!(verified(&path), 40);

    // No room for a turn: it ends there, and says so.
    let path = folder.path().join("early.strec");
    let mut recorder = SessionRecorder::begin(&path, &scenario, 0, &start, record::Options::default(), ORIGIN).unwrap();
    played[..20].iter().for_each(|played| recorder.push(played));
    recorder.limit_queue(0, 0);
    played[20..].iter().for_each(|played| recorder.push(played));
    assert!(recorder.status().stopped.is_some());
    let sentence = recorder.finish().unwrap_err().to_string();
    assert!(sentence.contains("ends early"), "{sentence}");
    assert_eq!(verified(&path), 20);
}

#[test]
fn a_recording_that_cannot_be_written_is_told() {
    let mut peer = Peer::new(recording_to(Path::new("/no/such/folder/a.strec"), 900), 1);
    peer.apply(install("demo", 1, None, Vec::new()));
    peer.run(10);
    assert!(
        peer.side.file.failure().is_some_and(|why| why.contains("/no/such/folder")),
        "at once, not at the end only"
    );
    let (_, ending) = peer.side.finish();
    assert_eq!(ending.failures.len(), 1);
    assert!(ending.failures[0].contains("cannot write /no/such/folder/a.strec"), "{:?}", ending.failures);
}

/// Two peers, one of which goes wrong at tick 61 in one bit of one ship.
fn diverged(folder: &Path) -> (Peer, Peer) {
    let [right, mut wrong] = ["right", "wrong"]
        .map(|name| Peer::founder(Options { bundles: Some(folder.join(name)), ..Options::default() }, 3));
    let fault = Fault { tick: 61, system: System::Motion, entity: 2 };
    wrong.replica.world_mut().inject_fault(fault);
    let mut right = right;
    right.run(30);
    wrong.run(30);
    assert_ne!(right.digest(), wrong.digest());
    (right, wrong)
}

fn report(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn a_desync_is_named_to_the_tick_and_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let (mut right, mut wrong) = diverged(folder.path());
    // Turn 20 has ticks 60 to 62: the first whose digest differs. Both are at turn 29 by now.
    let state = |peer: &mut Peer| {
        let answer = peer.replica.apply(Effect::SnapshotWanted { turn: Turn(20) }, &mut peer.side).unwrap();
        let Some(netcode::replica::Answer::Snapshot { bytes, .. }) = answer else { panic!("no snapshot") };
        bytes
    };
    let (of_right, of_wrong) = (state(&mut right), state(&mut wrong));
    let told = Event::Desync { turn: Turn(20), ours_is_wrong: true, digests: vec![(Player(1), 7), (Player(2), 8)] };
    let compare = |with, snapshot| Effect::Compare { with: Player(with), turn: Turn(20), snapshot };
    right.apply(compare(2, of_wrong));
    wrong.apply(compare(1, of_right));
    wrong.apply(Effect::Event(told));
    let bundles: Vec<PathBuf> = [right, wrong]
        .into_iter()
        .map(|peer| {
            let (_, ending) = peer.side.finish();
            assert_eq!(ending.failures, Vec::<String>::new());
            ending.bundles[0].clone()
        })
        .collect();
    let (at_right, at_wrong) = (report(&bundles[0]), report(&bundles[1]));
    for report in [&at_right, &at_wrong] {
        assert_eq!(report["tick"], 63);
        assert_eq!(report["difference"]["entity"], 2);
        assert_eq!(report["results_revision"], sim::RESULTS_REVISION);
    }
    assert_eq!(at_wrong["first_differing_tick"], 61);
    assert_eq!(at_wrong["repeat"]["is_theirs"], true);
    assert_eq!(at_wrong["circumstances"]["first_differing_turn"], 20);
    assert_eq!(at_right["first_differing_tick"], serde_json::Value::Null);
    assert_eq!(at_right["repeat"]["is_ours"], true);
    let names = [at_right["difference"]["component"].as_str(), at_wrong["difference"]["component"].as_str()];
    assert_eq!(names, [Some("Velocity"), Some("Velocity")], "one bit of it has not moved the ship yet");
    assert!(at_wrong["finding"].as_str().unwrap().contains("this machine went wrong at tick 61"));
    // The log inside is a recording like any other, and shows who is right.
    verified(&bundles[0].join("log.strec"));
    let mut recording = Recording::open(&bundles[1].join("log.strec")).unwrap();
    let verdict = verify::verify(&mut recording, None, Progress::new(true)).unwrap();
    assert_eq!(verdict.first_divergence.expect("it went wrong").tick, 61);
}

#[test]
fn a_state_that_is_none_is_reported_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut peer = Peer::founder(Options { bundles: Some(folder.path().to_owned()), ..Options::default() }, 1);
    peer.run(10);
    for _ in 0..10 {
        let snapshot = Arc::new(vec![1, 2, 3]);
        peer.apply(Effect::Compare { with: Player(2), turn: Turn(7), snapshot });
    }
    let (_, ending) = peer.side.finish();
    assert_eq!(ending.bundles.len(), 8, "no more than that");
    assert_eq!(report(&ending.bundles[0])["unreadable"], "not a snapshot");
}

#[test]
fn what_happened_is_kept_once_it_is_confirmed() {
    let mut peer = Peer::founder(Options { shown: true, ..Options::default() }, 3);
    peer.run(10);
    // Turns 0 to 7 are confirmed.
    let ticks: Vec<u64> = peer.side.happened.iter().map(|(tick, _)| *tick).collect();
    assert!(!ticks.is_empty() && ticks.is_sorted() && ticks.iter().all(|tick| *tick <= 24), "{ticks:?}");
    peer.confirm(8);
    peer.confirm(9);
    assert!(peer.side.happened.iter().any(|(tick, _)| *tick > 24));
    assert_eq!(peer.side.digest, Some(peer.digest()), "known without looking at all of it");
    let mut alone = Peer::founder(Options::default(), 3);
    alone.run(10);
    assert!(alone.side.happened.is_empty(), "nobody looks on");
}

#[test]
fn the_own_ship_is_shown_ahead_as_it_will_be() {
    let mut peer = Peer::founder(Options::default(), 3);
    peer.run(30);
    // Nobody near: the two over Jupiter are 500 m apart and fly on alone.
    let mut near = peer.replica.world().near(Player(4));
    for turn in 30..36 {
        let frame = frame(turn, 3);
        near.advance(Player(4), &frame.inputs[3].1);
        peer.apply(Effect::Execute(frame));
    }
    let ship = |simulation: &Simulation| {
        let state = simulation.inspect(4).expect("the ship");
        ["Attitude", "Velocity", "Position"].map(|name| state.components.iter().find(|c| c.name == name).cloned())
    };
    assert_eq!(ship(near.simulation()), ship(peer.replica.world().simulation()));
    let empty = Near::of(peer.replica.world().simulation(), Player(77), 3, None);
    assert_eq!(empty.simulation().entity_count(), 0);
}

#[test]
fn what_is_foreseen_says_what_it_was_copied_from() {
    let mut peer = Peer::founder(Options { shown: true, ..Options::default() }, 3);
    peer.side.player = Some(Player(4));
    for end in [30, 33] {
        peer.run(end);
        let copied = peer.replica.world().near(Player(4)).simulation().entity_ids();
        let foreseen = peer.side.ahead(&peer.replica, Turn(end + 2)).expect("a player");
        assert!(copied.contains(&4) && foreseen.copied == copied, "{:?}", foreseen.copied);
        assert_eq!(foreseen.simulation.tick().0, (end + 3) * 3);
    }
}

#[test]
fn a_lost_world_is_none_until_the_next_one() {
    let mut peer = Peer::new(Options::default(), 3);
    assert!(!peer.side.has_world);
    peer.apply(install("demo", 3, None, Vec::new()));
    assert!(peer.side.has_world);
    peer.side.lose_world();
    assert!(!peer.side.has_world && peer.side.progress.is_some(), "what was confirmed stays so");
    peer.apply(install("demo", 3, None, Vec::new()));
    assert!(peer.side.has_world);
}

#[test]
fn membership_reads_as_it_is_written() {
    let mut peer = Peer::founder(Options::default(), 2);
    peer.run(26);
    let played: Vec<_> = peer.replica.world_mut().take_played(Turn(25)).collect();
    let first = &played.last().expect("turn 25").ticks[0];
    assert_eq!(first.frame.membership, [Membership::Leave { player: PlayerId(3) }]);
    assert!(played.last().unwrap().ticks[1].frame.membership.is_empty());
}
