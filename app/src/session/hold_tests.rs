//! Sessions whose world is held, stepped and stopped by orders: frames made by hand or drawn go to replicas without a
//! network, and everything executed is compared with a plain simulation of the same log.

use std::sync::Arc;

use netcode::Frame;
use netcode::protocol::{Change, Departure, Effect, Hash, Player, Turn};
use netcode::world::World as _;
use sim::command::{ControlInput, FieldPatch};
use sim::field::Value;
use sim::random::RandomStream;
use sim::{Command, Condition, InputFrame, Membership, PlayerId, Role, Scenario, Simulation};

use super::control::{BREAKPOINTS_MAX, Cause, Control, Pace};
use super::driver::Options;
use super::input::SessionInput;
use super::order::{Disobeyed, Order, Place};
use super::ships::STEWARD;
use super::tests::{Peer, log_of, recording_to, text, verified};
use super::world::{HOST, Played, SessionScenario};

/// Ticks of a turn, unless a test says otherwise.
const TICKS: u32 = 3;

fn scenario() -> Arc<Vec<u8>> {
    let mut scenario = SessionScenario::new(text("demo"), TICKS);
    scenario.founders.push((HOST.0, 2));
    Arc::new(scenario.encode())
}

fn install(turn: Option<Turn>, snapshot: Vec<u8>) -> Effect<SessionInput> {
    Effect::Install { turn, scenario: scenario(), snapshot: Arc::new(snapshot) }
}

/// A peer of a session with a host that has no ship.
fn hosted(options: Options) -> Peer {
    let mut peer = Peer::new(options, TICKS);
    peer.apply(install(None, Vec::new()));
    peer
}

fn ordered(orders: &[Order]) -> SessionInput {
    let mut input = SessionInput::default();
    orders.iter().for_each(|order| input.push_order(order.clone()).expect("it fits"));
    input
}

fn commanded(commands: &[(u32, Command)]) -> SessionInput {
    let mut input = SessionInput::default();
    commands.iter().for_each(|(tick, command)| input.push(*tick, command).expect("it fits"));
    input
}

fn frame(turn: u64, changes: Vec<Change>, inputs: Vec<(Player, SessionInput)>) -> Arc<Frame<SessionInput>> {
    Arc::new(Frame { turn: Turn(turn), changes, inputs, chain: Hash::default() })
}

/// Executes and confirms a turn in which the host orders this.
fn turn(peer: &mut Peer, orders: &[Order]) {
    turn_of(peer, Vec::new(), vec![(HOST, ordered(orders))]);
}

fn turn_of(peer: &mut Peer, changes: Vec<Change>, inputs: Vec<(Player, SessionInput)>) {
    let next = peer.replica.executed().map_or(0, |turn| turn.0 + 1);
    peer.apply(Effect::Execute(frame(next, changes, inputs)));
}

fn tick(peer: &Peer) -> u64 {
    peer.replica.world().simulation().tick().0
}

fn held(peer: &Peer) -> Option<Cause> {
    peer.replica.world().control().held()
}

fn last(peer: &Peer) -> &Played {
    peer.replica.world().played().last().expect("a turn")
}

fn join(player: u32, role: u8) -> Change {
    Change::Join { player: Player(player), role }
}

fn leave(player: u32, why: Departure) -> Change {
    Change::Leave { player: Player(player), why }
}

fn controls(ship: u64, main: i16) -> Command {
    Command::Controls { ship, controls: ControlInput { main, ..ControlInput::default() } }
}

fn patch(entity: u64, fuel_kg: f64) -> Command {
    let (component, field) = ("Tank".to_owned(), "fuel_kg".to_owned());
    Command::Patch { fields: vec![FieldPatch { entity, component, field, value: Value::F64(fuel_kg) }] }
}

/// Every tick that was executed and not taken, as a plain simulation would have it.
fn replayed(peer: &Peer) -> Simulation {
    let mut plain = Simulation::new(&Scenario::parse(text("demo")).unwrap());
    for executed in peer.replica.world().played().flat_map(|played| &played.ticks) {
        let report = plain.step(&executed.frame);
        assert_eq!(report, executed.report, "tick {}", report.tick.0);
    }
    plain
}

