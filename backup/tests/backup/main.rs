//! Backups, as somebody who needs them uses them: taken while others write, cut by a dead process, a full disk and a
//! flipped byte, restored as a whole, at a tick and from the second folder; PostgreSQL on a real cluster.

mod damage;
mod postgres;
mod program;
mod restoring;
mod support;
mod taking;
