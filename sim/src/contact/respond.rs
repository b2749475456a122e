//! What two bodies in contact do to each other: an impulse with restitution and Coulomb friction. Must never
//! add energy, nor change the sum of momenta `m u` or, with the spins, of angular momenta.

use glam::DVec3;

use super::{Body, Rules};

/// Two bodies at the moment they touch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    /// Unit vector from the second body's centre to the first one's.
    pub normal: DVec3,
    /// Metres from the first centre to the point of contact.
    pub arm_a_m: f64,
    /// Metres from the second centre to the point of contact.
    pub arm_b_m: f64,
}

/// What an impulse did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Blow {
    /// Size of the impulse, N s.
    pub impulse_n_s: f64,
    /// Kinetic energy that the pair lost, J.
    pub energy_j: f64,
}

/// Two spheres bounce. `None` where they do not approach, or neither can be moved.
pub(super) fn bounce(a: &mut Body, b: &mut Body, touch: &Touch, rules: &Rules) -> Option<Blow> {
    let slip = slip(a, b, touch);
    let approach = slip.dot(touch.normal);
    let compliance = a.inverse_mass_per_kg + b.inverse_mass_per_kg;
    if approach >= 0.0 || compliance <= 0.0 {
        return None;
    }
    let normal_n_s = -(1.0 + rules.restitution) * approach / compliance;
    let (tangent, speed) = direction(slip - touch.normal * approach);
    let stopping_n_s = speed / tangential_compliance(a, b, touch);
    let friction_n_s = stopping_n_s.min(rules.friction * normal_n_s);
    Some(strike(a, b, touch, touch.normal * normal_n_s - tangent * friction_n_s, slip, rules))
}

/// A shot sticks: the point of contact and the shot leave with one velocity.
pub(super) fn stick(a: &mut Body, shot: &mut Body, touch: &Touch, rules: &Rules) -> Blow {
    let slip = slip(a, shot, touch);
    let approach = slip.dot(touch.normal);
    let compliance = a.inverse_mass_per_kg + shot.inverse_mass_per_kg;
    let (tangent, speed) = direction(slip - touch.normal * approach);
    let stopping_n_s = speed / tangential_compliance(a, shot, touch);
    strike(a, shot, touch, -touch.normal * (approach / compliance) - tangent * stopping_n_s, slip, rules)
}

/// Velocity of the first body's point of contact relative to the second one's.
fn slip(a: &Body, b: &Body, touch: &Touch) -> DVec3 {
    let turning = a.spin_rad_s * touch.arm_a_m + b.spin_rad_s * touch.arm_b_m;
    a.velocity_m_s - b.velocity_m_s - turning.cross(touch.normal)
}

/// Change of tangential slip per unit of tangential impulse: both masses, and both spheres' turning.
fn tangential_compliance(a: &Body, b: &Body, touch: &Touch) -> f64 {
    a.inverse_mass_per_kg
        + b.inverse_mass_per_kg
        + touch.arm_a_m * touch.arm_a_m * a.inverse_inertia
        + touch.arm_b_m * touch.arm_b_m * b.inverse_inertia
}

fn direction(vector: DVec3) -> (DVec3, f64) {
    let length = vector.length();
    if length > 0.0 { (vector / length, length) } else { (DVec3::ZERO, 0.0) }
}