#[test]
fn the_world_goes_as_far_as_it_is_ordered_to() {
    let mut peer = hosted(Options::default());
    let ordered = Some(Cause::Ordered { player: HOST });
    let (stepped, reached) = (Some(Cause::Stepped), Some(Cause::Reached));
    for (orders, expected, holds) in [
        (&[][..], 3, None),
        (&[Order::Hold], 3, ordered),
        (&[], 3, ordered),
        (&[Order::Step { ticks: 1 }], 4, stepped),
        (&[], 4, stepped),
        (&[Order::Step { ticks: 1 }, Order::Step { ticks: 1 }], 6, stepped),
        (&[Order::Step { ticks: 4 }], 9, None),
        (&[Order::Step { ticks: 1 }], 11, stepped),
        (&[Order::Step { ticks: 0 }], 11, stepped),
        (&[Order::RunTo { tick: 16 }], 14, None),
        (&[], 16, reached),
        (&[Order::RunTo { tick: 16 }], 16, reached),
        (&[Order::RunTo { tick: 15 }], 16, reached),
        (&[Order::Run], 19, None),
        (&[Order::Step { ticks: 2 }], 21, stepped),
        (&[Order::Run, Order::Hold], 21, ordered),
        (&[Order::Run], 24, None),
        (&[Order::RunTo { tick: 24 }], 24, reached),
        (&[Order::Run], 27, None),
    ] {
        turn(&mut peer, orders);
        assert_eq!((tick(&peer), held(&peer)), (expected, holds), "{orders:?}");
    }
    assert_eq!(peer.replica.world().simulation().digest(), replayed(&peer).digest());
    assert!(peer.replica.world().control().is_neutral());
    let refused: Vec<_> = peer.replica.world().played().flat_map(|p| &p.orders).filter(|o| o.result.is_err()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].result, Err(Disobeyed::Past { asked: 15, now: 16 }));
}

/// The ticks at which a condition begins to hold in what was executed, from this tick on.
fn begins(peer: &Peer, text: &str, from: u64) -> Vec<(u64, u64)> {
    let condition = Condition::parse(text).unwrap();
    let mut plain = Simulation::new(&Scenario::parse(self::text("demo")).unwrap());
    let (mut found, mut was) = (Vec::new(), false);
    for executed in peer.replica.world().played().flat_map(|played| &played.ticks) {
        let now = plain.step(&executed.frame).tick.0;
        let entity = condition.holds(&plain).filter(|_| now > from);
        found.extend(entity.filter(|_| !was).map(|entity| (now, entity)));
        was = entity.is_some();
    }
    found
}

#[test]
fn breakpoints_hold_on_their_tick_and_on_the_first_where_the_condition_holds() {
    let mut peer = hosted(Options::default());
    turn_of(&mut peer, vec![join(1, 1)], vec![(HOST, SessionInput::default()), (Player(1), SessionInput::default())]);
    let text = "entity 1: Controls.main > 0 and Tank.fuel_kg > 0";
    let at_tick = Order::Break { id: 7, at: Place::Tick(20) };
    turn(&mut peer, &[at_tick, Order::break_if(3, text).unwrap()]);
    for _ in 0..12 {
        turn(&mut peer, &[]);
    }
    assert_eq!((tick(&peer), held(&peer)), (20, Some(Cause::Breakpoint { id: 7, entity: None })));
    assert_eq!(last(&peer).control.breakpoints().len(), 1, "it cannot be hit again");
    // The condition: engine on in the middle of a turn, off, and on again.
    turn(&mut peer, &[Order::Run]);
    let mut halts = Vec::new();
    for throttle in [[0, 9, 9], [0, 0, 0], [0, 0, 9], [9, 9, 9], [9, 0, 7], [0, 0, 0]] {
        let commands = [0, 1, 2].map(|at| (at as u32, controls(1, throttle[at])));
        let inputs = vec![(HOST, SessionInput::default()), (Player(1), commanded(&commands))];
        turn_of(&mut peer, Vec::new(), inputs);
        while let Some(cause) = held(&peer) {
            halts.push((tick(&peer), cause));
            turn(&mut peer, &[Order::Run]);
        }
    }
    let expected: Vec<_> = begins(&peer, text, 20)
        .into_iter()
        .map(|(tick, entity)| (tick, Cause::Breakpoint { id: 3, entity: Some(entity) }))
        .collect();
    assert_eq!(halts, expected);
    assert!(halts.len() >= 3 && halts.iter().any(|(tick, _)| tick % 3 != 2), "also within a turn: {halts:?}");
    // One that holds already is hit by the next tick, and then not until it did not.
    turn(&mut peer, &[Order::Hold]);
    let now = tick(&peer);
    turn(&mut peer, &[Order::Clear { id: 3 }, Order::break_if(1, "any: Identity.id > 0").unwrap(), Order::Run]);
    assert_eq!((tick(&peer), held(&peer)), (now + 1, Some(Cause::Breakpoint { id: 1, entity: Some(1) })));
    turn(&mut peer, &[Order::Run]);
    turn(&mut peer, &[]);
    assert_eq!((tick(&peer), held(&peer)), (now + 7, None));
    replayed(&peer);
}

