//! Tests of what is not public.

use glam::DVec3;

use crate::scenario::Body;

/// A body without size, shape or spin.
pub fn point(gm_m3_s2: f64, position_m: DVec3, velocity_m_s: DVec3) -> Body {
    Body {
        name: String::new(),
        gm_m3_s2,
        radius_m: 0.0,
        position_m,
        velocity_m_s,
        figure: None,
        tide: None,
        pole: DVec3::Z,
        rotation_rad_s: 0.0,
        atmosphere: None,
    }
}
