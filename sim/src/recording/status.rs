//! How whole a recording is, as far as opening it can tell.

/// What opening (or [`super::Reader::check`]) found. [`Status::is_complete`] when nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Damaged parts in file order; at most [`Status::DAMAGE_MAX`] are listed.
    pub damage: Vec<Damage>,
    /// Set if the end marker is missing: the writer was killed, or the file was cut.
    pub truncation: Option<Truncation>,
}

/// The end of a recording without its end marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The byte up to which the file is of use: the end of the last whole segment, keyframe or index.
    pub offset: u64,
    /// Bytes behind it that are lost; 0 for a cut exactly at an edge.
    pub lost_bytes: u64,
    /// The tick that is reached: the end of the last whole segment.
    pub end_tick: u64,
}

/// A damaged part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes it has; 0 where something was taken out.
    pub bytes: u64,
    /// What it is.
    pub part: DamagedPart,
}

/// What a damaged part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamagedPart {
    /// A segment, or several that cannot be told apart: its place in [`super::Reader::segments`].
    Segment {
        /// Its place in the list.
        segment: usize,
        /// Its first frame's tick.
        first_tick: u64,
        /// The tick after its last frame.
        end_tick: u64,
    },
    /// A keyframe: its place in [`super::Reader::keyframes`].
    Keyframe {
        /// Its place in the list.
        keyframe: usize,
        /// Its tick.
        tick: u64,
    },
    /// The index; it was rebuilt from the segments.
    Index,
    /// Bytes that belong to nothing: repeated, foreign or unreadable.
    Stray,
}

impl Status {
    /// Most damaged parts that are listed.
    pub const DAMAGE_MAX: usize = 1_000;

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.damage.is_empty() && self.truncation.is_none()
    }

    /// Lists another damaged part, in file order.
    pub(super) fn note(&mut self, damage: Damage) {
        if self.damage.len() < Self::DAMAGE_MAX {
            let at = self.damage.partition_point(|d| d.offset <= damage.offset);
            self.damage.insert(at, damage);
        }
    }
}

impl std::fmt::Display for Truncation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { offset, lost_bytes, end_tick } = self;
        write!(f, "truncated at byte {offset}: readable up to tick {end_tick}, {lost_bytes} bytes behind it are lost")
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.part {
            DamagedPart::Segment { segment, first_tick, end_tick } => {
                write!(f, "segment {segment} (ticks {first_tick} to {end_tick}) is damaged at byte {}", self.offset)
            }
            DamagedPart::Keyframe { keyframe, tick } => {
                write!(f, "keyframe {keyframe} (tick {tick}) is damaged at byte {}", self.offset)
            }
            DamagedPart::Index => write!(f, "the index is damaged at byte {} and was rebuilt", self.offset),
            DamagedPart::Stray => write!(f, "{} bytes at byte {} belong to nothing", self.bytes, self.offset),
        }
    }
}

impl std::fmt::Display for Status {
    /// One sentence: the first damage, how many more there are, and the truncation.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_complete() {
            return f.write_str("complete");
        }
        if let Some(first) = self.damage.first() {
            write!(f, "{first}")?;
            if self.damage.len() > 1 {
                write!(f, " (and {} more)", self.damage.len() - 1)?;
            }
        }
        match &self.truncation {
            Some(truncation) if self.damage.is_empty() => write!(f, "{truncation}"),
            Some(truncation) => write!(f, "; {truncation}"),
            None => Ok(()),
        }
    }
}
