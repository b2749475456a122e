//! The command line: what can be asked for, with help for a newcomer. Must never do any of it.

mod account;
mod parsers;
mod person;
mod service;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::view::camera::{self, CameraSpec};
pub use account::{AccountArgs, AccountCommand, AccountRole};
use parsers::{drawn_scale, julian_date, picture_size, size, speed, threads};
pub use person::{PersonArgs, PersonCommand, TouchedArgs, Who};
pub use service::{ConfigArgs, ConfigCommand, DbArgs, DbCommand, SaveArgs, ServeArgs, StatusArgs};

/// A deterministic simulation of the real Solar System: run it, record it, replay it bit for bit.
///
/// New here? `spacetime play` opens a window and begins with a guided flight. `spacetime demo` flies four ships near Earth and Jupiter, one in each of four processes that keep in
/// lockstep over UDP; it records and verifies the flight and draws a picture of it.
///
/// Exit codes: 0 fine or identical, 1 diverged or different, 2 unreadable or misused.
#[derive(Debug, Parser)]
#[command(name = "spacetime", version = crate::BUILD_ID, max_term_width = 100)]
pub struct Cli {
    /// Show no progress, and only errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Note more on standard error: -v, -vv, -vvv. SPACETIME_LOG sets a tracing filter instead.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the main job: four processes fly four ships in lockstep, record, verify, and draw the flight.
    Demo(DemoArgs),
    /// Fly in a window, alone or with others; or see a recorded flight again.
    Play(PlayArgs),
    /// Run a scenario as fast as it goes, and measure it.
    Run(RunArgs),
    /// List, show or check scenarios.
    Scenario(ScenarioArgs),
    /// Where the bodies of a scenario are at given times.
    Bodies(BodiesArgs),
    /// Look into recordings: verify, compare, fork, export and draw them.
    Replay(ReplayArgs),
    /// Take a picture of a scenario or a recording.
    Shot(ShotArgs),
    /// Show who you are to others: your public key, made if there is none yet.
    Key(KeyArgs),
    /// Open a session that others can join, and play in it.
    Host(HostArgs),
    /// Join a session as a player.
    Join(JoinArgs),
    /// Watch a session.
    Spectate(JoinArgs),
    /// Run a world as a service: kept in a store, going on after every end, open to peers.
    Serve(ServeArgs),
    /// How the running service is.
    Status(StatusArgs),
    /// Have the running service save its world now.
    Save(SaveArgs),
    /// Have the running service make an invite.
    Invite(StatusArgs),
    /// Check and show the service's configuration.
    Config(ConfigArgs),
    /// Look into the service's store, and move worlds in and out of it.
    Db(DbArgs),
    /// What the running service keeps of people: list them, hand out everything about one, erase one.
    Person(PersonArgs),
    /// Make and change accounts of the service's API.
    Account(AccountArgs),
    /// Try the lockstep protocol in virtual time, on a network where things go wrong.
    Netsim(NetsimArgs),
}

