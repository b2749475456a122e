//! The command line of the service: serving, its configuration, its status, its store. Must never do any of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `spacetime serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without any configuration it keeps one world in a file of your data folder, runs it at 90 ticks \
                        a second and listens on this machine only. `spacetime config keys` lists what can be set."
)]
pub struct ServeArgs {
    /// The configuration; `spacetime/service.toml` in your configuration folder, if it is there, unless given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Go on from this earlier tick instead of the last durable one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=1 << 60))]
    pub at_tick: Option<u64>,
    /// With --at-tick: remove from the store what comes behind that tick.
    #[arg(long, requires = "at_tick")]
    pub discard_after: bool,
    /// Print what happens as JSON, one object per line.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with the service's configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a configuration, and the environment; says file, line and key of what is wrong.
    Check {
        /// The file; the usual one unless given.
        file: Option<PathBuf>,
    },
    /// Show what holds and where each value comes from; secrets only as set or not.
    Show {
        /// The file; the usual one unless given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// What the running service goes by, not what the file says now.
        #[arg(long)]
        running: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List all keys with their ranges and defaults, as a table of Markdown.
    Keys,
}

/// `spacetime status` and `spacetime invite`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The service's configuration, which says where its socket is; the usual one unless given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime save`.
#[derive(Debug, Args)]
pub struct SaveArgs {
    /// What the save is called: one with a label is never removed by age.
    pub label: Option<String>,
    /// The service's configuration, which says where its socket is; the usual one unless given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `spacetime db`.
#[derive(Debug, Args)]
pub struct DbArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DbCommand,
    /// The service's configuration, which says where its store is; the usual one unless given.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done with a store. A running service is asked through its socket.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// What is in the store: worlds, their saves and logs, and how many records of each kind.
    Status,
    /// Write a world's log as a recording.
    Export {
        /// The recording to write.
        file: PathBuf,
        /// Which world; the configured one unless given.
        #[arg(long, value_name = "NAME")]
        world: Option<String>,
        /// From this tick on; from the first save on unless given.
        #[arg(long, value_name = "N")]
        from_tick: Option<u64>,
    },
    /// Make a world of a recording, and read it back. May be run again after a failure.
    Import {
        /// The recording.
        file: PathBuf,
        /// What the world is called; the configured name unless given. There must be none of that name, but a part of
        /// this recording.
        #[arg(long, value_name = "NAME")]
        world: Option<String>,
    },
    /// Copy everything from one store to another, and compare both. May be run again after a failure.
    Migrate {
        /// From where: a configuration file, or the path of an embedded store.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// To where: a configuration file, or the path of an embedded store.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Make or upgrade the tables of a PostgreSQL store; the URL of the configuration has to name the role that owns them.
    Prepare {
        /// Only print the SQL that makes the roles, for the server's superuser.
        #[arg(long)]
        roles: bool,
        /// Those of the store of people's keys (`keys.postgres.url`) instead.
        #[arg(long, conflicts_with = "roles")]
        keys: bool,
    },
    /// Read all of it, check every hash, and simulate the last stretch of each world again.
    Verify,
}
