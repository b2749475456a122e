//! The three cameras of the client: in the cockpit, behind the ship, and free around it. Must never move the ship.

use glam::{DQuat, DVec3};
use render::Camera;
use sim::frame_view::{FrameView, Pose};
use sim::{Kind, Position};

/// Which camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In the pilot's seat; turns with the ship.
    #[default]
    Cockpit,
    /// Behind the ship; turns with it.
    Chase,
    /// Around the ship; stays as the stars stand.
    Free,
}

impl Place {
    /// How it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cockpit => "cockpit",
            Self::Chase => "chase",
            Self::Free => "free",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Cockpit => Self::Chase,
            Self::Chase => Self::Free,
            Self::Free => Self::Cockpit,
        }
    }
}

/// Radians that a pixel of the mouse's way turns by.
const TURN_PER_PIXEL: f64 = 0.004;
/// A step of the zoom.
const ZOOM: f64 = 1.15;
/// How far the chase camera stands, in radii of the ship.
const CHASE_RADII: f64 = 6.0;
/// How far above, radians.
const CHASE_PITCH: f64 = 0.26;

/// The cameras, and how a person has turned them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cameras {
    place: Place,
    /// To the left and upwards, radians.
    turn: [f64; 2],
    /// Distance, or narrowness of the view, over what is usual.
    zoom: f64,
    /// Axes about which the free camera turns.
    base: DQuat,
}

impl Default for Cameras {
    fn default() -> Self {
        Self { place: Place::Cockpit, turn: [0.0; 2], zoom: 1.0, base: DQuat::IDENTITY }
    }
}

impl Cameras {
    /// Which one it is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// To the next one. `ship` is which way the ship points.
    pub fn next(&mut self, ship: Option<DQuat>) {
        self.set(self.place.next(), ship);
    }

    /// To this one, turned as usual.
    pub fn set(&mut self, place: Place, ship: Option<DQuat>) {
        *self = Self { place, base: ship.unwrap_or(self.base), ..Self::default() };
    }

    /// Turns it by the mouse's way in pixels, right and down.
    pub fn look(&mut self, motion: [f64; 2]) {
        let limit = match self.place {
            Place::Cockpit => [2.4, 1.3],
            Place::Chase | Place::Free => [f64::INFINITY, 1.5],
        };
        let turned = |at: f64, by: f64, limit: f64| {
            let to = at - by * TURN_PER_PIXEL / self.zoom.max(1.0);
            if to.is_finite() { to.clamp(-limit, limit) } else { at }
        };
        self.turn = [turned(self.turn[0], motion[0], limit[0]), turned(self.turn[1], motion[1], limit[1])];
    }

    /// The head turns back where the mouse is let go.
    pub fn let_go(&mut self) {
        if self.place == Place::Cockpit {
            self.turn = [0.0; 2];
        }
    }

    /// Nearer or farther by so many steps.
    pub fn zoom(&mut self, steps: i32) {
        let (least, most) = match self.place {
            Place::Cockpit => (1.0, 20.0),
            Place::Chase => (0.02, 4.0),
            Place::Free => (1e-9, 4.0),
        };
        self.zoom = (self.zoom * ZOOM.powi(steps)).clamp(least, most);
    }

    /// The camera at `fraction` of the way between the two ticks of a view, with a field of view of `fov_rad` from the
    /// lower to the upper edge. Without a ship it looks at `around`, whose radius in metres comes with it.
    #[must_use]
    pub fn camera(
        &self,
        frame: &FrameView,
        fraction: f64,
        ship: Option<u64>,
        around: (Position, f64),
        (fov_rad, aspect): (f64, f64),
    ) -> Camera {
        let turn = DQuat::from_rotation_z(self.turn[0]) * DQuat::from_rotation_y(-self.turn[1]);
        let seat = ship.and_then(|ship| pose(frame, fraction, ship));
        let Some((pose, radius_m)) = seat else {
            let axes = self.base * turn;
            let back = around.1.max(1.0) * 4.0 / self.zoom.max(1e-9);
            return Camera::one(around.0.plus(axes * DVec3::X * -back), axes, fov_rad, aspect);
        };
        let from = |axes: DQuat, metres: f64| pose.position.plus(axes * DVec3::X * metres);
        match self.place {
            Place::Cockpit => {
                let narrowed = 2.0 * ((fov_rad / 2.0).tan() / self.zoom).atan();
                // The pilot sits ahead of the middle, whichever way the head turns.
                Camera::one(from(pose.icrf_from_body, radius_m * 0.6), pose.icrf_from_body * turn, narrowed, aspect)
            }
            Place::Chase => {
                let axes = pose.icrf_from_body * DQuat::from_rotation_z(self.turn[0]);
                let axes = axes * DQuat::from_rotation_y(CHASE_PITCH - self.turn[1]);
                Camera::one(from(axes, -radius_m * CHASE_RADII / self.zoom), axes, fov_rad, aspect)
            }
            Place::Free => {
                let axes = self.base * turn;
                Camera::one(from(axes, -radius_m * CHASE_RADII / self.zoom), axes, fov_rad, aspect)
            }
        }
    }
}

