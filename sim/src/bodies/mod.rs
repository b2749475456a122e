//! The massive bodies: forces, integrator, dense output.
