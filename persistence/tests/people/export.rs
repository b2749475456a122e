//! placeholder for export, nothing yet
