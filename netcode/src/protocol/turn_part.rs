//! The part of a datagram that every link sees once a turn: acknowledgements, clock, entries. Written by hand, byte for
//! byte, as it is sent thirty to ninety times a second on every link. Reading is total: any bytes give a part or none.

use super::entry::{ENTRY_BYTES_MAX, read_varint, unzigzag, write_varint, zigzag};
use super::ids::{Player, Turn};

/// Most entries of one author in one datagram.
pub const RUN_ENTRIES_MAX: usize = 128;
/// Most authors whose entries one datagram carries or asks for.
pub const RUNS_MAX: usize = 64;
/// Unit of the time that an echo was held back, microseconds: a turn of 60 Hz is one byte.
pub const HELD_UNIT_US: u64 = 128;

/// The part that every link sees once a turn: acknowledgements, clock, entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnPart {
    /// Number of this datagram on its link, for round-trip times and losses.
    pub number: u16,
    /// Epoch of the sender's next turn.
    pub epoch: u32,
    /// First turn that the sender has not executed.
    pub next: Turn,
    /// Short chain hash before that turn.
    pub chain: u64,
    /// How many turns behind `next` the sender's first unconfirmed turn is.
    pub unconfirmed: u64,
    /// The incarnation in which the sender is or last was a member, as long as its process knows what it promised then:
    /// its acknowledgements count for that one.
    pub incarnation: Option<u32>,
    /// The sender's playhead at sending, relative to `next`, in 1/64 turns.
    pub playhead: i64,
    /// Loss of the other direction as the sender sees it, in 1/255.
    pub loss: u8,
    /// Newest datagram seen from the receiver, and how long ago it came, in units of 128 us.
    pub echo: Option<(u16, u16)>,
    /// First entry of the receiver that is missing here, relative to `next`; later ones that are here, by bit.
    pub ack: (i64, u32),
    /// Digest after an executed turn: how many turns before `next`, and its value.
    pub digest: Option<(u64, u64)>,
    /// Entries that the receiver shall pass on: whose, from which turn.
    pub needs: Vec<(Player, Turn)>,
    /// Entries.
    pub runs: Vec<Run>,
}

/// Consecutive entries of one author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose.
    pub player: Player,
    /// Which life of the author.
    pub incarnation: u32,
    /// Turn of the first.
    pub first: Turn,
    /// Encoded entries.
    pub entries: Entries,
}

/// Encoded entries, one after the other in one buffer: most of those that come have been here before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    bytes: Vec<u8>,
    /// Where each one ends.
    ends: Vec<u32>,
}

impl Entries {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How much memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&self.ends[..])
    }

    /// Adds one.
    pub fn push(&mut self, entry: &[u8]) {
        self.bytes.extend_from_slice(entry);
        self.close();
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|at| self.at(at))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.at(at))
    }

    /// The one at a place.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        (at < self.len()).then(|| self.at(at))
    }

    fn at(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[at] as usize]
    }

    /// What was appended to the buffer since the last one is the next one.
    fn close(&mut self) {
        self.ends.push(self.bytes.len() as u32);
    }

    /// The length of every input, where each entry is one short input and nothing else.
    fn common_length(&self) -> Option<u8> {
        let first = *self.bytes.first().filter(|length| (1..0x80).contains(*length))?;
        let plain = |entry: &[u8]| entry.len() == usize::from(first) + 1 && entry[0] == first;
        self.iter().all(plain).then_some(first)
    }

    /// Appends the entries, each coded against the one before.
    pub(super) fn write_deltas(&self, out: &mut Vec<u8>) {
        let mut before: &[u8] = &[];
        for entry in self.iter() {
            write_delta(out, before, entry);
            before = entry;
        }
    }

    /// Reads one entry that [`write_delta`] wrote; returns what follows.
    pub(super) fn read_delta<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let end = self.bytes.len();
        let start = self.len().checked_sub(2).map_or(0, |before| self.ends[before] as usize);
        let before = end - start;
        let (tag, rest) = read_varint(input)?;
        let rest = match tag {
            0 => {
                self.bytes.extend_from_within(start..end);
                rest
            }
            1 => return None,
            2 => {
                let (front, rest) = read_varint(rest)?;
                let (back, rest) = read_varint(rest)?;
                let (middle, rest) = read_varint(rest)?;
                let (front, back) = (usize::try_from(front).ok()?, usize::try_from(back).ok()?);
                let middle = usize::try_from(middle).ok().filter(|middle| *middle <= rest.len())?;
                let kept = front.checked_add(back).filter(|kept| *kept <= before)?;
                if kept + middle > ENTRY_BYTES_MAX {
                    return None;
                }
                let (middle, rest) = rest.split_at(middle);
                self.bytes.extend_from_within(start..start + front);
                self.bytes.extend_from_slice(middle);
                self.bytes.extend_from_within(end - back..end);
                rest
            }
            length => {
                let length = usize::try_from(length - 3).ok()?;
                let (bytes, rest) = rest.split_at_checked(length).filter(|_| length <= ENTRY_BYTES_MAX)?;
                self.bytes.extend_from_slice(bytes);
                rest
            }
        };
        self.close();
        Some(rest)
    }
}

