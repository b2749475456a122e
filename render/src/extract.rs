//! From a frame view of the simulation to a scene. Must never read anything of the simulation but its frame views and its
//! scenario, nor ask for memory once its lists are as long as they get.

mod blasts;
mod paths;

pub use blasts::Blasts;

use glam::DVec3;
use sim::frame_view::FrameView;
use sim::{Kind, Position, Scenario};

use crate::bodies::elements::J2000_JD;
use crate::bodies::{Look, body_of};
use crate::camera::Camera;
use crate::relativity;
use crate::scene::{Asteroid, Blast, Cockpit, Light, Model, Options, Round, Scene, Ship, Things, tint, trail_m};

/// A Julian year, days.
const YEAR_DAYS: f64 = 365.25;
const DAY_S: f64 = 86_400.0;
/// How long a round is exposed, seconds: its streak is the way that it makes meanwhile.
const SHUTTER_S: f64 = 1.0 / 60.0;
/// Most ships whose orbits are drawn.
const ORBITS_MAX: usize = 16;
/// Width of a path, pixels.
const PATH_PX: f32 = 1.6;
/// Colour of the way ahead of the own ship.
const AHEAD: [f32; 3] = [0.15, 0.75, 1.0];

/// What of a world does not change from tick to tick.
#[derive(Clone, Debug)]
pub struct Stage {
    bodies: Vec<sim::scenario::Body>,
    /// The bodies' names in lower case.
    names: Vec<String>,
    /// What each class of ships looks like.
    models: Vec<Model>,
    epoch_jd_tdb: f64,
    tick_rate_hz: u32,
    /// Speed of light, m/s.
    light_m_s: f64,
    /// Index of what gives light: the Sun, or else the heaviest body.
    sun: Option<usize>,
}

/// What a camera moves along with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ride {
    /// A ship, by its id.
    Ship(u64),
    /// A body, by its index in the scenario.
    Body(usize),
}

/// What of a world is shown, and to whom. Ships are named by their ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct Show<'a> {
    /// What a person chose.
    pub options: Options,
    /// What the camera moves along with: then things are seen where they were when their light left them, aberrated, and
    /// in shifted colours. Without, all is seen as it is.
    pub ride: Option<Ride>,
    /// The ship that the camera is inside of, which is not drawn.
    pub inside: Option<u64>,
    /// Whether that ship's cockpit is drawn around the camera.
    pub cockpit: bool,
    /// The ship whose way ahead is drawn, and against which rounds are seen to move.
    pub own: Option<u64>,
    /// Whether the orbits of other ships that have a player are drawn.
    pub orbits: bool,
    /// Explosions so far.
    pub blasts: Option<&'a Blasts>,
}

/// What is filled from and with: arguments that travel together.
struct Moment<'a> {
    frame: &'a FrameView,
    fraction: f64,
    show: &'a Show<'a>,
    /// Velocity against which rounds leave their streaks, m/s.
    frame_m_s: DVec3,
    late: Late,
}

/// How old what is seen is.
#[derive(Clone, Copy)]
struct Late {
    camera: Position,
    /// Nothing where light takes no time.
    light_m_s: Option<f64>,
}

impl Late {
    /// Where something that moves evenly was when the light left it that arrives now.
    fn seen(self, position: Position, velocity_m_s: DVec3) -> Position {
        let Some(light_m_s) = self.light_m_s else { return position };
        let delay_s = relativity::retarded(position.minus(self.camera), velocity_m_s, light_m_s).delay_s;
        // From where it is, and not from the camera: it mostly stays in its cell.
        position.plus(velocity_m_s * -delay_s)
    }
}

