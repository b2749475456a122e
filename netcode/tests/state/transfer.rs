//! A blob over a simulated link in virtual time: how long it takes, what queue it makes, and that it is exact whatever
//! the link does.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::sync::Arc;

use netcode::netsim::Random;
use netcode::protocol::transfer::{Ack, Arrival, CHUNK_BYTES, Chunk, Offer, Packed, Receiver, Sender, TransferError};
use netcode::protocol::{Hash, Time};
use proptest::prelude::*;

/// One direction of a link.
#[derive(Clone, Copy, Debug)]
struct Link {
    bits_per_s: u64,
    /// Most bytes that wait; more are dropped.
    queue_bytes_max: u64,
    delay_us: u64,
    /// The delay varies by so much in both directions, per datagram.
    jitter_us: u64,
    loss_per_mille: u64,
    twice_per_mille: u64,
}

const LINK: Link = Link {
    bits_per_s: 50_000_000,
    queue_bytes_max: 1_000_000,
    delay_us: 40_000,
    jitter_us: 0,
    loss_per_mille: 0,
    twice_per_mille: 0,
};

/// What IP, UDP, seals and the core's header add to a message, in bytes.
const HEADERS_BYTES: u64 = 60;

/// A link at work.
struct Line {
    link: Link,
    random: Random,
    free_at: u64,
    queue_us_max: u64,
    dropped: u64,
}

impl Line {
    fn new(link: Link, seed: u64) -> Self {
        Self { link, random: Random::new(seed, 0), free_at: 0, queue_us_max: 0, dropped: 0 }
    }

    /// When a datagram sent now arrives: never, once or twice.
    fn send(&mut self, now: u64, bytes: usize) -> Vec<u64> {
        let wait_us = self.free_at.saturating_sub(now);
        if wait_us * self.link.bits_per_s / 8_000_000 > self.link.queue_bytes_max {
            self.dropped += 1;
            return Vec::new();
        }
        self.queue_us_max = self.queue_us_max.max(wait_us);
        self.free_at =
            now.max(self.free_at) + ((bytes as u64 + HEADERS_BYTES) * 8_000_000).div_ceil(self.link.bits_per_s);
        let copies = u64::from(!self.random.chance(self.link.loss_per_mille as f64 / 1000.0)) * {
            1 + u64::from(self.random.chance(self.link.twice_per_mille as f64 / 1000.0))
        };
        (0..copies)
            .map(|_| {
                let jitter_us = self.random.below(2 * self.link.jitter_us + 1);
                self.free_at + (self.link.delay_us + jitter_us).saturating_sub(self.link.jitter_us)
            })
            .collect()
    }
}

enum Message {
    Chunk(Chunk),
    Ack(Ack),
}

/// Both ends and what is between them.
struct World {
    there: Line,
    back: Line,
    under_way: BinaryHeap<Reverse<(u64, u64)>>,
    messages: Vec<Option<Vec<u8>>>,
    now: u64,
    /// While true, nothing gets onto the link.
    broken: bool,
    chunk_bytes_max: usize,
    ack_bytes_max: usize,
    /// Both ends only look after their sockets at multiples of this, microseconds: a busy machine.
    looks_us: u64,
}

impl World {
    fn new(there: Link, back: Link, seed: u64) -> Self {
        Self {
            there: Line::new(there, seed),
            back: Line::new(back, !seed),
            under_way: BinaryHeap::new(),
            messages: Vec::new(),
            now: 1_000_000,
            broken: false,
            chunk_bytes_max: 0,
            ack_bytes_max: 0,
            looks_us: 1,
        }
    }

    fn send(&mut self, message: &Message) {
        let bytes = match message {
            Message::Chunk(chunk) => postcard::to_stdvec(&(0u8, chunk)),
            Message::Ack(ack) => postcard::to_stdvec(&(1u8, ack)),
        }
        .expect("encodes into memory");
        let line = match message {
            Message::Chunk(_) => {
                self.chunk_bytes_max = self.chunk_bytes_max.max(bytes.len());
                &mut self.there
            }
            Message::Ack(_) => {
                self.ack_bytes_max = self.ack_bytes_max.max(bytes.len());
                &mut self.back
            }
        };
        if self.broken {
            return;
        }
        for at in line.send(self.now, bytes.len()) {
            self.under_way.push(Reverse((at, self.messages.len() as u64)));
            self.messages.push(Some(bytes.clone()));
        }
    }

