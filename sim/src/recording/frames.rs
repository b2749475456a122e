//! The input frames of one segment as columns. Most ticks are empty, and a player's next command is mostly a
//! small change of the last one, so commands are kept player by player, and those that are nothing but
//! variable-length integers (which is how postcard writes a command) column by column, each integer as its
//! difference from what the ones before it lead to expect. Must never interpret what a command means.

use serde::{Deserialize, Serialize};

use super::varint::{put, take, unzigzag, zigzag};
use super::{Fault, FrameError};
use crate::input::{COMMAND_BYTES_MAX, InputFrame, PlayerId, SentCommand};

/// Most commands in one segment; a writer closes a segment before.
pub(super) const SEGMENT_COMMANDS_MAX: usize = 1 << 18;
/// Most bytes of commands in one segment; a writer closes a segment before.
pub(super) const SEGMENT_COMMAND_BYTES_MAX: usize = 16 << 20;
/// Most membership entries in one segment; a writer closes a segment before.
pub(super) const SEGMENT_MEMBERSHIP_MAX: usize = 1 << 16;

/// Most integers a command may have to be kept in columns.
const INTEGERS_MAX: usize = 32;
/// The shape of a command that is kept as it is.
const SHAPE_BYTES: u8 = 0;
/// Highest order of prediction: 0 expects nothing, 1 the last value, 2 a line, 3 a parabola.
const ORDER_MAX: u8 = 3;

/// What is stored, as postcard.
#[derive(Serialize, Deserialize)]
struct Columns<'a> {
    /// Ticks since the entry before, a varint, and the entry, as postcard.
    membership: &'a [u8],
    /// Two varints a player: difference to the player number before, and how many commands they sent.
    players: &'a [u8],
    /// Ticks since the same player's command before: one varint a command, player by player.
    gaps: &'a [u8],
    /// How many integers each command is, or [`SHAPE_BYTES`]; player by player.
    shapes: &'a [u8],
    /// Order of prediction of each column, shape by shape.
    orders: &'a [u8],
    /// Differences from the prediction, zigzag varints: by shape, then column, then player, then time.
    residuals: &'a [u8],
    /// Commands of shape [`SHAPE_BYTES`]: a varint length, then the bytes; player by player.
    bytes: &'a [u8],
}

