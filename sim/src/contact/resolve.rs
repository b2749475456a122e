//! Plays the contacts of a tick in order of time, then pushes apart what still overlaps. Must never let that
//! order depend on anything but times and ids.
//!
//! Meetings wait in a queue ordered by time, then by the ids of the pair. After each one the paths of the two
//! bodies change, so their other candidates are asked again when they meet from then on.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use glam::DVec3;

use super::broad::{Bodies, Candidate};
use super::narrow::{NEVER, SLOP_M};
use super::respond::{Blow, Touch, bounce, stick};
use super::{Body, Collider, Impact, Rules, Shot, Touched, make_room};

/// Times that one pair may meet within a tick: a body between two others may bounce without end.
const MEETINGS_MAX: u8 = 4;
/// A body with more candidates than this changes its path so little at each blow that only those which were
/// going to meet it anyway are asked again. Bounds the work around a large body in a swarm.
const NEIGHBOURS_MAX: usize = 64;
/// Share of an overlap that is taken away per tick: enough to empty it soon, too little to throw things about.
const PUSH: f64 = 0.5;
const NONE: u32 = u32::MAX;

/// A pair in the lists of both its bodies.
#[derive(Clone, Copy, Debug)]
struct Pair {
    bodies: [u32; 2],
    /// Next in the list of each body: a pair's number times two, plus which of its bodies.
    next: [u32; 2],
    /// Versions of the bodies when the meeting was worked out, and how often that was done.
    versions: [u32; 2],
    stamp: u32,
    meetings: u8,
    overlapping: bool,
}

/// A meeting to come. The derived order is by time, then ids; the rest only makes it total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    /// Bits of the fraction of the tick: not negative, so their order is that of the numbers.
    at_bits: u64,
    ids: [u64; 2],
    pair: u32,
    stamp: u32,
}

/// What is known of each body, by index. All `NONE` between ticks.
#[derive(Clone, Copy, Debug)]
struct Links {
    pairs: u32,
    touched: u32,
}

const UNLINKED: Links = Links { pairs: NONE, touched: NONE };

/// A body that took part in something: a collider, or a shot with an index beyond the colliders.
#[derive(Clone, Copy, Debug)]
struct Active {
    index: u32,
    version: u32,
    body: Body,
    spent: bool,
}

/// The buffers of the resolution, kept from tick to tick.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    links: Vec<Links>,
    pairs: Vec<Pair>,
    active: Vec<Active>,
    queue: BinaryHeap<Reverse<Event>>,
    overlaps: Vec<([u64; 2], [u32; 2])>,
}

/// The bodies of a tick, to be changed.
pub(super) struct World<'a> {
    pub colliders: &'a mut [Collider],
    pub shots: &'a mut [Shot],
}

impl World<'_> {
    fn view(&self) -> Bodies<'_> {
        Bodies { colliders: self.colliders, shots: self.shots }
    }

    fn id(&self, index: u32) -> u64 {
        match self.colliders.get(index as usize) {
            Some(collider) => collider.id,
            None => self.shots[index as usize - self.colliders.len()].id,
        }
    }

    fn is_shot(&self, index: u32) -> bool {
        index as usize >= self.colliders.len()
    }
}

impl Resolver {
    /// Resolves the candidates of a tick. Appends what happened to `impacts` and what changed to `touched`.
    pub fn resolve(
        &mut self,
        mut world: World,
        candidates: &[Candidate],
        body: impl Fn(usize) -> Body,
        rules: &Rules,
        impacts: &mut Vec<Impact>,
        touched: &mut Vec<Touched>,
    ) {
        if candidates.iter().all(|c| c.meeting.at == NEVER && !c.meeting.overlapping) {
            return;
        }
        self.link(&world, candidates);
        while let Some(Reverse(event)) = self.queue.pop() {
            self.play(event, &mut world, &body, rules, impacts);
        }
        self.push_apart(&mut world, &body);
        for active in &self.active {
            match world.shots.get_mut((active.index as usize).wrapping_sub(world.colliders.len())) {
                Some(shot) => shot.velocity_m_s = active.body.velocity_m_s,
                None => touched.push(Touched { index: active.index as usize, body: active.body }),
            }
        }
        self.clear();
    }

