// Discs before the Sun.

const PI: f32 = 3.14159265;

// Share of a disc of radius `sun` that a disc of radius `other` leaves free, their centres `apart`; all in radians.
fn uncovered(sun: f32, other: f32, apart: f32) -> f32 {
    if apart >= sun + other {
        return 1.0;
    }
    if apart <= abs(sun - other) {
        return select(1.0 - (other * other) / (sun * sun), 0.0, other >= sun);
    }
    // Two circular segments.
    let a = clamp((apart * apart + sun * sun - other * other) / (2.0 * apart * sun), -1.0, 1.0);
    let b = clamp((apart * apart + other * other - sun * sun) / (2.0 * apart * other), -1.0, 1.0);
    let first = sun * sun * (acos(a) - a * sqrt(1.0 - a * a));
    let second = other * other * (acos(b) - b * sqrt(1.0 - b * b));
    return clamp(1.0 - (first + second) / (PI * sun * sun), 0.0, 1.0);
}
