//! A small copy of a world around one player's ships, for presentation that runs ahead of the session. Must never be
//! mistaken for the world: its digest is another one, and nothing of it goes back.
//!
//! What the copy leaves out cannot push what it holds, so a ship goes exactly as in the whole world for as long as
//! nothing from outside the copy touches it: things feel the bodies, the air and the ground, which are all there, and
//! otherwise only what they run into.

use crate::columns::{Columns, KindColumns, take_column};
use crate::component::{Berth, Component, Identity, Kind, Visitor, visit_components};
use crate::input::PlayerId;
use crate::simulation::Simulation;
use crate::space::Position;
use crate::state::State;
use crate::world::World;

/// One thing of the world, as a candidate.
#[derive(Clone, Copy, Debug)]
struct Row {
    kind: Kind,
    row: usize,
    id: u64,
    /// Square of the distance to the nearest of the own ships, m^2; -1 for those themselves.
    distance2_m2: f64,
}

impl Simulation {
    /// A copy with the ships of `player`, of the things within `radius_m` of one of them the nearest, at most `most`
    /// entities in all, and everything that is no entity: bodies, time, members, tuning. Of more than `most` own
    /// ships those with the lowest ids are taken. Costs one look at every position for each own ship.
    #[must_use]
    pub fn neighbourhood(&self, player: PlayerId, radius_m: f64, most: usize) -> Self {
        let world = &self.state.world;
        let own = own_ships(world, player, most);
        let mut rows = near(world, &own, radius_m);
        let by_nearness = |a: &Row, b: &Row| a.distance2_m2.total_cmp(&b.distance2_m2).then(a.id.cmp(&b.id));
        if rows.len() > most {
            rows.select_nth_unstable_by(most, by_nearness);
            rows.truncate(most);
        }
        let mut columns = Columns::default();
        for (kind, target) in Kind::ALL.into_iter().zip(&mut columns.kinds) {
            let mut of_kind: Vec<(u64, usize)> =
                rows.iter().filter(|r| r.kind == kind).map(|r| (r.id, r.row)).collect();
            of_kind.sort_unstable();
            let order: Vec<usize> = of_kind.into_iter().map(|(_, row)| row).collect();
            gather(world, kind, &order, target);
        }
        let mut reduced = World::default();
        columns.restore_into(&mut reduced);
        let State { time, members, refused, tuning, last_id, waves, bodies, body_states, light, rate_hz, .. } =
            &self.state;
        let waves = waves.of(|id| reduced.entity(id).is_some());
        let state = State {
            world: reduced,
            time: *time,
            members: members.clone(),
            refused: *refused,
            tuning: tuning.clone(),
            last_id: *last_id,
            waves,
            bodies: bodies.clone(),
            body_states: body_states.clone(),
            light: *light,
            rate_hz: *rate_hz,
        };
        self.with_state(state)
    }
}

/// Rows and places of the player's ships, by id.
fn own_ships(world: &World, player: PlayerId, most: usize) -> Vec<(usize, Position)> {
    let Some(archetype) = world.archetype(Kind::Ship) else { return Vec::new() };
    let (Some(ids), Some(berths), Some(places)) =
        (archetype.get::<&Identity>(), archetype.get::<&Berth>(), archetype.get::<&Position>())
    else {
        return Vec::new();
    };
    let mut own: Vec<usize> = (0..ids.len()).filter(|&row| berths[row].player == player.0).collect();
    own.sort_unstable_by_key(|&row| ids[row].id);
    own.truncate(most);
    own.into_iter().map(|row| (row, places[row])).collect()
}

/// The own ships, and all things within `radius_m` of one.
fn near(world: &World, own: &[(usize, Position)], radius_m: f64) -> Vec<Row> {
    let mut rows = Vec::new();
    let radius2 = radius_m * radius_m;
    for kind in Kind::ALL {
        let Some(archetype) = world.archetype(kind) else { continue };
        let (Some(ids), Some(places)) = (archetype.get::<&Identity>(), archetype.get::<&Position>()) else { continue };
        for (row, (identity, place)) in ids.iter().zip(places.iter()).enumerate() {
            let is_own = kind == Kind::Ship && own.iter().any(|(at, _)| *at == row);
            let nearest = own.iter().map(|(_, at)| place.minus(*at).length_squared()).fold(f64::INFINITY, f64::min);
            if is_own || nearest <= radius2 {
                let distance2_m2 = if is_own { -1.0 } else { nearest };
                rows.push(Row { kind, row, id: identity.id, distance2_m2 });
            }
        }
    }
    rows
}

/// Copies some rows of a kind, in the order given.
fn gather(world: &World, kind: Kind, order: &[usize], target: &mut KindColumns) {
    struct Gather<'a> {
        world: &'a World,
        kind: Kind,
        order: &'a [usize],
        words: &'a mut Vec<u64>,
    }
    impl Visitor for Gather<'_> {
        fn visit<C: Component>(&mut self) {
            let Some(column) = self.world.archetype(self.kind).and_then(|a| a.get::<&C>()) else { return };
            for &row in self.order {
                self.words.extend_from_slice(bytemuck::cast_slice(&column[row..=row]));
            }
        }
    }
    target.rows = order.len();
    visit_components(kind, &mut Gather { world, kind, order, words: &mut target.words });
    debug_assert!(take_column::<Identity>(&mut &target.words[..], target.rows).is_sorted_by_key(|i| i.id));
}
