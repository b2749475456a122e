//! One running peer: the loop that joins socket, core and world, and what it tells. The only place that reads the clock.
//! Must never turn without waiting, and never wait longer than the core allows.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use netcode::Core;
use netcode::protocol::{AccessVersion, Admission, Departure, Event, PeerKey, Status, Time, Turn};
use netcode::replica::ReplicaError;
use netcode::transport::{Down, Incoming};
use serde_json::json;
use sim::PlayerId;

use super::Inviter;
use super::link::{UdpLink, write_address};
use super::report::{Report, Samples};
use super::roll;
use super::seat::Seated;
use super::stop::{Stop, Wanted};
use crate::exit::Failure;
use crate::pilot::Script;
use crate::session::{Driver, Ledger, Options, Progress, SessionInput};

/// How long a good-bye may take, microseconds. Longer than the core's own patience.
const LEAVE_US: u64 = 10_000_000;
/// How long the last words are repeated, microseconds.
const LINGER_US: u64 = 120_000;
/// How often a peer whose world is lost comes back.
const RESTARTS_MAX: u32 = 3;
/// How long a newcomer looks for another sponsor, microseconds.
const SEARCH_US: u64 = 20_000_000;
/// Time between two status lines, microseconds.
const STATUS_US: u64 = 1_000_000;
/// A socket's time-out is a multiple of the system's clock tick, up to 10 ms: so long before something is due, shorter
/// waits take over.
pub(super) const COARSE_US: u64 = 5_000;
/// Those shorter waits, microseconds: datagrams that come meanwhile are seen so much late at most.
const FINE_US: u64 = 1_000;

/// What a peer is to do beside keeping step.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What flies the own ship.
    pub pilot: Option<Script>,
    /// Leaves so long after it came in.
    pub seconds: Option<u32>,
    /// Whom it joins by; none for who founds.
    pub sponsor: Option<PeerKey>,
    /// Only watches.
    pub spectator: bool,
    /// Forks by itself; never, if not given.
    pub alone: Option<Alone>,
}

/// When a peer that nobody sits at goes on alone.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    /// Nothing was confirmed for so long, and at least for as long as a person would have to wait.
    pub after: Duration,
    /// Invites to the new session that are printed.
    pub invites: u32,
}

/// A running peer.
pub struct Peer {
    pub(super) driver: Driver<UdpLink>,
    pub(super) plan: Plan,
    pub(super) stop: Stop,
    pub(super) report: Report,
    pub(super) inviter: Inviter,
    pub(super) started: Instant,
    /// When it came in: as a member, or for who only watches with the first state.
    inside: Option<Time>,
    pub(super) leaving: Option<Time>,
    /// Why it ends before it wanted to.
    pub(super) refusal: Option<String>,
    /// Why the others have removed it for good.
    pub(super) dismissed: Option<&'static str>,
    /// The first turn that is not confirmed, and since when it is.
    pub(super) moved: Option<(Turn, Time)>,
    /// Somebody has ended the link to this peer.
    pub(super) farewell: bool,
    /// Everybody has left whom this peer watched.
    pub(super) is_empty: bool,
    /// How often it has lost its world and came back.
    restarts: u32,
    /// Since when it looks for another sponsor.
    searching: Option<Time>,
    /// Since when it has left.
    pub(super) gone: Option<Time>,
    told: Time,
    /// First turn that the pilot has not flown, and for how many ticks it has, without those of a world that was held.
    flown: Option<(u64, u64)>,
    pub(super) turns: Option<(Turn, Turn)>,
    pub(super) delays_ms: Samples,
    pub(super) desyncs: u64,
    pub(super) player: Option<u32>,
    /// What was written of who is who, and where.
    written: Option<(AccessVersion, PathBuf)>,
    /// What the ledgers know of who is who.
    told_known: Option<AccessVersion>,
    /// It was told that there is no recording any more.
    pub(super) unrecorded: bool,
    /// The tick that the world is held at, as it was told.
    pub(super) told_held: Option<u64>,
    /// Who flies, where no script does.
    pub(super) seated: Seated,
}

impl Peer {
    /// A peer with this core and this way to the network.
    #[must_use]
    pub fn new(
        core: Core<SessionInput>,
        link: UdpLink,
        options: Options,
        plan: Plan,
        stop: Stop,
        report: Report,
        inviter: Inviter,
    ) -> Self {
        Self {
            driver: Driver::new(core, link, options),
            plan,
            stop,
            report,
            inviter,
            started: Instant::now(),
            inside: None,
            leaving: None,
            refusal: None,
            dismissed: None,
            moved: None,
            farewell: false,
            is_empty: false,
            restarts: 0,
            searching: None,
            gone: None,
            told: Time(0),
            flown: None,
            turns: None,
            delays_ms: Samples::default(),
            desyncs: 0,
            player: None,
            written: None,
            told_known: None,
            unrecorded: false,
            told_held: None,
            seated: Seated::default(),
        }
    }

