//! The binary `spacetime`: its command line, files, progress and output around the simulation in `sim`.
//! Must never decide anything about the world itself; that is the simulation's.

pub mod account_cmd;
pub mod bodies_cmd;
pub mod cli;
pub mod config_cmd;
pub mod db_cmd;
pub mod demo;
pub mod entity;
pub mod exit;
pub mod netsim_cmd;
pub mod output;
pub mod person_cmd;
pub mod pilot;
pub mod play;
pub mod progress;
pub mod record;
pub mod replay;
pub mod run;
pub mod scenario_cmd;
pub mod serve;
pub mod session;
pub mod session_cmd;
pub mod touched_cmd;
pub mod view;

use std::process::ExitCode;

use clap::Parser;

use exit::{Failure, Outcome};

/// What `--version` and recordings say: the version, and the commit where it is known.
pub const BUILD_ID: &str = env!("SPACETIME_BUILD");

/// Reads the command line, does what it says, and gives the exit code: 0 fine or identical, 1 diverged or
/// different, 2 unreadable or misused.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help for a closed pipe is nobody's loss.
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::from(exit::UNREADABLE) } else { ExitCode::SUCCESS };
        }
    };
    start_tracing(&cli);
    match dispatch(cli) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Different(sentence)) => {
            output::complain(&sentence);
            ExitCode::from(exit::DIFFERENT)
        }
        Err(failure) => {
            output::complain(&failure.to_string());
            ExitCode::from(exit::UNREADABLE)
        }
    }
}

fn dispatch(cli: cli::Cli) -> Result<Outcome, Failure> {
    use cli::Command;
    let progress = progress::Progress::new(cli.quiet);
    match cli.command {
        Command::Demo(args) => demo::command(&args, progress),
        Command::Play(args) => play::command(&args),
        Command::Run(args) => run::command(&args, progress),
        Command::Scenario(args) => scenario_cmd::command(&args),
        Command::Bodies(args) => bodies_cmd::command(&args),
        Command::Replay(args) => replay::command(&args, progress),
        Command::Key(args) => session_cmd::key::command(&args),
        Command::Host(args) => session_cmd::host(&args, progress),
        Command::Join(args) => session_cmd::join(&args, false, progress),
        Command::Spectate(args) => session_cmd::join(&args, true, progress),
        Command::Serve(args) => serve::run::command(&args, progress),
        Command::Status(args) => serve::ask::status(&args),
        Command::Save(args) => serve::ask::save(&args),
        Command::Invite(args) => serve::ask::invite(&args),
        Command::Config(args) => config_cmd::command(&args),
        Command::Db(args) => db_cmd::command(&args),
        Command::Person(args) => person_cmd::command(&args),
        Command::Account(args) => account_cmd::command(&args),
        Command::Netsim(args) => netsim_cmd::command(&args, progress),
        Command::Shot(args) => view::shot::command(&args),
    }
}

/// Sends what the program notes about itself to stderr: warnings as usual, more with `-v`, less with `--quiet`.
fn start_tracing(cli: &cli::Cli) {
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("SPACETIME_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    // A second call, as tests make, keeps the first one's settings.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