#[test]
fn what_cannot_be_obeyed_changes_nothing_and_says_why() {
    let mut peer = hosted(Options::default());
    turn(&mut peer, &[Order::Hold]);
    let full: Vec<Order> =
        (0..BREAKPOINTS_MAX as u32).map(|id| Order::Break { id: id * 2, at: Place::Tick(1000) }).collect();
    turn(&mut peer, &full);
    let before = Arc::clone(peer.replica.world().control());
    assert_eq!(before.breakpoints().len(), BREAKPOINTS_MAX);
    let nonsense = Order::Break { id: 4, at: Place::Condition("any: Tnk.fuel_kg > 1".to_owned()) };
    for (order, why) in [
        (Order::Break { id: 1, at: Place::Tick(9) }, "no more are possible"),
        (Order::Break { id: 2, at: Place::Tick(0) }, "tick 0 is over: the world is at tick 0"),
        (Order::Clear { id: 1 }, "there is no breakpoint 1"),
        (nonsense, "column 6: no component is called Tnk"),
    ] {
        turn(&mut peer, &[order]);
        let sentence = last(&peer).orders[0].result.clone().unwrap_err().to_string();
        assert!(sentence.contains(why), "{sentence}");
        assert_eq!(peer.replica.world().control(), &before);
    }
    // Who is no operator cannot.
    let inputs = |player| vec![(HOST, SessionInput::default()), (Player(player), ordered(&[Order::Run]))];
    turn_of(&mut peer, vec![join(1, 1), join(2, 2)], inputs(1));
    assert_eq!(last(&peer).orders[0].result, Err(Disobeyed::NotAllowed));
    turn_of(&mut peer, Vec::new(), inputs(STEWARD.0));
    assert_eq!(last(&peer).orders[0].result, Err(Disobeyed::NotAllowed));
    // An operator can, also one who has come while the world was held.
    turn_of(&mut peer, Vec::new(), inputs(2));
    assert_eq!((last(&peer).orders[0].result.clone(), tick(&peer)), (Ok(()), 3));
    // A session without a host has none that could be spoken for.
    let mut other = Peer::founder(Options::default(), TICKS);
    turn(&mut other, &[Order::Hold]);
    assert_eq!((tick(&other), held(&other)), (3, None));
}