    /// Runs until the receiver has everything, the sender knows, or `until`.
    fn run(&mut self, sender: &mut Sender, receiver: &mut Receiver, until: u64, done: fn(&Sender, &Receiver) -> bool) {
        while !done(sender, receiver) && self.now < until {
            let now = Time(self.now);
            let mut chunks = Vec::new();
            sender.poll(now, &mut chunks);
            chunks.into_iter().for_each(|chunk| self.send(&Message::Chunk(chunk)));
            if let Some(ack) = receiver.poll(Time(self.now + RECEIVER_CLOCK)) {
                self.send(&Message::Ack(ack));
            }
            let arrival = self.under_way.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            let timer = sender.wake_at().0.min(receiver.wake_at().0.saturating_sub(RECEIVER_CLOCK));
            assert!(timer > self.now || arrival <= self.now, "a timer that is due again at once");
            let next = arrival.min(timer).max(self.now).next_multiple_of(self.looks_us);
            self.now = next.min(until);
            while let Some(Reverse((at, number))) = self.under_way.peek().copied()
                && at <= self.now
            {
                self.under_way.pop();
                let bytes = self.messages[number as usize].take().expect("taken once");
                self.deliver(sender, receiver, &bytes);
            }
        }
    }

    fn deliver(&mut self, sender: &mut Sender, receiver: &mut Receiver, bytes: &[u8]) {
        if bytes[0] == 0 {
            let (_, chunk): (u8, Chunk) = postcard::from_bytes(bytes).expect("what was encoded");
            if let Some(ack) = receiver.on_chunk(Time(self.now + RECEIVER_CLOCK), &chunk) {
                self.send(&Message::Ack(ack));
            }
        } else {
            let (_, ack): (u8, Ack) = postcard::from_bytes(bytes).expect("what was encoded");
            sender.on_ack(Time(self.now), &ack);
        }
    }
}

/// How far the receiver's clock is ahead: both pass 2^32 us in these tests, at different times.
const RECEIVER_CLOCK: u64 = (1 << 32) - 1_200_000;

fn blob(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed, 0);
    (0..bytes.div_ceil(8)).flat_map(|_| random.bits().to_le_bytes()).take(bytes).collect()
}

fn ends(blob: &[u8]) -> (Packed, Sender, Receiver) {
    let packed = Packed::new(blob, CHUNK_BYTES).expect("packs");
    let sender = Sender::new(1, Arc::clone(&packed.bytes), CHUNK_BYTES);
    let receiver = Receiver::new(1, packed.offer, 64 << 20).expect("within the limit");
    (packed, sender, receiver)
}

fn arrived(_: &Sender, receiver: &Receiver) -> bool {
    receiver.is_complete()
}

fn known(sender: &Sender, _: &Receiver) -> bool {
    sender.is_done()
}

#[derive(Debug)]
struct Figures {
    ms: u64,
    queue_ms: u64,
    sent_percent: u64,
    dropped: u64,
}

/// Transfers a blob that does not pack, and tells what it took.
fn measure(bytes: usize, there: Link, back: Link, seed: u64, looks_us: u64) -> Figures {
    let blob = blob(bytes, seed);
    let (_, mut sender, mut receiver) = ends(&blob);
    let mut world = World { looks_us, ..World::new(there, back, seed) };
    let begin = world.now;
    world.run(&mut sender, &mut receiver, begin + 600_000_000, arrived);
    let ms = (world.now - begin) / 1000;
    world.run(&mut sender, &mut receiver, begin + 600_000_000, known);
    assert!(sender.is_done(), "not done after 600 s");
    assert!(world.chunk_bytes_max <= 1020, "a chunk of {} bytes", world.chunk_bytes_max);
    assert!(world.ack_bytes_max <= 500, "an acknowledgement of {} bytes", world.ack_bytes_max);
    assert!(receiver.finish().expect("arrives") == blob);
    Figures {
        ms,
        queue_ms: world.there.queue_us_max / 1000,
        sent_percent: sender.sent() * 100 / u64::from(receiver.progress().1),
        dropped: world.there.dropped,
    }
}

