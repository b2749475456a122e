//! What the API reads before it knows who asks: a path, a query, a body, a socket's message.

#![no_main]

use std::sync::LazyLock;

use api::http::route::{Body, Method};
use api::http::table::Found;
use api::http::{Table, json, params};
use libfuzzer_sys::fuzz_target;

static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| api::routes::table().ok());

fuzz_target!(|data: &[u8]| {
    let Some(table) = &*TABLE else { return };
    if let Ok(text) = std::str::from_utf8(data) {
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        if let Found::Route(place, segments) = table.find(Some(Method::Get), path) {
            let route = table.routes()[place];
            drop(params::read_path(route.params, &segments));
        }
        for route in table.routes() {
            drop(params::read_query(route.query, query.or(Some(text))));
        }
    }
    let Ok(value) = json::read(data) else { return };
    for route in table.routes() {
        if let Some(Body::Json(schema)) = route.body {
            drop(table.schemas().wrong(&schema.name(), &value));
        }
    }
});
