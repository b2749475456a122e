//! pgBackRest's configuration. Must never be readable by anybody but the cluster's user: the passphrase is in it, as
//! PostgreSQL itself calls pgBackRest for every piece of its log.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Cluster, PgError};
use crate::key::BackupKey;
use crate::repository::sync_folder;

/// Writes it, where it is not there or another.
pub(super) fn write(cluster: &Cluster, path: &Path, key: &BackupKey, owner: Option<(u32, u32)>) -> Result<(), PgError> {
    let text = text(cluster, key)?;
    let is_there = fs::read_to_string(path).map(Zeroizing::new).is_ok_and(|found| found == text);
    let is_closed = fs::metadata(path).is_ok_and(|about| about.mode() & 0o077 == 0);
    if is_there && is_closed {
        return Ok(());
    }
    let draft = path.with_extension("part");
    let io = |source| PgError::Io { path: draft.clone(), source };
    // One that was left behind may belong to somebody.
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft).map_err(io)?;
    if let Some((user, group)) = owner {
        fchown(&file, Some(user), Some(group)).map_err(io)?;
    }
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&draft, path).and_then(|()| sync_folder(&cluster.folder)).map_err(io)
}

fn text(cluster: &Cluster, key: &BackupKey) -> Result<Zeroizing<String>, PgError> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let passphrase = key.passphrase();
    text.push_str("# Written by spacetime-backup; what is changed here is written over.\n[global]\n");
    for (number, repository) in (1..).zip(&cluster.repositories) {
        let lines = [
            ("path", plain(repository)?),
            ("cipher-type", "aes-256-cbc"),
            ("cipher-pass", passphrase.as_str()),
            ("retention-full-type", "time"),
            ("retention-full", &cluster.keep_days.max(1).to_string()),
        ];
        lines.iter().for_each(|(name, value)| text.extend(["repo", &number.to_string(), "-", name, "=", value, "\n"]));
    }
    let folder = plain(&cluster.folder)?;
    let (data, socket) = (plain(&cluster.data)?, plain(&cluster.socket)?);
    // Asynchronous, so that a repository that fails does not keep the log from the other one.
    let written = write!(
        text,
        "compress-type=zst\nstart-fast=y\narchive-async=y\narchive-timeout=60\nspool-path={folder}/spool\n\
         lock-path={folder}/lock\nlog-level-file=off\nlog-level-console=warn\nlog-level-stderr=off\n\n\
         [{stanza}]\npg1-path={data}\npg1-socket-path={socket}\npg1-port={port}\n",
        stanza = cluster.stanza,
        port = cluster.port,
    );
    // Writing to a text does not fail.
    let _ = written;
    Ok(text)
}

/// A path that is absolute and fits on one line.
fn plain(path: &Path) -> Result<&str, PgError> {
    let refuse = |why: &str| PgError::Io { path: path.to_owned(), source: std::io::Error::other(why) };
    let text = path.to_str().ok_or_else(|| refuse("pgBackRest needs a path in UTF-8"))?;
    if !path.is_absolute() || text.contains(['\n', '\'']) {
        return Err(refuse("pgBackRest needs an absolute path without quotes"));
    }
    Ok(text)
}
