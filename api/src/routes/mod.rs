//! The one table of routes, and what each does. Must never answer what the table does not document.

pub mod accounts;
pub mod admin;
pub mod alerts;
pub mod capture;
pub mod change;
pub mod console;
pub mod debug;
pub mod debug_socket;
pub mod documents;
pub mod peers;
pub mod players;
pub mod presentation;
pub mod recordings;
pub mod scene;
pub mod status;
pub mod telemetry;

use crate::http::{Route, Table, TableError};

/// Every route of the program. A route that is not in here does not exist.
const ROUTES: &[&[Route]] = &[
    status::ROUTES,
    peers::ROUTES,
    scene::ROUTES,
    change::ROUTES,
    debug::ROUTES,
    debug_socket::ROUTES,
    presentation::ROUTES,
    capture::ROUTES,
    recordings::ROUTES,
    telemetry::ROUTES,
    accounts::ROUTES,
    players::ROUTES,
    admin::ROUTES,
    alerts::ROUTES,
    documents::ROUTES,
    console::ROUTES,
];

/// The table.
///
/// # Errors
/// [`TableError`] where a row is not sound.
pub fn table() -> Result<Table, TableError> {
    Table::new(ROUTES.iter().copied().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(table().map(|table| table.routes().is_empty()).ok(), Some(false), "{:?}", table().err());
    }
}
