//! STUB to be replaced by the merge.
use crate::space::Position;
use glam::DVec3;
/// stub
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Collider {
    pub id: u64,
    pub position: Position,
    pub displacement_m: DVec3,
    pub velocity_m_s: DVec3,
    pub spin_rad_s: DVec3,
    pub radius_m: f64,
    pub inverse_mass_per_kg: f64,
    pub inverse_inertia: f64,
    pub touched: bool,
}
/// stub
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Shot {
    pub id: u64,
    pub shooter: u64,
    pub position: Position,
    pub displacement_m: DVec3,
    pub velocity_m_s: DVec3,
    pub mass_kg: f64,
}
/// stub
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Impact {
    pub a: u64,
    pub b: u64,
    pub energy_j: f64,
    pub shot: bool,
}
/// stub
#[derive(Default)]
pub struct Solver;
#[allow(missing_docs)]
impl Solver {
    pub fn solve(&mut self, _: &mut [Collider], _: &mut [Shot], _: f64, _: f64, _: f64, _: &mut Vec<Impact>) {}
}
