//! What becomes of backups on a bad disk and with a wrong key.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Place, store_with_each};

/// How many bytes are tried, spread over the file; every one of them is in the reader's own test.
const TRIED: usize = 40;

#[test]
fn a_flipped_byte_anywhere_is_found_by_verify() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    place.must("now --store store");
    place.must("verify --all");
    let path = place.backups("r1").remove(0);
    let sound = std::fs::read(&path).unwrap();
    for at in (0..sound.len()).step_by(sound.len() / TRIED).chain([sound.len() - 1]) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
        let (code, out, error) = place.run("verify --all");
        // A byte of the version, or of the key's name, makes it another program's or key's: not read, so not damaged.
        let is_other = error.contains("format version") || error.contains("another backup key");
        assert!(code == 1 || is_other && code == 2, "byte {at}: {code} {out}{error}");
    }
    std::fs::write(&path, &sound[..sound.len() - 1]).unwrap();
    let (code, _, error) = place.run("verify --all");
    assert_eq!(code, 1);
    assert!(error.contains("cut off"), "{error}");
    std::fs::write(&path, &sound).unwrap();
    place.must("verify --all");
    // A backup under another's name.
    let other = path.with_file_name("20200101T000000Z-00000000.stbackup");
    std::fs::rename(&path, other).unwrap();
    assert_eq!(place.run("verify --all").0, 1);
    assert!(place.must("list").contains("unreadable"));
}

#[test]
fn a_wrong_key_is_a_sentence() {
    let place = Place::new();
    store_with_each(&place.path("store"));
    place.must("now --store store");
    std::fs::write(place.path("key"), "3b".repeat(32)).unwrap();
    for line in ["verify", "restore latest --to new --erasures-later"] {
        let (code, out, error) = place.run(line);
        assert_eq!(code, 2, "{out}");
        assert!(error.contains("it was sealed with another backup key"), "{error}");
        assert!(!error.contains("3b3b"), "{error}");
    }
    assert_eq!(place.names("."), ["key", "r1", "store"]);
    // Listing needs none.
    std::fs::remove_file(place.path("key")).unwrap();
    assert!(place.must("list").contains("main"));
    let (code, _, error) = place.run("verify");
    assert_eq!(code, 2);
    assert!(error.contains("the backup key: ") && error.contains("No such file"), "{error}");
    std::fs::write(place.path("key"), "no key").unwrap();
    assert!(place.run("verify").2.contains("others may read"));
    std::fs::set_permissions(place.path("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(place.run("verify").2.contains("is not 32 bytes"));
}
