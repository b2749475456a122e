//! `spacetime key`, and finding the identity that a command goes by. Never shows the secret.

use std::path::{Path, PathBuf};

use netcode::transport::{Identity, IdentityError, to_hex};
use serde_json::json;

use crate::cli::KeyArgs;
use crate::exit::{Failure, Outcome};
use crate::output;

/// Runs `spacetime key`.
///
/// # Errors
/// [`Failure`] for a file that is no identity, is open to others, or cannot be written.
pub fn command(args: &KeyArgs) -> Result<Outcome, Failure> {
    let path = path(args.identity.as_deref())?;
    let (identity, made) = load_or_make(&path)?;
    let key = to_hex(&identity.key().0);
    if args.json {
        output::print_json(&json!({ "key": key, "file": path, "made": made }))?;
    } else {
        let how = if made { "made just now" } else { "from before" };
        output::print(&format!("{key}\n{} ({how}; keep it secret: whoever has it is you)\n", path.display()))?;
    }
    Ok(Outcome::Fine)
}

/// The identity file that is named, or the usual one: `spacetime/identity` in the folder for data, as the XDG base
/// directories have it.
///
/// # Errors
/// [`Failure::Misused`] where neither is known.
pub fn path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    let data = data.ok_or_else(|| Failure::Misused("there is no home folder; name a file with --identity".into()))?;
    Ok(data.join("spacetime").join("identity"))
}

/// Reads the identity, or makes a new one where there is no file; says whether it did.
///
/// # Errors
/// As [`command`].
pub fn load_or_make(path: &Path) -> Result<(Identity, bool), Failure> {
    match Identity::load(path) {
        Ok(identity) => return Ok((identity, false)),
        Err(IdentityError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
        Err(IdentityError::Malformed) => return Err(Failure::unreadable(path, IdentityError::Malformed)),
        Err(error) => return Err(Failure::Misused(error.to_string())),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Failure::unwritable(folder, output::plain(&e)))?;
    }
    let identity = Identity::generate().map_err(|e| Failure::Machine(e.to_string()))?;
    match identity.store(path) {
        Ok(()) => Ok((identity, true)),
        // Another process made it meanwhile.
        Err(IdentityError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            Identity::load(path).map(|identity| (identity, false)).map_err(|e| Failure::Misused(e.to_string()))
        }
        Err(IdentityError::Io { source, .. }) => Err(Failure::unwritable(path, output::plain(&source))),
        Err(error) => Err(Failure::Misused(error.to_string())),
    }
}
