//! `spacetime play`: the desktop client. Everything here but `window` and `gamepad` is free of windows and devices, so that
//! tests can fly it by data. Must never change the world but through the log.

pub mod actions;
pub mod cameras;
pub mod engine;
pub mod flight;
pub mod folders;
pub mod input;
pub mod keys;
pub mod pilot;
pub mod replay_player;
pub mod replay_world;
pub mod screens;
pub mod settings;
pub mod targets;
pub mod tutorial;
pub mod world;
