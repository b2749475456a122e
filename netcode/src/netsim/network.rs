//! The simulated network: one link for each direction between two machines, with delay, loss and whatever else befalls
//! datagrams. Must never look into a datagram.

use super::plan::Plan;
use super::random::Random;

/// Bytes that IP and UDP add to each datagram on the wire.
pub const WIRE_BYTES: u64 = 28;

/// A datagram waits for a narrow link for at most so long, microseconds; then it is dropped.
const QUEUE_US_MAX: u64 = 500_000;

/// A set of machines, as bits.
pub type Set = u64;

/// Trouble that links are in for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// Nothing gets through.
    Cut,
    /// This share is lost besides what is usual.
    Loss(f64),
    /// Bits per second, where that is less than usual.
    Bandwidth(u64),
    /// Microseconds more.
    Delay(u64),
}

/// Trouble on all links from one set of machines to another.
#[derive(Clone, Copy, Debug)]
struct Active {
    id: u64,
    from: Set,
    to: Set,
    trouble: Trouble,
}

#[derive(Clone, Debug)]
struct Link {
    cut: bool,
    loss: f64,
    bandwidth_bit_s: u64,
    delay_us: u64,
    /// When the last bit that was sent will have left.
    free_us: u64,
}

/// When the copies of a datagram arrive: none, one or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The datagram.
    pub first_us: Option<u64>,
    /// A duplicate.
    pub second_us: Option<u64>,
}

/// All links.
#[derive(Debug)]
pub struct Network {
    nodes: usize,
    links: Vec<Link>,
    active: Vec<Active>,
    usual: Link,
    jitter_us: u64,
    duplicate: f64,
    reorder: f64,
    random: Random,
    next_id: u64,
}

impl Network {
    /// The network of a plan, for so many machines.
    #[must_use]
    pub fn new(plan: &Plan, nodes: usize, random: Random) -> Self {
        let usual = Link {
            cut: false,
            loss: 1.0 - (1.0 - plan.loss) * (1.0 - plan.corrupt),
            bandwidth_bit_s: plan.bandwidth_bit_s,
            delay_us: u64::from(plan.delay_ms - plan.jitter_ms.min(plan.delay_ms)) * 1000,
            free_us: 0,
        };
        Self {
            nodes,
            links: vec![usual.clone(); nodes * nodes],
            active: Vec::new(),
            usual,
            jitter_us: u64::from(plan.jitter_ms) * 2000,
            duplicate: plan.duplicate,
            reorder: plan.reorder,
            random,
            next_id: 0,
        }
    }

    /// Sends a datagram of so many bytes.
    pub fn send(&mut self, now_us: u64, from: usize, to: usize, bytes: usize) -> Arrivals {
        let link = &mut self.links[from * self.nodes + to];
        let start_us = link.free_us.max(now_us);
        let bits = (bytes as u64 + WIRE_BYTES) * 8_000_000;
        let left_us = match bits.checked_div(link.bandwidth_bit_s) {
            None => now_us,
            Some(_) if start_us - now_us > QUEUE_US_MAX => return Arrivals::default(),
            // A cut or a loss is somewhere on the way: the sender's line is used all the same.
            Some(takes_us) => {
                link.free_us = start_us + takes_us;
                link.free_us
            }
        };
        let (cut, loss, delay_us) = (link.cut, link.loss, link.delay_us);
        if cut || self.random.chance(loss) {
            return Arrivals::default();
        }
        let arrives_us = left_us + delay_us;
        let first_us = Some(arrives_us + self.scatter_us());
        let second_us = self.random.chance(self.duplicate).then(|| arrives_us + self.scatter_us());
        Arrivals { first_us, second_us }
    }

    fn scatter_us(&mut self) -> u64 {
        let late_us = if self.random.chance(self.reorder) { self.random.below(50_000) } else { 0 };
        if self.jitter_us == 0 { late_us } else { late_us + self.random.below(self.jitter_us + 1) }
    }