/// Where a thing is, and its radius in metres.
#[must_use]
pub fn pose(frame: &FrameView, fraction: f64, id: u64) -> Option<(Pose, f64)> {
    let at = frame.ids.binary_search(&id).ok()?;
    let radius_m = frame.looks.get(at).map_or(1.0, |look| f64::from(look.radius_m)).max(1.0);
    Some((frame.pose(at, fraction)?, radius_m))
}

/// The ships of a view, by id.
pub fn ships(frame: &FrameView) -> impl Iterator<Item = u64> + '_ {
    frame.ids.iter().zip(&frame.kinds).filter(|(_, kind)| **kind == Kind::Ship).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario_cmd;
    use sim::Simulation;
    use sim::frame_view::FrameFeed;

    fn frame() -> FrameView {
        let mut feed = FrameFeed::new();
        feed.publish(&Simulation::new(&scenario_cmd::load("earth-orbit").unwrap()));
        (*feed.reader().latest()).clone()
    }

    fn seen(cameras: &Cameras, frame: &FrameView) -> Camera {
        let around = (Position::ORIGIN, 7e8);
        cameras.camera(frame, 1.0, Some(1), around, (1.0, 1.5))
    }

    #[test]
    fn each_camera_is_where_it_says() {
        let frame = frame();
        let (ship, radius_m) = pose(&frame, 1.0, 1).unwrap();
        let mut cameras = Cameras::default();
        let inside = seen(&cameras, &frame);
        assert!((inside.position.minus(ship.position).length() - radius_m * 0.6).abs() < 1e-6);
        assert!(inside.icrf_from_camera.dot(ship.icrf_from_body).abs() > 1.0 - 1e-12);
        cameras.next(Some(ship.icrf_from_body));
        let behind = seen(&cameras, &frame);
        let to = ship.position.minus(behind.position);
        assert!((to.length() - radius_m * 6.0).abs() < 1e-3, "{}", to.length());
        assert!((behind.icrf_from_camera * DVec3::X).dot(to.normalize()) > 1.0 - 1e-9, "it looks at the ship");
        assert!((ship.icrf_from_body.inverse() * to).z < 0.0, "from above");
        cameras.next(Some(ship.icrf_from_body));
        cameras.look([100.0, 0.0]);
        let free = seen(&cameras, &frame);
        let to = ship.position.minus(free.position);
        assert!((free.icrf_from_camera * DVec3::X).dot(to.normalize()) > 1.0 - 1e-9);
        cameras.next(Some(ship.icrf_from_body));
        assert_eq!(cameras.place(), Place::Cockpit);
    }

    #[test]
    fn the_mouse_turns_the_view_the_way_it_goes() {
        let frame = frame();
        let (ship, _) = pose(&frame, 1.0, 1).unwrap();
        let mut cameras = Cameras::default();
        cameras.look([50.0, -50.0]);
        let ahead = ship.icrf_from_body.inverse() * (seen(&cameras, &frame).icrf_from_camera * DVec3::X);
        assert!(ahead.y < -0.1 && ahead.z > 0.1, "right and up: {ahead}");
        cameras.let_go();
        assert_eq!(cameras, Cameras::default());
        cameras.look([f64::NAN, f64::INFINITY]);
        assert_eq!(cameras, Cameras::default());
    }

    #[test]
    fn zoom_has_ends() {
        let frame = frame();
        let mut cameras = Cameras::default();
        cameras.zoom(5);
        let field = seen(&cameras, &frame).eye(0).field;
        assert!(field.up < 0.5f64.tan() * 0.6);
        cameras.zoom(-1_000_000);
        assert!((seen(&cameras, &frame).eye(0).field.up - 0.5f64.tan()).abs() < 1e-9);
        cameras.next(None);
        cameras.next(None);
        cameras.zoom(-100);
        let far = seen(&cameras, &frame).position.minus(pose(&frame, 1.0, 1).unwrap().0.position).length();
        assert!(far > 1e6 && far.is_finite(), "{far}");
    }

    #[test]
    fn without_a_ship_there_is_something_to_see() {
        let camera =
            Cameras::default().camera(&FrameView::default(), 0.5, Some(9), (Position::ORIGIN, 6e6), (1.0, 1.5));
        assert!((camera.position.minus(Position::ORIGIN).length() - 2.4e7).abs() < 1.0);
    }
}
