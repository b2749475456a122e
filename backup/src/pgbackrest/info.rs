//! What pgBackRest tells of its backups. Must never take a backup with an error for a good one.

use persistence::{Millis, Name};
use serde::Deserialize;

/// One backup of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Number of its repository, from 1.
    pub repository: u32,
    /// What pgBackRest calls it.
    pub label: String,
    /// When it was complete. pgBackRest knows seconds.
    pub ended: Millis,
    /// Bytes of the cluster.
    pub bytes: u64,
    /// What pgBackRest found wrong with it.
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct Stanza {
    name: String,
    #[serde(default)]
    backup: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    label: String,
    database: Database,
    timestamp: Timestamp,
    info: Sizes,
    error: Option<bool>,
}

#[derive(Deserialize)]
struct Database {
    #[serde(rename = "repo-key")]
    repository: u32,
}

#[derive(Deserialize)]
struct Timestamp {
    stop: u64,
}

#[derive(Deserialize)]
struct Sizes {
    size: u64,
}

/// The backups of a stanza in pgBackRest's JSON, the oldest first.
pub(super) fn parse(text: &str, stanza: &Name) -> Result<Vec<Backup>, String> {
    let stanzas: Vec<Stanza> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let items = stanzas.into_iter().filter(|found| found.name == stanza.as_str()).flat_map(|found| found.backup);
    let backup = |item: Item| Backup {
        repository: item.database.repository,
        label: item.label,
        // Complete at some moment of that second: the end of it is certain.
        ended: Millis(item.timestamp.stop.saturating_mul(1000).saturating_add(999)),
        bytes: item.info.size,
        error: item.error.unwrap_or(false).then(|| "pages with a wrong checksum".to_owned()),
    };
    let mut backups: Vec<Backup> = items.map(backup).collect();
    backups.sort_by_key(|backup| (backup.ended, backup.repository));
    Ok(backups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_read() {
        let item = |label: &str, repository: u32, stop: u64, error: &str| {
            format!(
                r#"{{"archive":{{}},"database":{{"id":1,"repo-key":{repository}}},{error}"info":{{"delta":1,"size":22}},
                "label":"{label}","timestamp":{{"start":1,"stop":{stop}}},"type":"full"}}"#
            )
        };
        let items = [item("b", 2, 7, r#""error":true,"#), item("a", 1, 5, r#""error":false,"#), item("c", 1, 9, "")];
        let text =
            format!(r#"[{{"name":"other","backup":[{}]}},{{"name":"main","backup":[{}]}}]"#, items[0], items.join(","));
        let found = parse(&text, &Name::new("main").unwrap()).unwrap();
        assert_eq!(found.iter().map(|b| b.label.as_str()).collect::<String>(), "abc");
        assert_eq!((found[0].repository, found[0].ended, found[0].bytes), (1, Millis(5999), 22));
        assert_eq!(found.iter().map(|b| b.error.is_some()).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(parse("[]", &Name::new("main").unwrap()), Ok(Vec::new()));
        assert!(parse("no JSON", &Name::new("main").unwrap()).is_err());
    }
}
