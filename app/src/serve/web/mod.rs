//! The API's ports, as the service implements them. Must never decide who may do what: that is the API's.

pub mod accounts;
pub mod audit;
pub mod feed;
pub mod orders;
pub mod view;
pub mod world;
