//! Where a picture is taken from, as a person writes it: `cockpit`, `chase:12,distance=80`, `body:saturn,radii=4,phase=60`.
//! Must never guess: a name that is not there gets a sentence.

use std::fmt::Write;

use glam::{DMat3, DQuat, DVec3};
use render::extract::Ride;
use sim::frame_view::{FrameView, Pose};
use sim::scenario::Body;
use sim::{Kind, Position};

/// What is said of it in help texts.
pub const HELP: &str = "\
cockpit[:SHIP], chase[:SHIP] or body:NAME, then options, separated by commas:
  fov=DEG       field of view from the lower to the upper edge, 1 to 150 (60)
  look=NAME     turn towards a body instead; then no cockpit is in the way
  distance=M    chase: metres behind the ship (six of its radii)
  yaw=DEG, pitch=DEG   chase: round the ship, to the left and upwards (0, 15)
  radii=N       body: distance from its centre in its radii (4)
  phase=DEG     body: from the Sun's direction to the left, 0 is full, 180 is new (60)
  latitude=DEG  body: above its equator (10)
SHIP is a number; without one it is the first ship. Examples: cockpit:3,look=earth   body:saturn,radii=5,phase=40";

/// What is looked at from where.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Cockpit { ship: Option<u64> },
    Chase { ship: Option<u64>, distance_m: Option<f64>, yaw_deg: f64, pitch_deg: f64 },
    Body { name: String, radii: f64, phase_deg: f64, latitude_deg: f64 },
}

/// A camera as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraSpec {
    place: Place,
    fov_deg: f64,
    look: Option<String>,
    /// As it was written.
    text: String,
}

/// A camera in a world.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Where it is.
    pub position: Position,
    /// Turns the camera's axes (x forward, y left, z up) into those of the ICRF.
    pub icrf_from_camera: DQuat,
    /// Field of view from the lower to the upper edge, radians.
    pub vertical_rad: f64,
    /// The ship that it belongs to, by id.
    pub ship: Option<u64>,
    /// What it moves along with.
    pub ride: Option<Ride>,
    /// Whether it is inside that ship.
    pub inside: bool,
    /// Whether that ship's cockpit is around it: not where it turns towards a body, which the seat might hide.
    pub cockpit: bool,
}