/// The worst of some seeds must be better than this.
#[derive(Clone, Copy)]
struct Bounds {
    ms: u64,
    queue_ms: u64,
    sent_percent: u64,
}

fn check(name: &str, bytes: usize, there: Link, back: Link, bounds: Bounds) {
    check_with(name, bytes, there, back, bounds, 8, 1);
}

fn check_with(name: &str, bytes: usize, there: Link, back: Link, bounds: Bounds, seeds: u64, looks_us: u64) {
    let mut all: Vec<Figures> = (0..seeds).map(|seed| measure(bytes, there, back, seed, looks_us)).collect();
    all.sort_by_key(|figures| figures.ms);
    let most = |of: fn(&Figures) -> u64| all.iter().map(of).max().unwrap_or(0);
    let (ms, queue_ms, sent) = (most(|f| f.ms), most(|f| f.queue_ms), most(|f| f.sent_percent));
    println!(
        "{name}: {} / {} / {ms} ms (least, median, most of {seeds}), longest queue {queue_ms} ms, sent {sent} %, dropped {}",
        all[0].ms,
        all[all.len() / 2].ms,
        most(|f| f.dropped),
    );
    assert!(ms < bounds.ms && queue_ms < bounds.queue_ms && sent < bounds.sent_percent, "{name}");
}

const LOSSY: Link = Link { loss_per_mille: 50, ..LINK };

#[test]
fn two_megabytes_fill_the_path_within_half_a_second() {
    check("2 MB, 0 %", 2_000_000, LINK, LINK, Bounds { ms: 480, queue_ms: 8, sent_percent: 101 });
}

#[test]
fn loss_at_random_does_not_slow_it_down() {
    let bounds = Bounds { ms: 560, queue_ms: 10, sent_percent: 125 };
    check_with("2 MB, 5 %", 2_000_000, LOSSY, LOSSY, bounds, 40, 1);
    let heavy = Link { loss_per_mille: 200, ..LINK };
    check("2 MB, 20 %", 2_000_000, heavy, LOSSY, Bounds { ms: 1000, queue_ms: 20, sent_percent: 160 });
}

#[test]
fn jitter_slows_it_down_a_little() {
    let link = Link { jitter_us: 10_000, ..LINK };
    check("2 MB, 40 +- 10 ms", 2_000_000, link, LINK, Bounds { ms: 800, queue_ms: 45, sent_percent: 101 });
    let link = Link { jitter_us: 20_000, ..LOSSY };
    check("2 MB, 40 +- 20 ms, 5 %", 2_000_000, link, link, Bounds { ms: 1000, queue_ms: 60, sent_percent: 140 });
    let link = Link { jitter_us: 20_000, delay_us: 80_000, ..LOSSY };
    check("2 MB, 80 +- 20 ms, 5 %", 2_000_000, link, link, Bounds { ms: 1600, queue_ms: 45, sent_percent: 150 });
}

#[test]
fn long_transfers_keep_the_queue_short() {
    let bounds = Bounds { ms: 3700, queue_ms: 17, sent_percent: 101 };
    check_with("20 MB, 0 %", 20_000_000, LINK, LINK, bounds, 1, 1);
    let bounds = Bounds { ms: 4000, queue_ms: 20, sent_percent: 110 };
    check_with("20 MB, 5 %", 20_000_000, LOSSY, LOSSY, bounds, 4, 1);
}

