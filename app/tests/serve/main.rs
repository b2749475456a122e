//! The service as operators run it: real processes with folders of their own, killed, resumed, asked and joined. One
//! program for all of them.

mod api;
mod attacks;
mod breaker;
mod client;
mod configuration;
mod continuity;
mod db;
mod ending;
mod first_tick;
mod fleet;
mod health;
mod kill;
mod own_data;
mod pages;
mod peers;
mod people;
mod postgres;
mod process;
mod recordings;
mod running;
mod synchronous;
