//! `spacetime db verify`: reads every record, whose hashes the store checks, and simulates the last stretch of each world
//! again. Must never change anything.

use persistence::Kind;
use serde_json::json;

use super::{Open, worlds};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::serve::resume::{self, ResumeError};

pub(super) fn command(open: &Open<'_>, json: bool) -> Result<Outcome, Failure> {
    let (records, told) = open.runtime.block_on(look(open)).map_err(|e| open.failure(e))?;
    if json {
        output::print_json(&json!({ "records": records, "worlds": told }))?;
        return Ok(Outcome::Fine);
    }
    let mut text = format!("{} records are as they were written\n", grouped(records));
    for world in &told {
        text.push_str(&format!(
            "world {}: tick {} is reproduced, digest {}\n",
            world["name"].as_str().unwrap_or("-"),
            grouped(world["tick"].as_u64().unwrap_or_default()),
            world["digest"].as_str().unwrap_or("-")
        ));
    }
    output::print(&text)?;
    Ok(Outcome::Fine)
}

async fn look(open: &Open<'_>) -> Result<(u64, Vec<serde_json::Value>), ResumeError> {
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)).collect();
    let mut records = open.store.copy(&kinds).await?;
    let mut count = 0;
    while let Some(record) = records.recv().await {
        record?;
        count += 1;
    }
    let mut told = Vec::new();
    for world in worlds(&*open.store).await? {
        let scenario = resume::scenario_of(&world)?;
        let rebuilt = resume::rebuild(&*open.store, &world.id, &scenario, None).await?;
        told.push(json!({
            "name": world.id.as_str(),
            "tick": rebuilt.simulation.tick().0,
            "digest": output::hex(rebuilt.simulation.digest().total),
            "from_save": rebuilt.save,
            "replayed": rebuilt.replayed,
        }));
    }
    Ok((count, told))
}
