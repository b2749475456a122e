//! Connections: accept loop, TLS, limits, dispatch by the table of routes. Must never look into what a request is about.

mod core;
pub mod json;
pub mod params;
pub mod problem;
pub mod reply;
pub mod request;
pub mod route;
pub mod schema;
pub mod table;
pub mod ws;

pub use self::core::{Api, Build, Ports};
pub use problem::{Code, Problem};
pub use reply::Reply;
pub use request::{Page, Request};
pub use route::{Access, Answer, Answering, Body, Doc, Handler, Limits, Route};
pub use schema::Schema;
pub use table::{Table, TableError};