    /// Links every candidate into the lists of its bodies, and queues the meetings.
    fn link(&mut self, world: &World, candidates: &[Candidate]) {
        self.links.resize(world.colliders.len() + world.shots.len(), UNLINKED);
        make_room(&mut self.pairs, candidates.len());
        let mut events = std::mem::take(&mut self.queue).into_vec();
        for candidate in candidates {
            let number = self.pairs.len() as u32;
            let bodies = [candidate.a, candidate.b];
            let mut next = [NONE; 2];
            for side in 0..2 {
                let list = &mut self.links[bodies[side] as usize].pairs;
                next[side] = std::mem::replace(list, number << 1 | side as u32);
            }
            let overlapping = candidate.meeting.overlapping;
            self.pairs.push(Pair { bodies, next, versions: [0; 2], stamp: 0, meetings: 0, overlapping });
            if candidate.meeting.at < NEVER {
                events.push(Reverse(Event::new(world, candidate.meeting.at, bodies, number, 0)));
            }
        }
        make_room(&mut events, 0);
        self.queue = BinaryHeap::from(events);
    }

    /// Forgets the tick, body by body: there may be a hundred thousand others.
    fn clear(&mut self) {
        for pair in &self.pairs {
            for index in pair.bodies {
                self.links[index as usize] = UNLINKED;
            }
        }
        make_room(&mut self.active, 0);
        self.pairs.clear();
        self.active.clear();
        self.overlaps.clear();
    }

    fn play(
        &mut self,
        event: Event,
        world: &mut World,
        body: &impl Fn(usize) -> Body,
        rules: &Rules,
        impacts: &mut Vec<Impact>,
    ) {
        let pair = self.pairs[event.pair as usize];
        if pair.stamp != event.stamp {
            return;
        }
        let now = f64::from_bits(event.at_bits);
        if pair.versions != pair.bodies.map(|index| self.version(index)) {
            return self.ask_again(event.pair, now, world);
        }
        let [a, b] = pair.bodies.map(|index| self.activate(index, world, body));
        let Some(impact) = self.strike(a, b, now, world, rules) else { return };
        impacts.push(impact);
        self.pairs[event.pair as usize].meetings = pair.meetings.saturating_add(1);
        for slot in [a, b] {
            let active = &mut self.active[slot];
            active.version = active.version.wrapping_add(1);
        }
        for index in pair.bodies {
            self.ask_neighbours(index, now, world);
        }
    }

    /// Lets two bodies act on each other at the fraction `now` of the tick.
    fn strike(&mut self, a: usize, b: usize, now: f64, world: &mut World, rules: &Rules) -> Option<Impact> {
        let [first, second] = [a, b].map(|slot| self.active[slot]);
        if first.spent || second.spent {
            return None;
        }
        let shot = world.is_shot(second.index);
        let left = 1.0 - now;
        let (mut body_a, mut body_b) = (first.body, second.body);
        let one = world.colliders[first.index as usize];
        let (position, path, radius_m) = match world.colliders.get(second.index as usize) {
            Some(other) => (other.position, other.displacement_m, other.radius_m),
            None => {
                let other = world.shots[second.index as usize - world.colliders.len()];
                (other.position, other.displacement_m, 0.0)
            }
        };
        let relative_path = one.displacement_m - path;
        let apart = one.position.minus(position) - relative_path * left;
        let distance = apart.length();
        // Centres in one place: as good a direction as any other, and the same on every machine.
        let normal = if distance > 0.0 { apart / distance } else { DVec3::X };
        let reach = one.radius_m + radius_m;
        let arm_a_m = if reach > 0.0 { distance * (one.radius_m / reach) } else { 0.0 };
        let touch = Touch { normal, arm_a_m, arm_b_m: distance - arm_a_m };
        let blow: Blow = if shot {
            stick(&mut body_a, &mut body_b, &touch, rules)
        } else {
            bounce(&mut body_a, &mut body_b, &touch, rules)?
        };
        let point = one.position.plus(-one.displacement_m * left - normal * arm_a_m);
        for (active, after) in [(a, body_a), (b, body_b)] {
            let active = &mut self.active[active];
            let change_m =
                (rules.coordinate(after.velocity_m_s) - rules.coordinate(active.body.velocity_m_s)) * rules.dt_s;
            active.body = after;
            let index = active.index as usize;
            // The line through the place of impact with the new velocity.
            let (position, path) = match world.colliders.get_mut(index) {
                Some(collider) => (&mut collider.position, &mut collider.displacement_m),
                None => {
                    active.spent = true;
                    let shot = &mut world.shots[index - world.colliders.len()];
                    (&mut shot.position, &mut shot.displacement_m)
                }
            };
            *position = position.plus(change_m * left);
            *path += change_m;
        }
        let ids = [first.index, second.index].map(|index| world.id(index));
        let Blow { impulse_n_s, energy_j } = blow;
        Some(Impact { a: ids[0], b: ids[1], shot, fraction: now, point, normal, impulse_n_s, energy_j })
    }

