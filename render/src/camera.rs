//! Where one looks from and how: a place, an attitude, and one or two eyes. Must never round a place before its
//! difference to another is taken.

use glam::{DQuat, DVec3, Mat4, Vec4};
use sim::Position;

/// Distance of the near plane: 1 cm, so that a cockpit is not cut.
pub const NEAR_M: f64 = 0.01;

/// Half-angles of what an eye sees, as tangents; left and down are negative, as in OpenXR.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// To the left edge.
    pub left: f64,
    /// To the right edge.
    pub right: f64,
    /// To the upper edge.
    pub up: f64,
    /// To the lower edge.
    pub down: f64,
}

impl Field {
    /// A symmetric field, `vertical_rad` from the lower to the upper edge, for a picture `aspect` times as wide as
    /// high.
    #[must_use]
    pub fn symmetric(vertical_rad: f64, aspect: f64) -> Self {
        let up = (vertical_rad / 2.0).tan();
        Self { left: -up * aspect, right: up * aspect, up, down: -up }
    }
}

/// One eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eye {
    /// From the camera's centre, metres, in the camera's axes.
    pub offset_m: DVec3,
    /// Turns the eye's axes into the camera's; the identity for eyes that look straight ahead.
    pub camera_from_eye: DQuat,
    /// What it sees.
    pub field: Field,
}

/// One eye, or a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Eyes {
    /// A flat picture.
    One(Eye),
    /// Left and right.
    Two([Eye; 2]),
}

/// A camera. Its axes are those of ships: x forward, y left, z up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// The centre.
    pub position: Position,
    /// Turns the camera's axes into those of the ICRF.
    pub icrf_from_camera: DQuat,
    /// The eyes.
    pub eyes: Eyes,
    /// Its velocity over that of light, ICRF axes, shorter than 1: what it sees is aberrated and shifted by it.
    pub beta: DVec3,
}

impl Camera {
    /// A flat picture, `vertical_rad` high.
    #[must_use]
    pub fn one(position: Position, icrf_from_camera: DQuat, vertical_rad: f64, aspect: f64) -> Self {
        let field = Field::symmetric(vertical_rad, aspect);
        let eye = Eye { offset_m: DVec3::ZERO, camera_from_eye: DQuat::IDENTITY, field };
        Self { position, icrf_from_camera, eyes: Eyes::One(eye), beta: DVec3::ZERO }
    }

    /// The same for a pair of eyes that stand `separation_m` apart and look straight ahead.
    #[must_use]
    pub fn two(self, separation_m: f64) -> Self {
        let Eyes::One(eye) = self.eyes else { return self };
        let shifted = |y: f64| Eye { offset_m: eye.offset_m + DVec3::Y * y, ..eye };
        Self { eyes: Eyes::Two([shifted(separation_m / 2.0), shifted(-separation_m / 2.0)]), ..self }
    }

    /// The same while it moves with `velocity_m_s` (ICRF axes) where light has `light_m_s`. At that speed and beyond it
    /// is taken just below.
    #[must_use]
    pub fn moving(self, velocity_m_s: DVec3, light_m_s: f64) -> Self {
        let beta = velocity_m_s / light_m_s;
        let beta = if beta.is_finite() { beta.clamp_length_max(1.0 - 1e-9) } else { DVec3::ZERO };
        Self { beta, ..self }
    }

    /// The attitude of a camera that looks along `forward` (not zero) with `up` upward, as far as it is across.
    #[must_use]
    pub fn looking(forward: DVec3, up: DVec3) -> DQuat {
        let x = forward.normalize_or(DVec3::X);
        // Straight up there is no left: any will do.
        let y = up.cross(x).try_normalize().unwrap_or_else(|| x.any_orthonormal_vector());
        DQuat::from_mat3(&glam::DMat3::from_cols(x, y, x.cross(y)))
    }

    /// How many eyes.
    #[must_use]
    pub fn views(&self) -> u32 {
        match self.eyes {
            Eyes::One(_) => 1,
            Eyes::Two(_) => 2,
        }
    }

    /// Eye number `view`; the last for any beyond.
    #[must_use]
    pub fn eye(&self, view: usize) -> Eye {
        match self.eyes {
            Eyes::One(eye) => eye,
            Eyes::Two(eyes) => eyes[view.min(1)],
        }
    }

