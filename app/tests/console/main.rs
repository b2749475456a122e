//! The console and the API's pages in a real browser, with a real service behind them: what somebody does there from
//! signing in to signing out, what hostile pages and hostile names cannot do, how it looks, and whether everybody can use
//! it. One program for all of them.

mod attacks;
mod axe;
mod browser;
#[path = "../serve/client.rs"]
#[expect(dead_code, reason = "shared with the tests of the service, which use all of it")]
mod client;
mod documents;
mod everyday;
mod flow;
mod foreign;
mod names;
mod pictures;
#[path = "../serve/process.rs"]
#[expect(dead_code, reason = "shared with the tests of the service, which use all of it")]
mod process;
mod stage;
mod views;