impl CameraSpec {
    /// Reads what a person wrote.
    ///
    /// # Errors
    /// A sentence that names the word that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split(',').map(str::trim);
        let (kind, name) = match words.next().unwrap_or_default().split_once(':') {
            Some((kind, name)) => (kind, Some(name)),
            None => (words_of(text), None),
        };
        let ship = || name.map(|name| whole(name).ok_or(format!("`{name}` is no ship: ships are numbers"))).transpose();
        let place = match (kind, name) {
            ("cockpit", _) => Place::Cockpit { ship: ship()? },
            ("chase", _) => Place::Chase { ship: ship()?, distance_m: None, yaw_deg: 0.0, pitch_deg: 15.0 },
            ("body", Some(name)) if !name.is_empty() => {
                Place::Body { name: name.to_owned(), radii: 4.0, phase_deg: 60.0, latitude_deg: 10.0 }
            }
            ("body", _) => return Err("body of which name? as in body:saturn".to_owned()),
            _ => return Err(format!("`{kind}` is no camera; there are cockpit, chase and body:NAME")),
        };
        let mut spec = Self { place, fov_deg: 60.0, look: None, text: text.to_owned() };
        words.try_for_each(|word| spec.set(word))?;
        Ok(spec)
    }

    /// From behind the first ship.
    #[must_use]
    pub fn chase() -> Self {
        let place = Place::Chase { ship: None, distance_m: None, yaw_deg: 0.0, pitch_deg: 15.0 };
        Self { place, fov_deg: 60.0, look: None, text: "chase".to_owned() }
    }

    /// What it was asked for with.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn set(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = word.split_once('=').ok_or(format!("`{word}` is no option: options are KEY=VALUE"))?;
        let number = |least: f64, most: f64| {
            let found = value.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
            found.ok_or(format!("{key}={value}: expected a number from {least} to {most}"))
        };
        match (key, &mut self.place) {
            ("fov", _) => self.fov_deg = number(1.0, 150.0)?,
            ("look", _) => self.look = Some(value.to_owned()),
            ("distance", Place::Chase { distance_m, .. }) => *distance_m = Some(number(0.1, 1e13)?),
            ("yaw", Place::Chase { yaw_deg, .. }) => *yaw_deg = number(-360.0, 360.0)?,
            ("pitch", Place::Chase { pitch_deg, .. }) => *pitch_deg = number(-89.0, 89.0)?,
            ("radii", Place::Body { radii, .. }) => *radii = number(1.000_000_1, 1e9)?,
            ("phase", Place::Body { phase_deg, .. }) => *phase_deg = number(-360.0, 360.0)?,
            ("latitude", Place::Body { latitude_deg, .. }) => *latitude_deg = number(-89.0, 89.0)?,
            _ => return Err(format!("`{key}` is no option of this camera")),
        }
        Ok(())
    }

    /// The camera in a world at `fraction` of the way between the two ticks of a frame view.
    ///
    /// # Errors
    /// A sentence: there is no such ship or body.
    pub fn resolve(&self, bodies: &[Body], frame: &FrameView, fraction: f64) -> Result<View, String> {
        let place = |at: usize| frame.body(at, fraction).ok_or("the bodies are not known at this tick".to_owned());
        let (position, mut axes, ship) = match &self.place {
            Place::Cockpit { ship } => {
                let (at, Pose { position, icrf_from_body: attitude }) = ship_at(frame, *ship, fraction)?;
                // The pilot sits ahead of the middle.
                let ahead = attitude * DVec3::X * f64::from(frame.looks[at].radius_m) * 0.6;
                (position.plus(ahead), attitude, Some(frame.ids[at]))
            }
            Place::Chase { ship, distance_m, yaw_deg, pitch_deg } => {
                let (at, Pose { position, icrf_from_body: attitude }) = ship_at(frame, *ship, fraction)?;
                let turned =
                    DQuat::from_rotation_z(yaw_deg.to_radians()) * DQuat::from_rotation_y(pitch_deg.to_radians());
                let axes = attitude * turned;
                let distance_m = distance_m.unwrap_or(f64::from(frame.looks[at].radius_m).max(1.0) * 6.0);
                (position.plus(axes * DVec3::X * -distance_m), axes, Some(frame.ids[at]))
            }
            Place::Body { name, radii, phase_deg, latitude_deg } => {
                let at = body_at(bodies, name)?;
                let body = &bodies[at];
                let centre = place(at)?;
                let sun = match sun_of(bodies, name) {
                    Some(sun) => place(sun)?.minus(centre),
                    None => DVec3::X,
                };
                let toward = around(body.pole, sun, *phase_deg, *latitude_deg);
                let radius_m = if body.radius_m > 0.0 { body.radius_m } else { 1.0 };
                (centre.plus(toward * radius_m * *radii), look_along(-toward, body.pole), None)
            }
        };
        if let Some(name) = &self.look {
            let to = place(body_at(bodies, name)?)?.minus(position);
            axes = look_along(to.normalize_or(DVec3::X), axes * DVec3::Z);
        }
        let inside = matches!(self.place, Place::Cockpit { .. });
        let ride = match &self.place {
            Place::Body { name, .. } => Some(Ride::Body(body_at(bodies, name)?)),
            _ => ship.map(Ride::Ship),
        };
        let (cockpit, vertical_rad) = (inside && self.look.is_none(), self.fov_deg.to_radians());
        Ok(View { position, icrf_from_camera: axes, vertical_rad, ship, ride, inside, cockpit })
    }
}