/// `spacetime demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Seconds of flight, counted from when all four are in.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Where the recordings and the pictures go; made if it does not exist.
    #[arg(long, value_name = "DIR", default_value = "demo-out")]
    pub out: PathBuf,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime play`.
#[derive(Debug, Args)]
#[command(
    after_help = "W A S D turn the ship, Shift and Control move the throttle, Escape is the menu, F12 a screenshot. \
                        docs/PLAYING.md lists all keys; Settings, Controls in the menu binds them anew."
)]
pub struct PlayArgs {
    /// Fly in this scenario at once: name of a shipped one, or path of a file.
    #[arg(long, value_name = "SCENARIO", conflicts_with_all = ["join", "replay"])]
    pub scenario: Option<String>,
    /// Join a session at once, with an invite that its host printed: spacetime://host:port/...#...
    #[arg(long, value_name = "INVITE", conflicts_with = "replay")]
    pub join: Option<String>,
    /// Play this recording at once.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// The identity file for sessions; `spacetime/identity` in your data folder unless given.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Pixels across and down at the start.
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = picture_size)]
    pub size: [u32; 2],
    /// Pixels that are drawn along each edge of one of the window's; as the settings have it unless given.
    #[arg(long, value_name = "X", value_parser = drawn_scale)]
    pub scale: Option<f64>,
    /// Draw as fast as it goes for so many seconds after the first second, then close and tell how long frames took.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub measure: Option<u32>,
    /// Write a line of JSON to this file for each second and each change: what is seen, tick, frames, memory.
    #[arg(long, value_name = "FILE")]
    pub log_frames: Option<PathBuf>,
    /// Print the measurement as JSON.
    #[arg(long, requires = "measure")]
    pub json: bool,
}

/// `spacetime shot`.
#[derive(Debug, Args)]
#[command(after_help = format!("A camera is\n{}", camera::HELP))]
pub struct ShotArgs {
    /// A recording, or a scenario: name of a shipped one, or path of a file.
    pub world: String,
    /// At which tick; a scenario's first, a recording's last unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=1 << 40))]
    pub tick: Option<u64>,
    /// Where it is taken from; see below.
    #[arg(long, value_name = "SPEC", default_value = "chase", value_parser = CameraSpec::parse)]
    pub camera: CameraSpec,
    /// Pixels across and down.
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = picture_size)]
    pub size: [u32; 2],
    /// For two eyes, side by side, each of that size.
    #[arg(long)]
    pub stereo: bool,
    /// Show the ship's instruments: speed, altitude, fuel, attitude, warnings. For cockpit and chase cameras.
    #[arg(long)]
    pub hud: bool,
    /// What the instruments aim at: the name of a body or a station, or the number of a ship or a rock.
    #[arg(long, value_name = "NAME|ID", requires = "hud")]
    pub target: Option<String>,
    /// Draw the lattice of spacetime, which sinks toward masses.
    #[arg(long)]
    pub lattice: bool,
    /// The PNG file.
    #[arg(long, value_name = "PNG")]
    pub out: PathBuf,
    /// Print what was drawn as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime key`.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// The identity file; `spacetime/identity` in your data folder unless given.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What all peers of a session can be told.
#[derive(Debug, Args)]
pub struct PeerArgs {
    /// The identity file; `spacetime/identity` in your data folder unless given. Made if it does not exist.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Where to listen; port 0 takes any. A host listens at 0.0.0.0:4850, others at any port, unless given.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<std::net::SocketAddr>,
    /// How others reach this peer, where that is not where it listens: behind a router, say.
    #[arg(long, value_name = "HOST:PORT")]
    pub advertise: Option<String>,
    /// How many invites to print: a host prints one unless told otherwise, other members none.
    #[arg(long, value_name = "N")]
    pub invites: Option<u32>,
    /// Each invite is good for the first who joins with it only.
    #[arg(long)]
    pub one_time: bool,
    /// The invites are good for so many seconds; for as long as the session unless given.
    #[arg(long, value_name = "S")]
    pub expires: Option<u32>,
    /// Record the session to this file, and who was who to FILE.players.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Where to write reports about states that differ, should that happen.
    #[arg(long, value_name = "DIR")]
    pub bundles: Option<PathBuf>,
    /// What flies your ship.
    #[arg(long, value_name = "SCRIPT", value_enum)]
    pub pilot: Option<crate::pilot::Script>,
    /// Open no window. This command never does (`spacetime play --join` has one), so this changes nothing; scripts that
    /// mean it can say so.
    #[arg(long)]
    pub headless: bool,
    /// Leave so many seconds after coming in; at Ctrl-C unless given.
    #[arg(long, value_name = "S")]
    pub seconds: Option<u32>,
    /// Threads of the simulation. The result is the same for any number.
    #[arg(long, value_name = "T", value_parser = threads, default_value = "1")]
    pub threads: NonZeroUsize,
    /// Leave when standard input ends: for programs that start peers.
    #[arg(long)]
    pub leave_at_eof: bool,
    /// Take commands from standard input, a line each (status, kick PLAYER, fork, invite, leave, help), also where it is
    /// no terminal; at a terminal it is so anyway.
    #[arg(long)]
    pub control: bool,
    /// Print what happens as JSON, one object per line.
    #[arg(long)]
    pub json: bool,
}