/// Applies an impulse to the first body and its opposite to the second.
fn strike(a: &mut Body, b: &mut Body, touch: &Touch, impulse: DVec3, slip: DVec3, rules: &Rules) -> Blow {
    let before = (*a, *b);
    let apply = |share: f64| {
        let (mut a, mut b) = before;
        let impulse = impulse * share;
        let moment = touch.normal.cross(impulse);
        a.velocity_m_s += impulse * a.inverse_mass_per_kg;
        b.velocity_m_s -= impulse * b.inverse_mass_per_kg;
        a.spin_rad_s -= moment * (touch.arm_a_m * a.inverse_inertia);
        b.spin_rad_s -= moment * (touch.arm_b_m * b.inverse_inertia);
        (a, b)
    };
    let mut share = 1.0;
    (*a, *b) = apply(share);
    if rules.inverse_c2_s2_m2 > 0.0 {
        // Energy is a convex function of the share, falls at first, and is back where it began at the share
        // of an elastic collision: Newton's share is too much where one body is far heavier and both fast.
        let most = energy(&before.0, &before.1, rules);
        if energy(a, b, rules) > most {
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..52 {
                let middle = 0.5 * (low + high);
                (*a, *b) = apply(middle);
                if energy(a, b, rules) > most { high = middle } else { low = middle }
            }
            share = low;
            (*a, *b) = apply(share);
        }
    }
    let impulse = impulse * share;
    let normal = impulse.dot(touch.normal);
    let tangential2 = (impulse - touch.normal * normal).length_squared();
    let compliance = a.inverse_mass_per_kg + b.inverse_mass_per_kg;
    // Work done on the pair: J . slip + J . K J / 2.
    let spent =
        -impulse.dot(slip) - 0.5 * (normal * normal * compliance + tangential2 * tangential_compliance(a, b, touch));
    Blow { impulse_n_s: impulse.length(), energy_j: spent.max(0.0) }
}