fn words_of(text: &str) -> &str {
    text.split(',').next().unwrap_or_default().trim()
}

fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

/// The ship with this id, or the first one, and its pose.
fn ship_at(frame: &FrameView, ship: Option<u64>, fraction: f64) -> Result<(usize, Pose), String> {
    let mut ships = (0..frame.ids.len()).filter(|at| frame.kinds[*at] == Kind::Ship);
    let at = match ship {
        None => ships.next().ok_or("there is no ship in this world: use body:NAME".to_owned())?,
        Some(id) => ships.find(|at| frame.ids[*at] == id).ok_or(format!("there is no ship {id} at this tick"))?,
    };
    frame.pose(at, fraction).map(|pose| (at, pose)).ok_or(format!("where ship {at} is, is not known"))
}

/// The body with this name; capitals make no difference.
fn body_at(bodies: &[Body], name: &str) -> Result<usize, String> {
    bodies.iter().position(|body| body.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let mut sentence = format!("there is no body `{name}`");
        let names: Vec<&str> = bodies.iter().map(|body| body.name.as_str()).collect();
        if !names.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(sentence, "; there are {}", names.join(", "));
        }
        sentence
    })
}

/// What gives light: the heaviest body, unless that is this one.
fn sun_of(bodies: &[Body], name: &str) -> Option<usize> {
    let heaviest = (0..bodies.len()).max_by(|a, b| bodies[*a].gm_m3_s2.total_cmp(&bodies[*b].gm_m3_s2))?;
    (!bodies[heaviest].name.eq_ignore_ascii_case(name)).then_some(heaviest)
}

/// The direction from a body's centre that has the light at `phase_deg`, and stands so high over the equator.
fn around(pole: DVec3, sun: DVec3, phase_deg: f64, latitude_deg: f64) -> DVec3 {
    let noon = (sun - pole * pole.dot(sun)).normalize_or(pole.any_orthonormal_vector());
    let turned = DQuat::from_axis_angle(pole, phase_deg.to_radians()) * noon;
    let latitude = latitude_deg.to_radians();
    turned * latitude.cos() + pole * latitude.sin()
}

