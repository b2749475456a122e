//! `spacetime demo`: the main job in one command. Flies four scripted pilots, records them, verifies the
//! recording, draws it, and says in plain words what happened.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use sim::input::PlayerId;
use sim::recording::Written;
use sim::{Event, Kind, Position, Scenario, Simulation};

use crate::cli::DemoArgs;
use crate::entity;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped, hex};
use crate::pilot::{self, Script};
use crate::progress::Progress;
use crate::record::{Options, Recorder};
use crate::replay::{Recording, plot, verify};
use crate::{run, scenario_cmd};

/// The scenario that it flies.
const SCENARIO: &str = "demo";
/// Size of its picture.
const SIZE: (u32, u32) = (1600, 1000);

/// What happened, for people and as JSON.
#[derive(Debug, Serialize)]
pub struct Summary {
    scenario: String,
    ticks: u64,
    simulated_s: f64,
    entities: usize,
    pilots: Vec<PilotSummary>,
    shots: u64,
    impacts: u64,
    destroyed: u64,
    refused: u64,
    digest: String,
    wall_s: f64,
    realtime_factor: f64,
    verdict: &'static str,
    verified_ticks: u64,
    verify_realtime_factor: Option<f64>,
    recording: PathBuf,
    recording_bytes: u64,
    log_bytes_per_s: f64,
    picture: PathBuf,
}

#[derive(Debug, Serialize)]
struct PilotSummary {
    player: u32,
    ship: u64,
    near: String,
    flown_km: f64,
    fuel_used_kg: Option<f64>,
    clock_lag_s: Option<f64>,
    state: &'static str,
}

/// Runs `spacetime demo`.
///
/// # Errors
/// [`Failure`] for what cannot be written.
pub fn command(args: &DemoArgs, progress: Progress) -> Result<Outcome, Failure> {
    let scenario = scenario_cmd::load(SCENARIO)?;
    std::fs::create_dir_all(&args.out).map_err(|e| Failure::unwritable(&args.out, output::plain(&e)))?;
    let recording_path = args.out.join("demo.strec");
    let picture_path = args.out.join("demo.png");
    let pool = run::pool(None)?;
    let flight = pool.install(|| fly(&scenario, args.seconds, &recording_path, progress))?;
    let mut recording = Recording::open(&recording_path)?;
    let verdict = verify::verify(&mut recording, None, progress)?;
    let drawn = plot::plot(&mut recording, &picture_path, SIZE, progress)?;
    let rate = f64::from(scenario.tick_rate_hz);
    let seconds = flight.ticks as f64 / rate;
    let summary = Summary {
        scenario: scenario.name.clone(),
        ticks: flight.ticks,
        simulated_s: flight.simulated_s,
        entities: flight.entities,
        pilots: flight.pilots,
        shots: flight.shots,
        impacts: flight.impacts,
        destroyed: flight.destroyed,
        refused: flight.refused,
        digest: hex(flight.digest),
        wall_s: flight.wall_s,
        realtime_factor: seconds / flight.wall_s.max(1e-9),
        verdict: verdict.verdict,
        verified_ticks: verdict.ticks,
        verify_realtime_factor: verdict.realtime_factor,
        recording: recording_path.clone(),
        recording_bytes: recording.reader.file_bytes(),
        log_bytes_per_s: flight.written.bytes.saturating_sub(flight.written.keyframe_bytes) as f64 / seconds,
        picture: picture_path,
    };
    if args.json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.describe(args.seconds))?;
    }
    match verdict.first_divergence {
        Some(divergence) => Ok(Outcome::Different(format!("the demo diverged at tick {}", divergence.tick))),
        None if drawn.disagreeing > 0 => Ok(Outcome::Different("the demo's digests do not agree".to_owned())),
        None => Ok(Outcome::Fine),
    }
}

struct Flown {
    ticks: u64,
    simulated_s: f64,
    entities: usize,
    pilots: Vec<PilotSummary>,
    shots: u64,
    impacts: u64,
    destroyed: u64,
    refused: u64,
    digest: u64,
    wall_s: f64,
    written: Written,
}

/// A ship as it is followed through the flight.
struct Followed {
    player: PlayerId,
    ship: u64,
    body: Option<usize>,
    last: Option<Position>,
    flown_m: f64,
    fuel_kg: Option<f64>,
}

