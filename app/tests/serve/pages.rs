//! What docs/OPERATING.md and docs/BACKUP.md say is so: the list of keys, every command line that needs neither root nor
//! another host, and the units. `spacetime-backup` is another package's program: this test program becomes it when the
//! pages call it, so that it is always the one of this source.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use persistence_testkit::cluster::{Cluster, PASSWORD};

use crate::process::{Home, text};

/// How lines begin that are not run, and why not.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo build", "it takes minutes; the programs that are run were built the same way"),
    ("install ", "it needs root"),
    ("useradd ", "it needs root"),
    ("(umask 077; head -c 32 /dev/urandom | base64 -w0 > /etc/spacetime/", "it needs root"),
    ("(umask 077; env | grep ^SPACETIME_SERVE__ > /etc/spacetime/", "it needs root"),
    ("chown spacetime ", "it needs root and that user"),
    ("systemctl ", "it needs root and systemd"),
    ("systemd-run ", "it needs root and systemd; what it calls is run above"),
    ("sudo -u spacetime ", "it needs root; what it calls is run above and below"),
    ("podman ", "it needs a registry"),
    ("spacetime account ", "it asks for a password; the tests of the API run it"),
    ("spacetime person ", "it needs somebody who has joined; the test of people runs it"),
];
/// Where the command line is that this test program, as `spacetime-backup`, is called with: a word on each line.
const AS_BACKUP: &str = "SPACETIME_TEST_AS_BACKUP";
/// The heading above what needs a PostgreSQL server.
const POSTGRESQL: &str = "\n### PostgreSQL\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).expect("the page")
}

/// The page without the section about PostgreSQL, and that section.
fn parts(page: &str) -> (String, String) {
    let (before, rest) = page.split_once(POSTGRESQL).expect("a section about PostgreSQL");
    let (section, after) = rest.split_once("\n## ").expect("a section behind it");
    (format!("{before}\n## {after}"), section.to_owned())
}