#[test]
fn what_is_entered_in_a_hold_waits_for_the_next_tick_in_order() {
    let mut peer = hosted(Options::default());
    turn_of(&mut peer, vec![join(1, 1), join(2, 1)], vec![(HOST, SessionInput::default())]);
    turn(&mut peer, &[Order::Hold]);
    let before = peer.replica.world().simulation().snapshot();
    let own = commanded(&[(0, controls(1, 5)), (1, Command::Fire { ship: 1 }), (2, controls(1, 7))]);
    let of_host = commanded(&[(0, patch(2, 10.0)), (0, patch(2, 11.0))]);
    turn_of(&mut peer, vec![join(5, 1)], vec![(HOST, of_host.clone()), (Player(1), own)]);
    assert!(last(&peer).waits && last(&peer).ticks.is_empty() && !last(&peer).is_regular);
    assert_eq!(last(&peer).of_host.as_ref(), Some(&of_host));
    let later = commanded(&[(0, controls(1, 9))]);
    turn_of(&mut peer, vec![leave(2, Departure::Silent)], vec![(HOST, SessionInput::default()), (Player(1), later)]);
    assert!(peer.replica.world().simulation().snapshot() == before, "the world stands still");
    turn(&mut peer, &[Order::Step { ticks: 1 }]);
    let only = &last(&peer).ticks[..];
    assert_eq!(only.len(), 1);
    let frame = &only[0].frame;
    let left = Membership::Leave { player: PlayerId(2) };
    let join = |player, role| Membership::Join { player: PlayerId(player), role };
    assert_eq!(frame.membership, [join(STEWARD.0, Role::Operator), join(5, Role::Pilot), left]);
    let sent: Vec<_> = frame.commands.iter().map(|c| (c.player.0, Command::decode(&c.bytes).unwrap())).collect();
    let steward = STEWARD.0;
    assert_eq!(
        sent[..4],
        [(1, Command::Fire { ship: 1 }), (1, controls(1, 9)), (steward, patch(2, 10.0)), (steward, patch(2, 11.0))]
    );
    assert!(matches!(sent[4..], [(_, Command::Spawn(_) | Command::Patch { .. })]), "and the newcomer's ship");
    assert_eq!(only[0].of_host, [(Turn(2), 2)]);
    assert_eq!(only[0].report.refused, []);
    assert_eq!(peer.replica.world().simulation().ships_of(PlayerId(5)).len(), 1);
    turn(&mut peer, &[Order::Run]);
    assert!(last(&peer).is_regular);
    replayed(&peer);
}

#[test]
fn nobody_is_left_with_a_world_that_nobody_can_let_go_on() {
    let orders = [Order::Break { id: 1, at: Place::Tick(500) }, Order::Hold];
    let begin = |peer: &mut Peer| {
        turn_of(peer, vec![join(1, 2), join(2, 1), join(3, 2)], vec![(HOST, ordered(&orders))]);
        assert!(held(peer).is_some());
    };
    let nothing = |player| (Player(player), SessionInput::default());
    let mut peer = hosted(Options::default());
    begin(&mut peer);
    turn_of(&mut peer, vec![leave(2, Departure::Silent)], vec![nothing(0), nothing(1), nothing(3)]);
    assert!(held(&peer).is_some(), "the host is there");
    turn_of(&mut peer, vec![leave(0, Departure::Silent)], vec![nothing(1), nothing(3)]);
    assert!(held(&peer).is_none() && last(&peer).control.is_neutral(), "the host is not");
    // Now the operators among the players are.
    turn_of(&mut peer, Vec::new(), vec![(Player(1), ordered(&orders)), nothing(3)]);
    turn_of(&mut peer, vec![leave(1, Departure::Left)], vec![nothing(3)]);
    assert!(held(&peer).is_some());
    turn_of(&mut peer, vec![leave(3, Departure::Left), join(4, 1)], vec![nothing(4)]);
    assert!(held(&peer).is_none() && last(&peer).control.is_neutral());
    // A fork goes on, whoever makes it.
    let mut peer = hosted(Options::default());
    begin(&mut peer);
    turn_of(&mut peer, vec![leave(1, Departure::Forked)], vec![nothing(0)]);
    assert!(held(&peer).is_none() && last(&peer).control.is_neutral());
    replayed(&peer);
}