/// Encodes frames that pass [`InputFrame::check`].
pub(super) fn encode(frames: &[InputFrame]) -> Vec<u8> {
    let (mut membership, mut players) = (Vec::new(), Vec::new());
    let mut sent: Vec<(PlayerId, u32, &[u8])> = Vec::new();
    let mut last_tick = 0;
    for (frame, tick) in frames.iter().zip(0_u32..) {
        for entry in &frame.membership {
            put(&mut membership, u64::from(tick - last_tick));
            last_tick = tick;
            membership = postcard::to_extend(entry, membership).expect("plain values always encode");
        }
        sent.extend(frame.commands.iter().map(|c| (c.player, tick, &c.bytes[..])));
    }
    // Stable: a player's commands stay in the order of ticks and of submission.
    sent.sort_by_key(|&(player, ..)| player);

    let (mut gaps, mut shapes, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    let mut matrices: Vec<Matrix> = Vec::new();
    let mut last_player = 0;
    for of_player in sent.chunk_by(|a, b| a.0 == b.0) {
        let player = of_player[0].0.0;
        put(&mut players, u64::from(player - last_player));
        put(&mut players, of_player.len() as u64);
        last_player = player;
        let mut last_tick = 0;
        let mut row = [0; INTEGERS_MAX];
        for &(_, tick, command) in of_player {
            put(&mut gaps, u64::from(tick - last_tick));
            last_tick = tick;
            let shape = integers(command, &mut row);
            shapes.push(shape);
            if shape == SHAPE_BYTES {
                put(&mut bytes, command.len() as u64);
                bytes.extend_from_slice(command);
            } else {
                let at = matrices.binary_search_by_key(&shape, |m| m.shape).unwrap_or_else(|at| {
                    matrices.insert(at, Matrix { shape, series: Vec::new() });
                    at
                });
                matrices[at].push(player, &row[..usize::from(shape)]);
            }
        }
    }
    let (mut orders, mut residuals) = (Vec::new(), Vec::new());
    for matrix in &matrices {
        matrix.encode(&mut orders, &mut residuals);
    }
    let columns = Columns {
        membership: &membership,
        players: &players,
        gaps: &gaps,
        shapes: &shapes,
        orders: &orders,
        residuals: &residuals,
        bytes: &bytes,
    };
    postcard::to_stdvec(&columns).expect("columns of integers and bytes always encode")
}

/// Commands of one shape, as integers.
struct Matrix {
    shape: u8,
    /// Per player, rows one behind the other.
    series: Vec<(u32, Vec<i64>)>,
}

impl Matrix {
    fn push(&mut self, player: u32, row: &[i64]) {
        match self.series.last_mut() {
            Some((last, rows)) if *last == player => rows.extend_from_slice(row),
            _ => self.series.push((player, row.to_vec())),
        }
    }

    /// Appends every column with the order of prediction that leaves the least.
    fn encode(&self, orders: &mut Vec<u8>, residuals: &mut Vec<u8>) {
        let width = usize::from(self.shape);
        let mut best = Vec::new();
        let mut trial = Vec::new();
        for column in 0..width {
            let mut best_order = None;
            for order in 0..=ORDER_MAX {
                trial.clear();
                for (_, rows) in &self.series {
                    let mut predictor = Predictor::new(order);
                    for &value in rows[column..].iter().step_by(width) {
                        put(&mut trial, zigzag(value.wrapping_sub(predictor.expect())));
                        predictor.saw(value);
                    }
                }
                if best_order.is_none() || cost(&trial) < cost(&best) {
                    best_order = Some(order);
                    std::mem::swap(&mut best, &mut trial);
                }
            }
            orders.push(best_order.unwrap_or(0));
            residuals.extend_from_slice(&best);
        }
    }
}

/// A measure of how well residuals will compress: their bits.
fn cost(residuals: &[u8]) -> u64 {
    residuals.iter().map(|&byte| if byte >= 0x80 { 7 } else { u64::from(8 - byte.leading_zeros()) }).sum()
}

/// Expects a value from the last three of a series, by a polynomial through as many as there are.
struct Predictor {
    order: u8,
    seen: u8,
    last: [i64; 3],
}

impl Predictor {
    fn new(order: u8) -> Self {
        Self { order, seen: 0, last: [0; 3] }
    }

    fn expect(&self) -> i64 {
        let [a, b, c] = self.last;
        match self.order.min(self.seen) {
            0 => 0,
            1 => a,
            2 => a.wrapping_mul(2).wrapping_sub(b),
            _ => a.wrapping_sub(b).wrapping_mul(3).wrapping_add(c),
        }
    }

    fn saw(&mut self, value: i64) {
        self.last = [value, self.last[0], self.last[1]];
        self.seen = self.seen.saturating_add(1);
    }
}

/// Splits a command into integers, if it is nothing but those in their shortest form: how many there are.
fn integers(mut command: &[u8], row: &mut [i64; INTEGERS_MAX]) -> u8 {
    let mut count = 0;
    while !command.is_empty() {
        match (row.get_mut(count), take(&mut command)) {
            (Some(place), Some(value)) => *place = unzigzag(value),
            _ => return SHAPE_BYTES,
        }
        count += 1;
    }
    count as u8
}

/// Decodes the frames of a segment of `ticks` ticks. The result is within the limits and passes [`check`].
pub(super) fn decode(stored: &[u8], ticks: u32) -> Result<Vec<InputFrame>, Fault> {
    let (columns, rest) = postcard::take_from_bytes::<Columns>(stored).map_err(|_| Fault::Malformed)?;
    let mut frames = vec![InputFrame::default(); ticks as usize];
    let mut membership = columns.membership;
    let (mut tick, mut entries) = (0, 0);
    while !membership.is_empty() {
        tick = later(tick, &mut membership)?;
        let (entry, rest) = postcard::take_from_bytes(membership).map_err(|_| Fault::Malformed)?;
        membership = rest;
        entries += 1;
        if entries > SEGMENT_MEMBERSHIP_MAX {
            return Err(Fault::TooLarge);
        }
        frames.get_mut(tick).ok_or(Fault::Malformed)?.membership.push(entry);
    }
    let mut gaps = columns.gaps;
    let (mut player, mut tick) = (None, 0);
    for command in decode_commands(&columns)? {
        if player != Some(command.player) {
            player = Some(command.player);
            tick = 0;
        }
        tick = later(tick, &mut gaps)?;
        frames.get_mut(tick).ok_or(Fault::Malformed)?.commands.push(command);
    }
    if !gaps.is_empty() || !rest.is_empty() {
        return Err(Fault::Malformed);
    }
    for frame in &frames {
        frame.check()?;
    }
    Ok(frames)
}

/// `tick` plus the gap that is taken off the front of `gaps`.
fn later(tick: usize, gaps: &mut &[u8]) -> Result<usize, Fault> {
    let gap = take(gaps).and_then(|gap| usize::try_from(gap).ok()).ok_or(Fault::Malformed)?;
    tick.checked_add(gap).ok_or(Fault::Malformed)
}

/// The commands player by player, in time.
fn decode_commands(columns: &Columns) -> Result<Vec<SentCommand>, Fault> {
    let mut commands = senders(columns.players, columns.shapes.len())?;
    let shapes = columns.shapes;
    let mut total = 0;
    let mut bytes = columns.bytes;
    for (command, _) in commands.iter_mut().zip(shapes).filter(|&(_, &shape)| shape == SHAPE_BYTES) {
        let length = take(&mut bytes).and_then(|length| usize::try_from(length).ok()).ok_or(Fault::Malformed)?;
        let (own, rest) = bytes.split_at_checked(length).ok_or(Fault::Malformed)?;
        count_bytes(&mut total, length, 0)?;
        command.bytes.extend_from_slice(own);
        bytes = rest;
    }
    let mut orders = columns.orders.iter();
    let mut residuals = columns.residuals;
    for shape in (1..=INTEGERS_MAX as u8).filter(|shape| shapes.contains(shape)) {
        for _ in 0..shape {
            let order = orders.next().copied().filter(|&o| o <= ORDER_MAX).ok_or(Fault::Malformed)?;
            let mut predictor = Predictor::new(order);
            let mut player = None;
            for (command, _) in commands.iter_mut().zip(shapes).filter(|&(_, &s)| s == shape) {
                if player != Some(command.player) {
                    player = Some(command.player);
                    predictor = Predictor::new(order);
                }
                let residual = unzigzag(take(&mut residuals).ok_or(Fault::Malformed)?);
                let value = predictor.expect().wrapping_add(residual);
                predictor.saw(value);
                let before = command.bytes.len();
                put(&mut command.bytes, zigzag(value));
                count_bytes(&mut total, command.bytes.len() - before, before)?;
            }
        }
    }
    let unused = orders.next().is_some() || !residuals.is_empty() || !bytes.is_empty();
    if unused || shapes.iter().any(|&shape| usize::from(shape) > INTEGERS_MAX) {
        return Err(Fault::Malformed);
    }
    Ok(commands)
}

/// `count` commands that are still empty, player by player.
fn senders(mut players: &[u8], count: usize) -> Result<Vec<SentCommand>, Fault> {
    if count > SEGMENT_COMMANDS_MAX {
        return Err(Fault::TooLarge);
    }
    let mut commands = Vec::with_capacity(count);
    let mut player = 0_u32;
    while !players.is_empty() {
        let step = take(&mut players).and_then(|step| u32::try_from(step).ok()).ok_or(Fault::Malformed)?;
        let sent = take(&mut players).and_then(|sent| usize::try_from(sent).ok()).ok_or(Fault::Malformed)?;
        let repeated = step == 0 && !commands.is_empty();
        if repeated || sent == 0 || sent > count - commands.len() {
            return Err(Fault::Malformed);
        }
        player = player.checked_add(step).ok_or(Fault::Malformed)?;
        commands.extend((0..sent).map(|_| SentCommand { player: PlayerId(player), bytes: Vec::new() }));
    }
    if commands.len() == count { Ok(commands) } else { Err(Fault::Malformed) }
}

/// Counts a command's bytes against both limits.
fn count_bytes(total: &mut usize, more: usize, before: usize) -> Result<(), Fault> {
    *total += more;
    if before + more > COMMAND_BYTES_MAX {
        return Err(FrameError::CommandBytes { bytes: before + more }.into());
    }
    if *total > SEGMENT_COMMAND_BYTES_MAX { Err(Fault::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Membership;
    use proptest::prelude::*;

    fn command() -> impl Strategy<Value = Vec<u8>> {
        let numbers = proptest::collection::vec(prop_oneof![0..4_u64, any::<u64>()], 0..INTEGERS_MAX + 2);
        let integers = numbers.prop_map(|numbers| {
            let mut bytes = Vec::new();
            numbers.into_iter().for_each(|n| put(&mut bytes, n));
            bytes
        });
        prop_oneof![integers, proptest::collection::vec(any::<u8>(), 0..40)]
    }

    fn frame() -> impl Strategy<Value = InputFrame> {
        let entry = (any::<u32>(), any::<bool>()).prop_map(|(player, join)| {
            let player = PlayerId(player);
            if join { Membership::Join { player, role: crate::Role::Pilot } } else { Membership::Leave { player } }
        });
        let sent = (prop_oneof![0..3_u32, any::<u32>()], command());
        let sent = sent.prop_map(|(player, bytes)| SentCommand { player: PlayerId(player), bytes });
        (proptest::collection::vec(entry, 0..3), proptest::collection::vec(sent, 0..5)).prop_map(
            |(membership, mut commands)| {
                commands.sort_by_key(|c| c.player);
                InputFrame { membership, commands }
            },
        )
    }

    proptest! {
        #[test]
        fn frames_read_back(frames in proptest::collection::vec(frame(), 0..20)) {
            prop_assert_eq!(decode(&encode(&frames), frames.len() as u32), Ok(frames));
        }

        #[test]
        fn any_bytes_decode_within_the_rules_or_are_refused(
            frames in proptest::collection::vec(frame(), 1..6), at: prop::sample::Index, to: u8,
        ) {
            let mut bytes = encode(&frames);
            *at.get_mut(&mut bytes) = to;
            if let Ok(frames) = decode(&bytes, frames.len() as u32) {
                prop_assert!(frames.iter().all(|frame| frame.check().is_ok()));
            }
        }
    }

    #[test]
    fn the_rules_of_a_frame_are_checked() {
        let sent = |player, length| SentCommand { player: PlayerId(player), bytes: vec![0; length] };
        let with = |commands| InputFrame { commands, ..InputFrame::default() };
        assert_eq!(with(vec![sent(1, COMMAND_BYTES_MAX), sent(1, 0), sent(2, 0)]).check(), Ok(()));
        assert_eq!(with(vec![sent(2, 0), sent(1, 0)]).check(), Err(FrameError::Order));
        assert_eq!(with(vec![sent(1, 1025)]).check(), Err(FrameError::CommandBytes { bytes: 1025 }));
        assert_eq!(with(vec![sent(1, 0); 4097]).check(), Err(FrameError::Commands { count: 4097 }));
        let membership = vec![Membership::Leave { player: PlayerId(1) }; 257];
        let crowd = InputFrame { membership, ..InputFrame::default() };
        assert_eq!(crowd.check(), Err(FrameError::Membership { count: 257 }));
        // Such frames are refused too where a file that was made by something else has them.
        assert_eq!(decode(&encode(&[crowd]), 1), Err(FrameError::Membership { count: 257 }.into()));
        let flood = with(vec![sent(1, 0); 4097]);
        assert_eq!(decode(&encode(&[flood]), 1), Err(FrameError::Commands { count: 4097 }.into()));
        let long = with(vec![sent(1, 1025)]);
        assert_eq!(decode(&encode(&[long]), 1), Err(FrameError::CommandBytes { bytes: 1025 }.into()));
    }

    #[test]
    fn a_smooth_series_leaves_next_to_nothing() {
        let mut matrix = Matrix { shape: 1, series: Vec::new() };
        (0..90_i64).for_each(|i| matrix.push(1, &[i * i * 3 - 40 * i + 1000]));
        let (mut orders, mut residuals) = (Vec::new(), Vec::new());
        matrix.encode(&mut orders, &mut residuals);
        assert_eq!(orders, [3]);
        assert!(residuals[8..].iter().all(|&r| r == 0), "{residuals:?}");
    }
}
