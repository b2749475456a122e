//! Whole peers in virtual time: real cores with real worlds and recordings, over a network of a test's own that delays and
//! loses. One of them is a service that holds, steps and changes the world by what is handed in at its desk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use netcode::Core;
use netcode::protocol::{
    Admission, Config, Event, Founder, Genesis, PeerKey, Rules, SessionId, Status, Time, Turn, Wish,
};
use netcode::transport::Identity;
use sim::command::{ControlInput, FieldPatch};
use sim::field::Value;
use sim::random::RandomStream;
use sim::{Command, InputFrame, PlayerId};

use super::driver::{Driver, Link, Options};
use super::hold_tests::scale;
use super::input::SessionInput;
use super::ledger::Ledger;
use super::order::{Order, Place};
use super::ships::STEWARD;
use super::tests::{log_of, recording_to, text, verified};
use super::world::{HOST, Played, SessionScenario, SimWorld};
use crate::replay::{Recording, signed};
use crate::serve::desk::{Applied, Desk, Lost, Outcome, Receipt, Work};

/// Ticks of a turn.
const TICKS: u32 = 3;
/// Microseconds between two looks.
const STEP_US: u64 = 1_000;

type Mail = Arc<Mutex<Vec<(PeerKey, PeerKey, Vec<u8>)>>>;

/// A peer's way out.
struct Wire {
    own: PeerKey,
    mail: Mail,
}

impl Link for Wire {
    fn send(&mut self, to: PeerKey, bytes: Vec<u8>) {
        self.mail.lock().unwrap().push((self.own, to, bytes));
    }
    fn connect(&mut self, _to: PeerKey, _address: Vec<u8>) {}
    fn disconnect(&mut self, _to: PeerKey) {}
}

/// Where the service hears what is confirmed.
struct Told(Arc<Desk>);

impl Ledger for Told {
    fn installed(&mut self, _turn: u64, world: &SimWorld, _snapshot: &[u8]) {
        self.0.tell(world.control(), world.simulation().tick().0);
    }
    fn played(&mut self, played: &Played) {
        self.0.played(played, |tick| tick);
    }
    fn ended(&mut self, _last: Option<Vec<u8>>) {}
}

struct Node {
    key: PeerKey,
    driver: Driver<Wire>,
    asked: Option<Turn>,
    /// Until when nothing reaches it, nor comes from it.
    dark_until: u64,
}

struct Net {
    now: u64,
    nodes: Vec<Node>,
    mail: Mail,
    /// What is on its way, by when it comes.
    ways: BTreeMap<(u64, u64), (PeerKey, PeerKey, Vec<u8>)>,
    sent: u64,
    random: RandomStream,
    desk: Arc<Desk>,
    desyncs: usize,
}

impl Net {
    fn new(folder: &Path) -> Self {
        let (mail, desk) = (Mail::default(), Arc::new(Desk::default()));
        let identity = Identity::generate().unwrap();
        let mut scenario = SessionScenario::new(text("demo"), TICKS);
        scenario.founders.push((HOST.0, 2));
        let rules = Rules { simulation_revision: 1, ..Rules::usual(SessionId([7; 16]), 90, TICKS) };
        let founder = Founder { player: HOST, key: identity.key(), role: 2, address: Vec::new() };
        let (known, scenario) = (Vec::new(), scenario.encode());
        let genesis = Genesis { rules, founders: vec![founder], known, scenario, start: None };
        let config = Config { identity: identity.signing().clone(), address: Vec::new() };
        let core = Core::found(Time(0), config, Arc::new(genesis), None);
        let random = RandomStream::new(77);
        let mut net =
            Self { now: 0, nodes: Vec::new(), mail, ways: BTreeMap::new(), sent: 0, random, desk, desyncs: 0 };
        net.enter(identity.key(), core, &folder.join("peer-0.strec"));
        net
    }

    fn join(&mut self, folder: &Path) {
        let identity = Identity::generate().unwrap();
        let config = Config { identity: identity.signing().clone(), address: Vec::new() };
        let life = self.random.next_u64();
        let wish = Wish { sponsor: self.nodes[0].key, spectator: false, life, simulation_revision: 1 };
        let core = Core::join(Time(self.now), config, wish);
        let path = folder.join(format!("peer-{}.strec", self.nodes.len()));
        self.enter(identity.key(), core, &path);
    }

    fn enter(&mut self, key: PeerKey, core: Core<SessionInput>, path: &Path) {
        let options = Options { bundles: Some(path.with_extension("bundles")), ..recording_to(path, 400) };
        let wire = Wire { own: key, mail: Arc::clone(&self.mail) };
        let mut driver = Driver::new(core, wire, options);
        if self.nodes.is_empty() {
            driver = driver.with_ledger(Box::new(Told(Arc::clone(&self.desk))));
        }
        let admission = || Admission { role: 1, invite: None, address: Vec::new() };
        for other in &mut self.nodes {
            other.driver.core().admit(key, admission());
            driver.core().admit(other.key, admission());
        }
        self.nodes.push(Node { key, driver, asked: None, dark_until: 0 });
    }