impl Default for PeerArgs {
    fn default() -> Self {
        Self {
            identity: None,
            listen: None,
            advertise: None,
            invites: None,
            one_time: false,
            expires: None,
            record: None,
            bundles: None,
            pilot: None,
            headless: false,
            seconds: None,
            threads: NonZeroUsize::MIN,
            leave_at_eof: false,
            control: false,
            json: false,
        }
    }
}

/// `spacetime host`.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// Name of a shipped scenario, or path of a scenario file; the demo's unless given.
    #[arg(conflicts_with = "resume")]
    pub scenario: Option<String>,
    /// Go on from the end of this recording. Players get their numbers and ships back if FILE.players is beside it.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Ticks that share one exchange of inputs: few are quick, many are cheap.
    #[arg(long, value_name = "TICKS", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::session::input::TURN_TICKS_MAX)))]
    pub turn: u32,
    /// A public key that needs no invite; may be given more than once.
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    pub allow: Vec<PublicKey>,
    /// The rest.
    #[command(flatten)]
    pub peer: PeerArgs,
}

/// `spacetime join` and `spacetime spectate`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The invite, as its issuer printed it: spacetime://host:port/...#...
    pub invite: String,
    /// The rest.
    #[command(flatten)]
    pub peer: PeerArgs,
}

/// A public key on the command line.
#[derive(Clone, Debug)]
pub struct PublicKey(pub netcode::protocol::PeerKey);

fn public_key(text: &str) -> Result<PublicKey, String> {
    crate::session_cmd::public_key(text).map(PublicKey)
}

