//! What a session command tells: a line for each thing that happens, and a summary at its end, for people or as one JSON
//! object per line. Must never decide anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use netcode::protocol::{Change, Coming, Departure, Event};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::{self, grouped};

/// How many values of a measurement are kept.
const SAMPLES_MAX: usize = 1 << 16;

/// Quantiles of a measurement, in its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half are no greater.
    pub p50: f64,
    /// 99 % are no greater.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of some values; all 0 of none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| {
            let rank = (q * values.len() as f64).ceil() as usize;
            values.get(rank.max(1) - 1).copied().unwrap_or(0.0)
        };
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

/// The last of many values.
#[derive(Debug, Default)]
pub struct Samples {
    values: Vec<f64>,
    count: usize,
}

impl Samples {
    /// Adds one, instead of the oldest if there are too many.
    pub fn push(&mut self, value: f64) {
        if self.values.len() < SAMPLES_MAX {
            self.values.push(value);
        } else {
            self.values[self.count % SAMPLES_MAX] = value;
        }
        self.count += 1;
    }

    /// Their spread.
    #[must_use]
    pub fn spread(&self) -> Spread {
        Spread::of(self.values.clone())
    }
}

/// How a session went for one peer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Own number; none for who was never a member.
    pub player: Option<u32>,
    /// Tick of the first state here.
    pub first_tick: u64,
    /// Tick of the last confirmed state.
    pub last_tick: u64,
    /// Its digest.
    pub digest: String,
    /// Seconds that the peer ran.
    pub seconds: f64,
    /// Input delay while a member.
    pub input_delay_ms: Spread,
    /// Turns that were executed.
    pub turns: u64,
    /// Turns that came later than their time.
    pub stalled_turns: u64,
    /// Their share.
    pub stalled_share: f64,
    /// Longest stand-still.
    pub stall_ms_max: f64,
    /// Roll-backs of executed turns.
    pub roll_backs: u64,
    /// It left in good order, was the last one there, or was removed; not so where it ended at once, or where the others could not be
    /// reached.
    pub left: bool,
    /// UDP payload sent per second, seal included.
    pub bytes_out_per_s: f64,
    /// UDP payload received per second.
    pub bytes_in_per_s: f64,
    /// Datagrams sent per second.
    pub datagrams_out_per_s: f64,
    /// Datagrams from the socket that were turned away.
    pub rejected: u64,
    /// Cost of a tick, keeping its state included: per turn, divided by its ticks.
    pub tick_ms: Spread,
    /// The same in processor time of the thread that steps.
    pub tick_cpu_ms: Spread,
    /// Processor time of the whole process, per second; where the system tells.
    pub cpu_share: Option<f64>,
    /// States that differed.
    pub desyncs: u64,
    /// Recordings, the last one last.
    pub recordings: Vec<PathBuf>,
    /// What went wrong with them.
    pub failures: Vec<String>,
    /// Desync bundles.
    pub bundles: Vec<PathBuf>,
}

/// Who hears sentences.
pub type Listener = Arc<dyn Fn(String) + Send + Sync>;

/// Where lines go.
#[derive(Clone)]
pub struct Report {
    json: bool,
    quiet: bool,
    /// Who hears the sentences instead of standard output.
    listener: Option<Listener>,
    /// It goes on where standard output takes nothing any more: whether that was said already.
    lasting: Option<Arc<AtomicBool>>,
}

