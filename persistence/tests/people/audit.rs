//! placeholder for audit, nothing yet