/// The lines of all blocks of a language, in order.
fn blocks(page: &str, language: &str) -> String {
    let parts = page.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// Runs lines as somebody does who has the programs and a home, in that home; each line has to go well.
fn run(home: &Home, script: &str, variables: &[(&str, &str)]) -> String {
    for folder in ["home", "data", "config", "bin"] {
        std::fs::create_dir_all(home.path(folder)).expect("it is made");
    }
    let this = std::env::current_exe().expect("this program");
    let backup = format!(
        "#!/bin/sh\n{AS_BACKUP}=\"$(printf '%s\\n' spacetime-backup \"$@\")\" exec {this:?} --exact --nocapture \
         pages::as_the_backup_program\n"
    );
    executable(&home.path("bin/spacetime-backup"), &backup);
    let program = Path::new(env!("CARGO_BIN_EXE_spacetime")).parent().expect("a folder");
    let inherited = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{inherited}", home.path("bin").display(), program.display());
    let mut shell = Command::new("bash");
    // Whatever it started ends with it, also where a line fails.
    shell.args(["-euxc", &format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}")]);
    for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("HOME", "home")] {
        shell.env(name, home.path(folder));
    }
    shell.env("PATH", path).env("SPACETIME_SERVE__SESSION__LISTEN", "127.0.0.1:0");
    shell.env("SPACETIME_SERVE__API__LISTEN", "127.0.0.1:0").env_remove("SPACETIME_LOG");
    shell.envs(variables.iter().copied()).current_dir(home.path("home")).stdin(Stdio::null());
    let out = shell.output().expect("there is a shell");
    assert!(out.status.success(), "{}\n{}", text(&out.stderr), text(&out.stdout));
    text(&out.stdout)
}

fn executable(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, script).expect("it is written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
}

/// Not a test by itself: what `spacetime-backup` is for the lines of the pages.
#[test]
fn as_the_backup_program() {
    let Ok(line) = std::env::var(AS_BACKUP) else { return };
    assert_eq!(backup::cli::run(line.lines().map(Into::into)), 0, "{line}");
}

#[test]
fn the_page_lists_all_keys() {
    let page = page("OPERATING.md");
    let listed = page.split("prints -->\n").nth(1).and_then(|rest| rest.split("<!-- end of keys -->").next());
    let shown = text(&Home::new().run("config keys").stdout);
    assert_eq!(listed, Some(&*shown), "put what `spacetime config keys` prints between the two marks");
}

#[test]
fn what_is_not_run_says_why() {
    let page = page("OPERATING.md");
    let console = blocks(&page, "console");
    for line in console.lines() {
        assert!(NOT_RUN.iter().any(|(begins, _)| line.starts_with(begins)), "list it as not run, and why: {line}");
    }
    for (begins, why) in NOT_RUN {
        assert!(console.lines().any(|line| line.starts_with(begins)), "no line is not run because {why}: {begins}");
    }
    for language in page.split("```").skip(1).step_by(2).filter_map(|block| block.lines().next()) {
        assert!(["sh", "console"].contains(&language), "blocks of {language:?} are neither run nor listed");
    }
}

#[test]
fn every_command_of_the_pages_works() {
    let home = Home::new();
    let (operating, _) = parts(&page("OPERATING.md"));
    let script = blocks(&operating, "sh");
    assert!(script.lines().count() > 30 && script.contains("spacetime-backup restore"), "{script}");
    let out = run(&home, &script, &[]);
    assert!(out.contains(" is sound in ") && out.contains(" is restored to "), "{out}");
    // The other page begins with a store in this folder.
    let store = home.service().join("world.redb");
    std::fs::copy(store, home.path("home/world.redb")).expect("the store of the page before");
    for left in ["backups", "backup.key"] {
        let path = home.path("home").join(left);
        std::fs::rename(&path, path.with_extension("before")).expect("what the page before made");
    }
    run(&home, &blocks(&page("BACKUP.md"), "sh"), &[]);
}

#[test]
fn every_command_for_postgresql_works() {
    let (home, cluster, keys) = (Home::new(), Cluster::start(&[]), Cluster::start(&[]));
    let (_, section) = parts(&page("OPERATING.md"));
    let here = |cluster: &Cluster| format!("127.0.0.1:{}", cluster.port());
    let etc = home.path("etc");
    std::fs::create_dir(&etc).expect("it is made");
    for (name, cluster) in [("postgres", &cluster), ("keys", &keys)] {
        std::fs::copy(cluster.root_certificate(), etc.join(name).with_extension("pem")).expect("a certificate");
        std::fs::write(etc.join(format!("{name}-password")), PASSWORD).expect("it is written");
    }
    let script = blocks(&section, "sh")
        .replace("db1:5432,db2:5432", &here(&cluster))
        .replace("db1:5432", &here(&cluster))
        .replace("keys1:5432,keys2:5432", &here(&keys))
        .replace("keys1:5432", &here(&keys))
        .replace("/etc/spacetime/", &format!("{}/", etc.display()));
    assert!(!["db1", "keys1", "/etc/spacetime"].iter().any(|name| script.contains(name)), "{script}");
    run(&home, &script, &[("PGPASSWORD", PASSWORD)]);
    assert_eq!(cluster.sql("SELECT count(*) FROM spacetime.worlds").trim(), "1");
    assert_eq!(keys.sql("SELECT count(*) FROM spacetime.person_keys").trim(), "1", "that of lookups");
    assert!(!home.service().join("world.redb").exists(), "nothing was kept in a file");
}

#[test]
fn the_units_are_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("program");
    executable(&program, "#!/bin/sh\n");
    let mut units = Vec::new();
    for unit in std::fs::read_dir(root().join("deploy")).expect("units").map(|unit| unit.expect("a unit").path()) {
        if unit.extension().is_some_and(|ending| ending == "service" || ending == "timer") {
            // What they start is not installed here.
            let content = std::fs::read_to_string(&unit).expect("a unit");
            let content = content.replace("/usr/local/bin/spacetime-backup ", &format!("{} ", program.display()));
            let content = content.replace("/usr/local/bin/spacetime ", &format!("{} ", program.display()));
            let copy = folder.path().join(unit.file_name().expect("its name"));
            std::fs::write(&copy, content).expect("it is written");
            units.push(copy);
        }
    }
    assert_eq!(units.len(), 3, "{units:?}");
    for unit in &units {
        let content = std::fs::read_to_string(unit).expect("a unit");
        assert!(!content.contains(" --quiet "), "{}: what it says belongs in the journal", unit.display());
        for read in content.lines().filter_map(|line| line.strip_prefix("EnvironmentFile=-")) {
            assert!(page("OPERATING.md").contains(&format!("> {read})")), "the page does not make {read}");
        }
        let keys = content.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '[']));
        keys.for_each(|line| assert!(line.contains('='), "{}: {line}", unit.display()));
    }
    match Command::new("systemd-analyze").arg("verify").args(&units).output() {
        // It complains of what it does not know, and goes well.
        Ok(out) => assert!(out.status.success() && out.stderr.is_empty(), "{}", text(&out.stderr)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
    }
}