impl Report {
    /// JSON or sentences; quiet sentences are left out, but for invites and the summary.
    #[must_use]
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, listener: None, lasting: None }
    }

    /// The same of what must not end because nobody can be told any more: of a full disk that it is written to, say.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self { lasting: Some(Arc::default()), ..self }
    }

    /// Sentences to somebody else than standard output: a window, say.
    #[must_use]
    pub fn to(listener: Listener) -> Self {
        Self { json: false, quiet: false, listener: Some(listener), lasting: None }
    }

    /// Something that a reader waits for.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn say(&self, sentence: &str, event: &str, mut value: Value) -> Result<(), Failure> {
        if let Some(listener) = &self.listener {
            listener(sentence.to_owned());
            return Ok(());
        }
        if !self.json {
            return if self.quiet { Ok(()) } else { self.put(&format!("{sentence}\n")) };
        }
        if let Some(object) = value.as_object_mut() {
            object.insert("event".to_owned(), json!(event));
        }
        self.put(&format!("{value}\n"))
    }

    fn put(&self, text: &str) -> Result<(), Failure> {
        let written = output::print(text);
        let Some(is_said) = &self.lasting else { return written };
        if let Err(error) = written
            && !is_said.swap(true, Ordering::Relaxed)
        {
            tracing::error!("not all is told any more: {error}");
        }
        Ok(())
    }

    /// Only for programs.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn note(&self, event: &str, value: Value) -> Result<(), Failure> {
        if self.json { self.say("", event, value) } else { Ok(()) }
    }

    /// An invite.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn invite(&self, invite: &str) -> Result<(), Failure> {
        let loud = Self { quiet: false, ..self.clone() };
        loud.say(&format!("invite: {invite}"), "invite", json!({ "invite": invite }))
    }

    /// The answer to what somebody said, also where little else is told.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn answer(&self, line: &str, answer: &Result<String, String>) -> Result<(), Failure> {
        let loud = Self { quiet: false, ..self.clone() };
        let text = answer.as_ref().unwrap_or_else(|wrong| wrong);
        loud.say(text, "answer", json!({ "line": line, "ok": answer.is_ok(), "text": text }))
    }

    /// What the session says of itself.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn event(&self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Active { player, from } => {
                let value = json!({ "player": player.0, "turn": from.0 });
                self.say(&format!("you are {player}, from {from} on"), "active", value)
            }
            Event::Coming(coming) => self.coming(coming),
            Event::Changed { change, turn } => self.change(change, turn.0),
            Event::Removed { why } => {
                let (name, clause) = departure(*why);
                self.say(&format!("you are no member any more: {clause}"), "removed", json!({ "why": name }))
            }
            Event::Voted { by, about } => {
                let sentence = format!("{by} votes to remove {about} for good");
                self.say(&sentence, "vote", json!({ "by": by.0, "about": about.0 }))
            }
            // Said with the end that it means.
            Event::Refused(_) => Ok(()),
            Event::Waiting { players } => {
                let players: Vec<u32> = players.iter().map(|player| player.0).collect();
                self.say(&format!("waiting for {}", list(&players)), "waiting", json!({ "players": players }))
            }
            Event::Paused => {
                let sentence = "paused: too few members can be reached; it goes on by itself when they are back";
                self.say(sentence, "paused", json!({}))
            }
            Event::Resumed { after_ms } => {
                self.say(&format!("goes on after {after_ms} ms"), "went_on", json!({ "after_ms": after_ms }))
            }
            Event::Delay { turns, turn } => self.note("delay", json!({ "turns": turns, "turn": turn.0 })),
            Event::Exposed { proof } => self.say(
                "a member sent two different inputs for one turn; it is removed, and the proof is known to all",
                "exposed",
                json!({ "proof": format!("{proof:?}") }),
            ),
            Event::Desync { turn, ours_is_wrong, digests } => {
                let digests: Vec<_> = digests.iter().map(|(player, d)| (player.0, output::hex(*d))).collect();
                let who = if *ours_is_wrong { "this peer takes the others' state" } else { "this peer is right" };
                let value = json!({ "turn": turn.0, "ours_is_wrong": ours_is_wrong, "digests": digests });
                self.say(&format!("states differ after {turn}: {who}"), "desync", value)
            }
            Event::Stopped { turn } => self.note("stopped", json!({ "turn": turn.0 })),
            Event::Gone => self.note("gone", json!({})),
            // The recording has them.
            Event::Signed(_) => Ok(()),
        }
    }

    fn coming(&self, coming: &Coming) -> Result<(), Failure> {
        match *coming {
            Coming::Loading { turn, bytes } => {
                let sentence = format!("loading the world, {:.1} MB", bytes as f64 / 1e6);
                self.say(&sentence, "loading", json!({ "turn": turn.0, "bytes": bytes }))
            }
            Coming::Installed { turn } => self.note("installed", json!({ "turn": turn.0 })),
            Coming::Ready { turns } => self.note("ready", json!({ "turns": turns })),
        }
    }

    fn change(&self, change: &Change, turn: u64) -> Result<(), Failure> {
        match *change {
            Change::Join { player, role } => {
                let value = json!({ "player": player.0, "role": role, "turn": turn });
                self.say(&format!("{player} is in"), "joined", value)
            }
            Change::Leave { player, why } => {
                let (name, clause) = departure(why);
                let value = json!({ "player": player.0, "why": name, "turn": turn });
                self.say(&format!("{player} is out: {clause}"), "left", value)
            }
        }
    }

    /// The end.
    ///
    /// # Errors
    /// [`Failure::Unwritable`].
    pub fn summary(&self, summary: &Summary) -> Result<(), Failure> {
        if self.json {
            return self.note("end", serde_json::to_value(summary).unwrap_or_default());
        }
        if self.listener.is_some() {
            return summary.failures.iter().try_for_each(|failure| self.say(failure, "end", json!({})));
        }
        output::print(&summary.text())
    }
}

