//! The command line of what is kept of people. Must never do any of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `spacetime person`.
#[derive(Debug, Args)]
#[command(
    after_help = "The service must run, as it has people's keys. docs/PRIVACY.md tells what is kept of people, and what \
                        is left of somebody who was erased."
)]
pub struct PersonArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PersonCommand,
    /// The service's configuration, which says where its socket is; the usual one unless given.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done about people.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// List everybody: their numbers, here and in worlds, and when they were here. Nothing that says who they are.
    List,
    /// Hand out everything about somebody: as JSON on standard output, or into files for their owner only.
    Export {
        /// Whose.
        #[command(flatten)]
        who: Who,
        /// Write CSV tables into this folder, which must not be there yet.
        #[arg(long, value_name = "FOLDER", conflicts_with = "json_file")]
        csv: Option<PathBuf>,
        /// Write JSON into this file, which must not be there yet.
        #[arg(long, value_name = "FILE")]
        json_file: Option<PathBuf>,
    },
    /// Take somebody in from an export of another deployment, under a new number and as a player.
    Import {
        /// The export, as `export --json-file` wrote it there.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Destroy the key of somebody, and remove what is kept of them. There is no way back.
    Erase {
        /// Whom.
        #[command(flatten)]
        who: Who,
        /// Say that you mean it.
        #[arg(long, required = true)]
        yes_erase: bool,
    },
    /// After a breach: list everybody whose data was touched within a time, and by when an authority has to hear of it.
    Touched(TouchedArgs),
}

/// What was a breach.
#[derive(Debug, Args)]
pub struct TouchedArgs {
    /// From when, such as 2026-07-01T14:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = super::parsers::moment)]
    pub from: u64,
    /// Until when.
    #[arg(long, value_name = "TIME", value_parser = super::parsers::moment)]
    pub to: u64,
    /// Only what was done by the account of this person.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u64).range(1..=persistence::PersonId::MAX.0))]
    pub by: Option<u64>,
    /// Only what was done from this address.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<std::net::IpAddr>,
    /// When the breach was discovered; now unless given.
    #[arg(long, value_name = "TIME", value_parser = super::parsers::moment)]
    pub discovered: Option<u64>,
}

/// Somebody.
#[derive(Debug, Args)]
pub struct Who {
    /// Number of the person, as `list` prints it.
    #[arg(value_name = "ID", required_unless_present = "player", conflicts_with = "player")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=persistence::PersonId::MAX.0))]
    pub id: Option<u64>,
    /// Whoever has this number in a world.
    #[arg(long, value_name = "N")]
    pub player: Option<u32>,
    /// With --player: in which world; the configured one unless given.
    #[arg(long, value_name = "NAME", requires = "player")]
    pub world: Option<String>,
}
