//! Contact between spheres: broadphase, narrow phase, impulses, continuous detection.