/// Kinetic energy of two bodies, J; what cannot be moved counts as nothing.
fn energy(a: &Body, b: &Body, rules: &Rules) -> f64 {
    let of = |body: &Body| {
        let u2 = body.velocity_m_s.length_squared();
        let gamma = (1.0 + u2 * rules.inverse_c2_s2_m2).sqrt();
        // m c^2 (gamma - 1), without the cancellation.
        let straight =
            if body.inverse_mass_per_kg > 0.0 { u2 / (body.inverse_mass_per_kg * (1.0 + gamma)) } else { 0.0 };
        let turning = if body.inverse_inertia > 0.0 {
            body.spin_rad_s.length_squared() / (2.0 * body.inverse_inertia)
        } else {
            0.0
        };
        straight + turning
    };
    of(a) + of(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEWTON: Rules = Rules { dt_s: 0.01, restitution: 1.0, friction: 0.0, inverse_c2_s2_m2: 0.0 };

    /// A solid ball.
    fn ball(mass_kg: f64, radius_m: f64, velocity_m_s: DVec3) -> Body {
        let inertia = 0.4 * mass_kg * radius_m * radius_m;
        Body {
            velocity_m_s,
            spin_rad_s: DVec3::ZERO,
            inverse_mass_per_kg: 1.0 / mass_kg,
            inverse_inertia: 1.0 / inertia,
        }
    }

    fn touch() -> Touch {
        Touch { normal: -DVec3::X, arm_a_m: 1.0, arm_b_m: 1.0 }
    }

    #[test]
    fn equal_masses_head_on_swap_velocities() {
        let (mut a, mut b) = (ball(2.0, 1.0, DVec3::X * 3.0), ball(2.0, 1.0, DVec3::X * -1.0));
        let blow = bounce(&mut a, &mut b, &touch(), &NEWTON).unwrap();
        assert_eq!((a.velocity_m_s, b.velocity_m_s), (DVec3::X * -1.0, DVec3::X * 3.0));
        assert_eq!(blow, Blow { impulse_n_s: 8.0, energy_j: 0.0 });
    }

    /// A ball that slides along another and sticks turns at 5/7 of rolling, as on any billiard table: the
    /// tangential impulse that stops the slip `v` of a ball on a fixed one is `m v 2/7`.
    #[test]
    fn friction_spins_a_ball_to_rolling() {
        let mut a = ball(7.0, 1.0, DVec3::new(1.0, 1.0, 0.0));
        let mut wall = Body { inverse_mass_per_kg: 0.0, inverse_inertia: 0.0, ..ball(1.0, 1.0, DVec3::ZERO) };
        bounce(&mut a, &mut wall, &touch(), &Rules { restitution: 0.0, friction: 1.0, ..NEWTON }).unwrap();
        assert!((a.velocity_m_s - DVec3::new(0.0, 5.0 / 7.0, 0.0)).length() < 1e-15, "{a:?}");
        assert!((a.spin_rad_s - DVec3::new(0.0, 0.0, -5.0 / 7.0)).length() < 1e-15, "{a:?}");
    }

    #[test]
    fn sliding_friction_is_the_coefficient_times_the_normal_impulse() {
        let mut a = ball(1.0, 1.0, DVec3::new(1.0, 10.0, 0.0));
        let mut wall = Body { inverse_mass_per_kg: 0.0, inverse_inertia: 0.0, ..ball(1.0, 1.0, DVec3::ZERO) };
        bounce(&mut a, &mut wall, &touch(), &Rules { restitution: 0.5, friction: 0.2, ..NEWTON }).unwrap();
        assert!((a.velocity_m_s - DVec3::new(-0.5, 10.0 - 0.2 * 1.5, 0.0)).length() < 1e-15, "{a:?}");
        assert!((a.spin_rad_s.z + 0.2 * 1.5 / 0.4).abs() < 1e-15, "{a:?}");
    }

    fn any_body() -> impl Strategy<Value = Body> {
        let vector = |most: f64| prop::array::uniform3(-most..most).prop_map(DVec3::from);
        (vector(3e4), vector(10.0), 0.1f64..1e6, 0.1f64..100.0).prop_map(|(velocity_m_s, spin_rad_s, mass, radius)| {
            Body { spin_rad_s, ..ball(mass, radius, velocity_m_s) }
        })
    }

    proptest! {
        #[test]
        fn nothing_is_gained_and_the_loss_is_what_is_reported(
            a in any_body(), b in any_body(), n in prop::array::uniform3(-1.0f64..1.0),
            arms in (0.0f64..100.0, 0.0f64..100.0), rule in (0.0f64..=1.0, 0.0f64..2.0, any::<bool>()), shot in any::<bool>(),
        ) {
            let normal = DVec3::from(n).try_normalize().unwrap_or(DVec3::X);
            let touch = Touch { normal, arm_a_m: arms.0, arm_b_m: if shot { 0.0 } else { arms.1 } };
            // Half of the cases in a world where light moves at 10 km/s.
            let inverse_c2 = if rule.2 { 1e-8 } else { 0.0 };
            let rules = Rules { dt_s: 0.01, restitution: rule.0, friction: rule.1, inverse_c2_s2_m2: inverse_c2 };
            let (mut c, mut d) = (a, b);
            let blow = if shot { Some(stick(&mut c, &mut d, &touch, &rules)) } else { bounce(&mut c, &mut d, &touch, &rules) };
            let momentum = |a: &Body, b: &Body| a.velocity_m_s / a.inverse_mass_per_kg + b.velocity_m_s / b.inverse_mass_per_kg;
            let scale = a.velocity_m_s.length() / a.inverse_mass_per_kg + b.velocity_m_s.length() / b.inverse_mass_per_kg;
            prop_assert!((momentum(&a, &b) - momentum(&c, &d)).length() <= 1e-13 * scale);
            // About the point of contact the blow has no moment.
            let about = |a: &Body, b: &Body| {
                a.spin_rad_s / a.inverse_inertia + b.spin_rad_s / b.inverse_inertia
                    + (normal * touch.arm_a_m).cross(a.velocity_m_s / a.inverse_mass_per_kg)
                    - (normal * touch.arm_b_m).cross(b.velocity_m_s / b.inverse_mass_per_kg)
            };
            prop_assert!((about(&a, &b) - about(&c, &d)).length() <= 1e-12 * (scale + 1.0) * 200.0);
            let (before, after) = (energy(&a, &b, &rules), energy(&c, &d, &rules));
            prop_assert!(after <= before * (1.0 + 1e-12), "{before} -> {after}");
            if let Some(blow) = blow && !rule.2 {
                prop_assert!((before - after - blow.energy_j).abs() <= 1e-9 * before);
            }
        }
    }
}
