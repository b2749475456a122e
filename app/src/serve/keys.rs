//! The store of people's keys and the master key around it. Must never show the master key, nor make a new one where
//! there are keys that another one wraps.

use std::sync::Arc;

use persistence::people::{MasterKey, People, Vault};
use persistence::{Embedded, Store};

use super::config::Config;
use super::stores;
use crate::exit::Failure;

/// What belongs to people, and the file of keys, to be closed.
pub struct Keys {
    /// Seals and opens.
    pub people: People,
    embedded: Arc<Embedded>,
}

impl Keys {
    /// Opens the store of keys; it is made the first time, and a master key with it where none is configured.
    ///
    /// # Errors
    /// [`Failure::Machine`].
    pub async fn open(config: &Config, store: Arc<dyn Store>) -> Result<Self, Failure> {
        let path = config.values.path("keys.path").unwrap_or_else(|| config.folder.join("keys.redb"));
        let fail = |e: &dyn ToString| Failure::Machine(format!("{}: {}", path.display(), e.to_string()));
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            stores::make_folder(folder)?;
        }
        let master = master(config, path.exists())?;
        let embedded = Arc::new(Embedded::open(&path).map_err(|e| fail(&e))?);
        let vault = Vault::open(Arc::clone(&embedded) as Arc<dyn Store>, master).await.map_err(|e| fail(&e))?;
        let people = People::new(store, Arc::new(vault));
        // A store that was restored from before an erasure has it again otherwise.
        people.reapply().await.map_err(|e| fail(&format!("erasures cannot be applied again: {e}")))?;
        Ok(Self { people, embedded })
    }

    /// Closes the file.
    pub fn close(&self) {
        self.embedded.close();
    }
}

fn master(config: &Config, has_keys: bool) -> Result<MasterKey, Failure> {
    let fail = |e: &dyn ToString| Failure::Machine(e.to_string());
    let text = config.values.text("keys.master_key");
    if !text.is_empty() {
        return MasterKey::from_text(&text).map_err(|e| fail(&format!("keys.master_key: {e}")));
    }
    if let Some(path) = config.values.path("keys.master_key_file") {
        return MasterKey::from_file(&path).map_err(|e| fail(&e));
    }
    let path = config.folder.join("master.key");
    if path.exists() || has_keys {
        return MasterKey::from_file(&path).map_err(|e| fail(&e));
    }
    MasterKey::create(&path).map_err(|e| fail(&e))
}
