//! The desk beside a world without a network: what is handed in is entered, executed and answered.

use std::sync::Arc;

use netcode::Frame;
use netcode::protocol::{Hash, Turn};
use netcode::world::World as _;
use sim::command::FieldPatch;
use sim::field::Value;
use sim::{Command, Refusal};
use tokio::runtime::Runtime;

use super::*;
use crate::session::SimWorld;
use crate::session::order::Place;
use crate::session::world::SessionScenario;

/// A service's world and its desk.
struct Service {
    desk: Arc<Desk>,
    world: SimWorld,
    turn: u64,
    runtime: Runtime,
}

impl Service {
    fn new() -> Self {
        let text = sim::scenario::shipped().iter().find(|(name, _)| *name == "demo").unwrap().1;
        let mut scenario = SessionScenario::new(text, 3);
        scenario.founders.push((HOST.0, 2));
        let mut world = SimWorld::empty();
        world.install(&scenario.encode(), &[]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { desk: Arc::default(), world, turn: 0, runtime }
    }

    /// One turn with what is entered, confirmed. Gives how many orders and commands it had.
    fn turn(&mut self) -> (usize, usize) {
        self.turn_published(u64::MAX)
    }

    fn turn_published(&mut self, published: u64) -> (usize, usize) {
        let input = self.desk.enter();
        let entered = (input.orders().count(), input.commands().count());
        let frame =
            Frame { turn: Turn(self.turn), changes: vec![], inputs: vec![(HOST, input)], chain: Hash::default() };
        self.world.execute(&frame);
        for played in self.world.take_played(Turn(self.turn)) {
            self.desk.played(&played, |tick| tick.min(published));
        }
        self.turn += 1;
        entered
    }

    fn hand_in(&self, work: Work) -> Receipt {
        self.desk.hand_in(work).expect("it is taken")
    }

    fn entered(&self, receipt: &mut Receipt) -> Result<Entered, Lost> {
        self.runtime.block_on(receipt.entered())
    }

    fn applied(&self, receipt: Receipt) -> Result<Applied, Lost> {
        self.runtime.block_on(receipt.applied())
    }
}

fn patch(entity: u64, fuel_kg: f64) -> Command {
    let (component, field) = ("Tank".to_owned(), "fuel_kg".to_owned());
    Command::Patch { fields: vec![FieldPatch { entity, component, field, value: Value::F64(fuel_kg) }] }
}

fn commands(of: &[Command]) -> Work {
    Work::Commands(of.to_vec())
}

#[test]
fn a_receipt_says_when_and_how() {
    let mut service = Service::new();
    let mut first = service.hand_in(commands(&[patch(1, 5.0), patch(999, 5.0), patch(2, f64::NAN)]));
    let second = service.hand_in(commands(&[Command::SetTimeFactor { quarters: 1 }]));
    assert_eq!(service.turn(), (0, 4));
    assert_eq!(service.entered(&mut first), Ok(Entered { turn: 0, waits: None }));
    let outcome = Outcome::Commands(vec![Ok(()), Err(Refusal::NoSuchEntity), Err(Refusal::NotFinite)]);
    assert_eq!(service.applied(first), Ok(Applied { tick: 1, outcome }));
    assert_eq!(service.applied(second), Ok(Applied { tick: 1, outcome: Outcome::Commands(vec![Ok(())]) }));
    assert_eq!(service.world.simulation().time_factor().quarters(), 1);
}

#[test]
fn in_a_hold_it_is_queued_and_then_applied() {
    let mut service = Service::new();
    let mut standing = service.desk.standing();
    let hold = service.hand_in(Work::Order(Order::Hold));
    let mut work = service.hand_in(commands(&[patch(1, 5.0)]));
    assert_eq!((service.turn(), service.turn()), ((1, 0), (0, 1)), "what is handed in later does not overtake");
    assert_eq!(service.applied(hold), Ok(Applied { tick: 0, outcome: Outcome::Order(Ok(())) }));
    assert!(standing.has_changed().unwrap());
    assert_eq!(standing.borrow_and_update().held, Some((0, Cause::Ordered { player: HOST })));
    assert_eq!(service.entered(&mut work), Ok(Entered { turn: 1, waits: Some(0) }));
    service.turn();
    assert!(!standing.has_changed().unwrap(), "nothing new");
    assert!(matches!(work.applied.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
    let step = service.hand_in(Work::Order(Order::Step { ticks: 1 }));
    service.turn();
    assert_eq!(service.applied(work), Ok(Applied { tick: 1, outcome: Outcome::Commands(vec![Ok(())]) }));
    assert_eq!(service.applied(step), Ok(Applied { tick: 0, outcome: Outcome::Order(Ok(())) }));
    assert_eq!(standing.borrow_and_update().held, Some((1, Cause::Stepped)));
    let past = service.hand_in(Work::Order(Order::Break { id: 1, at: Place::Tick(1) }));
    service.turn();
    let outcome = Outcome::Order(Err(Disobeyed::Past { asked: 1, now: 1 }));
    assert_eq!(service.applied(past), Ok(Applied { tick: 1, outcome }));
}

#[test]
fn what_does_not_fit_goes_into_the_next_turn_whole() {
    let mut service = Service::new();
    let many = |count: usize| commands(&vec![Command::Fire { ship: 1 }; count]);
    let receipts: Vec<Receipt> = [40, 40, 22, 1].map(|count| service.hand_in(many(count))).into();
    assert_eq!([service.turn(), service.turn(), service.turn()], [(0, 40), (0, 62), (0, 1)]);
    let ticks: Vec<u64> = receipts.into_iter().map(|receipt| service.applied(receipt).unwrap().tick).collect();
    assert_eq!(ticks, [1, 4, 4, 7]);
    for (work, why) in [
        (commands(&[]), "there is no command"),
        (many(63), "this does not fit into one tick: the turn is full: 62 commands"),
        (commands(&vec![patch(1, 1.0); 60]), "this does not fit into one tick: the turn is full"),
        (Work::Order(Order::Break { id: 1, at: Place::Condition("x".repeat(600)) }), "does not fit"),
    ] {
        let sentence = service.desk.hand_in(work).unwrap_err().to_string();
        assert!(sentence.contains(why), "{sentence}");
    }
}

#[test]
fn what_is_too_much_for_a_hold_is_refused_and_everything_else_is_not() {
    let mut service = Service::new();
    service.hand_in(Work::Order(Order::Hold));
    service.turn();
    let mut receipts = Vec::new();
    for _ in 0..60 {
        receipts.push(service.hand_in(commands(&vec![patch(1, 1.0); 20])));
        service.turn();
    }
    service.hand_in(Work::Order(Order::Run));
    for _ in 0..10 {
        service.turn();
    }
    let answers: Vec<Applied> = receipts.into_iter().map(|receipt| service.applied(receipt).unwrap()).collect();
    let full = Outcome::Commands(vec![Err(Refusal::Full); 20]);
    let done = answers.iter().take_while(|answer| answer.outcome == Outcome::Commands(vec![Ok(()); 20])).count();
    assert_eq!(done, 24, "of 496 commands");
    assert!(answers[done..].iter().all(|answer| answer.outcome == full && answer.tick == 0));
    let ticks: Vec<u64> = answers[..done].iter().map(|answer| answer.tick).collect();
    assert_eq!(ticks[..7], [1, 1, 1, 2, 2, 2, 3], "62 at most in one tick, and never a part");
}

#[test]
fn nothing_is_told_before_its_tick_is_published() {
    let mut service = Service::new();
    let mut receipt = service.hand_in(commands(&[patch(1, 5.0)]));
    service.turn_published(0);
    assert!(receipt.applied.try_recv().is_err());
    service.turn_published(1);
    assert_eq!(service.applied(receipt).map(|applied| applied.tick), Ok(1));
}

#[test]
fn whoever_waits_hears_of_the_end() {
    let mut service = Service::new();
    let mut cut = service.hand_in(commands(&[patch(1, 5.0)]));
    // Entered, and never confirmed.
    assert_eq!(service.desk.enter().commands().count(), 1);
    let waits = service.hand_in(commands(&[patch(2, 6.0)]));
    service.desk.cut();
    assert_eq!(service.entered(&mut cut), Err(Lost::Cut));
    assert_eq!(service.applied(cut), Err(Lost::Cut));
    service.turn();
    assert_eq!(service.applied(waits).map(|applied| applied.tick), Ok(1), "it had not been entered");
    let mut last = service.hand_in(commands(&[patch(1, 5.0)]));
    service.desk.close();
    assert_eq!((service.entered(&mut last), service.applied(last)), (Err(Lost::Ended), Err(Lost::Ended)));
    assert_eq!(service.desk.hand_in(commands(&[patch(1, 5.0)])).unwrap_err(), NotTaken::Over);
    let desk = Desk::default();
    let taken = (0..1000).take_while(|_| desk.hand_in(Work::Order(Order::Hold)).is_ok()).count();
    assert_eq!(taken, QUEUE_MAX);
    assert_eq!(desk.hand_in(Work::Order(Order::Hold)).unwrap_err(), NotTaken::Full);
}
