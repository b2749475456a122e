//! What goes on behind the menus: a flight, a session or a replay, with what a person holds and where one looks from. Must
//! never know of menus.

use std::time::{Duration, Instant};

use render::Scene;
use render::quality::Quality;
use serde_json::{Value as Json, json};
use sim::command::ControlInput;

use super::worlds::Leaving;
use super::{Toast, words};
use crate::exit::Failure;
use crate::play::actions::{Action, Context};
use crate::play::cameras::Cameras;
use crate::play::input::{Helm, Pressed};
use crate::play::settings::Settings;
use crate::play::sight::{self, Bar, Gaze, Known, Seen};
use crate::play::tutorial::{Guide, Sight};
use crate::play::world::{Notice, Order, Status, World};
use crate::play::{pilot, replay_player, targets};
use crate::view::instruments::Aim;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A flight alone.
    Flight,
    /// A flight with others.
    Session,
    /// A recording.
    Replay,
}

/// A world with somebody in it.
pub struct Game {
    world: World,
    kind: Kind,
    known: Option<Known>,
    status: Status,
    cameras: Cameras,
    aim: Option<Aim>,
    /// The ship that a replay follows.
    follow: Option<u64>,
    helm: Helm,
    sent: Option<ControlInput>,
    /// It was paused by hand: closing a menu does not change that.
    paused: bool,
    /// Fire was pressed since the last frame, perhaps for less than one.
    trigger: bool,
    /// The gun is ready again.
    ready: Option<Instant>,
    looked: bool,
    guide: Option<Guide>,
    /// It was begun as a guided flight.
    guided: bool,
    /// The last tick that the guide has seen.
    guided_tick: u64,
}

/// What a person's hands do in a frame.
pub struct Hands<'a> {
    /// What is pressed; nothing while a menu is open.
    pub pressed: Option<&'a Pressed>,
    /// How it is meant.
    pub settings: &'a Settings,
    /// The mouse's way, pixels.
    pub motion: [f64; 2],
    /// Since the last frame.
    pub passed: Duration,
    /// Now.
    pub now: Instant,
}

impl Game {
    /// In a world.
    pub fn new(world: World, kind: Kind) -> Self {
        Self {
            status: world.status(),
            world,
            kind,
            known: None,
            cameras: Cameras::default(),
            aim: None,
            follow: None,
            helm: Helm::default(),
            sent: None,
            paused: false,
            trigger: false,
            ready: None,
            looked: false,
            guide: None,
            guided: false,
            guided_tick: 0,
        }
    }

    /// A flight with a guide.
    pub fn guided(world: World) -> Self {
        Self { guide: Some(Guide::default()), guided: true, ..Self::new(world, Kind::Flight) }
    }

    /// Whether it was begun as a guided flight.
    pub fn is_guided(&self) -> bool {
        self.guided
    }

    /// Which actions count.
    pub fn context(&self) -> Context {
        if self.kind == Kind::Replay { Context::Replay } else { Context::Flight }
    }

