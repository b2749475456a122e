//! scratch
use sim::bodies::*;
use sim::scenario::Forces;
use sim::time::SimTime;
fn main() {
    let mut reference: Vec<(f64, Vec<(String, glam::DVec3)>)> = vec![];
    for file in [include_str!("../../fixtures/ephemeris/de421_reference.txt"), include_str!("../../fixtures/ephemeris/de421_states.txt")] {
        for line in file.lines() {
            let w: Vec<&str> = line.split_whitespace().collect();
            match w.as_slice() {
                ["epoch", v] => reference.push((v.parse().unwrap(), vec![])),
                [n, x, y, z, _, _, _] => reference.last_mut().unwrap().1.push((n.to_string(), glam::DVec3::new(x.parse().unwrap(), y.parse().unwrap(), z.parse().unwrap()))),
                _ => {}
            }
        }
    }
    let mut prev: Vec<glam::DVec3> = vec![];
    for (pn, fig) in [(false, false), (true, false), (false,true), (true, true)] {
        let bodies = solar_system(2451545.0).unwrap();
        let mut best = 1e9f64;
        let mut e = Ephemeris::new(&bodies, Forces { post_newtonian: pn, figures: fig }, 90);
        for _ in 0..10 {
            e = Ephemeris::new(&bodies, Forces { post_newtonian: pn, figures: fig }, 90);
            let t = std::time::Instant::now();
            let end = SimTime((3652.5 * 86400.0 * 360.0) as i64);
            e.advance_to(end, end);
            best = best.min(t.elapsed().as_secs_f64());
        }
        println!("pn {pn} fig {fig}: 10 years {best:.4} s; {}", e.counters());
        let mut out = vec![];
        e.states_at(3652.5 * 86400.0 * 360.0, &mut out);
        let r = &reference.iter().find(|r| r.0 == 2455197.5).unwrap().1;
        for (i, b) in bodies.iter().enumerate() { print!("{} {:.4}  ", b.name, (out[i].position_m / 1000.0 - r[i].1).length()); }
        println!();
        let _ = &mut prev;
    }
    for years in [1.0, 5.0, 10.0, 50.0] {
        let bodies = solar_system(2451545.0).unwrap();
        let mut e = Ephemeris::new(&bodies, Forces { post_newtonian: true, figures: true }, 90);
        let end = SimTime((years * 365.25 * 86400.0 * 360.0) as i64);
        e.advance_to(end, end);
        let mut out = vec![];
        e.states_at(end.0 as f64, &mut out);
        let r = &reference.iter().find(|r| r.0 == 2451545.0 + 365.25 * years).unwrap().1;
        println!("{years} years:");
        for (i, b) in bodies.iter().enumerate() { print!("{} {:.4}  ", b.name, (out[i].position_m / 1000.0 - r[i].1).length()); }
        let d = (out[4].position_m - out[3].position_m) / 1000.0 - (r[4].1 - r[3].1);
        let along = (out[4].velocity_m_s - out[3].velocity_m_s).normalize();
        let rad = (r[4].1 - r[3].1).normalize();
        println!("\n geocentric moon {:.4} along {:.4} radial {:.4} normal {:.4}", d.length(), d.dot(along), d.dot(rad), d.dot(rad.cross(along)));
        println!(" pole {:?}", e.poles());
    }
}
