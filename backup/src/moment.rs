//! Moments as people and files write them, in UTC. Must never read a clock.

use persistence::Millis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const NANOS_OF_MS: i128 = 1_000_000;

/// What no store has, a moment behind the year 9999, is shown as the last one before.
fn of(at: Millis) -> OffsetDateTime {
    let nanos = i128::from(at.min(Millis::MAX).0) * NANOS_OF_MS;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Such as `20261123T120449Z`.
#[must_use]
pub fn compact(at: Millis) -> String {
    let at = of(at);
    let (date, (hour, minute, second)) = (at.date(), at.to_hms());
    format!("{:04}{:02}{:02}T{hour:02}{minute:02}{second:02}Z", date.year(), u8::from(date.month()), date.day())
}

/// Such as `2026-11-23T12:04:49.000Z`.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    let at = of(at);
    let (date, (hour, minute, second, ms)) = (at.date(), at.to_hms_milli());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// As PostgreSQL reads a recovery target: `2026-11-23 12:04:49.000+00`.
#[must_use]
pub fn for_postgres(at: Millis) -> String {
    rfc3339(at).replace('T', " ").replace('Z', "+00")
}

/// Reads `2026-11-23T12:04:49Z`, with or without parts of a second, with `Z` or a difference such as `+01:00`.
///
/// # Errors
/// A sentence.
pub fn parse(text: &str) -> Result<Millis, String> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos);
    nanos
        .filter(|nanos| *nanos >= 0)
        .and_then(|nanos| u64::try_from(nanos / NANOS_OF_MS).ok())
        .map(Millis)
        .filter(|at| *at <= Millis::MAX)
        .ok_or_else(|| format!("{text:?} is no moment; write it as 2026-11-23T12:04:49Z, or with +01:00 instead of Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        // From GNU date.
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_435_489_007, "2026-11-23T12:04:49.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_214_400_000, "9999-12-31T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Millis(ms)), text);
            assert_eq!(parse(text), Ok(Millis(ms)));
        }
        for day in (0..40_000).step_by(7) {
            let at = Millis(day * 86_400_000 + 12_345);
            assert_eq!(parse(&rfc3339(at)), Ok(at));
        }
    }

    #[test]
    fn other_ways_of_writing_are_read_and_nonsense_is_not() {
        let at = Ok(Millis(1_795_435_489_000));
        for text in ["2026-11-23T12:04:49Z", "2026-11-23 13:34:49+01:30", "2026-11-23t04:04:49.0-08:00"] {
            assert_eq!(parse(text), at, "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-11-23T12:04:49",
            "2026-02-29T12:04:49Z",
            "2026-13-01T12:04:49Z",
            "2026-11-23T24:04:49Z",
            "2026-11-23T12:04:49.Z",
            "2026-11-23T12:04:49+1:00",
            "1970-01-01T00:00:00+01:00",
            "9999-12-31T23:00:00Z",
            "2026-11-23T12:04:4éZ",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
