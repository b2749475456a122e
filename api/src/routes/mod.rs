//! The one table of routes, and what each does. Must never answer what the table does not document.
