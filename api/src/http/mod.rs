//! Connections: accept loop, TLS, limits, dispatch by the table of routes. Must never look into what a request is about.

mod connection;
mod core;
pub mod cors;
mod dispatch;
mod door;
pub(crate) mod headers;
pub mod json;
pub mod listen;
pub(crate) mod metrics;
pub mod openapi;
pub mod params;
pub mod problem;
pub mod range;
pub mod reply;
pub mod request;
pub mod route;
pub mod schema;
mod socket;
pub mod table;
pub mod telemetry;
pub mod tls;
mod wire;
pub mod ws;

pub use self::core::{Api, Build, Ports, Rules, SocketRules};
pub use cors::Origins;
pub use door::Breaker;
pub use listen::{Bound, Listen, ListenError, Server};
pub use metrics::Metrics;
pub use problem::{Code, Problem};
pub use reply::Reply;
pub use request::{Page, Request};
pub use route::{Access, Answer, Answering, Body, Doc, Handler, Limits, Route};
pub use schema::Schema;
pub use table::{Table, TableError};
pub use tls::{Tls, TlsError, TlsFiles};
pub use ws::{Outbox, Socket};
