//! House rules as ordinary tests: they read the repository's own files and say what breaks a habit. Each rule is a pure
//! function from text to complaints, tested beside it on text that must be complained about, so that a rule which can
//! no longer fail is itself a failure. Must never change a file.

mod dependencies;
mod documents;
mod modules;
mod repository;
mod secrets;
mod sources;
mod statements;

/// Fails with one line for each complaint.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaint(s):\n{}", complaints.len(), complaints.join("\n"));
}
