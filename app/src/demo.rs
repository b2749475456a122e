//! `spacetime demo`: the main job in one command. Four peer processes on this machine fly four scripted pilots in lockstep
//! over UDP, each records; then the recordings are simulated again and compared, and one is drawn and filmed. Must never
//! take a peer's word for what its recording can show.

mod check;
mod children;
mod sheet;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::cli::DemoArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped, hex};
use crate::progress::Progress;
use crate::replay::signed::SignedVerdict;
use crate::replay::{Recording, plot};
use crate::session_cmd::report::{Spread, Summary as PeerSummary};
use crate::session_cmd::stop::{Input, Stop, Wanted};

use check::Agreement;
use children::Children;

/// The scenario that it flies.
const SCENARIO: &str = "demo";
/// How many peers.
const PEERS: usize = 4;
/// Size of its picture.
const SIZE: (u32, u32) = (1600, 1000);
/// How long the peers may take to find each other, and to part: much longer than they need on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the demo looks up from listening.
const LOOK: Duration = Duration::from_millis(100);

/// What happened, for people and as JSON.
#[derive(Debug, Serialize)]
pub struct Summary {
    scenario: String,
    seconds: u32,
    peers: Vec<Flown>,
    /// Peers whose recording is exact and equal to the first one's, in every tick that all have.
    peers_in_agreement: usize,
    /// Ticks that all recordings have.
    common_ticks: u64,
    first_common_tick: u64,
    last_common_tick: u64,
    /// Digest after the last of them.
    digest: String,
    verdict: &'static str,
    verified_ticks: u64,
    input_delay_ms: f64,
    stalled_turns: u64,
    stalled_share: f64,
    stall_ms_max: f64,
    /// Sent by one peer, on average.
    bytes_per_s: f64,
    /// To one other peer, on average.
    bytes_per_s_per_link: f64,
    tick_ms: Spread,
    cpu_share: Option<f64>,
    wall_s: f64,
    recording: PathBuf,
    recording_bytes: u64,
    log_bytes_per_s: f64,
    picture: PathBuf,
    /// Nothing where this machine cannot draw it.
    contact_sheet: Option<PathBuf>,
    /// Why there is no contact sheet.
    contact_sheet_left_out: Option<String>,
}

/// One peer, as it tells and as its recording shows.
#[derive(Debug, Serialize)]
struct Flown {
    #[serde(flatten)]
    told: PeerSummary,
    /// Simulated again, its recording gives every digest.
    exact: bool,
    /// Ticks that differ from the first peer's recording.
    differing_ticks: u64,
    /// Digest after the last common tick, from its recording.
    digest_at_last_common_tick: String,
    /// What the signatures beside its recording say.
    signed: Option<SignedVerdict>,
}

/// Runs `spacetime demo`.
///
/// # Errors
/// [`Failure`] for what cannot be written, and for a peer that fails.
pub fn command(args: &DemoArgs, progress: Progress) -> Result<Outcome, Failure> {
    let began = Instant::now();
    std::fs::create_dir_all(&args.out).map_err(|e| Failure::unwritable(&args.out, output::plain(&e)))?;
    let mut stop = Stop::listen(Input { commands: false, leave_at_eof: false })?;
    let Some(told) = fly(args, &mut stop, progress)? else {
        return Ok(Outcome::Different("the demo was interrupted; its peers have left".to_owned()));
    };
    let paths: Vec<PathBuf> = (1..=PEERS).map(|number| args.out.join(recording(number))).collect();
    let mut recordings = paths.iter().map(|path| Recording::open(path)).collect::<Result<Vec<_>, _>>()?;
    let agreement = check::check(&mut recordings, progress)?;
    let picture = args.out.join("demo.png");
    let drawn = plot::plot(&mut recordings[0], &picture, SIZE, progress)?;
    let mut summary = Summary::of(args.seconds, told, &agreement, &recordings[0], picture, began.elapsed());
    match sheet::draw(&mut recordings[0], PEERS, &args.out.join("demo-sheet.png"), progress)? {
        Ok(file) => summary.contact_sheet = Some(file),
        Err(sentence) => summary.contact_sheet_left_out = Some(sentence),
    }
    if args.json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.describe())?;
    }
    if summary.peers_in_agreement < PEERS {
        let sentence = format!("only {} of {PEERS} peers agree", summary.peers_in_agreement);
        return Ok(Outcome::Different(sentence));
    }
    let signed = summary.peers.iter().filter_map(|peer| peer.signed.as_ref());
    if let Some(sentence) = signed.filter_map(|signed| signed.contradiction.clone()).next() {
        return Ok(Outcome::Different(sentence));
    }
    match drawn.disagreeing {
        0 => Ok(Outcome::Fine),
        _ => Ok(Outcome::Different("the demo's digests do not agree".to_owned())),
    }
}

