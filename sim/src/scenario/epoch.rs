//! The start of simulated time, given as a Julian date or as a calendar date. Both are TDB; no leap second and
//! no time zone enters.

use toml::de::DeValue;
use toml::value::Datetime;

use super::parameters::Range;
use super::reader::{Checked, Table};

/// J2000.0, the epoch where a scenario names none.
const J2000_JD: f64 = 2_451_545.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Reads `epoch_jd_tdb` or `epoch`.
pub(super) fn read(file: &Table<'_>) -> Checked<f64> {
    let jd = file.optional_number("epoch_jd_tdb", Range::new(0.0, 1e7))?;
    let Some(value) = file.raw("epoch") else { return Ok(jd.unwrap_or(J2000_JD)) };
    if jd.is_some() {
        return Err(file.error("epoch", "and epoch_jd_tdb are both there, expected one of them"));
    }
    let date = match value.get_ref() {
        DeValue::Datetime(date) => Some(*date),
        DeValue::String(text) => text.parse().ok(),
        _ => None,
    };
    date.and_then(julian_date)
        .ok_or_else(|| file.unexpected("epoch", value, "a TDB date such as 2000-01-01T12:00:00, without a time zone"))
}

/// Julian date of a date of the Gregorian calendar, also before that calendar was made. `None` for a mere time
/// of day and for a date with a time zone.
fn julian_date(at: Datetime) -> Option<f64> {
    let (date, None) = (at.date?, at.offset) else { return None };
    let seconds = at.time.map_or(0.0, |time| {
        f64::from(time.hour) * 3600.0
            + f64::from(time.minute) * 60.0
            + f64::from(time.second.unwrap_or(0))
            + f64::from(time.nanosecond.unwrap_or(0)) / 1e9
    });
    Some(
        f64::from(julian_day(i32::from(date.year), i32::from(date.month), i32::from(date.day))) - 0.5
            + seconds / SECONDS_PER_DAY,
    )
}

/// Julian day number at noon (Fliegel and Van Flandern, Communications of the ACM 11, 1968, p. 657). Division
/// cuts toward zero, as it does there.
fn julian_day(year: i32, month: i32, day: i32) -> i32 {
    let a = (month - 14) / 12;
    day - 32_075 + 1461 * (year + 4800 + a) / 4 + 367 * (month - 2 - a * 12) / 12 - 3 * ((year + 4900 + a) / 100) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (text, jd) in [
            ("2000-01-01T12:00:00", 2_451_545.0),
            ("1999-12-31", 2_451_543.5),
            // Meeus, Astronomical Algorithms, example 7.a: 4.81 October 1957.
            ("1957-10-04T19:26:24", 2_436_116.31),
            ("1600-02-29", 2_305_506.5),
            ("1900-01-01T00:00:00.5", 2_415_020.5 + 0.5 / 86_400.0),
        ] {
            let at: Datetime = text.parse().unwrap();
            let found = julian_date(at).unwrap();
            // Last place of a Julian date: 4.7e-10 days.
            assert!((found - jd).abs() < 1e-9, "{text}: {found}");
        }
    }

    #[test]
    fn a_time_zone_is_refused() {
        for text in ["2000-01-01T12:00:00Z", "2000-01-01T12:00:00+01:00", "12:00:00"] {
            assert_eq!(julian_date(text.parse().unwrap()), None, "{text}");
        }
    }
}
