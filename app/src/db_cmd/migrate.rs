//! `spacetime db migrate`: everything of one store into another one. Must never call it done before both were compared.

use std::path::Path;

use persistence::{Batch, Change, Epoch, Kind, Name, Record, Store, StoreError};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::{config_of, open};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::serve::{resume, stores};

/// Bytes of records that are written at once.
const WEIGHT_MAX: usize = 16 << 20;
/// Records that are written at once.
const RECORDS_MAX: usize = 2000;

pub(super) fn command(runtime: &Runtime, from: &Path, to: &Path, json: bool) -> Result<Outcome, Failure> {
    let (source, target) = (config_of(from)?, config_of(to)?);
    if source.store == target.store
        && source.values.text("store.postgres.url") == target.values.text("store.postgres.url")
    {
        return Err(Failure::Misused("both are one store".to_owned()));
    }
    let (source, target) = (open(runtime, &source, false)?, open(runtime, &target, true)?);
    let moved = runtime.block_on(async {
        copy(&*source.store, &*target.store).await?;
        Ok((sums(&*source.store).await?, sums(&*target.store).await?))
    });
    let moved = moved.map_err(|e: StoreError| stores::failure(&target.config, &e));
    source.close();
    target.close();
    let (source, target) = moved?;
    if json {
        output::print_json(&json!({ "from": source, "to": target, "same": source == target }))?;
    } else {
        let lines = target
            .iter()
            .map(|(kind, sum)| format!("{kind:12} {:>9}  {}\n", sum["records"], sum["hash"].as_str().unwrap_or("")));
        output::print(&lines.collect::<String>())?;
    }
    if source == target {
        return Ok(Outcome::Fine);
    }
    Ok(Outcome::Different(
        "the stores differ: the target had other records before, or the source was written meanwhile".to_owned(),
    ))
}

fn kinds() -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)).collect()
}

/// Copies what is not there already. What refers to something comes behind it, so what is there after a failure is sound.
async fn copy(from: &dyn Store, to: &dyn Store) -> Result<(), StoreError> {
    let mut records = from.copy(&kinds()).await?;
    let mut owners: std::collections::BTreeMap<Name, Epoch> = std::collections::BTreeMap::new();
    let mut changes: Vec<Change> = Vec::new();
    let mut fence: Option<Name> = None;
    let mut weight = 0;
    while let Some(record) = records.recv().await {
        let record = record?;
        if let Record::World(world) = &record {
            owners.insert(world.id.clone(), world.epoch);
        }
        let owner = record.key().world().cloned();
        if owner != fence || weight >= WEIGHT_MAX || changes.len() >= RECORDS_MAX {
            write(to, std::mem::take(&mut changes), fence.as_ref(), &owners).await?;
            weight = 0;
        }
        fence = owner;
        weight += record.weight();
        changes.push(Change::Import(record));
    }
    write(to, changes, fence.as_ref(), &owners).await
}

async fn write(
    to: &dyn Store,
    changes: Vec<Change>,
    fence: Option<&Name>,
    owners: &std::collections::BTreeMap<Name, Epoch>,
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::new(changes)?;
    if let Some(world) = fence {
        batch = batch.fenced(world.clone(), owners.get(world).copied().unwrap_or_default());
    }
    resume::persist(to, &batch).await
}

/// For each kind how many records there are, and a hash over all of them in order.
async fn sums(store: &dyn Store) -> Result<Map<String, Value>, StoreError> {
    let mut sums = Map::new();
    for kind in kinds() {
        let mut hasher = blake3::Hasher::new();
        let mut count = 0_u64;
        let mut records = store.copy(&[kind]).await?;
        while let Some(record) = records.recv().await {
            let bytes = postcard::to_stdvec(&record?).map_err(|e| StoreError::Other(e.to_string()))?;
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
            count += 1;
        }
        let hash = hasher.finalize().to_hex();
        sums.insert(kind.name().to_owned(), json!({ "records": count, "hash": hash.get(..16).unwrap_or_default() }));
    }
    Ok(sums)
}
