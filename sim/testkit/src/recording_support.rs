//! Shared by the tests of recordings: recordings made from a seed, ways to corrupt one, and the judgement
//! that no corruption is accepted silently. Must not depend on what a snapshot or a command means.

use std::io::Cursor;
use std::ops::Range;

use sim::command::ControlInput;
use sim::random::RandomStream;
use sim::recording::{Header, OpenError, Reader, Step, Writer};
use sim::{Command, InputFrame, Membership, PlayerId, Role};

/// Random numbers from a seed.
pub struct Random(pub RandomStream);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(RandomStream::new(seed))
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    /// A part of `0..end`, at least one long.
    pub fn range(&mut self, end: usize) -> Range<usize> {
        let from = self.below(end);
        from..from + 1 + self.below((end - from).min(2_000))
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.draw() as u8).collect()
    }
}

/// A header of a recording with short segments.
pub fn header(segment_ticks: u32, keyframe_ticks: u32) -> Header {
    let mut header = Header::new("test build", "duel", "name = \"duel\"\n", 90, 7, 0x5eed);
    header.segment_ticks = segment_ticks;
    header.keyframe_ticks = keyframe_ticks;
    header
}

/// Four pilots whose sticks move smoothly along `axes` axes, heard every `every` ticks.
pub fn pilots(tick: u64, every: u64, axes: usize) -> InputFrame {
    trembling_pilots(tick, every, axes, 0)
}

/// The same with hands that tremble by up to `tremor` counts either way, of 32,767.
pub fn trembling_pilots(tick: u64, every: u64, axes: usize, tremor: usize) -> InputFrame {
    let mut frame = InputFrame::default();
    if tick == 0 {
        let join = |p| Membership::Join { player: PlayerId(p), role: Role::Pilot };
        frame.membership = (1..=4).map(join).collect();
    }
    for player in (1..=4_u32).filter(|p| (tick + u64::from(*p) * 7).is_multiple_of(every)) {
        let deflection = |axis: usize| {
            // Two swings of 0.3 to 1.2 and 0.7 to 2.1 turns a second, each player's and axis' own.
            let (time_s, player, axis) = (tick as f64 / 90.0, f64::from(player), axis as f64);
            let swing = |turns: f64| libm::sin(turns * std::f64::consts::TAU);
            let slow = swing(time_s * (0.3 + 0.13 * axis + 0.03 * player) + 0.37 * player + 0.61 * axis);
            let fast = swing(time_s * (0.7 + 0.17 * axis + 0.05 * player) + 0.71 * player + 0.23 * axis);
            let noise = Random::new(tick.wrapping_mul(97) ^ (player * 8.0 + axis) as u64).below(2 * tremor + 1);
            (slow * 15_000.0 + fast * 8_000.0) as i16 + noise as i16 - tremor as i16
        };
        let axis = |axis: usize| if axis < axes { deflection(axis) } else { 0 };
        let controls = ControlInput {
            main: if axes > 3 { axis(3).saturating_abs() } else { 20_000 },
            translate: [axis(4), axis(5), axis(6)],
            rotate: [axis(0), axis(1), axis(2)],
            assist: true,
        };
        frame.push(PlayerId(player), &Command::Controls { ship: 70_000 + u64::from(player), controls });
    }
    frame
}

