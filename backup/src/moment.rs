//! Moments as people and files write them, in UTC. Must never read a clock.

use persistence::Millis;

const DAY_MS: u64 = 86_400_000;

/// Year, month, day, hour, minute, second, millisecond.
fn parts(at: Millis) -> [u64; 7] {
    let (days, ms) = (at.0 / DAY_MS, at.0 % DAY_MS);
    // Howard Hinnant's `civil_from_days`, for days since 1970 only.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    [year, month, day, ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000]
}

/// Such as `20261123T120449Z`.
#[must_use]
pub fn compact(at: Millis) -> String {
    let [year, month, day, hour, minute, second, _] = parts(at);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Such as `2026-11-23T12:04:49.000Z`.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    let [year, month, day, hour, minute, second, ms] = parts(at);
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
    parsed(text)
        .filter(|at| *at <= Millis::MAX)
        .ok_or_else(|| format!("{text:?} is no moment; write it as 2026-11-23T12:04:49Z, or with +01:00 instead of Z"))
}

fn parsed(text: &str) -> Option<Millis> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = bytes.get(from..to)?;
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
    };
    let sign_at = |at: usize, signs: &[u8]| bytes.get(at).is_some_and(|sign| signs.contains(sign));
    let separated =
        sign_at(4, b"-") && sign_at(7, b"-") && sign_at(10, b"Tt ") && sign_at(13, b":") && sign_at(16, b":");
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of = |month| match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => 31,
    };
    let sound = separated && year >= 1970 && (1..=12).contains(&month) && (1..=days_of(month)).contains(&day);
    if !sound || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = bytes.get(19..)?;
    let mut ms = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|c| c.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        ms = (0..3).fold(0, |n, i| n * 10 + u64::from(if i < digits { fraction[i] - b'0' } else { 0 }));
        rest = &fraction[digits..];
    }
    let shift_minutes = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), a, b, b':', c, d] if [a, b, c, d].iter().all(|c| c.is_ascii_digit()) => {
            let digit = |c: &u8| i64::from(c - b'0');
            let minutes = (digit(a) * 10 + digit(b)) * 60 + digit(c) * 10 + digit(d);
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return None,
    };
    let years = (1970..year).map(|y| 365 + u64::from(y % 4 == 0 && (y % 100 != 0 || y % 400 == 0))).sum::<u64>();
    let days = years + (1..month).map(days_of).sum::<u64>() + day - 1;
    let local = days * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1_000 + ms;
    local.checked_add_signed(-shift_minutes * 60_000).map(Millis)
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
            let at = Millis(day * DAY_MS + 12_345);
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
