//! `spacetime key`, `host`, `join` and `spectate`: one peer of a session on the network. The peer itself is in `peer`; what
//! the commands share is here. Must never know the protocol.

pub mod account;
pub mod control;
pub mod key;
pub mod link;
mod orders;
pub mod peer;
pub mod report;
mod roll;
pub mod seat;
pub mod stop;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use netcode::protocol::{Config, Core, Founder, Genesis, Hash, PeerKey, Player, Rules, SessionId, Time, Wish};
use netcode::transport::{Hello, Identity, Invite, InviteLink, Terms, from_hex};
use sim::recording::Fork;
use sim::{Role, Scenario};

use crate::cli::{HostArgs, JoinArgs, PeerArgs};
use crate::exit::{Failure, Outcome};
use crate::progress::Progress;
use crate::record;
use crate::replay::Recording;
use crate::session::world::{SessionScenario, number_of};
use crate::session::{Options, SessionInput};
use crate::{run, scenario_cmd};

use link::UdpLink;
use peer::{Peer, Plan};
use report::Report;
use stop::{Input, Stop};

/// The scenario that is hosted unless another is named.
const SCENARIO: &str = "demo";
/// UDP port that a host listens at unless told otherwise.
const PORT: u16 = 4850;

/// Runs `spacetime host`.
///
/// # Errors
/// [`Failure`] for what cannot be read or written, and where there is no socket.
pub fn host(args: &HostArgs, progress: Progress) -> Result<Outcome, Failure> {
    let (identity, _) = key::load_or_make(&key::path(args.peer.identity.as_deref())?)?;
    let world = match &args.resume {
        Some(recording) => {
            keep_apart(recording, args.peer.record.as_deref())?;
            Start::resume(recording, identity.key())?
        }
        None => Start::fresh(&scenario_cmd::load(args.scenario.as_deref().unwrap_or(SCENARIO))?),
    };
    let listen = args.peer.listen.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], PORT)));
    let allowed = args.allow.iter().map(|key| key.0).collect();
    let options = options(&args.peer, world.fork.clone());
    let founding = Founding { world, listen, turn: args.turn, advertise: args.peer.advertise.clone(), allowed };
    let founded = founding.found(&identity)?;
    let plan = plan(&args.peer, None, false);
    let (stop, report) = voice(&args.peer, progress)?;
    let inviter = Inviter::new(&args.peer, identity, founded.place);
    inviter.print(&report, args.peer.invites.unwrap_or(1), founded.session)?;
    go(&args.peer, || Peer::new(founded.core, founded.link, options, plan, stop, report, inviter))
}

/// What a session is founded with.
pub(crate) struct Founding {
    /// The world, and who is who in it.
    pub(crate) world: Start,
    /// UDP address.
    pub(crate) listen: SocketAddr,
    /// Ticks per turn.
    pub(crate) turn: u32,
    /// Where others reach it, if elsewhere.
    pub(crate) advertise: Option<String>,
    /// Who needs no invite of their own.
    pub(crate) allowed: Vec<PeerKey>,
}

/// A session that was founded.
pub(crate) struct Founded {
    pub(crate) core: Core<SessionInput>,
    pub(crate) link: UdpLink,
    pub(crate) session: SessionId,
    pub(crate) place: Place,
}

impl Founding {
    /// Opens the socket, and founds the session as an operator.
    ///
    /// # Errors
    /// [`Failure`] where there is no such socket or place.
    pub(crate) fn found(self, identity: &Identity) -> Result<Founded, Failure> {
        let Self { world, listen, turn, advertise, allowed } = self;
        let session = SessionId(random()?);
        let mut scenario = SessionScenario::new(&world.text, turn);
        scenario.founders.push((world.player.0, number_of(Role::Operator)));
        let scenario = scenario.encode();
        let revision = sim::RESULTS_REVISION;
        let hello = Hello { session, scenario: Hash(blake3::hash(&scenario).into()), revision };
        let allowed = allowed.into_iter().map(|key| (key, number_of(Role::Pilot))).collect();
        let mut link = UdpLink::open(listen, identity.clone(), hello, allowed)?;
        link.banned = world.banned;
        let place = place(advertise.as_deref(), link.local()?)?;
        let rules = Rules { simulation_revision: revision, ..Rules::usual(session, world.rate_hz, turn) };
        let address = link::write_address(place.address);
        let role = number_of(Role::Operator);
        let founder = Founder { player: world.player, key: identity.key(), role, address: address.clone() };
        let start = world.snapshot.as_deref().map(|snapshot| Hash(blake3::hash(snapshot).into()));
        let genesis = Genesis { rules, founders: vec![founder], known: world.known, scenario, start };
        let config = Config { identity: identity.signing().clone(), address };
        let core = Core::found(Time(0), config, Arc::new(genesis), world.snapshot.map(Arc::new));
        Ok(Founded { core, link, session, place })
    }
}

