//! What is no scenario is refused with its line, its key and what was expected.

use std::fmt::Write;

use sim::Scenario;
use sim::scenario::TEXT_BYTES_MAX;

/// Parses `text` and compares the whole message.
#[track_caller]
fn refused(text: &str, expected: &str) {
    match Scenario::parse(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => assert_eq!(error.to_string(), expected, "in:\n{text}"),
    }
}

/// A valid scenario of nine lines, then `more` from line 10.
fn with(more: &str) -> String {
    let base = "name = \"test\"\n\
        [[body]]\n\
        name = \"rock\"\n\
        gm_km3_s2 = 1.0\n\
        radius_km = 10\n\
        position_km = [0, 0, 0]\n\
        velocity_km_s = [0, 0, 0]\n\
        [rules]\n\
        friction = 0.5\n";
    Scenario::parse(base).expect("the base is fine");
    format!("{base}{more}")
}

#[test]
fn the_file_itself() {
    refused(
        "",
        "line 1: name is missing, expected a name of 1 to 64 letters, digits, '-' and '_' that starts with a letter",
    );
    refused("name = \"a\"\nname = \"b\"", "line 2: not TOML: duplicate key");
    refused("name = \"a\"\n\nseed = ", "line 3: not TOML: string values must be quoted, expected literal string");
    refused("name = \"a\"\ntick_rate = 90", "line 2: unknown key tick_rate, did you mean tick_rate_hz?");
    refused("name = \"a\"\ntick_rate_hz = 0", "line 2: tick_rate_hz is 0, expected a whole number from 1 to 1000");
    refused(
        "name = \"a\"\ntick_rate_hz = 90.5",
        "line 2: tick_rate_hz is 90.5, expected a whole number from 1 to 1000",
    );
    refused("name = \"a\"\nseed = -1", "line 2: seed is -1, expected a whole number from 0 to 18446744073709551615");
    refused(
        "name = \"a b\"",
        "line 1: name is \"a b\", expected a name of 1 to 64 letters, digits, '-' and '_' that starts with a letter",
    );
    refused(
        "name = \"a\"\nspeed_of_light_m_s = nan",
        "line 2: speed_of_light_m_s is nan, expected a number from 100 to 1e12",
    );
    refused(
        "name = \"a\"\nspeed_of_light_m_s = inf",
        "line 2: speed_of_light_m_s is inf, expected a number from 100 to 1e12",
    );
    refused(
        "name = \"a\"\nspeed_of_light_m_s = \"fast\"",
        "line 2: speed_of_light_m_s is \"fast\", expected a number from 100 to 1e12",
    );
    refused("name = \"a\"\nsolar_system = \"de999\"", "line 2: solar_system is unknown, expected \"de421\"");
    refused(
        "name = \"a\"\nepoch_jd_tdb = 2451545\nepoch = 2000-01-01",
        "line 3: epoch and epoch_jd_tdb are both there, expected one of them",
    );
    refused(
        "name = \"a\"\nepoch = 2000-01-01T00:00:00Z",
        "line 2: epoch is 2000-01-01T00:00:00Z, expected a TDB date such as 2000-01-01T12:00:00, without a time zone",
    );
    refused("name = \"a\"\nfleet = 3", "line 2: fleet is 3, expected tables that each begin with [[fleet]]");
    refused(
        "name = \"a\"\n[fleet]\ncount = 3",
        "line 2: fleet is [fleet], expected tables that each begin with [[fleet]]",
    );
}

#[test]
fn bodies() {
    refused(
        &with("[[body]]\nname = \"Rock\""),
        "line 11: body \"Rock\": name is given to two bodies (capitals make no difference)",
    );
    refused(&with("[[body]]\nname = \"moon\""), "line 10: body \"moon\": gm_km3_s2 is missing, expected it or mass_kg");
    refused(
        &with("[[body]]\nname = \"moon\"\ngm_km3_s2 = 0"),
        "line 12: body \"moon\": gm_km3_s2 is 0, expected a number above 0 and at most 1e21",
    );
    refused(
        &with("[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nposition_km = [1, 2]"),
        "line 14: body \"moon\": position_km is [1, 2], expected [..., ..., ...] with numbers from -1e18 to 1e18",
    );
    refused(
        &with("[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nposition_km = [\n1,\n2,\nnan]"),
        "line 17: body \"moon\": position_km is nan, expected [..., ..., ...] with numbers from -1e18 to 1e18",
    );
    refused(
        &with("[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nrelative_to = \"rocks\""),
        "line 14: body \"moon\": relative_to is \"rocks\", which is no body stated above; did you mean \"rock\"? known are rock",
    );
    refused(
        &with(
            "[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nrelative_to = \"rock\"\norbit = { radius_km = 5 }",
        ),
        "line 15: body \"moon\": orbit makes it overlap \"rock\"",
    );
    refused(
        &with(
            "[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nrelative_to = \"rock\"\norbit = { height = 5 }",
        ),
        "line 15: body \"moon\", orbit: unknown key height, known are altitude_km, radius_km, inclination_deg, node_deg, phase_deg, plane",
    );
    refused(
        &with(
            "[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nposition_km = [99, 0, 0]\nvelocity_km_s = [0, 0, 0]\nfigure = { j2 = 0.001, c22 = 1e-5 }",
        ),
        "line 16: body \"moon\", figure: faces is missing, expected the body that the long axis of c22 points at",
    );
    refused(
        &with(
            "[[body]]\nname = \"moon\"\ngm_km3_s2 = 1\nradius_km = 1\nposition_km = [99, 0, 0]\nvelocity_km_s = [0, 0, 0]\nfigure = { j2 = 0.001, faces = \"moon\" }",
        ),
        "line 16: body \"moon\", figure: faces is the body itself, expected another one",
    );
}

