//! placeholder for erase, nothing yet