#[test]
fn who_comes_in_a_hold_has_the_same_state() {
    let mut peer = hosted(Options::default());
    turn_of(&mut peer, vec![join(1, 1)], vec![(HOST, SessionInput::default())]);
    let stops = [Order::Break { id: 9, at: Place::Tick(11) }, Order::break_if(2, "any: Controls.main > 3").unwrap()];
    turn(&mut peer, &stops);
    turn(&mut peer, &[Order::RunTo { tick: 8 }]);
    let waits = commanded(&[(1, controls(1, 9))]);
    turn_of(&mut peer, vec![join(2, 1)], vec![(HOST, SessionInput::default()), (Player(1), waits)]);
    let (at, state) = (peer.replica.executed(), peer.replica.world().snapshot());
    assert_eq!(peer.replica.world().snapshot_at(at).as_ref(), Some(&state));
    assert!(Simulation::restore(peer.replica.world().simulation().scenario(), Control::plain(&state)).is_ok());
    let mut late = Peer::new(Options::default(), TICKS);
    late.apply(install(at, state.clone()));
    assert!(late.replica.world().snapshot() == state && held(&late) == Some(Cause::Reached));
    assert_eq!(late.replica.world().first_difference(&state), Ok(None));
    for orders in [vec![], vec![Order::Run], vec![Order::Run], vec![], vec![Order::Step { ticks: 5 }], vec![]] {
        turn(&mut peer, &orders);
        turn(&mut late, &orders);
        assert_eq!((tick(&late), held(&late), late.digest()), (tick(&peer), held(&peer), peer.digest()));
        assert!(late.replica.world().snapshot() == peer.replica.world().snapshot());
    }
    assert!(held(&late).is_some());
    // A state whose control is none is refused in a sentence, and nothing of it is taken.
    for at in 6..state.len().min(200) {
        for bit in 0..8 {
            let mut bent = state.clone();
            bent[at] ^= 1 << bit;
            // Most are refused; the simulation's part has checksums, the control's is under the session's signatures.
            let _ = Peer::new(Options::default(), TICKS).replica.world_mut().install(&scenario(), &bent);
        }
    }
    let cut = peer.replica.world_mut().install(&scenario(), &state[..20]).unwrap_err();
    assert_eq!(cut, "the session's control is malformed");
}

#[test]
fn peers_whose_control_differs_do_not_agree() {
    let run = |orders: &[Order]| {
        let mut peer = hosted(Options::default());
        let world = peer.replica.world_mut();
        let mut inputs = vec![(HOST, SessionInput::default())];
        world.execute(&frame(0, vec![join(1, 1)], inputs.clone()));
        inputs[0].1 = ordered(orders);
        let agreed = world.execute(&frame(1, Vec::new(), inputs));
        (agreed, peer)
    };
    let (plain, first) = run(&[]);
    assert_eq!(plain, first.digest(), "a session that nobody controls has its simulation's digests");
    assert_eq!(plain, first.replica.world().simulation().digest().total);
    let (other, second) = run(&[Order::Break { id: 1, at: Place::Tick(99) }]);
    assert_eq!(second.digest(), first.digest(), "one world");
    assert_ne!(other, plain);
    let difference = first.replica.world().first_difference(&second.replica.world().snapshot()).unwrap().unwrap();
    assert_eq!((difference.component.as_str(), difference.entity), ("Control", None));
    assert!(difference.theirs.contains("Tick(99)"), "{difference:?}");
    assert_ne!(run(&[Order::Break { id: 1, at: Place::Tick(98) }]).0, other);
}

#[test]
fn presentation_does_not_run_ahead_of_a_hold() {
    use netcode::speculation::Neighbourhood as _;
    let mut peer = hosted(Options::default());
    turn_of(&mut peer, vec![join(1, 1)], vec![(HOST, SessionInput::default())]);
    for (order, ahead) in [(Order::Run, 9), (Order::Hold, 0), (Order::RunTo { tick: 11 }, 2)] {
        turn(&mut peer, &[order]);
        let mut near = peer.replica.world().near(Player(1));
        (0..3).for_each(|_| near.advance(Player(1), &commanded(&[(0, controls(1, 99))])));
        assert_eq!(near.simulation().tick().0, tick(&peer) + ahead);
    }
}

