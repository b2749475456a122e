//! The configuration of the running process: every key by the file and by the environment, mistakes by data, and no secret
//! anywhere.

use std::collections::BTreeMap;

use app::serve::config::table::{ENTRIES, Entry, Type};
use serde_json::Value;

use crate::process::{Home, text};

/// A value that is not the default, works, and says by `way` where it was set. Nothing where only one other value exists
/// and that needs a server of its own.
fn other(home: &Home, entry: &Entry, way: u64) -> Option<String> {
    Some(match (entry.key().as_str(), entry.kind) {
        ("store.kind" | "keys.kind", _) => return None,
        // Without the API, or with a certificate that is none, there is nothing that would answer.
        ("api.enabled" | "api.certificate_file" | "api.private_key_file", _) => return None,
        ("api.alert_webhook_url", _) => format!("http://127.0.0.1:{}/hook", 9 + way),
        ("api.registration", _) => "open".to_owned(),
        (_, Type::Origins) => format!("https://ops-{way}.example.org"),
        ("world.scenario", _) => ["earth-orbit", "jupiter"][way as usize].to_owned(),
        ("log.durability", _) => "synchronous".to_owned(),
        ("keys.lost", _) => "erase".to_owned(),
        ("session.listen" | "api.listen", _) => "127.0.0.1:0".to_owned(),
        ("session.advertise", _) => format!("localhost:{}", 4900 + way),
        ("store.postgres.url" | "keys.postgres.url", _) => {
            format!("postgres://somebody@localhost:{}/world", 5433 + way)
        }
        ("keys.master_key", _) => way.to_string().repeat(64),
        (_, Type::Whole(least, most)) => {
            let default: u64 = entry.default.parse().expect("a number");
            let near = default.saturating_add(1 + way);
            if near <= most { near } else { least + way }.to_string()
        }
        (_, Type::Keys) => "ab".repeat(31) + ["01", "02"][way as usize],
        (_, Type::Path) => home.path(&format!("{}-{way}", entry.key())).display().to_string(),
        (_, Type::Name | Type::Text) => format!("other-{way}"),
        (key, kind) => panic!("{key}: no other value of {kind:?}"),
    })
}

