//! What docs/OPERATING.md says is so: its list of keys, and every command line in it that needs neither root nor a host.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Home, text};

/// Blocks that are not run: they need root, another host, a container, a PostgreSQL server, or people. How each begins.
const NOT_RUN: &[&str] = &[
    "cargo build --release",
    "sudo -u spacetime XDG_DATA_HOME",
    "podman build",
    "SPACETIME_SERVE__STORE__KIND=postgres",
    "spacetime person list",
    "(umask 077; head -c 32 /dev/urandom | base64 -w0 > /etc/spacetime/master.key)",
    "systemctl start spacetime-backup.service",
];

fn page() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATING.md");
    std::fs::read_to_string(path).expect("the page")
}

/// The blocks of a language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let parts = page.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).map(str::to_owned).collect()
}

#[test]
fn the_page_lists_all_keys() {
    let page = page();
    let listed = page.split("prints -->\n").nth(1).and_then(|rest| rest.split("<!-- end of keys -->").next());
    let shown = text(&Home::new().run("config keys").stdout);
    assert_eq!(listed, Some(&*shown), "put what `spacetime config keys` prints between the two marks");
}

#[test]
fn every_command_of_the_page_works() {
    let page = page();
    let other: Vec<String> = blocks(&page, "console");
    assert_eq!(other.len(), NOT_RUN.len());
    for (block, begins) in other.iter().zip(NOT_RUN) {
        assert!(block.starts_with(begins), "list it as not run, and why: {block}");
    }
    let home = Home::new();
    let program = Path::new(env!("CARGO_BIN_EXE_spacetime")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    for folder in ["home", "data", "config"] {
        std::fs::create_dir_all(home.path(folder)).expect("it is made");
    }
    let script = blocks(&page, "sh").join("\n");
    assert!(script.lines().count() > 15, "{script}");
    let mut shell = Command::new("bash");
    // Whatever it started ends with it, also where a line fails.
    shell.args(["-euxc", &format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}")]);
    for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("HOME", "home")] {
        shell.env(name, home.path(folder));
    }
    shell.env("PATH", path).env("SPACETIME_SERVE__SESSION__LISTEN", "127.0.0.1:0").env_remove("SPACETIME_LOG");
    let out = shell.stdin(std::process::Stdio::null()).output().expect("there is a shell");
    assert!(out.status.success(), "{}\n{}", text(&out.stderr), text(&out.stdout));
}