#[test]
fn slow_and_fast_paths_are_filled_too() {
    let slow = Link { bits_per_s: 10_000_000, ..LINK };
    check("2 MB, 10 Mbit/s", 2_000_000, slow, slow, Bounds { ms: 2300, queue_ms: 40, sent_percent: 101 });
    // The first 64 chunks alone are 110 ms of such a path.
    let slow = Link { bits_per_s: 5_000_000, ..LOSSY };
    check("2 MB, 5 Mbit/s, 5 %", 2_000_000, slow, slow, Bounds { ms: 4200, queue_ms: 90, sent_percent: 112 });
    let fast = Link { bits_per_s: 1_000_000_000, delay_us: 5000, ..LINK };
    check("5 MB, 1 Gbit/s, 5 ms", 5_000_000, fast, fast, Bounds { ms: 250, queue_ms: 5, sent_percent: 101 });
    let fast = Link { delay_us: 100, ..fast };
    check("5 MB, 1 Gbit/s, 0.1 ms", 5_000_000, fast, fast, Bounds { ms: 250, queue_ms: 5, sent_percent: 101 });
}

#[test]
fn short_buffers_are_found_by_their_loss() {
    let link = Link { queue_bytes_max: 5_000, ..LINK };
    check("2 MB, 5 kB buffer", 2_000_000, link, LINK, Bounds { ms: 800, queue_ms: 3, sent_percent: 160 });
    let link = Link { bits_per_s: 20_000_000, queue_bytes_max: 10_000, ..LOSSY };
    check(
        "5 MB, 20 Mbit/s, 10 kB buffer, 5 %",
        5_000_000,
        link,
        LOSSY,
        Bounds { ms: 3500, queue_ms: 6, sent_percent: 130 },
    );
}

