//! `spacetime play`: the desktop client. Everything here but `window` and `gamepad` is free of windows and devices, so that
//! tests can fly it by data. Must never change the world but through the log.

pub mod actions;
pub mod ahead;
pub mod cameras;
pub mod chores;
pub mod client;
#[cfg(feature = "desktop")]
pub mod clipboard;
pub mod engine;
pub mod flight;
pub mod folders;
#[cfg(feature = "desktop")]
pub mod gamepad;
pub mod input;
pub mod join_world;
pub mod keys;
pub mod measure;
pub mod outlet;
pub mod pilot;
pub mod replay_player;
pub mod replay_world;
pub mod screens;
pub mod settings;
pub mod sight;
pub mod targets;
pub mod tutorial;
#[cfg(feature = "desktop")]
pub mod window;
pub mod world;

use crate::cli::PlayArgs;
use crate::exit::{Failure, Outcome};

/// Runs `spacetime play`.
///
/// # Errors
/// [`Failure`] for what cannot be had: a scenario, a recording, a session, a display, a graphics device.
#[cfg(feature = "desktop")]
pub fn command(args: &PlayArgs) -> Result<Outcome, Failure> {
    use client::{Client, Start};
    let start = match (&args.scenario, &args.join, &args.replay) {
        (Some(name), _, _) => Start::Fly(name.clone()),
        (_, Some(invite), _) => Start::Join(invite.clone()),
        (_, _, Some(path)) => Start::Replay(path.clone()),
        _ => Start::Menu,
    };
    let client = Client::new(folders::Folders::find()?, args.identity.clone(), &start, std::time::Instant::now())?;
    window::run(client, args)
}

/// Runs `spacetime play` in a build that cannot.
///
/// # Errors
/// [`Failure::Machine`], always.
#[cfg(not(feature = "desktop"))]
pub fn command(_args: &PlayArgs) -> Result<Outcome, Failure> {
    let sentence = "this build has no window: it was built without the feature `desktop`";
    Err(Failure::Machine(sentence.to_owned()))
}
