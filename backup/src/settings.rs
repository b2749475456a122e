//! What the options, the environment and the section [backup] of the service's file come to together. Must never read
//! another section, nor take a misspelt key for none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use persistence::Name;
use serde::Deserialize;

use crate::cli::Common;
use crate::key::BackupKey;
use crate::pgbackrest::Cluster;
use crate::repository::Repository;

/// Most bytes of a configuration file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// How long one call of pgBackRest may take: until the next backup is due.
const PGBACKREST_PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// The section [backup].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    repo: Option<PathBuf>,
    repo2: Option<PathBuf>,
    key_file: Option<PathBuf>,
    name: Option<Name>,
    keep_days: Option<u32>,
    pub(crate) store: Option<PathBuf>,
    pub(crate) socket: Option<PathBuf>,
    postgres: Option<PathBuf>,
    postgres_socket: Option<PathBuf>,
    postgres_port: Option<u16>,
    pgbackrest: Option<PathBuf>,
}

/// The file, as far as it is looked at.
#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    backup: Section,
}

/// All settings.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) repositories: Vec<Repository>,
    pub(crate) name: Name,
    pub(crate) keep: Duration,
    pub(crate) section: Section,
    pub(crate) postgres: Option<Cluster>,
    key_file: Option<PathBuf>,
}

impl Settings {
    /// Of the command line, and for what is not there, of the file.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn new(common: Common) -> Result<Self, String> {
        let section = common.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let repo = common.repo.or(section.repo.clone()).ok_or("say with --repo where backups are kept")?;
        let paths: Vec<PathBuf> = [Some(repo), common.repo2.or(section.repo2.clone())].into_iter().flatten().collect();
        if paths
            .first()
            .and_then(|p| p.canonicalize().ok())
            .is_some_and(|first| paths.get(1).and_then(|p| p.canonicalize().ok()) == Some(first))
        {
            return Err("the second folder for backups is the first one".to_owned());
        }
        let keep_days = common.keep_days.or(section.keep_days).unwrap_or(30);
        let name = match common.name.or(section.name.clone()) {
            Some(name) => name,
            None => Name::new("main").map_err(|e| e.to_string())?,
        };
        let of = |given: Option<PathBuf>, found: &Option<PathBuf>, usual: &str| {
            absolute(given.or(found.clone()).unwrap_or_else(|| usual.into()))
        };
        let data = common.postgres.or(section.postgres.clone());
        let cluster = |data: PathBuf| -> Result<Cluster, String> {
            Ok(Cluster {
                data: absolute(data)?,
                socket: of(common.postgres_socket, &section.postgres_socket, "/var/run/postgresql")?,
                port: common.postgres_port.or(section.postgres_port).unwrap_or(5432),
                stanza: name.clone(),
                repositories: paths.iter().cloned().map(absolute).collect::<Result<_, _>>()?,
                folder: of(common.pgbackrest, &section.pgbackrest, "/etc/spacetime-pgbackrest")?,
                keep_days,
                patience: PGBACKREST_PATIENCE,
            })
        };
        let postgres = data.map(cluster).transpose()?;
        let key_file = common.key_file.or(section.key_file.clone());
        let keep = Duration::from_secs(u64::from(keep_days.max(1)) * 24 * 3600);
        let repositories = paths.into_iter().map(Repository::new).collect();
        Ok(Self { repositories, name, keep, section, postgres, key_file })
    }

    /// The backup key.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn key(&self) -> Result<BackupKey, String> {
        if let Some(path) = &self.key_file {
            return BackupKey::from_file(path).map_err(|e| e.to_string());
        }
        match std::env::var("SPACETIME_BACKUP_KEY").map(zeroize::Zeroizing::new) {
            Ok(text) => BackupKey::from_text(&text).map_err(|e| e.to_string()),
            Err(_) => Err("say with --key-file where the backup key is".to_owned()),
        }
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    std::path::absolute(&path).map_err(|e| format!("{}: {e}", path.display()))
}

fn read(path: &Path) -> Result<Section, String> {
    use std::io::Read as _;
    let unreadable = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(CONFIG_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let file: File = toml::from_str(&text).map_err(|e| format!("{}: {}", path.display(), e.message()))?;
    Ok(file.backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(text: &str, folder: &Path) -> Common {
        let path = folder.join("spacetime.toml");
        std::fs::write(&path, text).unwrap();
        Common { config: Some(path), ..Common::default() }
    }

    #[test]
    fn the_file_fills_in_what_is_not_given() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[server]\nlisten = \"x\"\n[backup]\nrepo = \"a\"\nrepo2 = \"b\"\nkeep_days = 7\nname = \"fleet\"\n";
        let settings = Settings::new(common(text, folder.path())).unwrap();
        assert_eq!(
            settings.repositories.iter().map(|r| r.path().to_owned()).collect::<Vec<_>>(),
            ["a", "b"].map(PathBuf::from)
        );
        assert_eq!((settings.name.as_str(), settings.keep), ("fleet", Duration::from_secs(7 * 24 * 3600)));
        assert!(settings.postgres.is_none());
        let given = Common { repo: Some("c".into()), keep_days: Some(1), ..common(text, folder.path()) };
        let settings = Settings::new(given).unwrap();
        assert_eq!((settings.repositories[0].path(), settings.keep), (Path::new("c"), Duration::from_secs(24 * 3600)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = |text: &str| Settings::new(common(text, folder.path())).unwrap_err();
        assert!(error("[backup]\nrepo = \"a\"\nkeep_day = 3\n").contains("keep_day"));
        assert!(error("[backup]\n").contains("--repo"));
        assert!(error("[backup]\nrepo = \".\"\nrepo2 = \"./\"\n").contains("is the first one"));
        assert!(Settings::new(Common { config: Some(folder.path().join("none")), ..Common::default() }).is_err());
    }
}