    fn draw(&mut self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    /// One millisecond.
    fn step(&mut self) {
        self.now += STEP_US;
        let now = Time(self.now);
        let later = self.ways.split_off(&(self.now, 0));
        for (_, (from, to, bytes)) in std::mem::replace(&mut self.ways, later) {
            let is_dark = |key| self.nodes.iter().any(|node| node.key == key && node.dark_until > self.now);
            if is_dark(from) || is_dark(to) {
                continue;
            }
            if let Some(node) = self.nodes.iter_mut().find(|node| node.key == to) {
                node.driver.core().handle(now, from, &bytes);
            }
        }
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let status = node.driver.status();
            if status.player.is_some() && node.asked.is_none_or(|asked| asked < status.entered) {
                node.asked = Some(status.entered);
                let input = if at == 0 { self.desk.enter() } else { flown(&status, &node.driver) };
                if input != SessionInput::default() {
                    node.driver.submit(now, input);
                }
            }
            node.driver.drive(now).expect("it goes on");
            let desyncs = node.driver.take_events().iter().filter(|event| is_trouble(event)).count();
            self.desyncs += desyncs;
        }
        let mail = std::mem::take(&mut *self.mail.lock().unwrap());
        for (from, to, bytes) in mail {
            self.sent += 1;
            if self.draw(100) > 0 {
                let at = self.now + 5_000 + self.draw(15_000);
                self.ways.insert((at, self.sent), (from, to, bytes));
            }
        }
    }

    fn run(&mut self, ms: u64) {
        (0..ms).for_each(|_| self.step());
    }

    /// Runs until this holds, or for 20 s of the session's time.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let began = self.now;
        while !holds(self) {
            assert!(self.now < began + 20_000_000, "{what}: not within 20 s");
            self.run(5);
        }
    }

    fn members(&self) -> usize {
        self.nodes.iter().filter(|node| node.driver.status().player.is_some()).count()
    }

    fn ticks(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.driver.progress().map_or(0, |progress| progress.tick)).collect()
    }
}

fn is_trouble(event: &Event) -> bool {
    matches!(event, Event::Desync { .. } | Event::Removed { .. } | Event::Stopped { .. } | Event::Refused(_))
}

/// What a pilot does in a turn.
fn flown(status: &Status, driver: &Driver<Wire>) -> SessionInput {
    let mut input = SessionInput::default();
    let player = status.player.map_or(0, |player| player.0);
    if let Some(&ship) = driver.simulation().ships_of(PlayerId(player)).first() {
        let main = (status.entered.0 * 37 % 30_000) as i16;
        let controls = ControlInput { main, ..ControlInput::default() };
        for place in [0, 2] {
            input.push(place, &Command::Controls { ship, controls }).unwrap();
        }
    }
    input
}

fn patch(entity: u64, fuel_kg: f64) -> Command {
    let (component, field) = ("Tank".to_owned(), "fuel_kg".to_owned());
    Command::Patch { fields: vec![FieldPatch { entity, component, field, value: Value::F64(fuel_kg) }] }
}

/// One of all that a person may do to a session that is debugged.
fn action(net: &mut Net) -> Work {
    let now = net.ticks()[0];
    let (kind, a, b) = (net.draw(12), net.draw(9), net.draw(30));
    Work::Order(match kind {
        0 => Order::Hold,
        1 | 2 => Order::Step { ticks: 1 + a as u32 },
        3 | 4 => Order::Run,
        5 => Order::RunTo { tick: now + b },
        6 => Order::Break { id: a as u32 % 4, at: Place::Tick(now + b) },
        7 => Order::break_if(a as u32 % 4, "any: Controls.main > 15000 and Tank.fuel_kg > 1").unwrap(),
        8 => Order::Clear { id: a as u32 % 4 },
        9 => return Work::Commands(vec![Command::SetTimeFactor { quarters: 1 + a as u32 }]),
        10 => {
            let values = vec![("rules.restitution".to_owned(), a as f64 / 10.0)];
            return Work::Commands(vec![Command::Tune { values }]);
        }
        // The second one is refused, and the others of the hand-in are not.
        _ => return Work::Commands(vec![patch(1 + a % 4, 50.0 + b as f64), patch(70_000, 1.0), patch(1, 60.0)]),
    })
}

/// The frame of the tick that leads to this one.
fn leading_to(log: &[(u64, InputFrame, u64)], tick: u64) -> &InputFrame {
    let first = log[0].0;
    &log[(tick - 1 - first) as usize].1
}