/// Camera axes that look along `forward` with `up` upwards, as far as that goes.
fn look_along(forward: DVec3, up: DVec3) -> DQuat {
    let left = up.cross(forward).normalize_or(forward.any_orthonormal_vector());
    DQuat::from_mat3(&DMat3::from_cols(forward, left, forward.cross(left))).normalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sim::frame_view::FrameFeed;
    use sim::{Scenario, Simulation};

    fn world(name: &str) -> (Scenario, FrameView) {
        let (_, text) = sim::scenario::shipped().iter().find(|(shipped, _)| *shipped == name).expect("shipped");
        let scenario = Scenario::parse(text).expect("it is shipped");
        let mut feed = FrameFeed::new();
        feed.publish(&Simulation::new(&scenario));
        (scenario, (*feed.reader().latest()).clone())
    }

    fn seen(spec: &str, world: &(Scenario, FrameView)) -> Result<View, String> {
        CameraSpec::parse(spec)?.resolve(&world.0.bodies, &world.1, 1.0)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let world = world("earth-orbit");
        for (spec, part) in [
            ("", "`` is no camera"),
            ("drone", "`drone` is no camera"),
            ("body", "as in body:saturn"),
            ("body:", "as in body:saturn"),
            ("cockpit:x", "ships are numbers"),
            ("cockpit:99", "no ship 99"),
            ("body:vulcan", "no body `vulcan`; there are"),
            ("cockpit,fov=0", "from 1 to 150"),
            ("cockpit,fov=nan", "from 1 to 150"),
            ("cockpit,distance=3", "`distance` is no option of this camera"),
            ("cockpit,3", "`3` is no option"),
            ("chase,look=nowhere", "no body `nowhere`"),
        ] {
            let sentence = seen(spec, &world).expect_err(spec);
            assert!(sentence.contains(part), "{spec}: {sentence}");
        }
    }

    #[test]
    fn a_body_is_in_the_middle_at_the_distance_and_phase_asked_for() {
        let world = world("earth-orbit");
        let at = body_at(&world.0.bodies, "Earth").expect("it is there");
        let (earth, sun) = (world.1.bodies_current[at], world.1.bodies_current[0]);
        for (phase, latitude) in [(0.0, 0.0), (60.0, 10.0), (120.0, -30.0)] {
            let spec = format!("body:EARTH,radii=3,phase={phase},latitude={latitude},fov=40");
            let view = seen(&spec, &world).expect("a camera");
            let to = earth.minus(view.position);
            assert!((to.length() / world.0.bodies[at].radius_m - 3.0).abs() < 1e-9);
            assert!((view.icrf_from_camera.inverse() * to.normalize() - DVec3::X).length() < 1e-9);
            assert_eq!((view.vertical_rad, view.ship), (40f64.to_radians(), None));
            let (pole, light) = (world.0.bodies[at].pole, sun.minus(earth));
            let height = (-to.normalize()).dot(pole).asin().to_degrees();
            let flat = |v: DVec3| (v - pole * v.dot(pole)).normalize();
            let turned = flat(-to).dot(flat(light)).clamp(-1.0, 1.0).acos().to_degrees();
            assert!((height - latitude).abs() < 1e-6 && (turned - phase).abs() < 1e-5, "{spec}: {height} {turned}");
            let up = view.icrf_from_camera * DVec3::Z;
            assert!(up.dot(pole) > 0.5, "north is up");
        }
    }

    #[test]
    fn ships_are_seen_from_inside_and_from_behind() {
        let world = world("busy");
        let inside = seen("cockpit:3", &world).expect("a camera");
        let at = world.1.ids.iter().position(|id| *id == 3).expect("it is there");
        let (ship, radius_m) = (world.1.current[at], f64::from(world.1.looks[at].radius_m));
        assert!(inside.inside && (inside.position.minus(ship.position).length() / radius_m - 0.6).abs() < 1e-6);
        assert!((inside.icrf_from_camera * DVec3::X).dot(ship.icrf_from_body * DVec3::X) > 1.0 - 1e-12);
        let behind = seen("chase:3,distance=50,pitch=0", &world).expect("a camera");
        let to = ship.position.minus(behind.position);
        assert!(inside.cockpit && !behind.inside && !behind.cockpit && (to.length() - 50.0).abs() < 1e-3);
        assert!(to.normalize().dot(ship.icrf_from_body * DVec3::X) > 1.0 - 1e-9);
        let above = seen("chase:3,pitch=30", &world).expect("a camera");
        assert!((ship.icrf_from_body.inverse() * above.position.minus(ship.position)).z > 0.0, "it looks down on it");
        assert!(seen("cockpit:3,look=Sun", &world).is_ok_and(|view| view.inside && !view.cockpit));
        let toward = seen("chase:3,look=Sun", &world);
        let sun = world.1.bodies_current[0];
        if let Ok(view) = toward {
            let to = sun.minus(view.position).normalize();
            assert!((view.icrf_from_camera * DVec3::X).dot(to) > 1.0 - 1e-9);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_camera_or_gets_a_sentence(text in "[a-z:,=0-9.-]{0,40}") {
            if let Err(sentence) = CameraSpec::parse(&text) {
                prop_assert!(!sentence.is_empty());
            }
        }

        #[test]
        fn the_axes_are_a_rotation(x in -1f64..1.0, y in -1f64..1.0, z in -1f64..1.0, up in 0usize..3) {
            let forward = DVec3::new(x, y, z).normalize_or(DVec3::X);
            let axes = look_along(forward, DVec3::AXES[up]);
            prop_assert!((axes * DVec3::X - forward).length() < 1e-9 && (axes.length() - 1.0).abs() < 1e-12);
        }
    }
}