/// `spacetime run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Name of a shipped scenario (`spacetime scenario list`), or path of a scenario file.
    pub scenario: String,
    /// How many ticks to run; 90 ticks are one second unless the scenario says otherwise. The players that the
    /// scenario names join as pilots at the first tick; nothing else is commanded.
    #[arg(long, value_name = "N")]
    pub ticks: u64,
    /// Threads to use; all processors unless given. The result is the same for any number.
    #[arg(long, value_name = "T", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,
    /// Record the run to this file.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Ticks between keyframes in the recording: few make seeking fast and faults easy to place, many make it small.
    #[arg(long, value_name = "TICKS", requires = "record", value_parser = clap::value_parser!(u32).range(1..))]
    pub keyframe_every: Option<u32>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime scenario`.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ScenarioCommand,
}

/// What can be done with scenarios.
#[derive(Debug, Subcommand)]
pub enum ScenarioCommand {
    /// List the shipped scenarios, one name per line with what it is; the default comes first.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the text of a scenario: a start for one of your own.
    Show {
        /// Name of a shipped scenario, or path of a scenario file; the default scenario if not given.
        scenario: Option<String>,
        /// Print JSON: the text, and what it holds.
        #[arg(long)]
        json: bool,
    },
    /// Check a scenario file; says the line of what is wrong.
    Check {
        /// Path of a scenario file, or name of a shipped scenario.
        file: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `spacetime bodies`.
#[derive(Debug, Args)]
pub struct BodiesArgs {
    /// Name of a shipped scenario, or path of a scenario file.
    pub scenario: String,
    /// Julian dates (TDB), separated by commas; up to 1,000,000 days before or after the scenario's epoch.
    #[arg(long, value_name = "JD[,JD..]", required = true, value_delimiter = ',', allow_hyphen_values = true,
          value_parser = julian_date)]
    pub at: Vec<f64>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ReplayCommand,
}

/// What can be done with recordings.
#[derive(Debug, Subcommand)]
pub enum ReplayCommand {
    /// What a recording is of, how long it is, and whether it is whole.
    Info {
        /// The recording.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Simulate a recording again and compare every digest.
    Verify {
        /// The recording.
        file: PathBuf,
        /// Threads to use; all processors unless given.
        #[arg(long, value_name = "T", value_parser = threads)]
        threads: Option<NonZeroUsize>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// The state of one entity, or of all, at a tick.
    At {
        /// The recording.
        file: PathBuf,
        /// Which tick; the first keyframe is at the recording's first tick.
        #[arg(long, value_name = "N")]
        tick: u64,
        /// Only this entity.
        #[arg(long, value_name = "ID")]
        entity: Option<u64>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Where two recordings part: the first tick, and there the system, component, entity and field.
    Diff {
        /// One recording.
        a: PathBuf,
        /// The other.
        b: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Go on from a tick of a recording with a new log, as a recording of its own.
    Fork(ForkArgs),
    /// Write the entities' states over time as a table.
    Export(ExportArgs),
    /// Film it: as a video for a player, as single pictures, or as one sheet of moments.
    Render(RenderArgs),
    /// Draw the flight and whether the digests agree, as a PNG.
    Plot {
        /// The recording.
        file: PathBuf,
        /// The picture to write.
        #[arg(long, value_name = "PNG")]
        out: PathBuf,
        /// Width and height in pixels, 480x320 to 8192x8192.
        #[arg(long, value_name = "WxH", default_value = "1600x1000", value_parser = size)]
        size: (u32, u32),
        /// Print what was drawn as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `spacetime replay render`.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  spacetime replay render a.strec --contact-sheet a.png
  spacetime replay render a.strec --camera cockpit:3 --hud --out - | mpv -
  spacetime replay render a.strec --from 900 --to 1800 --out - | ffmpeg -i - -pix_fmt yuv420p a.mp4
  spacetime replay render a.strec --fps 10 --size 640x360 --out frames

Video is Y4M: uncompressed, 4:4:4, BT.709 in limited range. All of it needs a Vulkan driver;
without a graphics card it takes a second for a frame of 1280x720, and --samples 1 a third of that.

A camera is
{}", camera::HELP))]
#[command(group = clap::ArgGroup::new("output").required(true).args(["out", "contact_sheet"]))]
pub struct RenderArgs {
    /// The recording.
    pub file: PathBuf,
    /// A folder for pictures frame-000001.png and so on, or - for video on standard output.
    #[arg(long, value_name = "DIR|-")]
    pub out: Option<PathBuf>,
    /// One picture of several moments, seen by several cameras.
    #[arg(long, value_name = "PNG", conflicts_with_all = ["fps", "speed", "stereo"])]
    pub contact_sheet: Option<PathBuf>,
    /// First tick; the recording's first unless given.
    #[arg(long, value_name = "N")]
    pub from: Option<u64>,
    /// Last tick; the recording's last unless given.
    #[arg(long, value_name = "N")]
    pub to: Option<u64>,
    /// Frames per second; what is between two ticks is interpolated.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub fps: u32,
    /// How fast: 10 shows ten seconds in one, 0.1 one second in ten.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// How many moments are on a contact sheet: five unless given.
    #[arg(long, value_name = "N", conflicts_with = "out", value_parser = clap::value_parser!(u32).range(1..=48))]
    pub moments: Option<u32>,
    /// Where it is taken from; see below. A contact sheet has a row for each: name several.
    #[arg(long, value_name = "SPEC", value_parser = CameraSpec::parse)]
    pub camera: Vec<CameraSpec>,
    /// Pixels across and down: 1280x720 unless given, 320x180 for each picture of a contact sheet.
    #[arg(long, value_name = "WxH", value_parser = picture_size)]
    pub size: Option<[u32; 2]>,
    /// For two eyes, side by side, each of that size.
    #[arg(long)]
    pub stereo: bool,
    /// Pixels that are drawn along each edge of one of the picture: 1 is quick, 2 and more are smooth.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub samples: u8,
    /// Show the ship's instruments: speed, altitude, fuel, attitude, warnings. For cockpit and chase cameras.
    #[arg(long)]
    pub hud: bool,
    /// What the instruments aim at: the name of a body or a station, or the number of a ship or a rock.
    #[arg(long, value_name = "NAME|ID", requires = "hud")]
    pub target: Option<String>,
    /// Print what was drawn as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime replay fork`.
