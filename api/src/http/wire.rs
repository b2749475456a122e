//! From warp's filters to the dispatcher, and bodies of a known length. Must never add a check of its own: those are in
//! `dispatch`, in one order.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::Api;
use super::connection::Connection;
use super::dispatch::{self, Arrived};
use super::reply::Outgoing;

/// Requests that ask for nothing but a reply.
#[must_use]
pub fn plain(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    warp::ext::get::<Arc<Arrived>>()
        .and(warp::body::stream())
        // In a box: warp's filters would move the whole of it about.
        .then(move |arrived, body| Box::pin(dispatch::answer(Arc::clone(&api), arrived, body, None)))
        .boxed()
}

/// Requests that ask for a WebSocket, well or badly.
#[must_use]
pub fn upgrading(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    let upgrade = warp::ws().map(Some).or(warp::any().map(|| None)).unify();
    warp::ext::get::<Arc<Arrived>>()
        .and(warp::body::stream())
        .and(upgrade)
        .then(move |arrived, body, upgrade| Box::pin(dispatch::answer(Arc::clone(&api), arrived, body, upgrade)))
        .boxed()
}

/// The same pieces, with an error where they are more or fewer bytes than were promised. Their
/// connection is not idle while they are taken; one that takes none for its idle time is.
pub fn exactly(
    pieces: Outgoing,
    length: u64,
    connection: Arc<Connection>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
    let mut left = Some(length);
    pieces.map(move |piece| {
        connection.touch();
        let piece = piece?;
        left = left.and_then(|left| left.checked_sub(piece.len() as u64));
        if left.is_some() { Ok(piece) } else { Err(io::ErrorKind::InvalidData.into()) }
    })
}
