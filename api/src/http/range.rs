//! The header `Range` of one content, as RFC 9110 has it. Must never give a range that is not inside the content.

use std::ops::Range;

/// What part of a content is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no range, or a header that is to be ignored (another unit, several ranges, not well-formed).
    All,
    /// These bytes: at least one, all of them there.
    Part(Range<u64>),
    /// Well-formed, and nothing of it is there.
    Nothing,
}

/// Reads the value of the header for a content of this length.
#[must_use]
pub fn read(value: &[u8], length: u64) -> Wanted {
    let Some((first, last)) = parse(value) else { return Wanted::All };
    let range = match (first, last) {
        (Some(first), Some(last)) if last < first => return Wanted::All,
        (Some(first), last) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
        (None, Some(last)) => length.saturating_sub(last)..length,
        (None, None) => return Wanted::All,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// The two numbers of a single range of bytes.
fn parse(value: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let range = range.trim_ascii();
    let dash = range.iter().position(|c| *c == b'-')?;
    let (first, last) = (&range[..dash], &range[dash + 1..]);
    Some((number(first)?, number(last)?))
}

/// A number that may be left out; one that is too large is the largest there is.
fn number(digits: &[u8]) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    let digit = |c: &u8| char::from(*c).to_digit(10).map(u64::from);
    let add = |all: u64, c: &u8| Some(all.saturating_mul(10).saturating_add(digit(c)?));
    digits.iter().try_fold(0, add).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        let huge = format!("bytes=5-{}", "9".repeat(400));
        for (value, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("BYTES=2-5", Wanted::Part(2..6)),
            ("bytes= 2-5 ", Wanted::Part(2..6)),
            ("bytes=5-", Wanted::Part(5..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=9-100", Wanted::Part(9..10)),
            (huge.as_str(), Wanted::Part(5..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-12", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999-", Wanted::Nothing),
            ("bytes=5-4", Wanted::All),
            ("bytes=-", Wanted::All),
            ("bytes=", Wanted::All),
            ("bytes", Wanted::All),
            ("", Wanted::All),
            ("bytes=a-b", Wanted::All),
            ("bytes=1-2,4-5", Wanted::All),
            ("bytes=--5", Wanted::All),
            ("bytes=+1-2", Wanted::All),
            ("seconds=1-2", Wanted::All),
        ] {
            assert_eq!(read(value.as_bytes(), 10), expected, "{value}");
        }
        assert_eq!(read(b"bytes=0-", 0), Wanted::Nothing);
        assert_eq!(read(b"bytes=-5", 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_is_always_inside(value in prop::collection::vec(any::<u8>(), 0..40), length: u64) {
            if let Wanted::Part(range) = read(&value, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }

        #[test]
        fn what_is_asked_for_is_what_is_given(first in 0_u64..1000, more in 0_u64..1000, length in 0_u64..1000) {
            let last = first + more;
            let expected: Vec<u64> = (0..length).filter(|at| (first..=last).contains(at)).collect();
            let given = match read(format!("bytes={first}-{last}").as_bytes(), length) {
                Wanted::Part(range) => range.collect(),
                Wanted::Nothing => Vec::new(),
                Wanted::All => return Err(TestCaseError::fail("well-formed")),
            };
            prop_assert_eq!(given, expected);
        }
    }
}
