//! The header of a recording: what world it is of and which build made it.

use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, NAME_BYTES_MAX, SCENARIO_BYTES_MAX, SEGMENT_TICKS_MAX};

/// What a recording says about itself before its first keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the format the file was written in; a writer always writes [`FORMAT_VERSION`].
    pub format_version: u16,
    /// The build that wrote it, for people.
    pub build_id: String,
    /// The scenario's name.
    pub scenario_name: String,
    /// The scenario's text, whole.
    pub scenario_text: String,
    /// BLAKE3 of `scenario_text`.
    pub scenario_hash: [u8; 32],
    /// Ticks per second.
    pub tick_rate_hz: u32,
    /// Seed of everything that is generated.
    pub seed: u64,
    /// Hash of the component schema that the keyframes are written in.
    pub schema: u64,
    /// Tick of the first keyframe: 0 unless forked.
    pub first_tick: u64,
    /// The recording this one was forked from.
    pub forked_from: Option<Fork>,
    /// Ticks per segment: what a crash may lose. One second by default.
    pub segment_ticks: u32,
    /// Ticks between keyframes: what a seek may re-simulate. Ten seconds by default.
    pub keyframe_ticks: u32,
}

/// Where a forked recording came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// [`super::Reader::identity`] of the original.
    pub identity: [u8; 32],
    /// The tick at which it was left.
    pub tick: u64,
    /// Digest of the state there.
    pub digest: u64,
}

impl Header {
    /// A header with the usual segment and keyframe lengths, not forked.
    #[must_use]
    pub fn new(
        build_id: &str,
        scenario_name: &str,
        scenario_text: &str,
        tick_rate_hz: u32,
        seed: u64,
        schema: u64,
    ) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            build_id: build_id.to_owned(),
            scenario_name: scenario_name.to_owned(),
            scenario_text: scenario_text.to_owned(),
            scenario_hash: blake3::hash(scenario_text.as_bytes()).into(),
            tick_rate_hz,
            seed,
            schema,
            first_tick: 0,
            forked_from: None,
            segment_ticks: tick_rate_hz.clamp(1, SEGMENT_TICKS_MAX),
            keyframe_ticks: tick_rate_hz.saturating_mul(10).max(1),
        }
    }

    /// The same for a recording that goes on from another one.
    #[must_use]
    pub fn forked(mut self, from: Fork) -> Self {
        self.first_tick = from.tick;
        self.forked_from = Some(from);
        self
    }

    /// Which limit is broken, if any.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.build_id.len() > NAME_BYTES_MAX || self.scenario_name.len() > NAME_BYTES_MAX {
            Some("a name is longer than 256 bytes")
        } else if self.scenario_text.len() > SCENARIO_BYTES_MAX {
            Some("the scenario text is longer than 16 MiB")
        } else if self.scenario_hash != *blake3::hash(self.scenario_text.as_bytes()).as_bytes() {
            Some("the scenario hash is not that of the scenario text")
        } else if self.tick_rate_hz == 0 {
            Some("the tick rate is zero")
        } else if !(1..=SEGMENT_TICKS_MAX).contains(&self.segment_ticks) {
            Some("the segment length is not 1 to 65536 ticks")
        } else if self.keyframe_ticks == 0 {
            Some("the keyframe interval is zero")
        } else if self.forked_from.as_ref().is_some_and(|fork| fork.tick != self.first_tick) {
            Some("the first tick is not the tick it was forked at")
        } else {
            None
        }
    }
}
