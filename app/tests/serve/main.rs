//! The service as operators run it: real processes with folders of their own, killed, resumed, asked and joined. One
//! program for all of them.

mod configuration;
mod continuity;
mod db;
mod fleet;
mod kill;
mod pages;
mod peers;
mod postgres;
mod process;
mod running;
