//! A data folder that test clusters are copied from, as making one takes a second. It lies beside the test programs, with
//! what else is built. Must never be changed once it is there.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::process::{Server, breathe, program, run, succeeds, user};
use super::{DATABASE, PASSWORD, write};

type User = (String, u32, u32);

/// A folder with a copy of the template in `data`.
pub(super) fn copy() -> TempDir {
    let (template, copy) = (made(), folder());
    copy_folder(&template, &copy.path().join("data"));
    own(copy.path(), user().as_ref());
    copy
}

/// An empty folder that the server may use.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("spacetime-pg").tempdir().expect("a folder");
    own(folder.path(), user().as_ref());
    folder
}

/// Gives a folder with all that is in it to the user that the server runs as.
pub(super) fn own(path: &Path, user: Option<&User>) {
    let Some((_, uid, gid)) = user else { return };
    chown(path, Some(*uid), Some(*gid)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("a folder").flatten() {
            own(&entry.path(), user);
        }
    }
}

/// Puts a certificate for 127.0.0.1 into the folder, and the root that signed it.
pub(super) fn certify(folder: &TempDir, user: Option<&User>) {
    let key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::new(Vec::new()).expect("a root certificate");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "root of a test cluster");
    let root_certificate = root.self_signed(&key).expect("a root certificate");
    let issuer = Issuer::new(root, key);
    let server_key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("a certificate");
    let server = server.signed_by(&server_key, &issuer).expect("a certificate");
    let texts = [
        ("root.pem", root_certificate.pem()),
        ("server.pem", server.pem()),
        ("server.key", server_key.serialize_pem()),
    ];
    for (name, text) in texts {
        let file = folder.path().join(name);
        write(&file, &text);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("permissions");
        own(&file, user);
    }
}

/// The template, which whoever comes first makes.
fn made() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (persistence::ROLES_SQL, INITDB, DATABASE, PASSWORD).hash(&mut hasher);
    let beside = std::env::current_exe().expect("a test program");
    let beside = beside.parent().expect("its folder");
    let template = beside.join(format!("postgresql-{:016x}", hasher.finish()));
    // Others wait here until it is whole.
    let lock = File::create(template.with_extension("lock")).expect("a lock");
    lock.lock().expect("a lock");
    if !template.exists() {
        let new = template.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        make(&new);
        fs::rename(&new, &template).expect("a template");
    }
    template
}

const INITDB: [&str; 8] = [
    "--no-sync",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--username=postgres",
    "--auth=scram-sha-256",
    "--data-checksums",
    "--no-instructions",
    "--wal-segsize=4",
];

/// Makes a cluster with roles and a database, and leaves its data at `to`.
fn make(to: &Path) {
    let folder = folder();
    let (data, passwords) = (folder.path().join("data"), folder.path().join("password"));
    write(&passwords, PASSWORD);
    own(&passwords, user().as_ref());
    let (data_text, passwords) = (data.display().to_string(), passwords.display().to_string());
    let mut arguments = vec!["--pgdata", &data_text, "--pwfile", &passwords];
    arguments.extend(INITDB);
    run(&program("initdb"), &arguments, "");
    let socket = folder.path().display().to_string();
    let conf = data.join("postgresql.conf");
    let before = fs::read_to_string(&conf).expect("settings");
    write(&conf, &format!("{before}\nlisten_addresses = ''\nunix_socket_directories = '{socket}'\nfsync = off\n"));
    let mut server = Server::start(&data, folder.path());
    while !succeeds(&program("pg_isready"), &["--host", &socket, "--quiet"]) {
        assert!(server.is_there(), "{}", fs::read_to_string(folder.path().join("log")).unwrap_or_default());
        breathe();
    }
    let psql = |database: &str, statements: &str| {
        let to = format!("host={socket} dbname={database} user=postgres");
        run(&program("psql"), &["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", &to], statements);
    };
    psql("postgres", &format!("CREATE DATABASE {DATABASE} TEMPLATE template0"));
    let mut roles = persistence::ROLES_SQL.to_owned();
    for role in ["spacetime_owner", "spacetime_app", "spacetime_report"] {
        roles.push_str(&format!("\nALTER ROLE {role} PASSWORD '{PASSWORD}';"));
    }
    psql(DATABASE, &roles);
    server.stop(super::PATIENCE);
    write(&conf, &before);
    copy_folder(&data, to);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap_or_else(|e| panic!("{}: {e}", to.display()));
    for entry in fs::read_dir(from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
        }
    }
    let mode = fs::metadata(from).expect("a folder").permissions();
    fs::set_permissions(to, mode).expect("permissions");
}
