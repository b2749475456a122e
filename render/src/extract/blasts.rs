//! Explosions, found by comparing frame views: what vanished, and hulls that gave way. Must never look at a clock: ages
//! are simulated time, so that the same ticks of a recording show the same explosions.

use glam::DVec3;
use sim::frame_view::{FrameView, Look};
use sim::{Kind, Position};

use crate::scene::{BLAST_S, Blast};

/// Most explosions at a time; the oldest go first.
const BLASTS_MAX: usize = 64;
/// Most ticks from one view that is seen to the next: pictures come less often than ticks.
const GAP_MAX: u64 = 45;

/// An explosion and the time at which it began.
#[derive(Clone, Copy, Debug)]
struct Begun {
    at_s: f64,
    blast: Blast,
    /// What is left of the thing goes on moving, m/s, ICRF axes.
    velocity_m_s: DVec3,
}

/// What was there at the last tick that was seen.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: u64,
    kind: Kind,
    position: Position,
    look: Look,
}

/// Follows a world from tick to tick. Show it ticks in order, as many as there are; a jump in time only forgets.
#[derive(Clone, Debug, Default)]
pub struct Blasts {
    tick: Option<u64>,
    /// Seconds since the epoch at that tick.
    time_s: f64,
    known: Vec<Known>,
    begun: Vec<Begun>,
}

impl Blasts {
    /// Takes notice of a tick. `tick_rate_hz` is the scenario's.
    pub fn observe(&mut self, frame: &FrameView, tick_rate_hz: u32) {
        let now_s = frame.time.seconds(tick_rate_hz);
        let tick = frame.tick.0;
        if self.tick == Some(tick) {
            return;
        }
        if self.tick.is_some_and(|before| (1..=GAP_MAX).contains(&tick.wrapping_sub(before))) {
            self.compare(frame, now_s);
            self.begun.retain(|begun| now_s - begun.at_s <= f64::from(BLAST_S));
        } else {
            self.begun.clear();
        }
        (self.tick, self.time_s) = (Some(tick), now_s);
        self.known.clear();
        let all = frame.ids.iter().zip(&frame.kinds).zip(&frame.current).zip(&frame.looks);
        // Rounds come and go, and are no explosions.
        let lasting = all.filter(|(((_, kind), _), _)| **kind != Kind::Projectile);
        self.known.extend(lasting.map(|(((id, kind), pose), look)| Known {
            id: *id,
            kind: *kind,
            position: pose.position,
            look: *look,
        }));
    }

    fn compare(&mut self, frame: &FrameView, now_s: f64) {
        // Both lists ascend by id.
        let mut at = 0;
        for known in &self.known {
            while frame.ids.get(at).is_some_and(|id| *id < known.id) {
                at += 1;
            }
            let still = frame.ids.get(at) == Some(&known.id);
            let gave_way = still && known.kind == Kind::Ship && known.look.hull > 0.0 && frame.looks[at].hull == 0.0;
            if still && !gave_way {
                continue;
            }
            let (position, look) = if still {
                (frame.current[at].position, frame.looks[at])
            } else {
                // It would be there by now.
                (known.position.plus(known.look.velocity_m_s * (now_s - self.time_s)), known.look)
            };
            if self.begun.len() == BLASTS_MAX {
                self.begun.remove(0);
            }
            let seed = (known.id as u32).wrapping_mul(0x9E37_79B9) ^ frame.tick.0 as u32;
            let blast = Blast { position, radius_m: look.radius_m, age_s: 0.0, seed };
            self.begun.push(Begun { at_s: now_s, blast, velocity_m_s: look.velocity_m_s });
        }
    }

    /// Gives another one what is to be seen: the explosions, without the memory of what was there. Asks for no memory
    /// where `other` has had as many before.
    pub fn copy_to(&self, other: &mut Self) {
        (other.tick, other.time_s) = (None, self.time_s);
        other.known.clear();
        other.begun.clone_from(&self.begun);
    }

    /// The explosions as they stand at a time, seconds since the epoch, with their velocities, m/s.
    pub fn at(&self, time_s: f64) -> impl Iterator<Item = (Blast, DVec3)> + '_ {
        let aged = self.begun.iter().map(move |begun| {
            let age_s = time_s - begun.at_s;
            let position = begun.blast.position.plus(begun.velocity_m_s * age_s);
            (Blast { position, age_s: age_s as f32, ..begun.blast }, begun.velocity_m_s)
        });
        aged.filter(|(blast, _)| (0.0..=BLAST_S).contains(&blast.age_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DQuat;
    use sim::frame_view::Pose;
    use sim::{SimTime, Tick};

    /// Things with these ids, kinds and hulls.
    fn view(tick: u64, things: &[(u64, Kind, f32)]) -> FrameView {
        let pose =
            |id: u64| Pose { position: Position::from_metres(DVec3::X * id as f64), icrf_from_body: DQuat::IDENTITY };
        FrameView {
            tick: Tick(tick),
            ids: things.iter().map(|t| t.0).collect(),
            kinds: things.iter().map(|t| t.1).collect(),
            current: things.iter().map(|t| pose(t.0)).collect(),
            previous: things.iter().map(|t| pose(t.0)).collect(),
            looks: things.iter().map(|t| Look { hull: t.2, radius_m: 3.0, ..Look::default() }).collect(),
            ..FrameView::default()
        }
    }

    fn found(blasts: &Blasts) -> Vec<f64> {
        blasts.at(0.0).map(|(blast, _)| blast.position.to_metres().x).collect()
    }

    #[test]
    fn wrecks_and_what_vanished_blow_up_once() {
        let mut blasts = Blasts::default();
        let first = [(1, Kind::Ship, 1.0), (2, Kind::Asteroid, 1.0), (3, Kind::Projectile, 1.0), (4, Kind::Ship, 0.0)];
        blasts.observe(&view(1, &first), 90);
        assert!(found(&blasts).is_empty());
        let second = [(1, Kind::Ship, 0.0), (4, Kind::Ship, 0.0)];
        for _ in 0..2 {
            blasts.observe(&view(2, &second), 90);
            assert_eq!(found(&blasts), [1.0, 2.0], "not the round, and not what was a wreck before");
        }
        blasts.observe(&view(3, &second), 90);
        assert_eq!(found(&blasts).len(), 2, "no second time");
        blasts.observe(&view(99, &[]), 90);
        assert!(found(&blasts).is_empty(), "what happened in a jump was not seen");
    }

    #[test]
    fn what_vanished_would_have_flown_on() {
        let mut blasts = Blasts::default();
        let mut first = view(1, &[(1, Kind::Asteroid, 1.0)]);
        first.looks[0].velocity_m_s = DVec3::X * 900.0;
        blasts.observe(&first, 90);
        // 90 ticks of four quarters are a second.
        blasts.observe(&FrameView { time: SimTime(40), ..view(11, &[]) }, 90);
        let places: Vec<f64> = blasts.at(10.0 / 90.0).map(|(blast, _)| blast.position.to_metres().x).collect();
        assert!(places.len() == 1 && (places[0] - 101.0).abs() < 1e-6, "{places:?}");
    }

    #[test]
    fn a_thousand_at_once_stay_few() {
        let mut blasts = Blasts::default();
        let many: Vec<_> = (1..1000).map(|id| (id, Kind::Asteroid, 1.0)).collect();
        blasts.observe(&view(1, &many), 90);
        blasts.observe(&view(2, &[]), 90);
        assert_eq!(found(&blasts).len(), BLASTS_MAX);
    }
}