fn recording(number: usize) -> String {
    format!("demo-{number}.strec")
}

/// Starts the peers, lets them fly and has them leave; gives what each says at its end, or nothing if a person ended it.
fn fly(args: &DemoArgs, stop: &mut Stop, progress: Progress) -> Result<Option<Vec<PeerSummary>>, Failure> {
    let keys = Keys::new(&args.out);
    let mut children = Children::new()?;
    let result = listen(args, &keys, &mut children, stop, progress);
    let complaints = children.end();
    // What a peer says of its trouble is worth more than that it had some.
    match result {
        Err(Failure::Machine(sentence)) => {
            let said: Vec<&str> = complaints.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
            Err(Failure::Machine(format!("{sentence} {}", said.join("; ")).trim_end().to_owned()))
        }
        other => other,
    }
}

/// Identities for one run, which are gone after it.
struct Keys(Vec<PathBuf>);

impl Keys {
    fn new(folder: &Path) -> Self {
        let keys = Self((1..=PEERS).map(|number| folder.join(format!("demo-{number}.key"))).collect());
        keys.remove();
        keys
    }

    fn remove(&self) {
        for path in &self.0 {
            // Of an earlier run that was killed, or of this one; most often there is nothing.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.remove();
    }
}

/// How far the flight is.
#[derive(Default)]
struct Flight {
    active: [bool; PEERS],
    told: Vec<Option<PeerSummary>>,
    since: Option<Instant>,
    dismissed: Option<Instant>,
}

fn listen(
    args: &DemoArgs,
    keys: &Keys,
    children: &mut Children,
    stop: &mut Stop,
    progress: Progress,
) -> Result<Option<Vec<PeerSummary>>, Failure> {
    let folder = &args.out;
    let key = |number: usize| keys.0[number].file_name().unwrap_or_default().to_string_lossy().into_owned();
    let common = ["--pilot", "auto", "--json", "--leave-at-eof", "--listen", "127.0.0.1:0", "--identity"];
    let arguments = |head: &[&str], number: usize| -> Vec<String> {
        let own = [key(number), "--record".to_owned(), recording(number + 1)];
        head.iter().chain(&common).map(|&word| word.to_owned()).chain(own).collect()
    };
    let start = |children: &mut Children, head: &[&str], number: usize| {
        let all = arguments(head, number);
        children.start(folder, &all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    start(children, &["host", SCENARIO], 0)?;
    let began = Instant::now();
    let mut flight = Flight { told: vec![None; PEERS], ..Flight::default() };
    let bar = progress.steps("flying", u64::from(args.seconds) * 10, "tenths of a second");
    loop {
        match children.hear(LOOK) {
            Some((0, Some(line))) if line["event"] == "invite" => {
                let invite = line["invite"].as_str().unwrap_or_default().to_owned();
                (1..PEERS).try_for_each(|number| start(children, &["join", &invite], number))?;
            }
            Some((number, Some(line))) => flight.hear(number, &line),
            Some((number, None)) => flight.check_end(number)?,
            None => {}
        }
        if stop.wanted() > Wanted::Nothing {
            (0..PEERS).for_each(|number| children.dismiss(number));
            children.wait(PATIENCE / 4);
            return Ok(None);
        }
        if flight.since.is_none() && flight.active.iter().all(|active| *active) {
            flight.since = Some(Instant::now());
        }
        if let Some(since) = flight.since {
            let flown = since.elapsed();
            bar.set_position(flown.as_millis() as u64 / 100);
            if flight.dismissed.is_none() && flown >= Duration::from_secs(args.seconds.into()) {
                flight.dismissed = Some(Instant::now());
                (0..PEERS).for_each(|number| children.dismiss(number));
            }
        } else if began.elapsed() > PATIENCE {
            return Err(Failure::Machine("the peers do not find each other".to_owned()));
        }
        if flight.told.iter().all(Option::is_some) {
            bar.finish_and_clear();
            children.wait(PATIENCE);
            return Ok(Some(flight.told.into_iter().flatten().collect()));
        }
        if flight.dismissed.is_some_and(|at| at.elapsed() > PATIENCE) {
            return Err(Failure::Machine("the peers do not leave".to_owned()));
        }
    }
}

impl Flight {
    fn hear(&mut self, number: usize, line: &Value) {
        match line["event"].as_str() {
            Some("active") => self.active[number] = true,
            Some("end") => self.told[number] = serde_json::from_value(line.clone()).ok(),
            _ => {}
        }
    }

    /// A peer's output ended: it has said how it went, or something is wrong.
    fn check_end(&self, number: usize) -> Result<(), Failure> {
        match self.told[number] {
            Some(_) if self.dismissed.is_some() => Ok(()),
            _ => Err(Failure::Machine(format!("peer {} ended before its time.", number + 1))),
        }
    }
}

impl Summary {
    fn of(
        seconds: u32,
        told: Vec<PeerSummary>,
        agreement: &Agreement,
        recording: &Recording,
        picture: PathBuf,
        wall: Duration,
    ) -> Self {
        let mean = |of: &dyn Fn(&PeerSummary) -> f64| told.iter().map(of).sum::<f64>() / told.len().max(1) as f64;
        let most = |of: &dyn Fn(&PeerSummary) -> f64| told.iter().map(of).fold(0.0, f64::max);
        let turns: u64 = told.iter().map(|peer| peer.turns).sum();
        let stalled_turns: u64 = told.iter().map(|peer| peer.stalled_turns).sum();
        let bytes_per_s = mean(&|peer| peer.bytes_out_per_s);
        let keyframes: u64 = recording.reader.keyframes().iter().map(|keyframe| keyframe.bytes).sum();
        let rate = f64::from(recording.scenario.tick_rate_hz);
        let ticks = recording.reader.ticks();
        let recorded_s = (ticks.end - ticks.start) as f64 / rate;
        let recording_bytes = recording.reader.file_bytes();
        let cpu: Option<f64> = told.iter().map(|peer| peer.cpu_share).sum();
        let figures = Self {
            scenario: recording.scenario.name.clone(),
            seconds,
            peers: Vec::new(),
            peers_in_agreement: agreement.count(),
            common_ticks: agreement.common.end - agreement.common.start,
            first_common_tick: agreement.common.start,
            last_common_tick: agreement.common.end,
            digest: hex(agreement.digests.first().copied().unwrap_or(0)),
            verdict: if agreement.exact.iter().all(|exact| *exact) { "exact" } else { "diverged" },
            verified_ticks: agreement.verified_ticks,
            input_delay_ms: mean(&|peer| peer.input_delay_ms.p50),
            stalled_turns,
            stalled_share: stalled_turns as f64 / turns.max(1) as f64,
            stall_ms_max: most(&|peer| peer.stall_ms_max),
            bytes_per_s,
            bytes_per_s_per_link: bytes_per_s / (PEERS - 1) as f64,
            tick_ms: Spread {
                p50: mean(&|peer| peer.tick_ms.p50),
                p99: most(&|peer| peer.tick_ms.p99),
                max: most(&|peer| peer.tick_ms.max),
            },
            cpu_share: cpu.map(|cpu| cpu / told.len().max(1) as f64),
            wall_s: wall.as_secs_f64(),
            recording: recording.path.clone(),
            recording_bytes,
            log_bytes_per_s: recording_bytes.saturating_sub(keyframes) as f64 / recorded_s.max(1e-3),
            picture,
            contact_sheet: None,
            contact_sheet_left_out: None,
        };
        let folder = recording.path.parent().unwrap_or(Path::new("")).to_owned();
        let peers = told.into_iter().enumerate().map(|(number, mut told)| Flown {
            // They were started in that folder.
            told: {
                told.recordings.iter_mut().for_each(|path| *path = folder.join(&*path));
                told
            },
            exact: agreement.exact[number],
            differing_ticks: agreement.differing[number],
            digest_at_last_common_tick: hex(agreement.digests[number]),
            signed: agreement.signed[number].clone(),
        });
        Self { peers: peers.collect(), ..figures }
    }

    fn describe(&self) -> String {
        let mut text = format!(
            "Four processes flew four ships in lockstep for {} s, over sealed UDP on this machine; each recorded.\n\
             The recordings were simulated again and compared, tick by tick: {} ticks that all have.\n\n\
             \x20 peer      ticks        digest of tick {:<8} input delay   stalls  longest   bytes/s out   tick p50/p99\n",
            self.seconds,
            grouped(self.common_ticks),
            self.last_common_tick,
        );
        for peer in &self.peers {
            let told = &peer.told;
            text.push_str(&format!(
                "  {:4}  {:>5} to {:<6}  {}  {:>8.0} ms {:>8} {:>5.0} ms {:>13}   {:.2}/{:.2} ms{}\n",
                told.player.unwrap_or(0),
                told.first_tick,
                told.last_tick,
                peer.digest_at_last_common_tick,
                told.input_delay_ms.p50,
                told.stalled_turns,
                told.stall_ms_max,
                grouped(told.bytes_out_per_s as u64),
                told.tick_ms.p50,
                told.tick_ms.p99,
                if peer.exact && peer.differing_ticks == 0 { "" } else { "   DIFFERS" },
            ));
        }
        let agreed = match self.peers_in_agreement {
            PEERS => "all 4 peers agree, bit for bit".to_owned(),
            count => format!("ONLY {count} OF {PEERS} PEERS AGREE"),
        };
        let verified = match self.verdict {
            "exact" => format!("simulated again, all {} digests equal", grouped(self.verified_ticks)),
            _ => "DIVERGED: simulated again, the digests differ".to_owned(),
        };
        let signed = self.peers.iter().filter_map(|peer| peer.signed.as_ref()).map(SignedVerdict::ticks);
        let (signed, inputs) = signed.fold((0, 0), |(signed, all), (more, of)| (signed + more, all + of));
        let signed = format!("{} of {} inputs in the recordings, by who sent them", grouped(signed), grouped(inputs));
        text.push_str(&format!(
            "\n  agreement  {agreed}\n  verified   {verified}\n\
             \x20 signed     {signed}\n\
             \x20 network    {} bytes/s sent by a peer, {} to each other one; {:.2} % of turns late\n\
             \x20 processor  {} of one for each peer\n\
             \x20 recording  {} ({} bytes, {:.0} bytes/s without keyframes)\n  picture    {}\n",
            grouped(self.bytes_per_s as u64),
            grouped(self.bytes_per_s_per_link as u64),
            self.stalled_share * 100.0,
            self.cpu_share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
            self.recording.display(),
            grouped(self.recording_bytes),
            self.log_bytes_per_s,
            self.picture.display(),
        ));
        text.push_str(&match (&self.contact_sheet, &self.contact_sheet_left_out) {
            (Some(file), _) => format!("  sheet      {}\n", file.display()),
            (None, Some(sentence)) => format!("  sheet      left out: {sentence}\n"),
            (None, None) => String::new(),
        });
        text
    }
}