impl Summary {
    fn text(&self) -> String {
        let recordings: Vec<String> = self.recordings.iter().map(|path| path.display().to_string()).collect();
        let mut text = format!(
            "\n{} in {:.1} s: ticks {} to {}, digest {}\n\
             input delay  {:.0} ms, at most {:.0}\n\
             stalls       {} of {} turns ({:.2} %), the longest {:.0} ms\n\
             network      {:.0} bytes/s out in {:.0} datagrams/s, {:.0} bytes/s in\n\
             tick         median {:.3} ms, 99 % below {:.3} ms; {} of a processor\n",
            self.player.map_or("spectator".to_owned(), |player| format!("player {player}")),
            self.seconds,
            grouped(self.first_tick),
            grouped(self.last_tick),
            self.digest,
            self.input_delay_ms.p50,
            self.input_delay_ms.max,
            grouped(self.stalled_turns),
            grouped(self.turns),
            self.stalled_share * 100.0,
            self.stall_ms_max,
            self.bytes_out_per_s,
            self.datagrams_out_per_s,
            self.bytes_in_per_s,
            self.tick_ms.p50,
            self.tick_ms.p99,
            self.cpu_share.map_or("-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        );
        if !recordings.is_empty() {
            text.push_str(&format!("recording    {}\n", recordings.join(", ")));
        }
        if !self.left {
            text.push_str("it ended without the others' knowledge; they will miss it for a moment\n");
        }
        self.failures.iter().for_each(|failure| text.push_str(&format!("{failure}\n")));
        text
    }
}

/// A departure's name, and its clause for people.
fn departure(why: Departure) -> (&'static str, &'static str) {
    match why {
        Departure::Left => ("left", "left"),
        Departure::Silent => ("silent", "fell silent"),
        Departure::Kicked => ("kicked", "voted out"),
        Departure::Demoted => ("demoted", "cannot keep step, and watches until it can"),
        Departure::Exposed => ("exposed", "sent two different inputs for one turn"),
        Departure::Replaced => ("replaced", "came back in a new process"),
        Departure::Forked => ("forked", "is not of this session"),
    }
}

fn list(players: &[u32]) -> String {
    let all: Vec<String> = players.iter().map(|player| format!("player {player}")).collect();
    if all.is_empty() { "the network".to_owned() } else { all.join(", ") }
}

/// Processor time of this process so far, seconds; where the system tells.
#[must_use]
pub fn cpu_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, which may hold anything; utime and stime are the 14th and 15th.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    // Linux counts in hundredths of a second towards programs, on every architecture that Rust runs on.
    Some(ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_nearest_rank() {
        let spread = Spread::of((1..=100).map(f64::from).collect());
        assert_eq!((spread.p50, spread.p99, spread.max), (50.0, 99.0, 100.0));
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn only_the_last_samples_count() {
        let mut samples = Samples::default();
        samples.push(1e9);
        (0..SAMPLES_MAX).for_each(|_| samples.push(1.0));
        assert_eq!(samples.spread().max, 1.0);
    }

    #[test]
    fn a_listener_hears_what_went_wrong_at_the_end() {
        let (listener, heard) = std::sync::mpsc::channel();
        let summary = Summary { failures: vec!["the disk is full".to_owned()], ..Summary::default() };
        let listen = move |sentence| listener.send(sentence).expect("it is heard");
        Report::to(Arc::new(listen)).summary(&summary).unwrap();
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["the disk is full"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn processor_time_is_known() {
        assert!(cpu_s().is_some_and(|s| (0.0..1e6).contains(&s)));
    }
}
