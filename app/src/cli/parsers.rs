//! Values on the command line, each with a sentence for what it should have been. Must never guess.

use std::num::NonZeroUsize;

/// Most threads that may be asked for.
const THREADS_MAX: usize = 1024;

pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let n: NonZeroUsize = text.parse().map_err(|_| format!("a number from 1 to {THREADS_MAX} is needed"))?;
    if n.get() > THREADS_MAX { Err(format!("at most {THREADS_MAX} threads can be used")) } else { Ok(n) }
}

pub(super) fn drawn_scale(text: &str) -> Result<f64, String> {
    let scale = text.parse::<f64>().ok().filter(|scale| (0.25..=4.0).contains(scale));
    scale.ok_or_else(|| "a number from 0.25 to 4 is needed".to_owned())
}

pub(super) fn julian_date(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(jd) if jd.is_finite() => Ok(jd),
        _ => Err("a Julian date is a finite number of days, such as 2451545.0".to_owned()),
    }
}

/// Milliseconds since 1970.
pub(super) fn moment(text: &str) -> Result<u64, String> {
    let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    let ms = at.ok().and_then(|at| u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok());
    ms.ok_or_else(|| "a time is as RFC 3339 has it, such as 2026-07-01T14:00:00Z".to_owned())
}

pub(super) fn size(text: &str) -> Result<(u32, u32), String> {
    match pixels(text)? {
        [w @ 480..=8192, h @ 320..=8192] => Ok((w, h)),
        _ => Err("the size must be from 480x320 to 8192x8192".to_owned()),
    }
}

pub(super) fn picture_size(text: &str) -> Result<[u32; 2], String> {
    match pixels(text)? {
        size @ [16..=8192, 16..=8192] => Ok(size),
        _ => Err("the size must be from 16x16 to 8192x8192".to_owned()),
    }
}

pub(super) fn speed(text: &str) -> Result<f64, String> {
    let found = text.parse::<f64>().ok().filter(|speed| (0.001..=1e5).contains(speed));
    found.ok_or_else(|| "expected a number from 0.001 to 100000".to_owned())
}

fn pixels(text: &str) -> Result<[u32; 2], String> {
    let parsed = text.split_once(['x', 'X']).and_then(|(w, h)| Some([w.parse().ok()?, h.parse().ok()?]));
    parsed.ok_or_else(|| "a size is a width and a height in pixels, such as 1600x1000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_dates_are_checked() {
        assert_eq!(size("800x600"), Ok((800, 600)));
        for bad in ["", "x", "800", "800x", "0x0", "99999x9", "-1x5", "800x600x2"] {
            assert!(size(bad).is_err() && picture_size(bad).is_err(), "{bad}");
        }
        assert_eq!(julian_date("-12.5"), Ok(-12.5));
        for bad in ["", "NaN", "inf", "-inf", "1e999", "today"] {
            assert!(julian_date(bad).is_err(), "{bad}");
        }
        assert_eq!(moment("1970-01-01T00:00:01.5Z"), Ok(1500));
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Ok(0));
        for bad in ["", "now", "1970-01-01", "1969-12-31T23:59:58Z", "1970-13-01T00:00:00Z"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
        for bad in ["0", "-1", "", "1e3", "99999999999999999999", "1025"] {
            assert!(threads(bad).is_err(), "{bad}");
        }
    }
}