#[test]
fn ends_on_busy_machines_cost_little() {
    let bounds = Bounds { ms: 900, queue_ms: 20, sent_percent: 130 };
    check_with("2 MB, 0 %, ends look each 3 ms", 2_000_000, LINK, LINK, bounds, 8, 3000);
    check_with("2 MB, 5 %, ends look each 7 ms", 2_000_000, LOSSY, LOSSY, bounds, 8, 7000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is lost, repeated and reordered, the bytes arrive.
    #[test]
    fn any_link_delivers_exact_bytes(
        seed in any::<u64>(), bytes in 0..300_000usize, delay_us in 0..200_000u64, jitter_us in 0..100_000u64,
        loss_per_mille in 0..500u64, twice_per_mille in 0..500u64, mbits in 1..200u64, queue in 5_000..500_000u64,
    ) {
        let link = Link {
            bits_per_s: mbits * 1_000_000, queue_bytes_max: queue, delay_us, jitter_us, loss_per_mille, twice_per_mille,
        };
        measure(bytes, link, link, seed, 1);
    }

    /// Any acknowledgement may come: the sender neither panics nor sends what is not there.
    #[test]
    fn any_acknowledgement_is_harmless(
        bytes in 1..200_000usize,
        acks in prop::collection::vec((any::<[u32; 9]>(), prop::collection::vec(any::<(u32, u32)>(), 0..120)), 0..50),
    ) {
        let (packed, mut sender, _) = ends(&blob(bytes, 5));
        let mut out = Vec::new();
        for (step, (n, ranges)) in acks.into_iter().enumerate() {
            sender.poll(Time(step as u64 * u64::from(n[0] >> 8)), &mut out);
            let [_, _, at_us, sent_us, held_us, delay_us_min, delay_us_max, received, overtaken] = n;
            let arrival = Arrival { at_us, sent_us, held_us, delay_us_min, delay_us_max, received, overtaken };
            let first_missing = n[1] % 300;
            sender.on_ack(Time(step as u64 * 3000), &Ack { transfer: 1, first_missing, ranges, arrival: Some(arrival) });
            let _ = sender.wake_at();
        }
        let whole = |chunk: &Chunk| {
            let start = chunk.index as usize * usize::from(CHUNK_BYTES);
            packed.bytes[start..].starts_with(&chunk.bytes)
        };
        prop_assert!(out.iter().all(whole));
        prop_assert!(out.len() < 100_000);
    }

    /// Any chunk may come: the receiver keeps what fits, and no hash is fooled.
    #[test]
    fn any_chunk_is_harmless(chunks in prop::collection::vec((0..3u32, 0..40u32, any::<u32>(), 0..1100usize), 0..200)) {
        let original = blob(20_500, 6);
        let (_, mut sender, mut receiver) = ends(&original);
        for (step, (transfer, index, sent_us, length)) in chunks.into_iter().enumerate() {
            let length = if length > 900 { 1000 } else { length };
            receiver.on_chunk(Time(step as u64), &Chunk { transfer, index, sent_us, bytes: vec![0; length] });
        }
        let forged = receiver.progress().0 > 0;
        let mut world = World::new(LINK, LINK, 1);
        world.run(&mut sender, &mut receiver, u64::MAX, known);
        prop_assert_eq!(receiver.finish(), if forged { Err(TransferError::Corrupt) } else { Ok(original) });
    }
}

#[test]
fn a_break_costs_little_more_than_itself() {
    let blob = blob(4_000_000, 1);
    let (_, mut sender, mut receiver) = ends(&blob);
    let lossy = Link { loss_per_mille: 50, ..LINK };
    let mut world = World::new(lossy, lossy, 1);
    world.run(&mut sender, &mut receiver, 1_400_000, arrived);
    let sent = sender.sent();
    world.broken = true;
    world.run(&mut sender, &mut receiver, 6_400_000, arrived);
    assert!(sender.sent() - sent < 1500, "{} chunks into the void", sender.sent() - sent);
    world.broken = false;
    world.run(&mut sender, &mut receiver, u64::MAX, known);
    println!("5 s break: done after {} ms, sent {}", (world.now - 1_000_000) / 1000, sender.sent());
    assert!(world.now < 9_500_000, "done after {} ms", (world.now - 1_000_000) / 1000);
    assert!(receiver.finish().expect("arrives") == blob);
}

#[test]
fn after_a_break_the_path_may_be_slower() {
    let blob = blob(4_000_000, 1);
    let (_, mut sender, mut receiver) = ends(&blob);
    let mut world = World::new(LINK, LINK, 1);
    world.run(&mut sender, &mut receiver, 1_400_000, arrived);
    world.broken = true;
    world.run(&mut sender, &mut receiver, 3_400_000, arrived);
    world.broken = false;
    world.there = Line::new(Link { bits_per_s: 10_000_000, ..LINK }, 1);
    world.run(&mut sender, &mut receiver, u64::MAX, known);
    println!("slower after a break: longest queue {} ms", world.there.queue_us_max / 1000);
    assert!(world.there.queue_us_max < 100_000);
}

#[test]
fn chunks_of_other_transfers_change_nothing() {
    let (packed, _, mut receiver) = ends(&blob(5000, 4));
    let good = Chunk { transfer: 1, index: 2, sent_us: 7, bytes: packed.bytes[2000..3000].to_vec() };
    for bad in [
        Chunk { transfer: 2, ..good.clone() },
        Chunk { index: receiver.progress().1, ..good.clone() },
        Chunk { index: u32::MAX, ..good.clone() },
        Chunk { bytes: vec![0; 999], ..good.clone() },
        Chunk { bytes: vec![0; 1001], ..good.clone() },
    ] {
        assert_eq!(receiver.on_chunk(Time(9), &bad), None);
        assert_eq!((receiver.progress().0, receiver.wake_at()), (0, Time(u64::MAX)));
    }
    receiver.on_chunk(Time(9), &good);
    assert_eq!((receiver.progress().0, receiver.wake_at()), (1, Time(4009)));
}

#[test]
fn another_sender_goes_on() {
    let blob = blob(2_000_000, 2);
    let (packed, mut first, mut receiver) = ends(&blob);
    let mut world = World::new(LINK, LINK, 2);
    world.run(&mut first, &mut receiver, 1_300_000, arrived);
    let (there, chunks) = receiver.progress();
    assert!(there > chunks / 4 && there < chunks);

    let mut second = Sender::new(2, Packed::new(&blob, CHUNK_BYTES).expect("packs").bytes, CHUNK_BYTES);
    let resume = receiver.resume(2, &packed.offer).expect("the same offer");
    second.on_ack(Time(1_300_000), &resume);
    let mut world = World::new(LINK, LINK, 3);
    world.run(&mut second, &mut receiver, u64::MAX, known);
    assert!(second.sent() <= u64::from(chunks - there) + 2, "{} of {}", second.sent(), chunks - there);
    assert!(receiver.finish().expect("arrives") == blob);

    let other = Packed::new(&blob[1..], CHUNK_BYTES).expect("packs").offer;
    assert_eq!(receiver.resume(3, &other), Err(TransferError::OtherBlob));
}

/// Gives a receiver all the chunks of `bytes`, under this offer.
fn give(offer: Offer, bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, TransferError> {
    let mut receiver = Receiver::new(1, offer, limit)?;
    let mut sender = Sender::new(1, Arc::new(bytes), offer.chunk_bytes);
    World::new(LINK, LINK, 4).run(&mut sender, &mut receiver, u64::MAX, arrived);
    receiver.finish()
}

#[test]
fn one_wrong_bit_is_found() {
    let blob = blob(50_000, 3);
    let packed = Packed::new(&blob, CHUNK_BYTES).expect("packs");
    let offer = packed.offer;
    assert!(give(offer, packed.bytes.to_vec(), 50_000).expect("arrives") == blob);

    let mut bytes = packed.bytes.to_vec();
    bytes[30_000] ^= 1;
    assert_eq!(give(offer, bytes, 50_000), Err(TransferError::Corrupt));

    // The packing is what was offered, but not of the blob that was.
    let id = Packed::new(&blob[1..], CHUNK_BYTES).expect("packs").offer.id;
    assert_eq!(give(Offer { id, ..offer }, packed.bytes.to_vec(), 50_000), Err(TransferError::Corrupt));
}

#[test]
fn a_bomb_is_refused() {
    let packed = Packed::new(&vec![0; 40_000_000], CHUNK_BYTES).expect("packs");
    let (offer, bytes) = (packed.offer, packed.bytes.to_vec());
    assert!(bytes.len() < 10_000);
    let too_large = Err(TransferError::TooLarge { size: 40_000_000, limit: 1_000_000 });
    assert_eq!(give(offer, bytes.clone(), 1_000_000), too_large);
    // Said to be small, it may not become large.
    assert_eq!(give(Offer { size: 900_000, ..offer }, bytes.clone(), 1_000_000), Err(TransferError::Unpack));
    assert_eq!(give(Offer { size: 40_000_001, ..offer }, bytes, 50_000_000), Err(TransferError::Unpack));
}

/// The most memory that this process ever held, MiB.
#[cfg(target_os = "linux")]
fn memory_mib_max() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux has it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_bomb_takes_no_memory() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("memory");
    (0..1024).for_each(|_| encoder.write_all(&[0; 1 << 20]).expect("memory"));
    let bytes = encoder.finish().expect("memory");
    let packed_id = Hash(*blake3::hash(&bytes).as_bytes());
    let offer =
        Offer { id: packed_id, packed_id, size: 900_000, packed_size: bytes.len() as u64, chunk_bytes: CHUNK_BYTES };
    let before = memory_mib_max();
    assert_eq!(give(offer, bytes, 1_000_000), Err(TransferError::Unpack));
    let more = memory_mib_max() - before;
    assert!(more < 500, "{more} MiB more for 1 MB that was offered and 1 GiB that came");
}

#[test]
fn offers_that_make_no_sense_are_refused() {
    let offer = Packed::new(b"something", CHUNK_BYTES).expect("packs").offer;
    let check = |offer: Offer| Receiver::new(1, offer, 1000).map(|_| ()).expect_err("no sense");
    assert_eq!(check(Offer { chunk_bytes: 0, ..offer }), TransferError::BadOffer);
    assert_eq!(check(Offer { packed_size: 0, ..offer }), TransferError::BadOffer);
    assert!(matches!(check(Offer { packed_size: 3000, ..offer }), TransferError::TooLarge { size: 3000, limit: 1000 }));
    assert!(matches!(check(Offer { size: u64::MAX, ..offer }), TransferError::TooLarge { .. }));
    let whole = Receiver::new(1, Offer { packed_size: u64::MAX, chunk_bytes: 1, ..offer }, u64::MAX);
    assert_eq!(whole.map(|_| ()).expect_err("too many chunks"), TransferError::BadOffer);
}