/// A finished recording of `ticks` ticks of four pilots who also fire, with snapshots of `snapshot_bytes`.
/// Recordings of different `seed` have the same header and nothing else in common.
pub fn recording(seed: u64, ticks: u64, header: Header, snapshot_bytes: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let snapshot = |random: &mut Random| {
        let mut bytes = random.bytes(snapshot_bytes / 2);
        bytes.resize(snapshot_bytes, 0);
        bytes
    };
    let mut writer = Writer::new(Vec::new(), header, &snapshot(&mut random)).unwrap();
    for tick in 0..ticks {
        let mut frame = pilots(tick, 1 + seed % 3, 3);
        if random.below(20) == 0 {
            let player = 1 + random.below(4) as u32;
            frame.push(PlayerId(player), &Command::Fire { ship: 70_000 + u64::from(player) });
        }
        writer.push(&frame, random.draw()).unwrap();
        if writer.wants_keyframe() {
            writer.keyframe(&snapshot(&mut random)).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// Everything that reads back of a recording.
#[derive(Debug, Default, PartialEq)]
pub struct Contents {
    /// What the recording says of itself.
    pub header: Option<Header>,
    /// Ticks and snapshots.
    pub keyframes: Vec<(u64, Vec<u8>)>,
    /// Ticks with inputs and digests.
    pub steps: Vec<Step>,
    /// Of the last tick, where it is known.
    pub final_digest: Option<u64>,
    /// Whether nothing was wrong anywhere.
    pub sound: bool,
}

/// Reads all there is, passing over what is damaged.
pub fn read(bytes: &[u8]) -> Result<Contents, OpenError> {
    let mut reader = Reader::open(Cursor::new(bytes))?;
    let mut contents = Contents {
        header: Some(reader.header().clone()),
        final_digest: reader.final_digest(),
        sound: reader.status().is_complete(),
        ..Contents::default()
    };
    for i in 0..reader.keyframes().len() {
        match reader.read_keyframe(i) {
            Ok(snapshot) => contents.keyframes.push((reader.keyframes()[i].tick, snapshot)),
            Err(_) => contents.sound = false,
        }
    }
    for i in 0..reader.segments().len() {
        match reader.read_segment(i) {
            Ok(segment) => {
                let ticks = segment.first_tick..;
                let steps = ticks.zip(segment.frames).zip(segment.digests);
                contents.steps.extend(steps.map(|((tick, frame), digest)| Step { tick, frame, digest }));
            }
            Err(_) => contents.sound = false,
        }
    }
    Ok(contents)
}

/// How a corrupted recording was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does not open.
    Refused,
    /// It opens, and the damage or the truncation is reported.
    Reported,
    /// The contents are those of the original: the corruption hit nothing.
    Identical,
}

/// Judges the reading of a corrupted recording.
///
/// # Panics
/// If the corruption is accepted silently; and, unless bytes of a `foreign` recording were put in, if
/// anything reads back that is not in the original.
pub fn judge(original: &Contents, corrupted: &[u8], foreign: bool) -> Verdict {
    let Ok(contents) = read(corrupted) else { return Verdict::Refused };
    // Spare time: a check reads the whole file once more.
    if corrupted.len().is_multiple_of(4) {
        let mut reader = Reader::open(Cursor::new(corrupted)).expect("opened before");
        let found = reader.check().expect("memory does not fail").is_complete();
        assert_eq!(found, contents.sound, "a check finds exactly what reading finds");
    }
    if contents.sound {
        assert!(contents == *original, "accepted silently");
        return Verdict::Identical;
    }
    if !foreign {
        assert_eq!(contents.header, original.header);
        let first = original.steps.first().map_or(0, |step| step.tick);
        for step in &contents.steps {
            assert_eq!(Some(step), original.steps.get((step.tick - first) as usize), "a step that never was");
        }
        for keyframe in &contents.keyframes {
            assert!(original.keyframes.contains(keyframe), "a keyframe that never was");
        }
    }
    Verdict::Reported
}

/// Where segments, keyframes, index and end marker of an intact recording are.
pub fn chunks(recording: &[u8]) -> Vec<Range<usize>> {
    let reader = Reader::open(Cursor::new(recording)).unwrap();
    let segments = reader.segments().iter().map(|s| (s.offset, s.bytes));
    let keyframes = reader.keyframes().iter().map(|k| (k.offset, k.bytes));
    let mut all: Vec<Range<usize>> =
        segments.chain(keyframes).map(|(offset, bytes)| offset as usize..(offset + bytes) as usize).collect();
    all.sort_by_key(|range| range.start);
    let index = all.last().unwrap().end;
    let end = recording.len() - 72;
    all.push(index..end);
    all.push(end..recording.len());
    all
}

/// The kinds of corruption of [`corrupt`].
pub const CORRUPTIONS: [&str; 12] = [
    "bits flipped",
    "bytes overwritten",
    "cut off",
    "a huge length",
    "two chunks swapped",
    "a chunk repeated",
    "a chunk removed",
    "a chunk of another recording",
    "bytes removed",
    "bytes inserted",
    "the tail zeroed",
    "the tail of another recording",
];

/// A copy of `original` corrupted in one way that `random` draws: the kind, an index of [`CORRUPTIONS`], and
/// the bytes. `donor` is another recording with the same header; both come with their [`chunks`].
pub fn corrupt(
    random: &mut Random,
    (original, chunks): (&[u8], &[Range<usize>]),
    (donor, donor_chunks): (&[u8], &[Range<usize>]),
) -> (usize, Vec<u8>) {
    let kind = random.below(CORRUPTIONS.len());
    let mut bytes = original.to_vec();
    let pick = random.below(chunks.len());
    let chunk = chunks[pick].clone();
    match kind {
        0 => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => {
            let range = random.range(bytes.len());
            let noise = random.bytes(range.len());
            bytes[range].copy_from_slice(&noise);
        }
        2 => bytes.truncate(random.below(bytes.len())),
        3 => {
            // The length of a chunk is at byte 8, that of the header at byte 10, and payloads begin with some.
            let places = [10, chunk.start + 8, chunk.start + 40, chunk.start + 44];
            let at = places[random.below(places.len())];
            let huge = [u32::MAX, 1 << 31, 1 << 30, 1 << 24, random.draw() as u32][random.below(5)];
            bytes[at..at + 4].copy_from_slice(&huge.to_le_bytes());
        }
        4 => {
            let other = chunks[random.below(chunks.len())].clone();
            let (a, b) = if chunk.start < other.start { (chunk, other) } else { (other, chunk) };
            if a != b {
                let swapped = [&original[b.clone()], &original[a.end..b.start], &original[a.clone()]].concat();
                bytes[a.start..b.end].copy_from_slice(&swapped);
            }
        }
        5 => {
            let to = chunks[random.below(chunks.len())].end;
            bytes.splice(to..to, original[chunk].iter().copied());
        }
        6 => drop(bytes.drain(chunk)),
        7 => {
            let from = donor_chunks[pick.min(donor_chunks.len() - 1)].clone();
            bytes.splice(chunk, donor[from].iter().copied());
        }
        8 => drop(bytes.drain(random.range(original.len()))),
        9 => {
            let at = random.below(bytes.len() + 1);
            let count = 1 + random.below(2_000);
            bytes.splice(at..at, random.bytes(count));
        }
        10 => {
            let from = random.below(bytes.len());
            bytes[from..].fill(0);
        }
        _ => {
            let from = donor_chunks[random.below(donor_chunks.len())].start;
            // At least the first keyframe stays: all of another recording is another recording.
            bytes.truncate(chunk.start.max(chunks[0].end));
            bytes.extend_from_slice(&donor[from..]);
        }
    }
    (kind, bytes)
}

/// Whether a kind of corruption puts in bytes of the donor.
pub fn is_foreign(kind: usize) -> bool {
    matches!(kind, 7 | 11)
}