    /// Whether the world has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.world.has_ended()
    }

    /// Whether it could be opened, so far.
    pub fn is_open(&self) -> bool {
        self.world.is_open()
    }

    /// Waits until it could be opened, or not.
    ///
    /// # Errors
    /// [`Failure`] where it could not.
    pub fn opened(self) -> Result<Self, Failure> {
        self.world.wait_until_open();
        if self.world.is_open() {
            return Ok(self);
        }
        let ended = self.world.end().1.err();
        Err(ended.unwrap_or_else(|| Failure::Machine("the world ended at once".to_owned())))
    }

    /// Asks it to end.
    pub fn leave(self) -> Leaving {
        Leaving::new(self.world, self.kind)
    }

    /// A menu is open over it, or not any more.
    pub fn hold(&mut self, held: bool) {
        self.world.order(Order::Hold(held || self.paused));
    }

    fn ship(&self) -> Option<u64> {
        if self.kind == Kind::Replay { self.follow } else { self.status.ship }
    }

    /// An action has begun; gives what is to be said.
    pub fn act(&mut self, action: Action) -> Option<String> {
        let frame = self.world.view(Instant::now()).0;
        match action {
            Action::Camera => {
                self.cameras.next(sight::attitude(&frame, self.ship()));
                return Some(format!("Camera: {}", self.cameras.place().name()));
            }
            Action::ZoomIn => self.cameras.zoom(1),
            Action::ZoomOut => self.cameras.zoom(-1),
            Action::NextTarget | Action::PreviousTarget => {
                self.aim = targets::stepped(&frame, self.status.ship, self.aim, action == Action::NextTarget);
                let name = self.known.as_ref().zip(self.aim).map(|(known, aim)| known.name(&frame, aim));
                return name.map(|name| format!("Target: {name}"));
            }
            Action::TimeFaster | Action::TimeSlower if self.status.may_set_time => {
                let quarters = pilot::stepped(frame.time_factor, action == Action::TimeFaster);
                self.world.order(Order::TimeFactor(quarters));
            }
            Action::TimeFaster | Action::TimeSlower => {
                return Some("Only an operator of the session may change how fast time runs.".to_owned());
            }
            Action::Respawn => self.world.order(Order::Respawn),
            Action::Pause if self.kind == Kind::Flight => {
                self.paused = !self.paused;
                self.world.order(Order::Hold(self.paused));
            }
            Action::Pause => return Some("A session goes on: nobody can stop it alone.".to_owned()),
            Action::SkipStep => {
                if let Some(guide) = &mut self.guide {
                    guide.skip();
                }
            }
            Action::Fire => self.trigger = true,
            Action::ThrottleFull | Action::ThrottleCut | Action::Assist => self.helm.begin(action),
            other => self.act_in_replay(other),
        }
        None
    }

    fn act_in_replay(&mut self, action: Action) {
        let Some(replay) = &self.status.replay else { return };
        let seek = |seconds: f64| {
            let to = replay.position + seconds * f64::from(replay.rate_hz);
            // Beyond the ends it is taken to them.
            Order::Seek(to.max(replay.first as f64) as u64)
        };
        let order = match action {
            Action::Play => Order::Play(!replay.playing),
            Action::StepForward => Order::Step(1),
            Action::StepBack => Order::Step(-1),
            Action::SeekForward => seek(5.0),
            Action::SeekBack => seek(-5.0),
            Action::SeekStart => Order::Seek(0),
            Action::SeekEnd => Order::Seek(u64::MAX),
            Action::ReplayFaster => Order::Speed(replay_player::stepped(replay.speed, true)),
            Action::ReplaySlower => Order::Speed(replay_player::stepped(replay.speed, false)),
            Action::NextShip | Action::PreviousShip => {
                let frame = self.world.view(Instant::now()).0;
                self.follow = targets::next_ship(&frame, self.follow, action == Action::NextShip);
                return;
            }
            _ => return,
        };
        self.world.order(order);
    }

    /// Goes to a share of the recording.
    pub fn seek(&mut self, share: f64) {
        if let Some(replay) = &self.status.replay {
            let ticks = replay.last.saturating_sub(replay.first) as f64;
            self.world.order(Order::Seek(replay.first + (ticks * share).round() as u64));
        }
    }

    /// Lives through a frame's time: hands steer, the guide looks. Gives what is to be said.
    pub fn live(&mut self, hands: &Hands<'_>) -> Vec<Toast> {
        self.status = self.world.status();
        if self.known.is_none() {
            self.known = self.world.scenario().map(Known::new);
        }
        let mut said = Vec::new();
        for notice in self.world.notices() {
            let (sentence, is_news) = match notice {
                Notice::Said(sentence) => (Some(sentence), false),
                Notice::Happened { event, .. } if self.kind == Kind::Replay => (words::for_watcher(&event), true),
                Notice::Happened { event, .. } => {
                    (words::for_pilot(&event, self.status.ship, &hands.settings.bindings), true)
                }
            };
            said.extend(sentence.map(|sentence| Toast { sentence, until: None, is_news }));
        }
        self.turn_head(hands);
        if self.kind == Kind::Replay {
            let frame = self.world.view(hands.now).0;
            let there = self.follow.is_some_and(|ship| frame.ids.binary_search(&ship).is_ok());
            if !there {
                self.follow = targets::next_ship(&frame, None, true);
            }
        } else {
            self.steer(hands);
            self.listen_to_guide(hands.now);
        }
        said
    }

    fn turn_head(&mut self, hands: &Hands<'_>) {
        let looks = hands.pressed.is_some_and(|pressed| pressed.is_held(&hands.settings.bindings, Action::MouseLook));
        if looks {
            self.cameras.look(hands.motion);
        } else if self.looked {
            self.cameras.let_go();
        }
        self.looked = looks;
    }

    fn steer(&mut self, hands: &Hands<'_>) {
        let idle = Pressed::default();
        let pressed = hands.pressed.unwrap_or(&idle);
        let (bindings, feel) = (&hands.settings.bindings, hands.settings.feel);
        let motion = if self.looked { [0.0; 2] } else { hands.motion };
        let controls = self.helm.controls(pressed, bindings, feel, motion, hands.passed.as_secs_f64());
        if self.sent != Some(controls) {
            self.sent = Some(controls);
            self.world.order(Order::Controls(controls));
        }
        let fires = std::mem::take(&mut self.trigger) || pressed.is_held(bindings, Action::Fire);
        // Where time stands, a shot would wait for it to go on.
        if fires && !self.paused && self.ready.is_none_or(|ready| hands.now >= ready) {
            self.ready = Some(hands.now + self.reload());
            self.world.order(Order::Fire);
        }
    }

    /// How long the gun takes, a tick more to be sure.
    fn reload(&self) -> Duration {
        let frame = self.world.view(Instant::now()).0;
        let at = self.status.ship.and_then(|ship| frame.ids.binary_search(&ship).ok());
        let class = at.and_then(|at| frame.looks.get(at)).map_or(0, |look| look.class as usize);
        let Some(known) = &self.known else { return Duration::from_millis(100) };
        let ticks = known.scenario.classes.get(class).map_or(9, |class| class.reload_ticks) + 1;
        Duration::from_secs_f64(f64::from(ticks) / f64::from(known.scenario.tick_rate_hz))
    }

    fn listen_to_guide(&mut self, now: Instant) {
        let (Some(guide), Some(known), Some(ship)) = (&mut self.guide, &self.known, self.status.ship) else { return };
        let frame = self.world.view(now).0;
        if frame.tick.0 != self.guided_tick {
            self.guided_tick = frame.tick.0;
            if let Some(sight) = Sight::of(&frame, known.scenario.tick_rate_hz, ship, self.aim) {
                guide.look(&sight);
            }
        }
        if guide.is_over() {
            self.guide = None;
        }
    }

    /// What is seen: fills the scene; gives instruments, a replay's bar and words.
    pub fn see(
        &mut self,
        (settings, quality): (&Settings, Quality),
        aspect: f64,
        instruments: bool,
        now: Instant,
        scene: &mut Scene,
    ) -> (Seen, Option<Bar>, Option<String>) {
        let (ship, is_session) = (self.ship(), self.kind == Kind::Session);
        let Some(known) = &mut self.known else {
            let words = "The session is on its way.".to_owned();
            return (Seen::default(), None, is_session.then_some(words));
        };
        let fov_rad = settings.fov_deg.to_radians();
        let gaze = Gaze {
            cameras: &self.cameras,
            ship,
            aim: self.aim,
            fov_rad,
            aspect,
            instruments,
            stars: settings.stars,
            quality,
            lattice: settings.lattice,
        };
        let seen = sight::look(known, &self.world, &self.status, &gaze, now, scene);
        let replay = self.status.replay.as_ref();
        let words = match &self.guide {
            Some(guide) => guide.says(&settings.bindings),
            None => replay.map(|replay| sight::replay_words(replay, self.status.digest)),
        };
        (seen, replay.map(sight::bar), words)
    }

    /// Where it stands, for logs.
    pub fn state(&self) -> Json {
        let kind = match self.kind {
            Kind::Flight => "flight",
            Kind::Session => "session",
            Kind::Replay => "replay",
        };
        json!({
            "kind": kind,
            "ship": self.ship(),
            "player": self.status.player,
            "held": self.status.held,
            "camera": self.cameras.place().name(),
            "throttle": self.helm.throttle,
            "assist": self.helm.assist,
            "digest": crate::output::hex(self.status.digest),
            "recording": self.status.recording,
            "position": self.status.replay.as_ref().map(|replay| replay.position),
            "playing": self.status.replay.as_ref().map(|replay| replay.playing),
            "guide": self.guide.as_ref().and_then(Guide::step).map(|step| step.name),
            "lead": self.world.lead_ticks(),
            "peers": self.status.network.map(|network| network.peers),
        })
    }
}