fn fly(scenario: &Scenario, seconds: u32, path: &Path, progress: Progress) -> Result<Flown, Failure> {
    let mut simulation = Simulation::new(scenario);
    let entities = simulation.entity_count();
    let players = run::players(scenario);
    let operator = PlayerId(players.last().map_or(1, |p| p.0.saturating_add(1)));
    let pilots = players.iter().filter_map(|p| simulation.ships_of(*p).first().map(|ship| (*p, *ship))).collect();
    let slow_ticks = u64::from(seconds) * u64::from(scenario.tick_rate_hz);
    let script = Script { pilots, operator, rate_hz: scenario.tick_rate_hz, slow_ticks, fast_ticks: 3 * slow_ticks };
    let mut followed: Vec<Followed> = script.pilots.iter().map(|(p, s)| Followed::new(&simulation, *p, *s)).collect();
    let mut recorder = Recorder::create(path, scenario, &simulation, Options::default(), &[])?;
    let bar = progress.ticks("flying", script.ticks());
    let (mut shots, mut impacts, mut destroyed, mut refused) = (0, 0, 0, 0);
    let start = Instant::now();
    for tick in 0..script.ticks() {
        let frame = script.frame(tick);
        let report = simulation.step(&frame);
        recorder.push(&frame, report.digest.total, &simulation)?;
        refused += report.refused.len() as u64;
        for event in &report.events {
            match event {
                Event::Fired { .. } => shots += 1,
                Event::Impact { .. } => impacts += 1,
                Event::Destroyed { .. } => destroyed += 1,
                _ => {}
            }
        }
        followed.iter_mut().for_each(|f| f.follow(&simulation));
        bar.inc(1);
    }
    let wall_s = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let written = recorder.finish(&simulation)?;
    Ok(Flown {
        ticks: script.ticks(),
        simulated_s: simulation.time().seconds(scenario.tick_rate_hz),
        entities,
        pilots: followed.iter().map(|f| f.summary(&simulation)).collect(),
        shots,
        impacts,
        destroyed,
        refused,
        digest: simulation.digest().total,
        wall_s,
        written,
    })
}

impl Followed {
    fn new(simulation: &Simulation, player: PlayerId, ship: u64) -> Self {
        let state = simulation.inspect(ship);
        let place = state.as_ref().and_then(entity::position);
        let bodies = simulation.bodies();
        let distance = |i: &usize| place.map_or(f64::INFINITY, |p| bodies[*i].position.minus(p).length());
        let body = (0..bodies.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let fuel_kg = state.as_ref().and_then(|s| entity::number(s, "Tank", "fuel_kg"));
        let mut followed = Self { player, ship, body, last: None, flown_m: 0.0, fuel_kg };
        followed.follow(simulation);
        followed
    }

    /// Adds the way since the last tick, relative to the body.
    fn follow(&mut self, simulation: &Simulation) {
        let Some(place) = simulation.inspect(self.ship).as_ref().and_then(entity::position) else { return };
        let origin = self.body.and_then(|i| simulation.bodies().get(i)).map_or(Position::ORIGIN, |b| b.position);
        let relative = Position::from_metres(place.minus(origin));
        if let Some(last) = self.last {
            self.flown_m += relative.minus(last).length();
        }
        self.last = Some(relative);
    }

    fn summary(&self, simulation: &Simulation) -> PilotSummary {
        let state = simulation.inspect(self.ship);
        let number = |component, name| state.as_ref().and_then(|s| entity::number(s, component, name));
        let near = self.body.and_then(|i| simulation.scenario().bodies.get(i));
        let alive = number("Hull", "health_j").is_none_or(|health| health > 0.0);
        PilotSummary {
            player: self.player.0,
            ship: self.ship,
            near: near.map_or("the barycentre".to_owned(), |b| b.name.clone()),
            flown_km: self.flown_m / 1e3,
            fuel_used_kg: self.fuel_kg.zip(number("Tank", "fuel_kg")).map(|(full, left)| full - left),
            clock_lag_s: number("Clock", "lag_s"),
            state: match simulation.kind(self.ship) {
                Some(Kind::Ship) if alive => "flying",
                _ => "destroyed",
            },
        }
    }
}

impl Summary {
    fn describe(&self, seconds: u32) -> String {
        let mut text = format!(
            "Four pilots flew {seconds} s at normal speed, then {} s at {} times the speed: {} ticks, {} of\n\
             simulated time, with {} entities and the real Solar System, in {:.1} s ({:.0} times real time).\n\n",
            3 * seconds,
            pilot::fast_factor(),
            grouped(self.ticks),
            hours(self.simulated_s),
            grouped(self.entities as u64),
            self.wall_s,
            self.realtime_factor,
        );
        for pilot in &self.pilots {
            let fuel = pilot.fuel_used_kg.map_or("-".to_owned(), |kg| format!("{kg:.0} kg"));
            let lag = pilot.clock_lag_s.map_or("-".to_owned(), |s| format!("{:.1} microseconds", s * 1e6));
            text.push_str(&format!(
                "  player {}  near {:8} {:>12} km  fuel used {fuel:>8}  clock behind by {lag}, {}\n",
                pilot.player,
                pilot.near,
                grouped(pilot.flown_km.max(0.0) as u64),
                pilot.state
            ));
        }
        let verified = match self.verdict {
            "exact" => format!("simulated again, all {} digests equal", grouped(self.verified_ticks)),
            _ => "DIVERGED: simulated again, the digests differ".to_owned(),
        };
        text.push_str(&format!(
            "\n  {} shots, {} impacts, {} destroyed, {} commands refused\n\
             \n  digest     {}\n  verified   {verified}{}\n  recording  {} ({} bytes, {:.0} bytes/s without keyframes)\n\
             \x20 picture    {}\n",
            grouped(self.shots),
            grouped(self.impacts),
            grouped(self.destroyed),
            grouped(self.refused),
            self.digest,
            self.verify_realtime_factor.map_or(String::new(), |f| format!(", {f:.0} times real time")),
            self.recording.display(),
            grouped(self.recording_bytes),
            self.log_bytes_per_s,
            self.picture.display(),
        ));
        text
    }
}

fn hours(seconds: f64) -> String {
    if seconds < 7200.0 { format!("{:.1} minutes", seconds / 60.0) } else { format!("{:.1} hours", seconds / 3600.0) }
}