/// What a random turn has: mostly nothing, sometimes everything at once.
fn drawn(random: &mut RandomStream, now: u64, turn: u64) -> (Vec<Change>, Vec<(Player, SessionInput)>) {
    let mut draw = |n: u64| random.next_u64() % n;
    let mut changes = Vec::new();
    if turn == 0 {
        changes.extend((1..=4).map(|player| join(player, if player == 4 { 2 } else { 1 })));
    } else if draw(15) == 0 {
        let player = 1 + draw(6) as u32;
        changes.push(if draw(2) == 0 { join(player, 1) } else { leave(player, Departure::Left) });
    }
    let mut of_host = SessionInput::default();
    for _ in 0..draw(3) {
        let order = match draw(9) {
            0 | 1 => Order::Hold,
            2 | 3 => Order::Step { ticks: draw(7) as u32 },
            4 => Order::Run,
            5 => Order::RunTo { tick: (now + draw(9)).saturating_sub(1) },
            6 => Order::Break { id: draw(3) as u32, at: Place::Tick(now + draw(12)) },
            7 => Order::break_if(draw(4) as u32, "any: Controls.main > 20000 and Tank.fuel_kg > 0").unwrap(),
            _ => Order::Clear { id: draw(4) as u32 },
        };
        of_host.push_order(order).expect("it fits");
    }
    if draw(3) == 0 {
        let command = match draw(4) {
            0 => Command::SetTimeFactor { quarters: 1 + draw(8) as u32 },
            1 => Command::Tune { values: vec![("rules.restitution".to_owned(), draw(10) as f64 / 10.0)] },
            2 => Command::Despawn { entity: 900 + draw(3) },
            _ => patch(1 + draw(4), 100.0 + draw(100) as f64),
        };
        of_host.push(draw(3) as u32, &command).expect("it fits");
    }
    let mut inputs = vec![(HOST, of_host)];
    for player in 1..=6_u32 {
        let mut input = SessionInput::default();
        for place in 0..TICKS {
            if draw(4) == 0 {
                let main = (draw(32_000)) as i16;
                input.push(place, &controls(u64::from(player), main)).expect("it fits");
                input.push(place, &Command::Fire { ship: u64::from(player) }).expect("it fits");
            }
        }
        inputs.push((Player(player), input));
    }
    (changes, inputs)
}

