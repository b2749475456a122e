//! Tests of the values: mistakes by data, origins, secrets. Must never depend on this machine's environment.

use super::*;

fn mistakes(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Values::of(Some(Path::new("a.toml")), text, environment).1
}

#[test]
fn the_table_is_sound() {
    let keys: std::collections::BTreeSet<String> = ENTRIES.iter().map(Entry::key).collect();
    let variables: std::collections::BTreeSet<String> = ENTRIES.iter().map(Entry::variable).collect();
    assert_eq!((keys.len(), variables.len()), (ENTRIES.len(), ENTRIES.len()));
    for entry in ENTRIES {
        assert!(of_text(entry, entry.default).is_ok(), "{}: its default is refused", entry.key());
        assert!(!entry.doc.ends_with('.') && !entry.doc.contains('|'), "{}", entry.key());
        let is_file = table::find(&format!("{}_file", entry.key())).is_some();
        assert!(!entry.secret || is_file, "{}: a secret can come from a file", entry.key());
    }
}

#[test]
fn mistakes_name_file_line_and_key() {
    for (text, told) in [
        ("[log]\ngroup_ms = 5\n", "a.toml: line 2: log.group_ms is a whole number from 10 to 1000 (ms)"),
        ("[log]\ngroup_ms = \"250\"\n", "a.toml: line 2: log.group_ms is a whole number"),
        ("[log]\ngroup_ms = -1\n", "a.toml: line 2: log.group_ms is a whole number"),
        ("\n[log]\n\ndurability = \"perhaps\"", "a.toml: line 4: log.durability is one of group, synchronous"),
        ("[log]\ngroups = 1\n", "a.toml: line 2: there is no key log.groups"),
        ("[logs]\n", "a.toml: line 1: there is no key logs"),
        ("log = 3\n", "a.toml: line 1: log is a table: [log]"),
        ("store.postgres = 1\n", "store.postgres is a table"),
        ("[world]\nname = \"a b\"\n", "a.toml: line 2: world.name is a name"),
        ("[world]\nname = [\"a\"]\n", "a.toml: line 2: world.name is a name"),
        ("[session]\nlisten = \"here\"\n", "a.toml: line 2: session.listen is an address and a port"),
        ("[session]\nallow = [\"ab\"]\n", "a.toml: line 2: session.allow is a list of public keys"),
        ("[session]\nallow = [3]\n", "a.toml: line 2: session.allow is a list of public keys"),
        ("[store.postgres]\npassword = \"hunter2\"\n", "line 2: store.postgres.password is a secret"),
        ("[keys]\nmaster_key = 7\n", "line 2: keys.master_key is a secret"),
        ("[world]\nname = \"a\nb\"", "a.toml: line 3: not TOML"),
        ("[world]\nscenario = \"\"\"a\nb\"\"\"", "a.toml: line 2: world.scenario is one line"),
    ] {
        let found = mistakes(text, &[]);
        assert!(found.len() == 1 && found[0].contains(told), "{text:?}: {found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
    for (variable, value, told) in [
        ("SPACETIME_SERVE__LOG__GROUP_MS", "5", "environment: SPACETIME_SERVE__LOG__GROUP_MS: log.group_ms is a whole"),
        ("SPACETIME_SERVE__LOG__NOTHING", "5", "environment: SPACETIME_SERVE__LOG__NOTHING: there is no such key"),
        ("SPACETIME_SERVE__STORE__KIND", "cloud", "store.kind is one of embedded, postgres"),
    ] {
        let found = mistakes("", &[(variable, value)]);
        assert!(found.len() == 1 && found[0].contains(told), "{variable}: {found:?}");
    }
    assert_eq!(mistakes("[log]\na = 1\nb = 2\n[saves]\nkeep = 0\n", &[]).len(), 3, "all are told");
    assert!(mistakes("", &[("SPACETIME_LOG", "x"), ("HOME", "y")]).is_empty());
    assert!(mistakes("[backup]\nrepo = \"/r\"\n", &[]).is_empty(), "another program's");
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
    let environment = [("SPACETIME_SERVE__LOG__GROUP_MS".to_owned(), "30".to_owned())];
    let text = "[log]\ngroup_ms = 20\nbacklog_mb = 0x10\n";
    let (values, mistakes) = Values::of(Some(Path::new("a.toml")), text, environment);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let shown = values.json();
    assert_eq!(shown["log.group_ms"], json!({ "value": 30, "from": "SPACETIME_SERVE__LOG__GROUP_MS" }));
    assert_eq!(shown["log.backlog_mb"], json!({ "value": 16, "from": "a.toml: line 3" }));
    assert_eq!(shown["saves.every_s"], json!({ "value": 60, "from": "default" }));
}

#[test]
fn secrets_are_not_shown() {
    let environment = [("SPACETIME_SERVE__STORE__POSTGRES__PASSWORD".to_owned(), "hunter2".to_owned())];
    let (values, _) = Values::of(None, "", environment);
    assert_eq!(values.text("store.postgres.password"), "hunter2");
    let shown = values.json();
    assert_eq!(shown["store.postgres.password"]["value"], "(set)");
    assert_eq!(shown["keys.master_key"]["value"], "(not set)");
    assert!(!shown.to_string().contains("hunter2"));
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    for sound in ["https://ops.example.org", "http://127.0.0.1:9000", "http://localhost:1", "https://a:8443"] {
        assert!(is_origin(sound), "{sound}");
    }
    for wrong in [
        "*",
        "null",
        "",
        "https://",
        "https://ops.example.org/",
        "https://Ops.example.org",
        "ftp://a",
        "ops.example.org",
        "https://a:443",
        "http://a:80",
        "http://a:0",
        "http://a:08",
        "http://a:65536",
        "https://*.example.org",
        "http://a b",
        "https://user@a",
    ] {
        assert!(!is_origin(wrong), "{wrong}");
    }
    let found = mistakes("[api]\norigins = [\"https://a\", \"*\"]\n", &[]);
    assert!(found.len() == 1 && found[0].contains("api.origins is a list of origins"), "{found:?}");
}