impl<'a> FromIterator<&'a [u8]> for Entries {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(entries: T) -> Self {
        let mut all = Self::default();
        entries.into_iter().for_each(|entry| all.push(entry));
        all
    }
}

/// Appends `bytes`, coded against `before`: 0 equal; 2 with what is common at both ends left out; otherwise in full.
fn write_delta(out: &mut Vec<u8>, before: &[u8], bytes: &[u8]) {
    if bytes == before {
        out.push(0);
        return;
    }
    let front = bytes.iter().zip(before).take_while(|(a, b)| a == b).count();
    let room = bytes.len().min(before.len()) - front;
    let back = bytes.iter().rev().zip(before.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    if front + back > 3 {
        out.push(2);
        write_varint(out, front as u64);
        write_varint(out, back as u64);
        let middle = &bytes[front..bytes.len() - back];
        write_varint(out, middle.len() as u64);
        out.extend_from_slice(middle);
    } else {
        // Most entries are short: their length rides in the tag.
        write_varint(out, 3 + bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

/// Set in the first byte of a datagram with a turn part.
const TURN_PART: u8 = 0x80;
/// How many runs follow, from bit 5: up to two, or three if their number is written out.
const RUNS_SHIFT: u32 = 5;
const RUNS_MANY: u8 = 3;
const HAS_ECHO: u8 = 1;
const HAS_DIGEST: u8 = 2;
/// The digest is not of the turn before `next`: how many turns before it is said.
const HAS_DIGEST_AGE: u8 = 4;
const HAS_NEEDS: u8 = 8;
const HAS_MASK: u8 = 16;
/// The incarnation that is not written: a founder's, and that of whoever joined for the first time.
const FIRST_INCARNATION: u32 = 1;
/// In the two lowest bits beside `unconfirmed`: which incarnation acknowledges.
const FIRST_ACKNOWLEDGES: u64 = 1;
const LATER_ACKNOWLEDGES: u64 = 2;

impl TurnPart {
    /// Appends the part.
    pub fn write(&self, out: &mut Vec<u8>) {
        let has = |present: bool, flag: u8| if present { flag } else { 0 };
        let age = self.digest.map(|(age, _)| age).filter(|age| *age != 1);
        let runs = self.runs.len().min(usize::from(RUNS_MANY)) as u8;
        let flags = has(self.echo.is_some(), HAS_ECHO)
            | has(self.digest.is_some(), HAS_DIGEST)
            | has(age.is_some(), HAS_DIGEST_AGE)
            | has(!self.needs.is_empty(), HAS_NEEDS)
            | has(self.ack.1 != 0, HAS_MASK);
        out.push(TURN_PART | runs << RUNS_SHIFT | flags);
        out.extend_from_slice(&self.number.to_le_bytes());
        write_varint(out, u64::from(self.epoch));
        write_varint(out, self.next.0);
        out.extend_from_slice(&self.chain.to_le_bytes());
        let later = self.incarnation.filter(|incarnation| *incarnation != FIRST_INCARNATION);
        let acknowledges = match self.incarnation {
            None => 0,
            Some(FIRST_INCARNATION) => FIRST_ACKNOWLEDGES,
            Some(_) => LATER_ACKNOWLEDGES,
        };
        write_varint(out, self.unconfirmed << 2 | acknowledges);
        later.into_iter().for_each(|incarnation| write_varint(out, u64::from(incarnation)));
        write_varint(out, zigzag(self.playhead));
        out.push(self.loss);
        if let Some((number, held)) = self.echo {
            out.extend_from_slice(&number.to_le_bytes());
            write_varint(out, u64::from(held));
        }
        write_varint(out, zigzag(self.ack.0));
        if self.ack.1 != 0 {
            write_varint(out, u64::from(self.ack.1));
        }
        age.into_iter().for_each(|age| write_varint(out, age));
        if let Some((_, digest)) = self.digest {
            out.extend_from_slice(&digest.to_le_bytes());
        }
        if !self.needs.is_empty() {
            write_varint(out, self.needs.len() as u64);
            for (player, from) in &self.needs {
                write_varint(out, u64::from(player.0));
                write_varint(out, zigzag(from.0.wrapping_sub(self.next.0) as i64));
            }
        }
        if runs == RUNS_MANY {
            write_varint(out, self.runs.len() as u64);
        }
        self.runs.iter().for_each(|run| run.write(self.next, out));
    }

    /// Reads a part; returns it and what follows.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut at = Cursor(bytes);
        let flags = at.byte()?;
        if flags & TURN_PART == 0 {
            return None;
        }
        let has = |flag: u8| flags & flag != 0;
        let number = u16::from_le_bytes(at.array()?);
        let epoch = at.short()?;
        let next = Turn(at.varint()?);
        let chain = u64::from_le_bytes(at.array()?);
        let unconfirmed = at.varint()?;
        let incarnation = match unconfirmed & 3 {
            0 => None,
            FIRST_ACKNOWLEDGES => Some(FIRST_INCARNATION),
            LATER_ACKNOWLEDGES => Some(at.short()?),
            _ => return None,
        };
        let unconfirmed = unconfirmed >> 2;
        let playhead = unzigzag(at.varint()?);
        let loss = at.byte()?;
        let echo = match has(HAS_ECHO) {
            true => Some((u16::from_le_bytes(at.array()?), u16::try_from(at.varint()?).ok()?)),
            false => None,
        };
        let ack = (unzigzag(at.varint()?), if has(HAS_MASK) { at.short()? } else { 0 });
        let age = if has(HAS_DIGEST_AGE) { at.varint()? } else { 1 };
        let digest = if has(HAS_DIGEST) { Some((age, u64::from_le_bytes(at.array()?))) } else { None };
        let mut needs = Vec::new();
        if has(HAS_NEEDS) {
            for _ in 0..at.count(RUNS_MAX)? {
                needs.push((Player(at.short()?), at.turn_from(next)?));
            }
        }
        let count = match flags >> RUNS_SHIFT & RUNS_MANY {
            RUNS_MANY => at.count(RUNS_MAX)?,
            few => usize::from(few),
        };
        let runs = (0..count).map(|_| Run::read(next, &mut at)).collect::<Option<_>>()?;
        let part = Self {
            number,
            epoch,
            next,
            chain,
            unconfirmed,
            incarnation,
            playhead,
            loss,
            echo,
            ack,
            digest,
            needs,
            runs,
        };
        Some((part, at.0))
    }
}

impl Run {
    fn write(&self, next: Turn, out: &mut Vec<u8>) {
        let again = self.incarnation != FIRST_INCARNATION;
        write_varint(out, u64::from(self.player.0) << 1 | u64::from(again));
        if again {
            write_varint(out, u64::from(self.incarnation));
        }
        write_varint(out, zigzag(self.first.0.wrapping_sub(next.0) as i64));
        let count = self.entries.len() as u64;
        let at = out.len();
        write_varint(out, count << 1);
        self.entries.write_deltas(out);
        let Some(length) = self.entries.common_length() else { return };
        // One length for all of them, if that is shorter than what they have in common.
        if 1 + self.entries.len() * usize::from(length) < out.len() - at - 1 {
            out.truncate(at);
            write_varint(out, count << 1 | 1);
            out.push(length);
            self.entries.iter().for_each(|entry| out.extend_from_slice(&entry[1..]));
        }
    }

    fn read(next: Turn, at: &mut Cursor<'_>) -> Option<Self> {
        let author = at.varint()?;
        let player = Player(u32::try_from(author >> 1).ok()?);
        let incarnation = if author & 1 == 1 { at.short()? } else { FIRST_INCARNATION };
        let first = at.turn_from(next)?;
        let form = at.count(2 * RUN_ENTRIES_MAX + 1)?;
        let count = form >> 1;
        let mut entries = Entries { bytes: Vec::with_capacity(64), ends: Vec::with_capacity(count) };
        if form & 1 == 0 {
            for _ in 0..count {
                at.0 = entries.read_delta(at.0)?;
            }
        } else {
            // No input without bytes: each entry must cost some.
            let length = at.byte().filter(|length| (1..0x80).contains(length))?;
            for _ in 0..count {
                let (input, rest) = at.0.split_at_checked(usize::from(length))?;
                at.0 = rest;
                entries.bytes.push(length);
                entries.push(input);
            }
        }
        Some(Self { player, incarnation, first, entries })
    }
}

/// Reads from the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, rest) = read_varint(self.0)?;
        self.0 = rest;
        Some(value)
    }

    /// A number of 32 bits.
    fn short(&mut self) -> Option<u32> {
        u32::try_from(self.varint()?).ok()
    }

    fn count(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= most)
    }

    fn turn_from(&mut self, base: Turn) -> Option<Turn> {
        base.0.checked_add_signed(unzigzag(self.varint()?)).map(Turn)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::wire::Datagram;
    use super::*;

    fn run() -> impl Strategy<Value = Run> {
        let input = |length| prop::collection::vec(any::<u8>(), length);
        // Inputs of one length and nothing else, as most of them are; and anything at all.
        let plain = (1usize..140, 0usize..8).prop_flat_map(move |(length, count)| {
            let entry = input(length).prop_map(|bytes| [&[bytes.len() as u8], &bytes[..]].concat());
            prop::collection::vec(entry, count)
        });
        let any_bytes = prop::collection::vec(prop::collection::vec(0u8..9, 0..30), 0..8);
        (any::<u32>(), 0u32..3, 0u64..1 << 40, prop_oneof![plain, any_bytes]).prop_map(
            |(player, incarnation, first, entries)| Run {
                player: Player(player),
                incarnation,
                first: Turn(first),
                entries: entries.iter().map(Vec::as_slice).collect(),
            },
        )
    }

    pub fn part() -> impl Strategy<Value = TurnPart> {
        let head = (any::<u16>(), any::<u32>(), 0u64..1 << 40, any::<u64>(), 0u64..1 << 62, any::<i64>(), any::<u8>());
        let more = (
            any::<Option<(u16, u16)>>(),
            any::<Option<u32>>(),
            any::<(i64, u32)>(),
            any::<Option<(u64, u64)>>(),
            prop::collection::vec((any::<u32>().prop_map(Player), (0u64..1 << 40).prop_map(Turn)), 0..5),
            prop::collection::vec(run(), 0..5),
        );
        (head, more).prop_map(
            |(
                (number, epoch, next, chain, unconfirmed, playhead, loss),
                (echo, incarnation, ack, digest, needs, runs),
            )| {
                TurnPart {
                    number,
                    epoch,
                    next: Turn(next),
                    chain,
                    unconfirmed,
                    incarnation,
                    playhead,
                    loss,
                    echo,
                    ack,
                    digest,
                    needs,
                    runs,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn deltas_give_back_what_was_coded(
            entries in prop::collection::vec(prop::collection::vec(0u8..3, 0..40), 0..4),
            tail in prop::collection::vec(any::<u8>(), 0..5),
        ) {
            let entries: Entries = entries.iter().map(Vec::as_slice).collect();
            let mut out = Vec::new();
            entries.write_deltas(&mut out);
            out.extend(&tail);
            let (mut read, mut rest) = (Entries::default(), &out[..]);
            for _ in 0..entries.len() {
                rest = read.read_delta(rest).expect("as many as were written");
            }
            prop_assert_eq!((read, rest), (entries, &tail[..]));
        }

        #[test]
        fn deltas_of_any_bytes_do_no_harm(
            input in prop::collection::vec(0u8..12, 0..40),
            before in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut entries: Entries = [&before[..]].into_iter().collect();
            let mut rest = &input[..];
            while let Some(after) = entries.read_delta(rest) {
                rest = after;
            }
        }
    }

    /// Three random inputs of eight bytes, and everything else as it mostly is.
    fn usual() -> TurnPart {
        let input = |i: u8| [8, i, i ^ 3, i ^ 5, i ^ 9, i, i ^ 1, 77, i];
        let inputs = [1, 2, 3].map(input);
        let entries = inputs.iter().map(<[u8; 9]>::as_slice).collect();
        TurnPart {
            number: 0x1234,
            epoch: 2,
            next: Turn(20_000),
            chain: 0x0807_0605_0403_0201,
            unconfirmed: 6,
            incarnation: Some(1),
            playhead: 30,
            loss: 12,
            echo: Some((9, 100)),
            ack: (3, 0),
            digest: Some((1, u64::MAX)),
            needs: Vec::new(),
            runs: vec![Run { player: Player(3), incarnation: 1, first: Turn(20_008), entries }],
        }
    }

    /// As docs/NETCODE.md has it, field by field.
    #[test]
    fn a_usual_part_is_these_bytes() {
        let mut bytes = Vec::new();
        usual().write(&mut bytes);
        let expected: &[&[u8]] = &[
            &[0x80 | 1 << 5 | 1 | 2],
            &[0x34, 0x12],
            &[2],
            &[0xa0, 0x9c, 1],
            &[1, 2, 3, 4, 5, 6, 7, 8],
            &[6 << 2 | 1],
            &[60],
            &[12],
            &[9, 0, 100],
            &[6],
            &[0xff; 8],
            &[3 << 1, 8 << 1, 3 << 1 | 1, 8],
            &[1, 2, 4, 8, 1, 0, 77, 1],
            &[2, 1, 7, 11, 2, 3, 77, 2],
            &[3, 0, 6, 10, 3, 2, 77, 3],
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn a_part_with_everything_is_these_bytes() {
        let entries: Entries =
            [&[][..], &[], &[7, 5, 5, 5, 5, 5, 5, 5], &[7, 5, 5, 5, 9, 5, 5, 5]].into_iter().collect();
        let run = |player, incarnation| Run {
            player: Player(player),
            incarnation,
            first: Turn(90),
            entries: if player == 1 { entries.clone() } else { Entries::default() },
        };
        let part = TurnPart {
            next: Turn(100),
            ack: (-1, 0x81),
            digest: Some((2, 0)),
            needs: vec![(Player(4), Turn(99))],
            runs: vec![run(1, 5), run(2, 1), run(3, 1)],
            ..TurnPart::default()
        };
        let mut bytes = Vec::new();
        part.write(&mut bytes);
        let expected: &[&[u8]] = &[
            &[0x80 | 3 << 5 | 2 | 4 | 8 | 16],
            &[0, 0, 0, 100],
            &[0; 8],
            &[0, 0, 0],
            &[1, 0x81, 1],
            &[2, 0, 0, 0, 0, 0, 0, 0, 0],
            &[1, 4, 1],
            &[3],
            &[1 << 1 | 1, 5, 19, 4 << 1, 0, 0, 11, 7, 5, 5, 5, 5, 5, 5, 5, 2, 4, 3, 1, 9],
            &[2 << 1, 19, 0],
            &[3 << 1, 19, 0],
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(Datagram::decode(&bytes).and_then(|datagram| datagram.turn), Some(part));
    }

    #[test]
    fn what_no_part_begins_with_is_refused() {
        let mut bytes = Vec::new();
        usual().write(&mut bytes);
        for first in [1, 2, 0x7f] {
            bytes[0] = first;
            assert_eq!(Datagram::decode(&bytes), None, "{first}");
        }
        // Inputs without bytes would cost nothing each.
        let run = [&[0x80 | 1 << 5][..], &[0; 15], &[2, 0, 255, 1, 0]].concat();
        assert!(TurnPart::read(&run).is_none());
    }
}
