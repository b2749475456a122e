//! placeholder for schema, nothing yet
