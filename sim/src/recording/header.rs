//! The header of a recording: what world it is of and which build made it. Signature, version, length and
//! hash stand where they are in every version, so that a damaged header is told from a newer one.

use std::io::{self, Read, Seek};

use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, NAME_BYTES_MAX, OpenError, SCENARIO_BYTES_MAX, SEGMENT_TICKS_MAX};

/// The first bytes of every recording; chosen so that a transfer that changes line ends is noticed.
/// The bytes that every recording begins with.
pub const SIGNATURE: [u8; 8] = *b"\x89STREC\r\n";
/// Bytes before the header's contents: signature, version (u16), length of the contents (u32).
const PRELUDE_BYTES: usize = 14;
/// Bytes of the hash behind the contents.
const HASH_BYTES: usize = 32;
/// Most bytes the contents may have.
const CONTENTS_BYTES_MAX: usize = SCENARIO_BYTES_MAX + 4_096;

/// The versions this build reads. A new one gets a variant, an arm wherever this is matched, and a golden
/// file in the tests; the oldest goes when there are more than two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
}

impl Version {
    pub(super) fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            _ => None,
        }
    }
}

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
    /// Tick of the first keyframe: 0, but for a fork and for the recording of who came late to a session.
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

/// The contents as version 1 stores them, in postcard.
#[derive(Serialize, Deserialize)]
struct ContentsV1<'a> {
    build_id: &'a str,
    scenario_name: &'a str,
    scenario_text: &'a str,
    scenario_hash: [u8; 32],
    tick_rate_hz: u32,
    seed: u64,
    schema: u64,
    first_tick: u64,
    forked_from: Option<Fork>,
    segment_ticks: u32,
    keyframe_ticks: u32,
}

/// The header's bytes in the version that is written, and their hash.
pub(super) fn encode(header: &Header) -> (Vec<u8>, [u8; 32]) {
    let contents = ContentsV1 {
        build_id: &header.build_id,
        scenario_name: &header.scenario_name,
        scenario_text: &header.scenario_text,
        scenario_hash: header.scenario_hash,
        tick_rate_hz: header.tick_rate_hz,
        seed: header.seed,
        schema: header.schema,
        first_tick: header.first_tick,
        forked_from: header.forked_from.clone(),
        segment_ticks: header.segment_ticks,
        keyframe_ticks: header.keyframe_ticks,
    };
    let contents = postcard::to_stdvec(&contents).expect("a header of plain values always encodes");
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&(contents.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&contents);
    let hash = *blake3::hash(&bytes).as_bytes();
    bytes.extend_from_slice(&hash);
    (bytes, hash)
}

/// A header that was read.
pub(super) struct Opened {
    pub(super) header: Header,
    pub(super) version: Version,
    pub(super) hash: [u8; 32],
    /// Where the first chunk begins.
    pub(super) bytes: u64,
}

/// Reads the header of a file of `length` bytes from its beginning.
pub(super) fn read<R: Read + Seek>(input: &mut R, length: u64) -> Result<Opened, OpenError> {
    input.seek(io::SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    input.by_ref().take(PRELUDE_BYTES as u64).read_to_end(&mut bytes)?;
    let signature = bytes.len().min(SIGNATURE.len());
    if signature == 0 || bytes[..signature] != SIGNATURE[..signature] {
        return Err(OpenError::NotARecording);
    }
    if bytes.len() < PRELUDE_BYTES {
        return Err(OpenError::HeaderTruncated { length });
    }
    let number = u16::from_le_bytes([bytes[8], bytes[9]]);
    let contents_bytes = u32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]) as usize;
    if contents_bytes > CONTENTS_BYTES_MAX {
        return Err(OpenError::HeaderDamaged { offset: 10, reason: "its length is beyond the limit" });
    }
    let whole = PRELUDE_BYTES + contents_bytes + HASH_BYTES;
    input.by_ref().take((whole - PRELUDE_BYTES) as u64).read_to_end(&mut bytes)?;
    if bytes.len() < whole {
        return Err(OpenError::HeaderTruncated { length });
    }
    let (hashed, hash) = bytes.split_at(whole - HASH_BYTES);
    if blake3::hash(hashed).as_bytes() != hash {
        return Err(OpenError::HeaderDamaged { offset: 8, reason: "its hash does not match" });
    }
    let version = Version::from_number(number).ok_or(OpenError::UnsupportedVersion { found: number })?;
    let header = match version {
        Version::V1 => decode_v1(&hashed[PRELUDE_BYTES..], number),
    };
    let hash = hash.try_into().unwrap_or_default();
    let offset = PRELUDE_BYTES as u64;
    let damaged = |reason| OpenError::HeaderDamaged { offset, reason };
    let header = header.ok_or(damaged("its contents are malformed"))?;
    if let Some(reason) = header.fault() {
        return Err(damaged(reason));
    }
    Ok(Opened { header, version, hash, bytes: whole as u64 })
}

fn decode_v1(contents: &[u8], format_version: u16) -> Option<Header> {
    let (v1, rest) = postcard::take_from_bytes::<ContentsV1>(contents).ok()?;
    rest.is_empty().then(|| Header {
        format_version,
        build_id: v1.build_id.to_owned(),
        scenario_name: v1.scenario_name.to_owned(),
        scenario_text: v1.scenario_text.to_owned(),
        scenario_hash: v1.scenario_hash,
        tick_rate_hz: v1.tick_rate_hz,
        seed: v1.seed,
        schema: v1.schema,
        first_tick: v1.first_tick,
        forked_from: v1.forked_from,
        segment_ticks: v1.segment_ticks,
        keyframe_ticks: v1.keyframe_ticks,
    })
}
