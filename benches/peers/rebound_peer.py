"""Times REBOUND, the reference N-body code, on the work that our benchmarks do; prints one JSON object.

gravity_10k_ms       one leapfrog step of 10,000 massless particles between 2 and 3.3 AU in the field of
                     11 bodies, milliseconds.
bodies_10_years_s    the 11 bodies from J2000 for 10 years with IAS15, the Sun's first post-Newtonian term
                     (REBOUNDx `gr`) and the Earth's J2 (`gravitational_harmonics`), seconds.
bodies_error_km      their barycentric position error against DE421 at the end of that run.

Each time is the median of several runs. One thread: REBOUND's wheel is built without OpenMP.
States and masses come from DE421; the frame is the ICRF, whose z axis is the Earth's pole at J2000.
"""

import json
import math
import statistics
import time

import de421
import numpy as np
import rebound
import reboundx
from jplephem import Ephemeris

J2000_JD = 2451545.0
YEARS_10_DAYS = 3652.5
DAY_S = 86400.0
EARTH_RADIUS_KM = 6378.137  # the equatorial radius that DE421's J2E refers to, rounded to a metre
EPHEMERIS = Ephemeris(de421)

PARTICLES = 10_000
PARTICLE_STEPS = 100
RUNS = 5


def states(jd_tdb):
    """Barycentric position (km) and velocity (km/day) of each body, by name."""
    alone = ("sun", "mercury", "venus", "mars", "jupiter", "saturn", "uranus", "neptune", "pluto")
    out = {name: [column.ravel() for column in EPHEMERIS.position_and_velocity(name, jd_tdb)] for name in alone}
    pair = [column.ravel() for column in EPHEMERIS.position_and_velocity("earthmoon", jd_tdb)]
    moon_from_earth = [column.ravel() for column in EPHEMERIS.position_and_velocity("moon", jd_tdb)]
    moon_share = 1.0 / (1.0 + EPHEMERIS.EMRAT)
    out["earth"] = [b - m * moon_share for b, m in zip(pair, moon_from_earth)]
    out["moon"] = [e + m for e, m in zip(out["earth"], moon_from_earth)]
    return out


def gm_au3_day2():
    """Gravitational parameter of each body, by name."""
    numbered = dict(mercury=1, venus=2, mars=4, jupiter=5, saturn=6, uranus=7, neptune=8, pluto=9)
    gm = {name: getattr(EPHEMERIS, f"GM{number}") for name, number in numbered.items()}
    moon_share = 1.0 / (1.0 + EPHEMERIS.EMRAT)
    gm.update(sun=EPHEMERIS.GMS, moon=EPHEMERIS.GMB * moon_share, earth=EPHEMERIS.GMB * (1.0 - moon_share))
    return gm


def solar_system(integrator, step_days):
    """The 11 bodies at J2000 in AU, days and G = 1, the Sun first; and their names in order."""
    sim = rebound.Simulation()
    sim.G = 1.0
    sim.integrator = integrator
    sim.dt = step_days
    gm = gm_au3_day2()
    names = []
    for name, (position, velocity) in states(J2000_JD).items():
        x, y, z = position / EPHEMERIS.AU
        vx, vy, vz = velocity / EPHEMERIS.AU
        sim.add(m=gm[name], x=x, y=y, z=z, vx=vx, vy=vy, vz=vz)
        names.append(name)
    return sim, names


def ten_years():
    """Seconds, and the error of each body in km."""
    sim, names = solar_system("ias15", 0.5)
    extras = reboundx.Extras(sim)
    relativity = extras.load_force("gr")
    relativity.params["c"] = EPHEMERIS.CLIGHT * DAY_S / EPHEMERIS.AU
    extras.add_force(relativity)
    extras.add_force(extras.load_force("gravitational_harmonics"))
    earth = sim.particles[names.index("earth")]
    earth.params["J2"] = EPHEMERIS.J2E
    earth.params["R_eq"] = EARTH_RADIUS_KM / EPHEMERIS.AU
    earth.params["Omega"] = [0.0, 0.0, 1.0]

    began = time.perf_counter()
    sim.integrate(YEARS_10_DAYS)
    seconds = time.perf_counter() - began

    end = states(J2000_JD + YEARS_10_DAYS)
    error_km = {name: float(np.linalg.norm(np.array(sim.particles[i].xyz) * EPHEMERIS.AU - end[name][0]))
                for i, name in enumerate(names)}
    return seconds, error_km


def particle_step_ms():
    """Milliseconds per leapfrog step of the massless particles."""
    sim, names = solar_system("leapfrog", 0.05)
    sim.N_active = len(names)
    random = np.random.default_rng(1)
    for _ in range(PARTICLES):
        sim.add(m=0.0, a=2.0 + random.random() * 1.3, e=random.random() * 0.1, inc=random.random() * 0.1,
                f=random.random() * 2.0 * math.pi, primary=sim.particles[0])
    sim.steps(PARTICLE_STEPS // 10)  # warm-up
    began = time.perf_counter()
    sim.steps(PARTICLE_STEPS)
    return (time.perf_counter() - began) / PARTICLE_STEPS * 1e3


def main():
    years = [ten_years() for _ in range(RUNS)]
    print(json.dumps({
        "peer": f"REBOUND {rebound.__version__}, REBOUNDx {reboundx.__version__}",
        "gravity_10k_ms": statistics.median(particle_step_ms() for _ in range(RUNS)),
        "bodies_10_years_s": statistics.median(seconds for seconds, _ in years),
        "bodies_error_km": {name: round(km, 1) for name, km in years[0][1].items()},
    }, indent=1))


if __name__ == "__main__":
    main()