impl Stage {
    /// The stage of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let bodies = scenario.bodies.clone();
        let names: Vec<String> = bodies.iter().map(|body| body.name.to_lowercase()).collect();
        let heaviest = (0..bodies.len()).max_by(|a, b| bodies[*a].gm_m3_s2.total_cmp(&bodies[*b].gm_m3_s2));
        let named = names.iter().position(|name| Look::of(name) == Look::Sun);
        let models = scenario.classes.iter().map(|class| Model::of_class(&class.name, class.radius_m)).collect();
        Self {
            bodies,
            names,
            models,
            epoch_jd_tdb: scenario.epoch_jd_tdb,
            tick_rate_hz: scenario.tick_rate_hz,
            light_m_s: scenario.speed_of_light_m_s,
            sun: named.or(heaviest),
        }
    }

    /// The bodies of the world, as the scenario has them.
    #[must_use]
    pub fn bodies(&self) -> &[sim::scenario::Body] {
        &self.bodies
    }

    /// Seconds of simulated time at `fraction` of the way between the two ticks of a view.
    #[must_use]
    pub fn time_s(&self, frame: &FrameView, fraction: f64) -> f64 {
        let tick_s = frame.time_factor.tick_seconds(self.tick_rate_hz);
        frame.time.seconds(self.tick_rate_hz) + (fraction - 1.0) * tick_s
    }

    /// Julian date (TDB) at `fraction` of the way between the two ticks of a view.
    #[must_use]
    pub fn jd_tdb(&self, frame: &FrameView, fraction: f64) -> f64 {
        self.epoch_jd_tdb + self.time_s(frame, fraction) / DAY_S
    }

    /// What `camera` sees at `fraction` of the way from the previous tick of a view (0) to its current one (1), with
    /// every ship and without lines.
    #[must_use]
    pub fn scene(&self, frame: &FrameView, fraction: f64, camera: Camera, options: Options) -> Scene {
        let mut scene = Scene::empty(camera);
        self.fill(frame, fraction, camera, &Show { options, ..Show::default() }, &mut scene);
        scene
    }

    /// As [`Self::scene`], into a scene whose memory is used again.
    pub fn fill(&self, frame: &FrameView, fraction: f64, camera: Camera, show: &Show<'_>, scene: &mut Scene) {
        let jd_tdb = self.jd_tdb(frame, fraction);
        let ride_m_s = show.ride.and_then(|ride| velocity(frame, ride));
        let late = Late { camera: camera.position, light_m_s: ride_m_s.map(|_| self.light_m_s) };
        let place = |at: usize| {
            let velocity_m_s = frame.bodies_velocity_m_s.get(at).copied().unwrap_or(DVec3::ZERO);
            late.seen(frame.body(at, fraction).unwrap_or(Position::ORIGIN), velocity_m_s)
        };
        scene.camera = ride_m_s.map_or(camera, |velocity_m_s| camera.moving(velocity_m_s, self.light_m_s));
        scene.years = (jd_tdb - J2000_JD) / YEAR_DAYS;
        scene.options = show.options;
        scene.light = self.sun.map_or(Light { position: Position::ORIGIN, radius_m: 0.0 }, |sun| Light {
            position: place(sun),
            radius_m: self.bodies[sun].radius_m,
        });
        scene.bodies.clear();
        let drawn = self.bodies.iter().zip(&self.names).enumerate();
        scene.bodies.extend(drawn.map(|(at, (b, name))| {
            body_of(name, place(at), (b.radius_m, b.gm_m3_s2), (b.pole, b.rotation_rad_s), jd_tdb)
        }));
        scene.cockpit = show.inside.filter(|_| show.cockpit).and_then(|id| {
            let at = index_of(frame, id)?;
            let icrf_from_ship = frame.pose(at, fraction)?.icrf_from_body;
            // A wreck is dark.
            Some(Cockpit { icrf_from_ship, lamps: if frame.looks[at].hull > 0.0 { 1.0 } else { 0.0 } })
        });
        scene.things.clear();
        let frame_m_s = show.own.or(show.inside).and_then(|id| index_of(frame, id)).map_or_else(
            || self.around(frame, camera.position).map_or(DVec3::ZERO, |body| frame.bodies_velocity_m_s[body]),
            |ship| frame.looks[ship].velocity_m_s,
        );
        let moment = Moment { frame, fraction, show, frame_m_s, late };
        self.fill_things(&moment, &mut scene.things);
        let time_s = self.time_s(frame, fraction);
        let blasts = show.blasts.iter().flat_map(|blasts| blasts.at(time_s));
        let seen = |(blast, velocity_m_s): (Blast, DVec3)| Blast {
            position: late.seen(blast.position, velocity_m_s),
            ..blast
        };
        scene.things.blasts.extend(blasts.map(seen));
        self.fill_paths(&moment, &mut scene.things);
    }

    fn fill_things(&self, moment: &Moment<'_>, things: &mut Things) {
        let Moment { frame, fraction, show, frame_m_s, late } = *moment;
        let all = frame.ids.iter().zip(&frame.kinds).zip(&frame.looks).enumerate();
        for (at, ((&id, &kind), look)) in all {
            let Some(pose) = frame.pose(at, fraction) else { continue };
            let position = late.seen(pose.position, look.velocity_m_s);
            let icrf_from_body = pose.icrf_from_body.as_quat();
            let ship = |model| Ship {
                model,
                position,
                icrf_from_body,
                radius_m: look.radius_m,
                tint: tint(look.player),
                throttle: look.throttle,
                thrusters: look.thrusters,
                hull: look.hull,
            };
            match kind {
                Kind::Ship if show.inside == Some(id) => {}
                Kind::Ship => {
                    let model = self.models.get(look.class as usize).copied().unwrap_or(Model::Scout);
                    // A wreck's engines are dead, whatever its controls say.
                    let alive = if look.hull > 0.0 { 1.0 } else { 0.0 };
                    let ship = ship(model);
                    let (throttle, thrusters) = (ship.throttle * alive, ship.thrusters * alive);
                    things.ships.push(Ship { throttle, thrusters, ..ship });
                }
                Kind::Structure => things.ships.push(ship(Model::Station)),
                Kind::Asteroid => {
                    let seed = (id as u32).wrapping_mul(0x9E37_79B9) ^ (id >> 32) as u32;
                    things.asteroids.push(Asteroid { position, icrf_from_body, radius_m: look.radius_m, seed });
                }
                Kind::Projectile => {
                    let trail_m = trail_m(look.velocity_m_s, frame_m_s, SHUTTER_S);
                    things.rounds.push(Round { position, trail_m });
                }
            }
        }
    }

    /// Index of the body that dominates at a place.
    fn around(&self, frame: &FrameView, at: Position) -> Option<usize> {
        let places = self.bodies.iter().zip(&frame.bodies_current);
        paths::dominating(places.map(|(body, centre)| (body.gm_m3_s2, centre.minus(at))))
    }

    fn fill_paths(&self, moment: &Moment<'_>, things: &mut Things) {
        let Moment { frame, show, .. } = *moment;
        if let Some(own) = show.own.and_then(|id| index_of(frame, id)) {
            self.add_fall(moment, own, things);
        }
        if !show.orbits {
            return;
        }
        let manned = |at: &usize| frame.kinds[*at] == Kind::Ship && frame.looks[*at].player != 0;
        let others = (0..frame.ids.len()).filter(|at| manned(at) && show.own != Some(frame.ids[*at]));
        for at in others.take(ORBITS_MAX) {
            self.add_orbit(moment, at, things);
        }
    }

    /// Place and velocity of something against the body that it falls around, and where that body is drawn.
    fn against(&self, moment: &Moment<'_>, at: usize) -> Option<(usize, DVec3, DVec3, Position)> {
        let Moment { frame, fraction, .. } = *moment;
        let position = frame.pose(at, fraction)?.position;
        let body = self.around(frame, position)?;
        let centre = frame.body(body, fraction)?;
        let body_m_s = *frame.bodies_velocity_m_s.get(body)?;
        let velocity = frame.looks[at].velocity_m_s - body_m_s;
        Some((body, position.minus(centre), velocity, moment.late.seen(centre, body_m_s)))
    }

    fn add_orbit(&self, moment: &Moment<'_>, at: usize, things: &mut Things) {
        let Some((body, r, v, centre)) = self.against(moment, at) else { return };
        let Some(points) = paths::orbit(r, v, self.bodies[body].gm_m3_s2) else { return };
        let colour = tint(moment.frame.looks[at].player);
        // Fading ahead shows which way it goes.
        things.lines.add(points.map(|p| centre.plus(p)), colour, [0.75, 0.12], PATH_PX);
    }

    fn add_fall(&self, moment: &Moment<'_>, at: usize, things: &mut Things) {
        let Some((body, r, v, drawn)) = self.against(moment, at) else { return };
        let Moment { frame, fraction, .. } = *moment;
        let Some(centre) = frame.body(body, fraction) else { return };
        let mut pulls = [paths::Pull { gm_m3_s2: 0.0, at_m: DVec3::ONE, velocity_m_s: DVec3::ZERO }; PULLS_MAX];
        let mut count = 0;
        for (other, known) in self.bodies.iter().enumerate().filter(|(other, _)| *other != body).take(PULLS_MAX) {
            let (Some(at), Some(velocity)) = (frame.body(other, fraction), frame.bodies_velocity_m_s.get(other)) else {
                continue;
            };
            let velocity_m_s = *velocity - frame.bodies_velocity_m_s[body];
            pulls[count] = paths::Pull { gm_m3_s2: known.gm_m3_s2, at_m: at.minus(centre), velocity_m_s };
            count += 1;
        }
        let around = (self.bodies[body].gm_m3_s2, self.bodies[body].radius_m);
        let points = paths::fall(r, v, around, &pulls[..count]);
        things.lines.add(points.map(|p| drawn.plus(p)), AHEAD, [1.0, 0.25], PATH_PX);
    }
}

/// Most other bodies that bend the way ahead.
const PULLS_MAX: usize = 32;

/// Velocity of what a camera moves along with, m/s.
fn velocity(frame: &FrameView, ride: Ride) -> Option<DVec3> {
    match ride {
        Ride::Ship(id) => index_of(frame, id).map(|at| frame.looks[at].velocity_m_s),
        Ride::Body(at) => frame.bodies_velocity_m_s.get(at).copied(),
    }
}

/// Where in a view the thing with that id is.
fn index_of(frame: &FrameView, id: u64) -> Option<usize> {
    frame.ids.binary_search(&id).ok()
}