#[derive(Debug, Args)]
pub struct ForkArgs {
    /// The recording to leave.
    pub file: PathBuf,
    /// The tick to go on from.
    #[arg(long, value_name = "N")]
    pub tick: u64,
    /// The recording to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How many ticks to go on; as many as are left in the original unless given.
    #[arg(long, value_name = "M")]
    pub ticks: Option<u64>,
    /// Which inputs to go on with. Behind the original's end there are none.
    #[arg(long, value_enum, default_value_t = ForkInputs::Recorded)]
    pub inputs: ForkInputs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The inputs of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ForkInputs {
    /// Those of the original.
    Recorded,
    /// None: what would have happened had everyone let go.
    None,
}

/// `spacetime replay export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The recording.
    pub file: PathBuf,
    /// Form of the table.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The table to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Every so many ticks.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub every: u64,
    /// Only this entity.
    #[arg(long, value_name = "ID")]
    pub entity: Option<u64>,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Forms of an exported table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values with a head line.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// `spacetime netsim`.
#[derive(Debug, Args)]
pub struct NetsimArgs {
    /// Founding members, 2 to 64.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub peers: usize,
    /// Delay of every link, one way.
    #[arg(long, value_name = "MS", default_value_t = 40)]
    pub delay_ms: u32,
    /// The delay varies by as much up and down.
    #[arg(long, value_name = "MS", default_value_t = 10)]
    pub jitter_ms: u32,
    /// Share of datagrams lost, 0 to 1.
    #[arg(long, value_name = "P", default_value_t = 0.01)]
    pub loss: f64,
    /// Share of datagrams that arrive twice.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub duplicate: f64,
    /// Share of datagrams held back by up to 50 ms more.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub reorder: f64,
    /// Share of datagrams that arrive changed; their seal does not open, so they count as lost.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub corrupt: f64,
    /// Upstream of every link, bits per second; 0 is no limit.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub bandwidth_bit_s: u64,
    /// Ticks per second.
    #[arg(long, value_name = "N", default_value_t = 90)]
    pub tick_rate_hz: u32,
    /// Ticks that share one exchange of inputs.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub ticks_per_turn: u32,
    /// A fixed input delay; the peers agree on one unless given.
    #[arg(long, value_name = "MS")]
    pub input_delay_ms: Option<u32>,
    /// Size of the world's state, which newcomers have to be sent.
    #[arg(long, value_name = "BYTES", default_value_t = 2000)]
    pub world_bytes: u32,
    /// Seconds of virtual time in which things go wrong.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub seconds: u32,
    /// Seconds of virtual time after that, in which the session has to recover.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub heal_seconds: u32,
    /// What goes wrong besides the network's usual loss and jitter: all, none, or some of crash, partition, burst, slow,
    /// freeze, skew, bandwidth, detour, join, spectate, leave, kick, garbage.
    #[arg(long, value_name = "KINDS", default_value = "none", value_parser = faults)]
    pub faults: FaultList,
    /// How many things go wrong per second.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub intensity: f64,
    /// The first seed; a seed is one run, byte for byte.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many seeds, one run each.
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub seeds: u64,
    /// Each seed chooses peers, network and faults itself, as the project's tests do; only the seeds and the number of
    /// threads are taken from here.
    #[arg(long)]
    pub vary: bool,
    /// Run with 2, 4, 8, 16, 32 and 64 peers, and show what one of them costs.
    #[arg(long, conflicts_with = "vary")]
    pub curve: bool,
    /// Show what happened in the last run, line by line.
    #[arg(long, conflicts_with_all = ["vary", "curve"])]
    pub trace: bool,
    /// Threads to use; all processors unless given. The result is the same for any number.
    #[arg(long, value_name = "T", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Kinds of trouble for `spacetime netsim`.
#[derive(Clone, Debug)]
pub struct FaultList(pub Vec<netcode::netsim::Fault>);

fn faults(text: &str) -> Result<FaultList, String> {
    netcode::netsim::Fault::list(text).map(FaultList)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
