//! `spacetime db verify`: reads every record, whose hashes the store checks, and simulates the last stretch of each world
//! again. Must never change anything, nor let one world that is not whole keep it from the others.

use persistence::{Kind, World};
use serde_json::{Value, json};

use super::{Open, worlds};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::serve::resume::{self, ResumeError};

pub(super) fn command(open: &Open<'_>, json: bool) -> Result<Outcome, Failure> {
    let (records, told) = open.runtime.block_on(look(open)).map_err(|e| open.failure(e))?;
    if json {
        output::print_json(&json!({ "records": records, "worlds": told }))?;
    } else {
        output::print(&text(records, &told))?;
    }
    let wrong: Vec<&str> = told.iter().filter_map(|world| world["why"].as_str()).collect();
    if wrong.is_empty() { Ok(Outcome::Fine) } else { Err(Failure::Machine(wrong.join("; "))) }
}

fn text(records: u64, told: &[Value]) -> String {
    let mut text = format!("{} records are as they were written\n", grouped(records));
    for world in told {
        let shown = |key: &str| world[key].as_str().unwrap_or("-");
        let became = match (world["is_whole"] == true, world["why"].is_null()) {
            (true, true) => {
                let tick = grouped(world["tick"].as_u64().unwrap_or_default());
                format!("tick {tick} is reproduced, digest {}", shown("digest"))
            }
            (true, false) => "it is not reproduced".to_owned(),
            (false, _) => "only a part, whose import was cut off".to_owned(),
        };
        text.push_str(&format!("world {}: {became}\n", shown("name")));
    }
    text
}

async fn look(open: &Open<'_>) -> Result<(u64, Vec<Value>), ResumeError> {
    resume::refuse_moving(&*open.store).await?;
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)).collect();
    let mut records = open.store.copy(&kinds).await?;
    let mut count = 0;
    while let Some(record) = records.recv().await {
        record?;
        count += 1;
    }
    let mut told = Vec::new();
    for world in worlds(&*open.store).await? {
        told.push(one(open, &world).await?);
    }
    Ok((count, told))
}

/// What is to be told of a world: the others are looked at, too, where it cannot be gone on with.
async fn one(open: &Open<'_>, world: &World) -> Result<Value, ResumeError> {
    let rebuilt = match resume::scenario_of(world) {
        Ok(scenario) => resume::rebuild(&*open.store, &world.id, &scenario, None).await,
        Err(error) => Err(error),
    };
    let is_whole = world.results_revision != resume::UNFINISHED;
    match rebuilt {
        Ok(rebuilt) => Ok(json!({
            "name": world.id.as_str(),
            "is_whole": is_whole,
            "tick": rebuilt.simulation.tick().0,
            "digest": output::hex(rebuilt.simulation.digest().total),
            "from_save": rebuilt.save,
            "replayed": rebuilt.replayed,
        })),
        Err(ResumeError::World(why)) => Ok(json!({ "name": world.id.as_str(), "is_whole": is_whole, "why": why })),
        Err(error) => Err(error),
    }
}