/// Runs `spacetime join`, and `spacetime spectate`.
///
/// # Errors
/// [`Failure`] for what cannot be read or written, and where there is no socket.
pub fn join(args: &JoinArgs, spectator: bool, progress: Progress) -> Result<Outcome, Failure> {
    let newcomer = Newcomer::new(args, spectator)?;
    let (stop, report) = voice(&args.peer, progress)?;
    newcomer.inviter.print(&report, args.peer.invites.unwrap_or(0), newcomer.session)?;
    go(&args.peer, || newcomer.peer(stop, report))
}

/// A peer that is about to join.
pub struct Newcomer {
    core: Core<SessionInput>,
    link: UdpLink,
    options: Options,
    plan: Plan,
    inviter: Inviter,
    session: SessionId,
}

impl Newcomer {
    /// With an invite, on its way to who issued it.
    ///
    /// # Errors
    /// As [`join`].
    pub fn new(args: &JoinArgs, spectator: bool) -> Result<Self, Failure> {
        let invite: InviteLink =
            args.invite.parse().map_err(|e| Failure::Misused(format!("this is no invite: {e}")))?;
        let (identity, _) = key::load_or_make(&key::path(args.peer.identity.as_deref())?)?;
        let sponsor = invite.invite.issuer;
        if sponsor == identity.key() {
            let sentence = "this invite is your own: a second peer needs an identity of its own, see --identity";
            return Err(Failure::Misused(sentence.to_owned()));
        }
        let address = link::resolve(&invite.host, invite.port)?;
        let any: SocketAddr = if address.is_ipv6() { ([0u16; 8], 0).into() } else { ([0u8, 0, 0, 0], 0).into() };
        let session = invite.invite.terms.session;
        let revision = sim::RESULTS_REVISION;
        let hello = Hello { session, scenario: Hash::default(), revision };
        let mut link = UdpLink::open(args.peer.listen.unwrap_or(any), identity.clone(), hello, BTreeMap::new())?;
        link.invite = Some(invite.invite.clone());
        link.go_to(sponsor, address).map_err(Failure::Misused)?;
        let advertised = advertised(args.peer.advertise.as_deref())?;
        let config = Config {
            identity: identity.signing().clone(),
            address: advertised.as_ref().map_or_else(Vec::new, |place| link::write_address(place.address)),
        };
        let life = u64::from_le_bytes(random()?);
        let core = Core::join(Time(0), config, Wish { sponsor, spectator, life, simulation_revision: revision });
        let options = options(&args.peer, None);
        let plan = plan(&args.peer, Some(sponsor), spectator);
        let inviter = Inviter::new(&args.peer, identity, place(args.peer.advertise.as_deref(), link.local()?)?);
        Ok(Self { core, link, options, plan, inviter, session })
    }

    /// Somebody looks on.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.options.shown = true;
        self
    }

    /// The peer, for the thread that runs it.
    #[must_use]
    pub fn peer(self, stop: Stop, report: Report) -> Peer {
        Peer::new(self.core, self.link, self.options, self.plan, stop, report, self.inviter)
    }
}

/// Runs the peer in a pool of its own: the simulation's thread is the one that also serves the network.
fn go(args: &PeerArgs, peer: impl FnOnce() -> Peer + Send) -> Result<Outcome, Failure> {
    let pool = run::pool(Some(args.threads))?;
    let refusal = pool.install(|| peer().run())?;
    Ok(refusal.map_or(Outcome::Fine, Outcome::Different))
}

/// What a founder begins with.
pub(crate) struct Start {
    pub(crate) text: String,
    pub(crate) rate_hz: u32,
    /// Whose number the founder has; 0 for a service, which has no ship.
    pub(crate) player: Player,
    pub(crate) known: Vec<(PeerKey, Player)>,
    /// Who may not come back.
    pub(crate) banned: Vec<PeerKey>,
    pub(crate) snapshot: Option<Vec<u8>>,
    pub(crate) fork: Option<Fork>,
}

impl Start {
    fn fresh(scenario: &Scenario) -> Self {
        let (text, rate_hz) = (scenario.text.clone(), scenario.tick_rate_hz);
        Self { text, rate_hz, player: Player(1), known: Vec::new(), banned: Vec::new(), snapshot: None, fork: None }
    }

    /// The last state of a recording, and who is who there.
    fn resume(path: &Path, own: PeerKey) -> Result<Self, Failure> {
        let mut recording = Recording::open(path)?;
        let known = roll::read(&roll::path_of(path))?;
        let tick = recording.last_tick();
        let rebuilt = recording.state_at(tick)?;
        if let Some(departed) = rebuilt.departed_at {
            let reason = format!("this build does not reproduce it: the digest of tick {departed} differs");
            return Err(Failure::unreadable(path, reason));
        }
        let simulation = rebuilt.simulation;
        let highest = known.iter().map(|(_, player)| player.0).max().unwrap_or(0);
        let mine = known.iter().find(|(key, _)| *key == own).map(|(_, player)| *player);
        let fork = Fork { identity: recording.reader.identity(), tick, digest: simulation.digest().total };
        Ok(Self {
            text: recording.scenario.text.clone(),
            rate_hz: recording.scenario.tick_rate_hz,
            player: mine.unwrap_or(Player(highest + 1)),
            known,
            banned: Vec::new(),
            snapshot: Some(simulation.snapshot()),
            fork: Some(fork),
        })
    }
}

