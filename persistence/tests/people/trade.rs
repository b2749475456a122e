//! placeholder for trade, nothing yet