#[test]
fn classes() {
    refused(
        &with("[[class]]\nname = \"a\"\n[[class]]\nname = \"a\""),
        "line 13: class \"a\": name is given to two classes",
    );
    refused(
        &with("[[class]]\nname = \"a\"\nbased_on = \"scoot\""),
        "line 12: class \"a\": based_on is \"scoot\", which is no class stated above; did you mean \"scout\"? known are scout, freighter",
    );
    refused(
        &with("[[class]]\nname = \"a\"\ndry_mass_kg = 0"),
        "line 12: class \"a\": dry_mass_kg is 0, expected a number from 0.001 to 1e12",
    );
    refused(
        &with("[[class]]\nname = \"a\"\nreload_ticks = 0"),
        "line 12: class \"a\": reload_ticks is 0, expected a whole number from 1 to 1000000",
    );
}

#[test]
fn fleets() {
    let fleet = |more: &str| with(&format!("[[fleet]]\nname = \"f\"\n{more}"));
    refused(&fleet(""), "line 10: fleet \"f\": count is missing, expected a whole number from 1 to 1000000");
    refused(&fleet("count = 1e3"), "line 12: fleet \"f\": count is 1e3, expected a whole number from 1 to 1000000");
    refused(&fleet("count = 3\nposition_m = [0, 0, 0]"), "line 10: fleet \"f\": it is inside \"rock\"");
    refused(
        &fleet("count = 3\naround = \"sun\""),
        "line 13: fleet \"f\": around is \"sun\", which is no body stated above; known are rock",
    );
    refused(
        &fleet("count = 3\naround = \"rock\""),
        "line 10: fleet \"f\": position_km is missing, expected [x, y, z], an orbit or near",
    );
    refused(
        &fleet("count = 3\naround = \"rock\"\nposition_km = [90, 0, 0]"),
        "line 10: fleet \"f\": velocity_km_s is missing, expected [x, y, z] relative to the body, or an orbit",
    );
    refused(
        &fleet("count = 3\naround = \"rock\"\norbit = { altitude_km = 1, phase_deg = 400 }"),
        "line 14: fleet \"f\", orbit: phase_deg is 400, expected a number from -360 to 360",
    );
    let placed = |more: &str| fleet(&format!("count = 3\naround = \"rock\"\norbit = {{ altitude_km = 1 }}\n{more}"));
    Scenario::parse(&placed("")).expect("fine so far");
    refused(
        &placed("spacing_m = 9"),
        "line 15: fleet \"f\": spacing_m is 9, expected at least 10: neighbours of class \"scout\" would overlap",
    );
    refused(
        &placed("facing = \"sideways\""),
        "line 15: fleet \"f\": facing is \"sideways\", expected \"prograde\", \"retrograde\", \"outward\", \"inward\" or \"normal\" or a vector [x, y, z] other than 0",
    );
    refused(
        &placed("controls = { main = 1.5 }"),
        "line 15: fleet \"f\", controls: main is 1.5, expected a number from 0 to 1",
    );
    refused(
        &placed("jitter_m_s = 3e8"),
        "line 10: fleet \"f\": its members move at up to 519615544 m/s past the barycentre, more than 0.999999 of the scenario's speed of light, 299792458 m/s",
    );
    refused(
        &placed("[[asteroid_field]]\nname = \"f\""),
        "line 16: asteroid_field \"f\": name is given to two fleets, asteroid fields or structures",
    );
    refused(
        &placed("[[structure]]\nname = \"s\"\nnear = \"g\""),
        "line 17: structure \"s\": near is \"g\", which is no fleet, asteroid field or structure stated above; did you mean \"f\"? known are f",
    );
}

#[test]
fn limits() {
    let long = format!("name = \"a\"\n#{}", "x".repeat(TEXT_BYTES_MAX));
    refused(&long, "line 1: the text has 1048588 bytes, more than 1048576");

    let mut many = String::from("name = \"a\"\n");
    for i in 0..65 {
        let _ = write!(
            many,
            "[[body]]\nname = \"b{i}\"\ngm_km3_s2 = 1\nradius_km = 1\nposition_km = [{}, 0, 0]\nvelocity_km_s = [0, 0, 0]\n",
            i * 10
        );
    }
    refused(&many, "line 386: there are more than 64 [[body]]");

    let mut crowd = String::from("name = \"a\"\n");
    for i in 0..3 {
        let _ = write!(crowd, "[[fleet]]\nname = \"f{i}\"\ncount = 1000000\nposition_km = [{i}, 0, 0]\n");
    }
    refused(&crowd, "line 12: fleet \"f2\": count brings the entities to 3000000, more than 2000000");
}
