//! `spacetime db status`: what is in the store. Must never read more than keys where keys tell enough.

use persistence::{Health, Key, Kind, Scope};
use serde_json::{Value, json};

use super::{Open, all_keys, worlds};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped};
use crate::serve::resume;

pub(super) fn command(open: &Open<'_>, json: bool) -> Result<Outcome, Failure> {
    let looked = open.runtime.block_on(look(open)).map_err(|e| open.failure(e))?;
    if json {
        output::print_json(&looked)?;
    } else {
        output::print(&text(&looked))?;
    }
    Ok(Outcome::Fine)
}

async fn look(open: &Open<'_>) -> Result<Value, resume::ResumeError> {
    let store = &*open.store;
    let health = match store.health().await {
        Health::Well { round_trip } => json!({ "state": "well", "round_trip_ms": round_trip.as_secs_f64() * 1e3 }),
        Health::Ill(error) => json!({ "state": "ill", "reason": error.reason(), "why": error.to_string() }),
    };
    let mut kinds = serde_json::Map::new();
    for kind in Kind::ALL.into_iter().filter(|kind| !Kind::OF_KEYS.contains(kind)) {
        kinds.insert(kind.name().to_owned(), json!(all_keys(store, kind, Scope::All).await?.len()));
    }
    let mut told = Vec::new();
    for world in worlds(store).await? {
        let scope = Scope::World(world.id.clone());
        let saves = all_keys(store, Kind::Snapshot, scope.clone()).await?;
        let tick = |key: Option<&Key>| if let Some(Key::Snapshot(_, tick)) = key { Some(tick.0) } else { None };
        told.push(json!({
            "name": world.id.as_str(),
            "epoch": world.epoch.0,
            "tick": resume::end_of(store, &world.id).await?,
            "is_whole": world.results_revision != resume::UNFINISHED,
            "tick_rate_hz": world.tick_rate_hz,
            "build": crate::replay::shown(&world.build.0),
            "saves": saves.len(),
            "first_save": tick(saves.first()),
            "last_save": tick(saves.last()),
            "segments": all_keys(store, Kind::Segment, scope.clone()).await?.len(),
            "seats": all_keys(store, Kind::Seat, scope).await?.len(),
        }));
    }
    let is_moving = resume::moving(store).await?.1.is_some();
    Ok(json!({ "store": open.way, "health": health, "moving": is_moving, "worlds": told, "records": kinds }))
}

fn text(looked: &Value) -> String {
    let mut text =
        format!("{}: {}\n", looked["store"].as_str().unwrap_or("-"), looked["health"]["state"].as_str().unwrap_or("-"));
    if looked["moving"] == true {
        text.push_str("only a part of what is moved into this store is there: `spacetime db migrate` was cut off\n");
    }
    for world in looked["worlds"].as_array().into_iter().flatten() {
        let number = |key: &str| grouped(world[key].as_u64().unwrap_or_default());
        let part = if world["is_whole"] == false { ", only a part, whose import was cut off" } else { "" };
        text.push_str(&format!(
            "world {}: tick {}, {} saves, {} pieces of log, {} seats, opened {} times{part}\n",
            world["name"].as_str().unwrap_or("-"),
            number("tick"),
            number("saves"),
            number("segments"),
            number("seats"),
            number("epoch"),
        ));
    }
    for (kind, count) in looked["records"].as_object().into_iter().flatten() {
        text.push_str(&format!("{kind:12} {}\n", grouped(count.as_u64().unwrap_or_default())));
    }
    text
}