    /// Works out anew when the pairs of a body meet, from `now` on.
    fn ask_neighbours(&mut self, index: u32, now: f64, world: &World) {
        let first = self.links[index as usize].pairs;
        if self.list(first).nth(NEIGHBOURS_MAX).is_some() {
            return;
        }
        let mut link = first;
        while link != NONE {
            self.ask_again(link >> 1, now, world);
            link = self.pairs[(link >> 1) as usize].next[(link & 1) as usize];
        }
    }

    fn ask_again(&mut self, number: u32, now: f64, world: &World) {
        let pair = self.pairs[number as usize];
        if pair.meetings >= MEETINGS_MAX || pair.bodies.iter().any(|&index| self.is_spent(index)) {
            return;
        }
        let met = world.view().meeting(pair.bodies[0], pair.bodies[1], now);
        let versions = pair.bodies.map(|index| self.version(index));
        let pair = &mut self.pairs[number as usize];
        pair.stamp = pair.stamp.wrapping_add(1);
        pair.versions = versions;
        if met.at < NEVER {
            self.queue.push(Reverse(Event::new(world, met.at, pair.bodies, number, pair.stamp)));
        }
    }

    /// Pushes colliders that overlap at the end of the tick apart, each by its share of the masses.
    fn push_apart(&mut self, world: &mut World, body: &impl Fn(usize) -> Body) {
        for pair in &self.pairs {
            let [a, b] = pair.bodies;
            let moved = pair.bodies.iter().any(|&index| self.links[index as usize].touched != NONE);
            if !world.is_shot(b) && (pair.overlapping || moved) && overlap(world, a, b).0 > SLOP_M {
                self.overlaps.push((pair.bodies.map(|index| world.id(index)), pair.bodies));
            }
        }
        self.overlaps.sort_unstable();
        self.overlaps.dedup();
        for number in 0..self.overlaps.len() {
            let [a, b] = self.overlaps[number].1;
            let (depth_m, normal) = overlap(world, a, b);
            let [first, second] = [a, b].map(|index| self.activate(index, world, body));
            let mobility = [first, second].map(|slot| self.active[slot].body.inverse_mass_per_kg);
            let sum = mobility[0] + mobility[1];
            if depth_m <= SLOP_M || sum <= 0.0 {
                continue;
            }
            for (index, along) in [(a, normal * (mobility[0] / sum)), (b, normal * (-mobility[1] / sum))] {
                let position = &mut world.colliders[index as usize].position;
                *position = position.plus(along * (depth_m * PUSH));
            }
        }
    }

    /// The slot of a body among the active ones; asks for its motion when it becomes one.
    fn activate(&mut self, index: u32, world: &World, body: &impl Fn(usize) -> Body) -> usize {
        let link = &mut self.links[index as usize];
        if link.touched == NONE {
            link.touched = self.active.len() as u32;
            let body = match world.shots.get((index as usize).wrapping_sub(world.colliders.len())) {
                Some(shot) => shot.body(),
                None => body(index as usize),
            };
            self.active.push(Active { index, version: 0, body, spent: false });
        }
        link.touched as usize
    }

    fn version(&self, index: u32) -> u32 {
        self.active.get(self.links[index as usize].touched as usize).map_or(0, |active| active.version)
    }

    fn is_spent(&self, index: u32) -> bool {
        self.active.get(self.links[index as usize].touched as usize).is_some_and(|active| active.spent)
    }

    /// The links of a list.
    fn list(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let next = |&link: &u32| self.pairs.get((link >> 1) as usize).map(|pair| pair.next[(link & 1) as usize]);
        std::iter::successors(Some(first), next).take_while(|&link| link != NONE)
    }
}

impl Event {
    fn new(world: &World, at: f64, bodies: [u32; 2], pair: u32, stamp: u32) -> Self {
        Self { at_bits: at.to_bits(), ids: bodies.map(|index| world.id(index)), pair, stamp }
    }
}

/// How deep two colliders overlap at the end of the tick, and the direction from the second to the first.
fn overlap(world: &World, a: u32, b: u32) -> (f64, DVec3) {
    let (a, b) = (&world.colliders[a as usize], &world.colliders[b as usize]);
    let apart = a.position.minus(b.position);
    let distance = apart.length();
    let normal = if distance > 0.0 { apart / distance } else { DVec3::X };
    (a.radius_m + b.radius_m - distance, normal)
}