/// Whether what was handed in is in the log at the tick that its receipt says, in one piece and with that outcome.
fn is_in_log(log: &[(u64, InputFrame, u64)], work: &Work, applied: &Applied) {
    let (Work::Commands(commands), Outcome::Commands(outcomes)) = (work, &applied.outcome) else {
        assert!(matches!((work, &applied.outcome), (Work::Order(_), Outcome::Order(_))));
        return;
    };
    assert_eq!(outcomes.len(), commands.len());
    let expected: Vec<Vec<u8>> = commands.iter().map(Command::encode).collect();
    let of_steward = leading_to(log, applied.tick).commands.iter().filter(|sent| sent.player == STEWARD);
    let sent: Vec<Vec<u8>> = of_steward.map(|sent| sent.bytes.clone()).collect();
    assert!(sent.windows(expected.len()).any(|window| window == expected), "{work:?} at {}", applied.tick);
    if commands.len() == 3 {
        let fine: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
        assert_eq!(fine, [true, false, true], "{applied:?}");
    }
}

fn answers(receipts: Vec<(Work, Receipt)>) -> Vec<(Work, Result<Applied, Lost>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wait = |mut receipt: Receipt| {
        runtime.block_on(async {
            let entered = receipt.entered().await;
            let applied = receipt.applied().await;
            assert_eq!(entered.is_ok(), applied.is_ok());
            applied
        })
    };
    receipts.into_iter().map(|(work, receipt)| (work, wait(receipt))).collect()
}

#[test]
fn a_session_that_is_debugged_is_one_session_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let mut net = Net::new(folder.path());
    net.join(folder.path());
    net.join(folder.path());
    net.until("all are in", |net| net.members() == 3);
    let count = 500 * scale();
    let mut receipts = Vec::new();
    for n in 0..count {
        let work = action(&mut net);
        let receipt = net.desk.hand_in(work.clone()).expect("there is room");
        receipts.push((work, receipt));
        let ms = 20 + net.draw(60);
        net.run(ms);
        if n == count / 3 {
            // Somebody comes in a hold, and is in before it ends.
            receipts.push((Work::Order(Order::Hold), net.desk.hand_in(Work::Order(Order::Hold)).unwrap()));
            net.run(1_000);
            net.until("it is held", |net| net.desk.standing().borrow().held.is_some());
            net.join(folder.path());
            let before = net.ticks()[0];
            net.until("the fourth is in", |net| net.members() == 4);
            assert_eq!((net.ticks()[0], net.ticks()[3]), (before, before), "held all the time");
            assert_eq!(net.nodes[3].driver.held(), Some(before));
        }
        if n % 20 == 7 {
            // A moment without network, shorter than what makes others go on without it.
            let (at, now) = (net.draw(net.nodes.len() as u64) as usize, net.now);
            net.nodes[at].dark_until = now + 400_000;
        }
    }
    for order in [Order::Clear { id: 0 }, Order::Clear { id: 1 }, Order::Clear { id: 2 }, Order::Clear { id: 3 }] {
        net.desk.hand_in(Work::Order(order)).unwrap();
    }
    net.desk.hand_in(Work::Order(Order::Run)).unwrap();
    net.until("it goes on", |net| {
        let standing = net.desk.standing();
        let standing = standing.borrow();
        standing.held.is_none() && standing.breakpoints.is_empty()
    });
    let reached = net.ticks()[0] + 100;
    net.until("all are there", |net| net.ticks().into_iter().all(|tick| tick >= reached));
    assert_eq!(net.desyncs, 0);
    finish(net, folder.path(), receipts);
}

/// Everything was recorded, by everybody the same, and as the receipts say.
fn finish(net: Net, folder: &Path, receipts: Vec<(Work, Receipt)>) {
    let count = net.nodes.len();
    for node in net.nodes {
        let (_, ending) = node.driver.finish();
        assert_eq!((ending.failures, ending.bundles), (Vec::new(), Vec::new()));
    }
    net.desk.close();
    let paths: Vec<PathBuf> = (0..count).map(|n| folder.join(format!("peer-{n}.strec"))).collect();
    let whole = log_of(&paths[0]);
    for path in &paths {
        let ticks = verified(path);
        let part = log_of(path);
        assert_eq!(part.len() as u64, ticks);
        let from = part[0].0 as usize;
        let shared = part.len().min(whole.len() - from);
        assert!(shared > 100, "{shared} ticks of {}", path.display());
        assert_eq!(part[..shared], whole[from..from + shared], "{}", path.display());
        let mut recording = Recording::open(path).unwrap();
        let verdict = signed::check(&mut recording).unwrap().expect("there are signatures");
        assert_eq!((verdict.contradiction, verdict.lost), (None, None), "{}", path.display());
        let pilots = verdict.players.iter().filter(|player| player.player > 0);
        let shares: Vec<(u64, u64)> = pilots.map(|player| (player.signed_ticks, player.ticks)).collect();
        assert!(shares.iter().any(|(signed, all)| signed * 3 > all * 2), "{shares:?}");
    }
    let (mut patches, mut held) = (0, 0);
    for (work, applied) in answers(receipts) {
        let applied = applied.unwrap_or_else(|lost| panic!("{work:?}: {lost}"));
        is_in_log(&whole, &work, &applied);
        patches += u64::from(matches!(work, Work::Commands(_)));
        held += u64::from(work == Work::Order(Order::Hold));
    }
    assert!(patches > 5 && held > 0, "{patches} {held}");
}