/// A tenth of the work, unless more is asked for.
pub(super) fn scale() -> u64 {
    std::env::var("SPACETIME_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[test]
fn whatever_is_ordered_the_log_replays_and_every_peer_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let turns = 400 * scale();
    for seed in 0..3 {
        let mut random = RandomStream::new(0x401d + seed);
        let names = ["a", "b"].map(|name| folder.path().join(format!("{name}-{seed}.strec")));
        let [mut peer, mut other] = names.clone().map(|path| hosted(recording_to(&path, 50)));
        let mut late: Option<Peer> = None;
        let (mut plain, mut holds, mut compared) = (Simulation::new(&Scenario::parse(text("demo")).unwrap()), 0, 0);
        let mut frames: Vec<Arc<Frame<SessionInput>>> = Vec::new();
        for next in 0..turns {
            let (changes, inputs) = drawn(&mut random, tick(&peer), next);
            let one = frame(next, changes, inputs);
            frames.push(Arc::clone(&one));
            peer.apply(Effect::Execute(Arc::clone(&one)));
            for executed in &last(&peer).ticks {
                assert_eq!(plain.step(&executed.frame), executed.report, "seed {seed}, turn {next}");
            }
            holds += u64::from(held(&peer).is_some());
            // The other one goes back across holds and the ends of them, and again.
            other.apply(Effect::Execute(Arc::clone(&one)));
            if random.next_u64().is_multiple_of(5) {
                let back = next.saturating_sub(random.next_u64() % 20);
                let confirmed = other.replica.confirmed().map_or(0, |turn| turn.0);
                let to = back.max(confirmed);
                other.apply(Effect::RollBack { to: Some(Turn(to)) });
                for again in &frames[to as usize + 1..] {
                    other.apply(Effect::Execute(Arc::clone(again)));
                }
            }
            if let Some(late) = &mut late {
                late.apply(Effect::Execute(one));
                assert!(late.replica.world().snapshot() == peer.replica.world().snapshot(), "turn {next}");
                compared += 1;
            }
            if late.is_none() && held(&peer).is_some() && next > turns / 3 {
                let mut new = Peer::new(Options::default(), TICKS);
                new.apply(install(Some(Turn(next)), peer.replica.world().snapshot()));
                late = Some(new);
            }
            assert!(other.replica.world().snapshot() == peer.replica.world().snapshot(), "seed {seed}, turn {next}");
            if next >= 25 {
                peer.confirm(next - 25);
                other.confirm(next - 25);
            }
        }
        assert!(holds * 4 > turns && holds * 10 < turns * 9, "{holds} of {turns} turns were held");
        assert!(compared > turns / 4, "somebody came into a hold");
        peer.confirm(turns - 1);
        other.confirm(turns - 1);
        let ticks = tick(&peer);
        for peer in [peer, other] {
            assert_eq!(peer.side.finish().1.failures, Vec::<String>::new());
        }
        let logs = names.each_ref().map(|path| {
            assert_eq!(verified(path), ticks);
            log_of(path)
        });
        assert_eq!(logs[0], logs[1]);
    }
}

#[test]
fn a_hold_that_goes_on_and_on_takes_no_more_memory() {
    let mut peer = hosted(Options::default());
    let joins = (1..=4).map(|player| join(player, 1)).collect();
    turn_of(&mut peer, joins, vec![(HOST, SessionInput::default())]);
    turn(&mut peer, &[Order::Hold]);
    let mut sizes = Vec::new();
    for n in 0..600_u64 {
        let own = |ship| commanded(&[(0, controls(ship, n as i16)), (1, Command::Fire { ship })]);
        let inputs = (1..=4).map(|player| (Player(player), own(u64::from(player))));
        let inputs = std::iter::once((HOST, commanded(&[(0, patch(1, n as f64))]))).chain(inputs).collect();
        turn_of(&mut peer, Vec::new(), inputs);
        sizes.push((peer.replica.world().snapshot().len(), peer.replica.world().kept_bytes()));
        peer.confirm(n);
    }
    assert_eq!(sizes[550], sizes[599], "it is full");
    assert!(sizes[599].0 < sizes[0].0 + (100 << 10), "{sizes:?}");
    assert!(!last(&peer).waits, "what is left out is told");
    // All of it goes into the next ticks, no tick with more of one player than it could have in a session that goes on.
    turn(&mut peer, &[Order::Run]);
    for executed in &last(&peer).ticks {
        assert!(executed.frame.check().is_ok());
        let most = (0..=4).chain([STEWARD.0]).map(|player| of(&executed.frame, player)).max();
        assert!(most <= Some(62), "{most:?}");
    }
    assert_eq!(of(&last(&peer).ticks[0].frame, STEWARD.0), 62);
}

fn of(frame: &InputFrame, player: u32) -> usize {
    frame.commands.iter().filter(|command| command.player.0 == player).count()
}

#[test]
fn a_ring_of_kept_states_holds_as_many_whatever_ticks_turns_end_at() {
    let (mut straight, mut stepped) = (hosted(Options::default()), hosted(Options::default()));
    for n in 0..400_u64 {
        turn(&mut straight, &[]);
        turn(&mut stepped, &[Order::Step { ticks: 1 + n as u32 % 3 }]);
    }
    assert_eq!(stepped.replica.world().kept_bytes(), straight.replica.world().kept_bytes());
}

#[test]
fn the_pace_is_told() {
    let mut peer = hosted(Options::default());
    for (order, pace, left) in [
        (Order::Run, Pace::Free, None),
        (Order::Step { ticks: 7 }, Pace::Steps { left: 4 }, Some(4)),
        (Order::RunTo { tick: 100 }, Pace::To { tick: 100 }, Some(91)),
        (Order::Hold, Pace::Held { by: Cause::Ordered { player: HOST } }, Some(0)),
    ] {
        turn(&mut peer, &[order]);
        let control = peer.replica.world().control();
        assert_eq!((control.pace(), control.ticks_left(tick(&peer))), (pace, left));
    }
}
