//! `spacetime replay info`: what a recording is of and whether it is whole. Reads every byte, simulates nothing.

use std::path::Path;

use serde_json::json;

use super::{Recording, shown};
use crate::exit::{Failure, Outcome};
use crate::output::{self, grouped, hex};

/// Runs `spacetime replay info`. A recording that is truncated or damaged is described, and then reported.
///
/// # Errors
/// [`Failure`] for what is no recording, and for one of which something is lost.
pub fn command(path: &Path, json: bool) -> Result<Outcome, Failure> {
    let mut recording = Recording::open(path)?;
    recording.reader.check().map_err(|e| Failure::unreadable(path, output::plain(&e)))?;
    let reader = &recording.reader;
    let header = reader.header();
    let ticks = reader.ticks();
    let count = ticks.end - ticks.start;
    let seconds = count as f64 / f64::from(header.tick_rate_hz);
    let keyframe_bytes: u64 = reader.keyframes().iter().map(|k| k.bytes).sum();
    let log_bytes: u64 = reader.segments().iter().map(|s| s.bytes).sum();
    let log_bytes_per_s = (seconds > 0.0).then(|| log_bytes as f64 / seconds);
    let status = reader.status();
    if json {
        let fork = header.forked_from.as_ref().map(
            |fork| json!({ "identity": bytes_hex(&fork.identity), "tick": fork.tick, "digest": hex(fork.digest) }),
        );
        output::print_json(&json!({
            "file": path.display().to_string(),
            "identity": bytes_hex(&reader.identity()),
            "format_version": header.format_version,
            "build_id": header.build_id,
            "scenario": header.scenario_name,
            "scenario_hash": bytes_hex(&header.scenario_hash),
            "seed": header.seed,
            "tick_rate_hz": header.tick_rate_hz,
            "schema": hex(header.schema),
            "first_tick": ticks.start,
            "last_tick": ticks.end,
            "ticks": count,
            "seconds": seconds,
            "bytes": reader.file_bytes(),
            "segments": { "count": reader.segments().len(), "bytes": log_bytes, "bytes_per_s": log_bytes_per_s },
            "keyframes": {
                "bytes": keyframe_bytes,
                "ticks": reader.keyframes().iter().map(|k| k.tick).collect::<Vec<_>>(),
            },
            "final_digest": reader.final_digest().map(hex),
            "forked_from": fork,
            "complete": status.is_complete(),
            "lost": (!status.is_complete()).then(|| status.to_string()),
        }))?;
    } else {
        let fork = header.forked_from.as_ref().map_or(String::new(), |fork| {
            format!("forked from    {} at tick {}\n", &bytes_hex(&fork.identity)[..16], grouped(fork.tick))
        });
        output::print(&format!(
            "scenario       {} (seed {}, {} Hz)\nmade by        {} (format {})\n{fork}\
             ticks          {} to {} ({seconds:.1} s at normal speed)\n\
             size           {} bytes: {} segments ({}), {} keyframes ({} bytes)\n\
             last digest    {}\nstate          {status}\n",
            shown(&header.scenario_name),
            header.seed,
            header.tick_rate_hz,
            shown(&header.build_id),
            header.format_version,
            grouped(ticks.start),
            grouped(ticks.end),
            grouped(reader.file_bytes()),
            grouped(reader.segments().len() as u64),
            log_bytes_per_s.map_or("empty".to_owned(), |rate| format!("{rate:.0} bytes/s")),
            grouped(reader.keyframes().len() as u64),
            grouped(keyframe_bytes),
            reader.final_digest().map_or("unknown".to_owned(), hex),
        ))?;
    }
    recording.fine()
}

fn bytes_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