    /// Begins trouble on all links from one set to another; the number ends it.
    pub fn begin(&mut self, from: Set, to: Set, trouble: Trouble) -> u64 {
        self.next_id += 1;
        self.active.push(Active { id: self.next_id, from, to, trouble });
        self.refresh();
        self.next_id
    }

    /// Ends trouble; does nothing if it has ended.
    pub fn end(&mut self, id: u64) {
        self.active.retain(|active| active.id != id);
        self.refresh();
    }

    /// Ends all trouble, and empties the queues of links that were narrow.
    pub fn heal(&mut self, now_us: u64) {
        self.active.clear();
        self.refresh();
        self.links.iter_mut().for_each(|link| link.free_us = link.free_us.min(now_us));
    }

    /// Whether datagrams get from one machine to another at all.
    #[must_use]
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        !self.links[from * self.nodes + to].cut
    }

    fn refresh(&mut self) {
        for (i, link) in self.links.iter_mut().enumerate() {
            let (from, to) = (1 << (i / self.nodes), 1 << (i % self.nodes));
            *link = Link { free_us: link.free_us, ..self.usual };
            for active in self.active.iter().filter(|active| active.from & from != 0 && active.to & to != 0) {
                match active.trouble {
                    Trouble::Cut => link.cut = true,
                    Trouble::Loss(share) => link.loss = 1.0 - (1.0 - link.loss) * (1.0 - share),
                    Trouble::Bandwidth(bits) if link.bandwidth_bit_s == 0 => link.bandwidth_bit_s = bits,
                    Trouble::Bandwidth(bits) => link.bandwidth_bit_s = link.bandwidth_bit_s.min(bits),
                    Trouble::Delay(us) => link.delay_us += us,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(plan: &Plan) -> Network {
        Network::new(plan, 3, Random::new(5, 0))
    }

    #[test]
    fn loss_delay_and_duplicates_are_as_planned() {
        let plan = Plan { delay_ms: 80, jitter_ms: 20, loss: 0.05, corrupt: 0.05, duplicate: 0.1, ..Plan::default() };
        let mut network = network(&plan);
        let sent: Vec<Arrivals> = (0..20_000).map(|_| network.send(1000, 0, 1, 100)).collect();
        let arrived: Vec<u64> = sent.iter().filter_map(|a| a.first_us).collect();
        assert!((17_800..18_300).contains(&arrived.len()), "{}", arrived.len());
        assert!(arrived.iter().all(|us| (61_000..=101_000).contains(us)));
        assert!(arrived.iter().min() < Some(&62_000) && arrived.iter().max() > Some(&100_000));
        let twice = sent.iter().filter(|a| a.second_us.is_some()).count();
        assert!((1600..2000).contains(&twice), "{twice}");
    }

    #[test]
    fn a_narrow_link_queues_and_then_drops() {
        let plan = Plan { delay_ms: 0, jitter_ms: 0, loss: 0.0, bandwidth_bit_s: 1_000_000, ..Plan::default() };
        let mut network = network(&plan);
        let arrivals: Vec<_> = (0..100).map(|_| network.send(0, 0, 1, 1000 - WIRE_BYTES as usize).first_us).collect();
        assert_eq!(arrivals[..2], [Some(8000), Some(16_000)]);
        assert_eq!(arrivals.iter().flatten().count(), 63, "half a second's worth waits, and one is on its way");
        assert_eq!(network.send(0, 1, 0, 972).first_us, Some(8000), "the other direction has its own line");
    }

    #[test]
    fn a_cut_is_one_way_and_ends() {
        let mut network = network(&Plan { loss: 0.0, ..Plan::default() });
        let id = network.begin(0b001, 0b110, Trouble::Cut);
        assert!(network.send(0, 0, 1, 9).first_us.is_none() && network.send(0, 0, 2, 9).first_us.is_none());
        assert!(network.send(0, 1, 0, 9).first_us.is_some() && !network.reaches(0, 1));
        let other = network.begin(0b001, 0b010, Trouble::Cut);
        network.end(id);
        assert!(!network.reaches(0, 1) && network.reaches(0, 2));
        network.end(other);
        assert!(network.reaches(0, 1));
    }
}