    /// From the camera's centre to an eye, metres, ICRF.
    #[must_use]
    pub fn eye_offset_m(&self, view: usize) -> DVec3 {
        self.icrf_from_camera * self.eye(view).offset_m
    }

    /// An eye's axes in the ICRF: right, down, forward.
    #[must_use]
    pub fn axes(&self, view: usize) -> [DVec3; 3] {
        let turn = self.icrf_from_camera * self.eye(view).camera_from_eye;
        [turn * DVec3::NEG_Y, turn * DVec3::NEG_Z, turn * DVec3::X]
    }

    /// From metres from the camera's centre (ICRF) to an eye's clip space: y down, depth reversed and without a far
    /// plane, so that depth is `NEAR_M` over the distance ahead.
    #[must_use]
    pub fn clip_from_world(&self, view: usize) -> Mat4 {
        let [right, down, forward] = self.axes(view);
        let field = self.eye(view).field;
        let (wide, high) = (field.right - field.left, field.up - field.down);
        let x = right * (2.0 / wide) - forward * ((field.right + field.left) / wide);
        let y = down * (2.0 / high) + forward * ((field.up + field.down) / high);
        let eye = self.eye_offset_m(view);
        let row = |axis: DVec3| Vec4::from((axis.as_vec3(), -axis.dot(eye) as f32));
        let rows = [row(x), row(y), Vec4::new(0.0, 0.0, 0.0, NEAR_M as f32), row(forward)];
        Mat4::from_cols(rows[0], rows[1], rows[2], rows[3]).transpose()
    }

    /// Where a direction (ICRF, from the eye) is seen, in pixels from the upper left corner of a picture of `size`;
    /// nothing behind.
    #[must_use]
    pub fn pixel_of(&self, view: usize, direction: DVec3, size: [u32; 2]) -> Option<[f64; 2]> {
        let [right, down, forward] = self.axes(view);
        let ahead = direction.dot(forward);
        if ahead <= 0.0 {
            return None;
        }
        let field = self.eye(view).field;
        let x = (direction.dot(right) / ahead - field.left) / (field.right - field.left);
        let y = (direction.dot(down) / ahead + field.up) / (field.up - field.down);
        Some([x * f64::from(size[0]), y * f64::from(size[1])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Camera {
        let attitude = Camera::looking(DVec3::new(1.0, 2.0, 0.5), DVec3::Z);
        Camera::one(Position::from_metres(DVec3::new(1e11, -2e11, 3e9)), attitude, 1.0, 1.5)
    }

    #[test]
    fn matrix_and_formula_agree() {
        let size = [300, 200];
        for view in [0, 1] {
            let camera = camera().two(0.5);
            for direction in [DVec3::new(1.0, 2.0, 0.7), DVec3::new(1.2, 1.8, 0.3)] {
                let at =
                    camera.clip_from_world(view) * (direction * 10.0 + camera.eye_offset_m(view)).as_vec3().extend(1.0);
                let [x, y] = camera.pixel_of(view, direction, size).unwrap();
                assert!((f64::from(at.x / at.w + 1.0) * 150.0 - x).abs() < 1e-3);
                assert!((f64::from(at.y / at.w + 1.0) * 100.0 - y).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn depth_is_reversed_and_never_ends() {
        let camera = camera();
        let [_, _, forward] = camera.axes(0);
        let depth = |distance: f64| {
            let at = camera.clip_from_world(0) * (forward * distance).as_vec3().extend(1.0);
            at.z / at.w
        };
        assert!((depth(NEAR_M) - 1.0).abs() < 1e-6);
        assert!((depth(1e13) / 1e-15 - 1.0).abs() < 1e-5 && depth(1e13) < depth(0.9999e13));
    }

    #[test]
    fn what_is_above_is_seen_above() {
        let camera = camera();
        let [x, y] = camera.pixel_of(0, DVec3::new(1.0, 2.0, 0.5), [300, 200]).unwrap();
        assert!((x - 150.0).abs() < 1e-9 && (y - 100.0).abs() < 1e-9);
        assert!(camera.pixel_of(0, DVec3::new(1.0, 2.0, 0.9), [300, 200]).unwrap()[1] < 100.0);
        assert!(camera.pixel_of(0, DVec3::new(-1.0, -2.0, 0.0), [300, 200]).is_none());
        // Left of straight ahead, seen with z up.
        assert!(camera.pixel_of(0, DVec3::new(0.8, 2.2, 0.5), [300, 200]).unwrap()[0] < 150.0);
    }
}