/// Says so if what is recorded would overwrite what is resumed.
fn keep_apart(resumed: &Path, recorded: Option<&Path>) -> Result<(), Failure> {
    let same = |recorded: &Path| {
        std::fs::canonicalize(recorded)
            .ok()
            .is_some_and(|path| std::fs::canonicalize(resumed).is_ok_and(|other| other == path))
    };
    match recorded.filter(|recorded| same(recorded)) {
        Some(path) => Err(Failure::Misused(format!("{} is what is resumed; record to another file", path.display()))),
        None => Ok(()),
    }
}

/// A place that others come to.
#[derive(Clone)]
pub(crate) struct Place {
    host: String,
    address: SocketAddr,
}

/// What is advertised, if anything.
fn advertised(advertise: Option<&str>) -> Result<Option<Place>, Failure> {
    let Some(text) = advertise else { return Ok(None) };
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let (host, port) =
        parts.ok_or_else(|| Failure::Misused(format!("--advertise {text}: a host and a port, as host:4850")))?;
    Ok(Some(Place { host: host.to_owned(), address: link::resolve(host, port)? }))
}

/// Where others reach this peer: as advertised, else at its socket.
fn place(advertise: Option<&str>, local: SocketAddr) -> Result<Place, Failure> {
    if let Some(place) = advertised(advertise)? {
        return Ok(place);
    }
    let address = if local.ip().is_unspecified() { link::own_address(local.port()) } else { local };
    let host = match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    Ok(Place { host, address })
}

/// How a person and this peer talk to each other.
fn voice(args: &PeerArgs, progress: Progress) -> Result<(Stop, Report), Failure> {
    let input = Input::new(args.control, args.leave_at_eof);
    let report = Report::new(args.json, progress.is_quiet());
    if input.commands && stop::is_person() {
        report.say("type help for what you can say here", "listening", serde_json::json!({}))?;
    }
    Ok((Stop::listen(input)?, report))
}

/// Makes invites.
#[derive(Clone)]
pub struct Inviter {
    identity: Identity,
    place: Place,
    one_time: bool,
    lasts_s: Option<u32>,
}

impl Inviter {
    fn new(args: &PeerArgs, identity: Identity, place: Place) -> Self {
        Self { identity, place, one_time: args.one_time, lasts_s: args.expires }
    }

    /// Of invites that are good for anybody, for as long as the session.
    pub(crate) fn lasting(identity: Identity, place: Place) -> Self {
        Self { identity, place, one_time: false, lasts_s: None }
    }

    /// Prints so many.
    ///
    /// # Errors
    /// [`Failure::Unwritable`], or [`Failure::Machine`] without random numbers.
    pub fn print(&self, report: &Report, count: u32, session: SessionId) -> Result<(), Failure> {
        (0..count).try_for_each(|_| report.invite(&self.issue(session)?))
    }

    /// One invite.
    ///
    /// # Errors
    /// [`Failure::Machine`] without random numbers.
    pub fn issue(&self, session: SessionId) -> Result<String, Failure> {
        let terms = Terms {
            session,
            id: random()?,
            role: number_of(Role::Pilot),
            expires_unix_s: self.lasts_s.map_or(0, |seconds| link::unix_s() + u64::from(seconds)),
            one_time: self.one_time,
        };
        let invite = Invite::issue(terms, self.identity.signing());
        let link = InviteLink { host: self.place.host.clone(), port: self.place.address.port(), invite };
        Ok(link.to_string())
    }
}

fn options(args: &PeerArgs, fork: Option<Fork>) -> Options {
    let recording = record::Options { keyframe_ticks: None, fork };
    Options { record: args.record.clone(), recording, bundles: args.bundles.clone(), shown: false }
}

fn plan(args: &PeerArgs, sponsor: Option<PeerKey>, spectator: bool) -> Plan {
    let pilot = args.pilot.filter(|_| !spectator);
    Plan { pilot, seconds: args.seconds, sponsor, spectator, alone: None }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Failure::Machine(format!("the system gives no random numbers: {e}")))?;
    Ok(bytes)
}

/// A peer's public key from the command line.
///
/// # Errors
/// A sentence.
pub fn public_key(text: &str) -> Result<PeerKey, String> {
    from_hex(text)
        .map(PeerKey)
        .ok_or_else(|| "a key is 64 lower-case hexadecimal digits, as `spacetime key` shows".into())
}