    /// The same, with the log going somewhere else too.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Box<dyn Ledger>) -> Self {
        self.driver = self.driver.with_ledger(ledger);
        self
    }

    /// Runs until it has left, is refused or stopped; gives the reason for the latter two.
    ///
    /// # Errors
    /// [`Failure`] where this peer cannot go on.
    pub fn run(self) -> Result<Option<String>, Failure> {
        self.run_with(|progress| progress)
    }

    /// The same. Before it sums up, `ending` is told how far the session is, which all has been given to the log, and says
    /// of how much of it others may be told.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_with(mut self, ending: impl FnOnce(Progress) -> Progress) -> Result<Option<String>, Failure> {
        let broken = self.turn_until_over().err();
        // What was confirmed is recorded whatever happened.
        let result = self.finish(ending);
        broken.map_or(result, Err)
    }

    fn turn_until_over(&mut self) -> Result<(), Failure> {
        loop {
            let now = self.clock();
            self.receive(now)?;
            let status = self.driver.status();
            self.fly(now, &status);
            self.attend(&status);
            // Who is patient is asked now, if the turn that is open is entered below.
            self.take_commands(now, &status);
            let driven = self.driver.drive(now);
            self.driver.link().endpoint.flush();
            let status = self.driver.status();
            self.take_commands(now, &status);
            self.show_world(&status);
            self.tell(now)?;
            self.obey(now)?;
            if let Err(error) = driven {
                self.start_over(now, &error)?;
            }
            if self.refusal.is_some() || self.is_over(now) {
                return Ok(());
            }
            let (core, link) = self.driver.parts();
            link.keep_up(core);
            self.write_roll()?;
            self.wait(now);
        }
    }

    /// This peer's world is lost: it takes the others', if that may help.
    fn start_over(&mut self, now: Time, error: &ReplicaError) -> Result<(), Failure> {
        let why_not = match error {
            ReplicaError::Install { .. } => "and no other state would help",
            _ if self.restarts == RESTARTS_MAX => "and that happens again and again",
            _ if !self.driver.start_over(now) => "and nobody else is there to take the state from",
            _ => {
                self.restarts += 1;
                (self.player, self.flown) = (None, None);
                self.seated.forget();
                let sentence = format!("{error}: this peer comes back with the others' state");
                return self.report.say(&sentence, "restarted", json!({ "why": error.to_string() }));
            }
        };
        Err(Failure::Machine(format!("this peer cannot go on: {error}, {why_not}")))
    }

    fn clock(&self) -> Time {
        Time(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn receive(&mut self, now: Time) -> Result<(), Failure> {
        let outside = self.driver.progress().is_none();
        let (core, link) = self.driver.parts();
        link.now = now;
        for incoming in link.endpoint.poll(now) {
            match incoming {
                Incoming::Data { key, bytes } => core.handle(now, key, &bytes),
                Incoming::Up { key, address, role, invite, .. } => {
                    link.note(key, address);
                    core.connected(now, key);
                    core.admit(key, Admission { role, invite, address: write_address(address) });
                    self.report.note("link", json!({ "key": key.to_string(), "address": address, "up": true }))?;
                }
                Incoming::Down { key, why } => {
                    self.report.note("link", json!({ "key": key.to_string(), "up": false, "why": why.to_string() }))?;
                    if self.plan.sponsor == Some(key) && outside && core.knows_others() {
                        // The core asks one of those whom the sponsor has named.
                        self.searching.get_or_insert(now);
                    } else if self.plan.sponsor == Some(key) && outside {
                        self.refusal = Some(match why {
                            Down::NoAnswer => "nobody answers there; is the session still running?".to_owned(),
                            other => format!("the link was lost before the session came: {other}"),
                        });
                        return Ok(());
                    }
                    self.farewell |= why == Down::Closed;
                }
                Incoming::Refused { key, reason } => {
                    if self.plan.sponsor == Some(key) && outside {
                        self.refusal = Some(format!("refused: {reason}"));
                        return Ok(());
                    }
                    tracing::info!(%key, "a link was refused: {reason}");
                }
            }
        }
        Ok(())
    }

    /// Enters what the scripted pilot does in the turn that is open for inputs.
    fn fly(&mut self, now: Time, status: &Status) {
        let Some((script, player)) = self.plan.pilot.zip(status.player) else { return };
        let simulation = self.driver.simulation();
        let rate_hz = simulation.scenario().tick_rate_hz;
        let Some(&ship) = simulation.ships_of(PlayerId(player.0)).first() else { return };
        let ticks = u64::from(self.driver.replica().world().ticks_per_turn());
        let open = status.entered.0;
        let (from, flown) = self.flown.unwrap_or((open, 0));
        if from > open {
            return;
        }
        if self.driver.replica().world().control().held().is_some() {
            // It would be somewhere else in its script than the ship is.
            self.flown = Some((open + 1, flown));
            return;
        }
        let missed = (open - from) * ticks;
        let mut input = SessionInput::default();
        for tick in 0..missed + ticks {
            for command in script.of_player(player.0).commands(ship, flown + tick, rate_hz) {
                // Ticks that were missed are made up for in the first one.
                let place = u32::try_from(tick.saturating_sub(missed)).unwrap_or(0);
                if let Err(error) = input.push(place, &command) {
                    tracing::debug!("the pilot's command does not fit: {error}");
                }
            }
        }
        self.flown = Some((open + 1, flown + missed + ticks));
        self.driver.submit(now, input);
    }

    /// Tells what happened.
    fn tell(&mut self, now: Time) -> Result<(), Failure> {
        for event in self.driver.take_events() {
            match &event {
                Event::Active { player, .. } => {
                    self.player = Some(player.0);
                    self.inside.get_or_insert(now);
                }
                Event::Refused(why) => self.refusal = Some(format!("refused: {why}")),
                Event::Stopped { .. } => {
                    let why = "the members' states differ and no majority agrees: the session is over";
                    self.refusal = Some(why.to_owned());
                }
                Event::Removed { why: why @ (Departure::Kicked | Departure::Exposed) } => {
                    self.leaving.get_or_insert(now);
                    self.dismissed = Some(match why {
                        Departure::Kicked => "the members voted this player out of the session for good",
                        _ => "this player sent two different inputs for one turn and was removed for good",
                    });
                }
                Event::Desync { .. } => self.desyncs += 1,
                Event::Gone => self.gone = Some(now),
                _ => {}
            }
            self.report.event(&event)?;
        }
        if self.plan.spectator && self.inside.is_none() && self.driver.progress().is_some() {
            self.inside = Some(now);
            self.report.say("you are watching", "watching", json!({}))?;
        }
        if self.driver.progress().is_some() {
            self.searching = None;
        } else if self.searching.is_some_and(|since| now.since(since) > SEARCH_US) {
            self.refusal = Some("the sponsor was lost before the session came, and no other member answers".to_owned());
        }
        let status = self.driver.status();
        if self.is_left_alone(&status) {
            self.is_empty = true;
            self.report.say("everybody has left: the session is over", "over", json!({}))?;
        }
        self.sample(&status);
        if now.since(self.told) >= STATUS_US {
            self.told = now;
            self.tell_recording()?;
            self.tell_held()?;
            self.report.note("status", self.status(&status))?;
        }
        Ok(())
    }

    /// Whether nobody is left to follow: the log says so, or the last one has said good-bye, whose leaving no log tells.
    fn is_left_alone(&mut self, status: &Status) -> bool {
        if self.is_empty || self.leaving.is_some() || self.driver.progress().is_none() {
            return false;
        }
        if self.player.is_some() || !self.farewell {
            return status.members.is_empty();
        }
        let (core, link) = self.driver.parts();
        let members: Vec<PeerKey> = core.known_peers().iter().filter(|peer| peer.member).map(|peer| peer.key).collect();
        !link.endpoint.peers().any(|(key, _)| members.contains(&key))
    }

    /// Begins and ends the leaving.
    fn is_over(&mut self, now: Time) -> bool {
        let wanted = self.stop.wanted();
        let said = self.gone.is_some_and(|gone| now.since(gone) >= LINGER_US);
        if wanted == Wanted::Now && !said {
            self.refusal = Some("ended at once, without leaving the session".to_owned());
        }
        if wanted == Wanted::Now || said || self.is_empty {
            return true;
        }
        let due = self.plan.seconds.zip(self.inside);
        let due = due.is_some_and(|(seconds, inside)| now.since(inside) >= u64::from(seconds) * 1_000_000);
        if self.leaving.is_none() && (wanted == Wanted::Leave || due) {
            self.leaving = Some(now);
            self.driver.core().leave(now);
        }
        self.leaving.is_some_and(|since| now.since(since) > LEAVE_US)
    }

    /// Keeps who is who beside the recording, where it has changed.
    fn write_roll(&mut self) -> Result<(), Failure> {
        let version = self.driver.core().access_version();
        if self.told_known != Some(version) {
            self.told_known = Some(version);
            self.driver.tell_known();
        }
        let Some(recording) = self.driver.recording_path() else { return Ok(()) };
        if self.written.as_ref().is_some_and(|(at, to)| *at == version && to == recording) {
            return Ok(());
        }
        let recording = recording.to_owned();
        let known = self.driver.core().known_peers();
        if !known.is_empty() {
            roll::write(&roll::path_of(&recording), &known)?;
        }
        self.written = Some((version, recording));
        Ok(())
    }

    /// Waits for a datagram or for what is due.
    fn wait(&mut self, began: Time) {
        let now = self.clock();
        let due = self.driver.core().wake_at().max(began);
        let left_us = due.since(now);
        if left_us > COARSE_US {
            let timeout = Duration::from_micros(left_us - COARSE_US);
            if let Err(error) = self.driver.link().endpoint.wait(timeout) {
                tracing::warn!("the socket: {error}");
                self.stop.wait(timeout);
            }
        } else if left_us > 0 {
            self.stop.wait(Duration::from_micros(left_us.min(FINE_US)));
        }
    }
}
