//! `spacetime db migrate`: everything of one store into another one. Must never call it done before both were compared, nor
//! write to a store that somebody else has written to.

use std::collections::BTreeMap;
use std::path::Path;

use persistence::{Batch, Change, Epoch, Key, Kind, Name, Query, Record, Rev, Scope, Setting, Store, StoreError, Text};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::{Given, Open, all_keys, config_of, open, worlds};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::serve::config::Config;
use crate::serve::{resume, stores};

/// By kind.
type Sums = Map<String, Value>;

/// Bytes of records that are written at once.
const WEIGHT_MAX: usize = 16 << 20;
/// Records that are written at once.
const RECORDS_MAX: usize = 2000;

pub(super) fn command(runtime: &Runtime, from: &Path, to: &Path, json: bool) -> Result<Outcome, Failure> {
    let (source, target) = (config_of(from)?, config_of(to)?);
    let place = |config: &Config| stores::place(config).map_err(|e| stores::failure(config, &e));
    if place(&source)? == place(&target)? {
        return Err(Failure::Misused("both are one store".to_owned()));
    }
    let source = open(runtime, &source, Given::of(from), false)?;
    let target = open(runtime, &target, Given::of(to), true)?;
    let moved = runtime.block_on(move_all(&source, &target));
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
        "the stores differ, as the source was written meanwhile: stop its service and run this again; until then no service \
         goes on with the target"
            .to_owned(),
    ))
}

fn kinds() -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)).collect()
}

/// Copies everything into an empty store, and gives the sums of both. Until both were found the same the target has a mark,
/// by which no service goes on with a part; while it stands the target has only what was moved, and all of it may go again.
async fn move_all(source: &Open<'_>, target: &Open<'_>) -> Result<(Sums, Sums), Failure> {
    let (of_source, of_target) = (|e: StoreError| source.failure(e), |e: StoreError| target.failure(e));
    let (from, to) = (&*source.store, &*target.store);
    let (key, mark) = resume::moving(from).await.map_err(of_source)?;
    if mark.is_some() {
        return Err(Failure::Misused(
            "what is to be moved is itself only a part: finish moving that one first".to_owned(),
        ));
    }
    if resume::moving(to).await.map_err(of_target)?.1.is_some() {
        clear(to, &key).await.map_err(of_target)?;
    } else if is_empty(to).await.map_err(of_target)? {
        set_mark(to, &key).await.map_err(of_target)?;
    } else {
        return compare(source, target, &key).await;
    }
    copy(source, target).await?;
    let sums = (sums(from, &key).await.map_err(of_source)?, sums(to, &key).await.map_err(of_target)?);
    if sums.0 == sums.1 {
        let batch = Batch::new(vec![Change::Remove(key, None)]).map_err(of_target)?;
        resume::persist(to, &batch).await.map_err(of_target)?;
    }
    Ok(sums)
}

/// The sums of a source and of a target that was moved to before; one that has anything else is somebody's.
async fn compare(source: &Open<'_>, target: &Open<'_>, mark: &Key) -> Result<(Sums, Sums), Failure> {
    let from = sums(&*source.store, mark).await.map_err(|e| source.failure(e))?;
    let to = sums(&*target.store, mark).await.map_err(|e| target.failure(e))?;
    if from == to {
        return Ok((from, to));
    }
    Err(Failure::Misused(format!(
        "{} has other records than {} already, and nothing was written to it: name a store that is empty",
        target.way, source.way
    )))
}

async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    for kind in kinds() {
        if !store.keys(&Query::of(kind).first(1)).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn set_mark(to: &dyn Store, key: &Key) -> Result<(), StoreError> {
    let Key::Setting(name) = key else { return Ok(()) };
    let mark = Setting { name: name.clone(), rev: Rev::FIRST, value: Text(String::new()) };
    resume::persist(to, &Batch::put([Record::Setting(mark)])?).await
}

/// Removes everything but the mark. What refers to something goes before it, so what is there after a failure is sound.
async fn clear(to: &dyn Store, mark: &Key) -> Result<(), StoreError> {
    let owners: BTreeMap<Name, Epoch> = worlds(to).await?.into_iter().map(|world| (world.id, world.epoch)).collect();
    for kind in kinds().into_iter().rev() {
        let keys: Vec<Key> = all_keys(to, kind, Scope::All).await?.into_iter().filter(|key| key != mark).collect();
        for of_one in keys.chunk_by(|a, b| a.world() == b.world()) {
            let fence = of_one.first().and_then(Key::world);
            for part in of_one.chunks(RECORDS_MAX) {
                let changes = part.iter().map(|key| Change::Remove(key.clone(), None)).collect();
                write(to, changes, fence, &owners).await?;
            }
        }
    }
    Ok(())
}

/// Copies everything. What refers to something comes behind it, so what is there after a failure is sound.
async fn copy(source: &Open<'_>, target: &Open<'_>) -> Result<(), Failure> {
    let to = &*target.store;
    let mut records = source.store.copy(&kinds()).await.map_err(|e| source.failure(e))?;
    let mut owners: BTreeMap<Name, Epoch> = BTreeMap::new();
    let mut changes: Vec<Change> = Vec::new();
    let mut fence: Option<Name> = None;
    let mut weight = 0;
    while let Some(record) = records.recv().await {
        let record = record.map_err(|e| source.failure(e))?;
        if let Record::World(world) = &record {
            owners.insert(world.id.clone(), world.epoch);
        }
        let owner = record.key().world().cloned();
        if owner != fence || weight >= WEIGHT_MAX || changes.len() >= RECORDS_MAX {
            let written = write(to, std::mem::take(&mut changes), fence.as_ref(), &owners).await;
            written.map_err(|e| target.failure(e))?;
            weight = 0;
        }
        fence = owner;
        weight += record.weight();
        changes.push(Change::Import(record));
    }
    write(to, changes, fence.as_ref(), &owners).await.map_err(|e| target.failure(e))
}

async fn write(
    to: &dyn Store,
    changes: Vec<Change>,
    fence: Option<&Name>,
    owners: &BTreeMap<Name, Epoch>,
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

/// For each kind how many records there are but for the mark, and a hash over all of them in order.
async fn sums(store: &dyn Store, mark: &Key) -> Result<Sums, StoreError> {
    let mut sums = Map::new();
    for kind in kinds() {
        let mut hasher = blake3::Hasher::new();
        let mut count = 0_u64;
        let mut records = store.copy(&[kind]).await?;
        while let Some(record) = records.recv().await {
            let record = record?;
            if record.key() == *mark {
                continue;
            }
            let bytes = postcard::to_stdvec(&record).map_err(|e| StoreError::Other(e.to_string()))?;
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
            count += 1;
        }
        let hash = hasher.finalize().to_hex();
        sums.insert(kind.name().to_owned(), json!({ "records": count, "hash": hash.get(..16).unwrap_or_default() }));
    }
    Ok(sums)
}