fn read_back(running: &Value, entry: &Entry) -> String {
    match &running[entry.key()]["value"] {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Asks the service at this socket for its configuration.
fn running(socket: &str) -> Value {
    app::serve::ask::json(std::path::Path::new(socket), "config").expect("an answer")
}

#[test]
fn every_key_is_read_back_from_the_running_process() {
    let home = Home::new();
    let master = "5".repeat(64);
    // By the file; secrets have no place there.
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for entry in ENTRIES.iter().filter(|entry| !entry.secret) {
        let Some(value) = other(&home, entry, 0) else { continue };
        let written = match entry.kind {
            Type::Whole(..) => value,
            Type::Keys | Type::Origins => format!("[{value:?}]"),
            _ => format!("{value:?}"),
        };
        sections.entry(entry.section).or_default().push_str(&format!("{} = {written}\n", entry.name));
    }
    let file: String = sections.iter().map(|(section, lines)| format!("[{section}]\n{lines}\n")).collect();
    std::fs::write(home.path("keys.master_key_file-0"), &master).expect("it is written");
    private(&home.path("keys.master_key_file-0"));
    for way in 0..2 {
        let former = home.path(&format!("keys.former_master_key_file-{way}"));
        std::fs::write(&former, "6".repeat(64)).expect("it is written");
        private(&former);
    }
    for way in 0..2 {
        let secret = home.path(&format!("api.alert_webhook_secret_file-{way}"));
        std::fs::write(&secret, "8".repeat(32)).expect("it is written");
        private(&secret);
    }
    for way in 0..2 {
        home.told(&format!("key --json --identity {}", home.path(&format!("session.identity_file-{way}")).display()));
    }
    home.configure(&file);
    let mut command = home.command("serve --json");
    command.env_remove("SPACETIME_SERVE__SESSION__LISTEN").env_remove("SPACETIME_SERVE__API__LISTEN");
    let mut service = crate::process::Process::start(command);
    service.event("serving");
    let socket = other(&home, ENTRIES.iter().find(|e| e.key() == "control.socket").expect("a key"), 0).expect("a path");
    let shown = running(&socket);
    for entry in ENTRIES.iter().filter(|entry| !entry.secret) {
        let Some(value) = other(&home, entry, 0) else { continue };
        assert_eq!(read_back(&shown, entry), value, "{}", entry.key());
        let from = shown[entry.key()]["from"].as_str().unwrap_or_default();
        assert!(from.contains("service.toml: line "), "{}: {from}", entry.key());
    }
    // A file with mistakes changes nothing for the process that runs, and no other starts by it.
    home.configure(&file.replace("group_ms = 251", "group_ms = 9\nnonsense = 1"));
    home.refused("config check", "log.group_ms is a whole number from 10 to 1000 (ms)");
    home.refused("serve", "there is no key log.nonsense");
    assert_eq!(running(&socket), shown);
    service.stops();
    by_environment(&home, &master);
}

fn by_environment(home: &Home, master: &str) {
    home.configure("");
    let mut command = home.command("serve --json");
    for entry in ENTRIES {
        // One of the two ways to the master key.
        if let Some(value) = other(home, entry, 1).filter(|_| entry.key() != "keys.master_key_file") {
            command.env(entry.variable(), if entry.key() == "keys.master_key" { master } else { &value });
        }
    }
    let mut service = crate::process::Process::start(command);
    service.event("serving");
    let socket = other(home, ENTRIES.iter().find(|e| e.key() == "control.socket").expect("a key"), 1).expect("a path");
    let shown = running(&socket);
    for entry in ENTRIES.iter().filter(|entry| entry.key() != "keys.master_key_file") {
        let Some(value) = other(home, entry, 1) else { continue };
        let value = if entry.secret { "(set)".to_owned() } else { value };
        assert_eq!(read_back(&shown, entry), value, "{}", entry.key());
        assert_eq!(shown[entry.key()]["from"], entry.variable());
    }
    assert!(!shown.to_string().contains(master), "a secret is shown");
    let (said, complaints) = {
        service.signal("-TERM");
        let (code, said, complaints) = service.ends();
        assert_eq!(code, Some(0), "{complaints}");
        (said, complaints)
    };
    assert!(!format!("{said:?}{complaints}").contains(master), "a secret is shown");
}

#[test]
fn another_master_key_takes_the_place_of_the_former_one() {
    let home = Home::new();
    home.serving().stops();
    let (new, old) = (home.path("new.key"), home.service().join("master.key"));
    std::fs::write(&new, "7".repeat(64)).expect("it is written");
    private(&new);
    let by = |current: &std::path::Path, former: Option<&std::path::Path>| {
        let former = former.map_or(String::new(), |path| format!("former_master_key_file = {:?}\n", path.display()));
        home.configure(&format!("[keys]\nmaster_key_file = {:?}\n{former}", current.display()));
    };
    by(&new, None);
    home.refused("serve", "keys.master_key_file");
    by(&new, Some(&old));
    let mut service = home.serving();
    assert_eq!(service.event("rotated")["rewrapped"], 1, "that of lookups");
    service.stops();
    by(&new, None);
    home.serving().stops();
    by(&old, None);
    home.refused("serve", "keys.master_key_file");
}

fn private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
}

#[test]
fn mistakes_are_told_with_file_line_and_key() {
    let home = Home::new();
    for (file, told) in [
        ("[log]\ngroup_ms = 5\n", "line 2: log.group_ms is a whole number from 10 to 1000 (ms)"),
        ("[world]\nnam = \"x\"\n", "line 2: there is no key world.nam"),
        ("[store.postgres]\npassword = \"hunter2\"\n", "line 2: store.postgres.password is a secret"),
        ("[breaker]\nopen_ms = 5000\nopen_ms_max = 4000\n", "breaker.open_ms is 5000, more than breaker.open_ms_max"),
        ("log = [", "line 1: not TOML"),
    ] {
        let path = home.configure(file);
        for command in ["config check", "config show", "serve", "status", "db status"] {
            let out = home.run(command);
            let complaint = text(&out.stderr);
            assert_eq!(out.status.code(), Some(2), "{command}: {complaint}");
            assert!(complaint.contains(told), "{command}: {complaint}");
            assert!(!complaint.contains("hunter2") && !text(&out.stdout).contains("hunter2"));
            assert!(file.starts_with("[breaker]") || complaint.contains(&path.display().to_string()), "{complaint}");
        }
    }
    home.configure("");
    assert!(text(&home.run("config check").stdout).contains("service.toml: good"));
    home.refused("config check /no/such/file.toml", "there is no such file");
    home.refused("config show --running", "no service listens at");
    assert_eq!(home.told("config show --json")["log.group_ms"]["value"], 250);
}
