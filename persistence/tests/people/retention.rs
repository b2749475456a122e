//! placeholder for retention, nothing yet
