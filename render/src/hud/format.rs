//! Numbers as a pilot reads them: fitting units, always the same number of digits. Must never panic, whatever the
//! number, and never allocate.

use std::fmt::{self, Write};

/// Metres in an astronomical unit (IAU 2012, resolution B2).
pub const AU_M: f64 = 149_597_870_700.0;
/// Metres in a light year (IAU: 365.25 days of light).
pub const LIGHT_YEAR_M: f64 = 9_460_730_472_580_800.0;
/// Speed of light, m/s.
pub const LIGHT_M_S: f64 = 299_792_458.0;
/// Standard gravity, m/s^2 (CGPM 1901).
pub const STANDARD_GRAVITY_M_S2: f64 = 9.80665;

/// Characters of every number that this module writes, blanks as wide as digits included.
pub const WIDTH: usize = 10;

const DAY_S: f64 = 86_400.0;
const YEAR_S: f64 = 31_557_600.0;
/// As wide as a digit.
const BLANK: char = '\u{2007}';
const MINUS: char = '\u{2212}';
/// Between groups of three digits.
const THIN: char = '\u{2009}';

/// A text of at most `N` bytes (255 at most) that needs no allocation; what does not fit is cut off.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inline<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

/// A number, a name.
pub type Short = Inline<63>;

impl<const N: usize> Inline<N> {
    /// Nothing.
    pub const EMPTY: Self = {
        assert!(N <= 255, "its length is kept in a byte");
        Self { bytes: [0; N], length: 0 }
    };

    /// What `arguments` write, as far as it fits.
    #[must_use]
    pub fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self::EMPTY;
        // Writing into it never fails; a number's own formatting does not either.
        let _ = text.write_fmt(arguments);
        text
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only whole characters are written.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> Write for Inline<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let from = usize::from(self.length);
        let room = self.bytes.len() - from;
        let mut length = text.len().min(room);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        self.bytes[from..from + length].copy_from_slice(&text.as_bytes()[..length]);
        self.length += length as u8;
        if length < text.len() {
            // A later, shorter piece must not follow a gap.
            self.bytes[from + length..].fill(b' ');
            self.length = self.bytes.len() as u8;
        }
        Ok(())
    }
}

impl<const N: usize> From<&str> for Inline<N> {
    fn from(text: &str) -> Self {
        let mut short = Self::EMPTY;
        let mut length = text.len().min(N);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        short.bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        short.length = length as u8;
        short
    }
}

impl<const N: usize> Default for Inline<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for Inline<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A number of [`WIDTH`] characters, to be set flush right, and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Digits, led by blanks.
    pub number: Short,
    /// May be empty.
    pub unit: &'static str,
}

/// Metres as m, km, million km, au or ly.
#[must_use]
pub fn distance(metres: f64) -> Quantity {
    let size = metres.abs();
    let (scale, unit) = if size < 999.95 {
        (1.0, "m")
    } else if size < 999_999.5e3 {
        (1e3, "km")
    } else if size < 0.5 * AU_M {
        (1e9, "million km")
    } else if size < 0.5 * LIGHT_YEAR_M {
        (AU_M, "au")
    } else {
        (LIGHT_YEAR_M, "ly")
    };
    quantity(metres / scale, unit)
}

/// Metres per second as m/s, km/s or, from a tenth of `light_m_s` on, as a share of c.
#[must_use]
pub fn speed(metres_per_second: f64, light_m_s: f64) -> Quantity {
    let size = metres_per_second.abs();
    if size.is_finite() && size >= 0.1 * light_m_s && light_m_s > 0.0 {
        return Quantity { number: share_of_c(metres_per_second / light_m_s), unit: "c" };
    }
    if size < 999.95 { quantity(metres_per_second, "m/s") } else { quantity(metres_per_second / 1e3, "km/s") }
}

/// A speed as a share of that of light: six decimals; very slow ones as a power of ten, and very fast ones as what is
/// missing to 1.
#[must_use]
pub fn share_of_c(share: f64) -> Short {
    let size = share.abs();
    let sign = if share < 0.0 { "\u{2212}" } else { "" };
    if !share.is_finite() {
        padded(&no_number(share))
    } else if size < 9.995e-10 {
        padded(&Short::of(format_args!("{:.6}", 0.0)))
    } else if size < 9.995e-5 {
        padded(&Short::of(format_args!("{sign}{}", exponent(size, 2))))
    } else if !(0.999_999_5..1.0).contains(&size) {
        // Beyond that of light only where a world's own light is slower than its ships.
        let digits = if size < 1.0 { 6 } else { 3 };
        let number = if size < 1e3 {
            Short::of(format_args!("{size:.digits$}"))
        } else {
            Short::of(format_args!("{}", exponent(size, 1)))
        };
        padded(&Short::of(format_args!("{sign}{}", number.as_str())))
    } else {
        // As many digits as the width allows.
        let digits = if sign.is_empty() && 1.0 - size >= 1e-9 { 1 } else { 0 };
        padded(&Short::of(format_args!("{sign}1\u{2212}{}", exponent(1.0 - size, digits))))
    }
}

/// An acceleration.
#[must_use]
pub fn acceleration(metres_per_second2: f64) -> Quantity {
    quantity(metres_per_second2, "m/s\u{b2}")
}

/// An acceleration in multiples of the Earth's.
#[must_use]
pub fn gravities(metres_per_second2: f64) -> Quantity {
    quantity(metres_per_second2 / STANDARD_GRAVITY_M_S2, "g")
}

/// A share as whole per cent; 100 and 0 only for what is full and empty.
#[must_use]
pub fn percent(share: f64) -> Quantity {
    if share.is_nan() {
        return Quantity { number: padded(&no_number(share)), unit: "%" };
    }
    let whole = (share * 100.0).round();
    let whole = if share > 0.0 && share < 1.0 { whole.clamp(1.0, 99.0) } else { whole.clamp(0.0, 100.0) };
    Quantity { number: padded(&Short::of(format_args!("{whole:.0}"))), unit: "%" }
}

/// Simulated time per time.
#[must_use]
pub fn time_factor(factor: f64) -> Short {
    if !factor.is_finite() {
        return Short::of(format_args!("\u{d7}\u{2009}{}", no_number(factor).as_str()));
    }
    let size = factor.abs();
    if size >= 1e7 || (size > 0.0 && size < 0.01) {
        return Short::of(format_args!("\u{d7}\u{2009}{}", exponent(factor, 1)));
    }
    if factor == factor.trunc() {
        return Short::of(format_args!("\u{d7}\u{2009}{}", grouped(factor).as_str()));
    }
    Short::of(format_args!("\u{d7}\u{2009}{factor:.*}", if size < 1.0 { 2 } else { 1 }))
}

/// Time since something: `HH:MM:SS.s`, then days, then years of 365.25 days.
#[must_use]
pub fn elapsed(seconds: f64) -> Short {
    if !seconds.is_finite() {
        return no_number(seconds);
    }
    let sign = if seconds < 0.0 { "\u{2212}" } else { "" };
    let size = seconds.abs();
    if size < DAY_S - 0.05 {
        let tenths = (size * 10.0).round() as u64;
        let [hours, minutes, rest] = [tenths / 36_000, tenths / 600 % 60, tenths % 600];
        return Short::of(format_args!("{sign}{hours:02}:{minutes:02}:{:02}.{}", rest / 10, rest % 10));
    }
    if size < YEAR_S {
        let whole = size.round() as u64;
        let days = whole / 86_400;
        return Short::of(format_args!("{sign}{days} d {}", day_time(whole % 86_400).as_str()));
    }
    let years = (size / YEAR_S).floor();
    if years < 1e6 {
        let days = ((size - years * YEAR_S) / DAY_S).floor();
        return Short::of(format_args!("{sign}{} y {days:03.0} d", grouped(years).as_str()));
    }
    Short::of(format_args!("{sign}{} y", exponent(years, 3)))
}

/// Time until something, in the two units that matter.
#[must_use]
pub fn until(seconds: f64) -> Short {
    if !seconds.is_finite() {
        return no_number(seconds);
    }
    let sign = if seconds < 0.0 { "\u{2212}" } else { "" };
    let size = seconds.abs();
    if size < 99.95 {
        return Short::of(format_args!("{sign}{size:.1} s"));
    }
    let whole = size.round();
    let [minutes, hours, days] = [whole / 60.0, whole / 3600.0, whole / DAY_S].map(f64::floor);
    if minutes < 100.0 {
        Short::of(format_args!("{sign}{minutes:.0} min {:02.0} s", whole - minutes * 60.0))
    } else if hours < 48.0 {
        Short::of(format_args!("{sign}{hours:.0} h {:02.0} min", minutes - hours * 60.0))
    } else if days < 1000.0 {
        Short::of(format_args!("{sign}{days:.0} d {:02.0} h", hours - days * 24.0))
    } else {
        let years = padded(&significant(size / YEAR_S));
        Short::of(format_args!("{sign}{} y", years.as_str().trim_start_matches(BLANK)))
    }
}

/// A Julian date as a date of the Gregorian calendar, also before that was made, and the time of day.
/// Dates beyond ten million years are left as Julian dates.
#[must_use]
pub fn date(julian_date: f64) -> Short {
    if !julian_date.is_finite() {
        return no_number(julian_date);
    }
    if julian_date.abs() > 3.6e9 {
        return Short::of(format_args!("JD {}", exponent(julian_date, 4)));
    }
    // Days begin at midnight here. A Julian date of our time is good to 40 microseconds, so a second that is just
    // about to end has ended.
    let (day, part) = ((julian_date + 0.5).floor(), (julian_date + 0.5).rem_euclid(1.0));
    let seconds = (part * DAY_S + 1e-4).floor() as u64;
    let (day, seconds) = if seconds >= 86_400 { (day + 1.0, seconds - 86_400) } else { (day, seconds) };
    let (year, month, day) = calendar(day as i64);
    let time = day_time(seconds);
    let sign = if year < 0 { "\u{2212}" } else { "" };
    Short::of(format_args!("{sign}{:04}-{month:02}-{day:02} {}", year.abs(), time.as_str()))
}

/// Degrees from 0 to 359, of an angle in radians.
#[must_use]
pub fn heading(radians: f64) -> Short {
    if !radians.is_finite() {
        return no_number(radians);
    }
    Short::of(format_args!("{:03.0}\u{b0}", radians.to_degrees().round().rem_euclid(360.0).abs()))
}

/// Degrees with a sign, of an angle in radians from half a turn down to half a turn up.
#[must_use]
pub fn degrees(radians: f64) -> Short {
    if !radians.is_finite() {
        return no_number(radians);
    }
    let whole = radians.to_degrees().clamp(-180.0, 180.0).round();
    let sign = if whole < 0.0 {
        MINUS
    } else if whole > 0.0 {
        '+'
    } else {
        BLANK
    };
    Short::of(format_args!("{sign}{:02.0}\u{b0}", whole.abs()))
}

/// Year (astronomical: 0 is 1 BC), month and day of the Julian day that began at the midnight before its noon.
///
/// Counts from 1 March of year 0, so that a leap day is the last of its year, in cycles of 400 years.
fn calendar(julian_day: i64) -> (i64, i64, i64) {
    let day = julian_day - 1_721_120;
    let (cycle, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    // Take out the leap days: one in 1,461 days, but not in 36,524, but in 146,096.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in five.
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (carry, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (cycle * 400 + year + carry, month, day_of_month)
}

fn day_time(seconds: u64) -> Short {
    Short::of(format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

fn quantity(value: f64, unit: &'static str) -> Quantity {
    Quantity { number: padded(&significant(value)), unit }
}

/// Four digits, or up to six before the point; powers of ten beyond.
fn significant(value: f64) -> Short {
    let size = value.abs();
    if !value.is_finite() {
        return no_number(value);
    }
    if size >= 999_999.5 {
        return Short::of(format_args!("{}", exponent(value, if size < 9.995e99 { 2 } else { 1 })));
    }
    let decimals = if size < 9.9995 {
        3
    } else if size < 99.995 {
        2
    } else if size < 999.95 {
        1
    } else {
        return grouped(value);
    };
    // What rounds to nothing has no sign.
    let sign = if value < 0.0 && size >= 0.0005 { "\u{2212}" } else { "" };
    Short::of(format_args!("{sign}{size:.decimals$}"))
}

/// A whole number below 10^15 in groups of three digits.
fn grouped(value: f64) -> Short {
    let whole = value.abs().round() as u64;
    let mut text = Short::EMPTY;
    if value < 0.0 && whole > 0 {
        let _ = text.write_char(MINUS);
    }
    let (mut unit, mut first) = (1_000_000_000_000, true);
    while unit > 0 {
        let group = whole / unit % 1000;
        if !first {
            let _ = write!(text, "{THIN}{group:03}");
        } else if group > 0 || unit == 1 {
            let _ = write!(text, "{group}");
            first = false;
        }
        unit /= 1000;
    }
    text
}

/// A power of ten with so many decimals.
fn exponent(value: f64, decimals: usize) -> Exponent {
    Exponent { value, decimals }
}

struct Exponent {
    value: f64,
    decimals: usize,
}

impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Short::of(format_args!("{:.*e}", self.decimals, self.value));
        let (mantissa, power) = text.as_str().split_once('e').unwrap_or((text.as_str(), ""));
        let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("\u{2212}", digits));
        write!(f, "{sign}{digits}\u{d7}10")?;
        for character in power.chars() {
            f.write_char(match character {
                '-' => '\u{207b}',
                '1' => '\u{b9}',
                '2' => '\u{b2}',
                '3' => '\u{b3}',
                digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
            })?;
        }
        Ok(())
    }
}

fn no_number(value: f64) -> Short {
    Short::from(if value.is_nan() {
        "\u{2014}"
    } else if value > 0.0 {
        "\u{221e}"
    } else {
        "\u{2212}\u{221e}"
    })
}

/// Leads a number with blanks to [`WIDTH`] characters.
fn padded(number: &Short) -> Short {
    let missing = WIDTH.saturating_sub(number.as_str().chars().count());
    let mut text = Short::EMPTY;
    for _ in 0..missing {
        let _ = text.write_char(BLANK);
    }
    let _ = text.write_str(number.as_str());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As it is read: without blanks, with plain signs.
    fn plain(text: &str) -> String {
        let raised = |c: char| {
            "\u{2070}\u{b9}\u{b2}\u{b3}\u{2074}\u{2075}\u{2076}\u{2077}\u{2078}\u{2079}".chars().position(|r| r == c)
        };
        let power =
            |c: char| raised(c).map_or(if c == '\u{207b}' { '-' } else { c }, |digit| char::from(b'0' + digit as u8));
        let text: String = text.replace("\u{d7}10", "e").chars().map(power).collect();
        text.trim_start_matches(BLANK).replace(MINUS, "-").replace([THIN, BLANK], " ")
    }

    fn read(quantity: Quantity) -> String {
        format!("{} {}", plain(quantity.number.as_str()), quantity.unit)
    }

    #[test]
    fn distances() {
        for (metres, expected) in [
            (0.0, "0.000 m"),
            (-0.0001, "0.000 m"),
            (0.25, "0.250 m"),
            (9.9996, "10.00 m"),
            (42.0, "42.00 m"),
            (999.94, "999.9 m"),
            (999.96, "1.000 km"),
            (-12_345.0, "-12.35 km"),
            (384_400e3, "384 400 km"),
            (999_999.4e3, "999 999 km"),
            (999_999.6e3, "1.000 million km"),
            (57.9e9, "57.90 million km"),
            (AU_M, "1.000 au"),
            (30.07 * AU_M, "30.07 au"),
            (12_345.0 * AU_M, "12 345 au"),
            (4.2465 * LIGHT_YEAR_M, "4.247 ly"),
            (2.5e6 * LIGHT_YEAR_M, "2.50e6 ly"),
            (f64::MAX, "1.9e292 ly"),
            (f64::NAN, "\u{2014} ly"),
            (f64::INFINITY, "\u{221e} ly"),
        ] {
            assert_eq!(read(distance(metres)), expected, "{metres}");
        }
    }

    #[test]
    fn speeds() {
        for (metres_per_second, expected) in [
            (0.0, "0.000 m/s"),
            (7.5, "7.500 m/s"),
            (-250.0, "-250.0 m/s"),
            (7_905.4, "7.905 km/s"),
            (29_784.7, "29.78 km/s"),
            (12_345e3, "12 345 km/s"),
            (0.1 * LIGHT_M_S, "0.100000 c"),
            (0.9 * LIGHT_M_S, "0.900000 c"),
            (0.999_999_4 * LIGHT_M_S, "0.999999 c"),
            ((1.0 - 3.21e-9) * LIGHT_M_S, "1-3.2e-9 c"),
            (f64::NAN, "\u{2014} km/s"),
        ] {
            assert_eq!(read(speed(metres_per_second, LIGHT_M_S)), expected, "{metres_per_second}");
        }
        // Where light is slow, so is what is fast.
        assert_eq!(read(speed(500.0, 1000.0)), "0.500000 c");
        assert_eq!(read(speed(500.0, f64::INFINITY)), "500.0 m/s");
    }

    #[test]
    fn shares_of_c() {
        for (share, expected) in [
            (0.0, "0.000000"),
            (-1e-12, "0.000000"),
            (1e-9, "1.00e-9"),
            (2.6369e-5, "2.64e-5"),
            (1.5e-4, "0.000150"),
            (0.5, "0.500000"),
            (0.999_999_6, "1-4.0e-7"),
            (1.0 - 2.0_f64.powi(-52), "1-2e-16"),
            (1.0, "1.000"),
            (-2.0, "-2.000"),
            (1e300, "1.0e300"),
        ] {
            assert_eq!(plain(share_of_c(share).as_str()), expected, "{share}");
        }
    }

    #[test]
    fn shares_accelerations_and_factors() {
        for (share, expected) in [(1.0, "100 %"), (0.999, "99 %"), (0.25, "25 %"), (0.001, "1 %"), (0.0, "0 %")] {
            assert_eq!(read(percent(share)), expected, "{share}");
        }
        assert_eq!(read(percent(f64::NAN)), "\u{2014} %");
        assert_eq!(read(percent(f64::INFINITY)), "100 %");
        assert_eq!(read(acceleration(9.80665)), "9.807 m/s\u{b2}");
        assert_eq!(read(gravities(274.0)), "27.94 g");
        for (factor, expected) in
            [(1.0, "× 1"), (0.25, "× 0.25"), (2.5, "× 2.5"), (100_000.0, "× 100 000"), (1e9, "× 1.0e9"), (0.0, "× 0")]
        {
            assert_eq!(plain(time_factor(factor).as_str()), expected, "{factor}");
        }
    }

    #[test]
    fn times() {
        for (seconds, expected) in [
            (0.0, "00:00:00.0"),
            (-1.25, "-00:00:01.3"),
            (59.96, "00:01:00.0"),
            (3_723.4, "01:02:03.4"),
            (86_399.9, "23:59:59.9"),
            (86_399.96, "1 d 00:00:00"),
            (1_036_800.0 + 11_045.0, "12 d 03:04:05"),
            (3.0 * YEAR_S + 5.5 * DAY_S, "3 y 005 d"),
            (12_345.0 * YEAR_S, "12 345 y 000 d"),
            (1e9 * YEAR_S, "1.000e9 y"),
            (f64::NEG_INFINITY, "-\u{221e}"),
        ] {
            assert_eq!(plain(elapsed(seconds).as_str()), expected, "{seconds}");
        }
        for (seconds, expected) in [
            (8.04, "8.0 s"),
            (99.96, "1 min 40 s"),
            (252.0, "4 min 12 s"),
            (7_260.0, "2 h 01 min"),
            (200_000.0, "2 d 07 h"),
            (3.5 * YEAR_S, "3.500 y"),
            (f64::NAN, "\u{2014}"),
        ] {
            assert_eq!(plain(until(seconds).as_str()), expected, "{seconds}");
        }
    }

    #[test]
    fn dates() {
        for (julian_date, expected) in [
            (2_451_545.0, "2000-01-01 12:00:00"),
            (2_451_544.5, "2000-01-01 00:00:00"),
            (2_451_604.5, "2000-03-01 00:00:00"),
            (2_451_603.5, "2000-02-29 00:00:00"),
            (2_488_128.5, "2100-03-01 00:00:00"),
            (2_440_587.5, "1970-01-01 00:00:00"),
            // Meeus, Astronomical Algorithms, chapter 7; the launch of Sputnik 1.
            (2_436_116.31, "1957-10-04 19:26:24"),
            (0.0, "-4713-11-24 12:00:00"),
            (2_451_545.0 - 1e-10, "2000-01-01 12:00:00"),
            (2_451_544.5 - 1.0 / 86_400.0, "1999-12-31 23:59:59"),
            (1e12, "JD 1.0000e12"),
            (f64::NAN, "\u{2014}"),
        ] {
            assert_eq!(plain(date(julian_date).as_str()), expected, "{julian_date}");
        }
    }

    #[test]
    fn angles() {
        for (degrees_in, as_heading, as_degrees) in [
            (0.0, "000°", "00°"),
            (-0.4, "000°", "00°"),
            (359.7, "000°", "+180°"),
            (-90.0, "270°", "-90°"),
            (7.0, "007°", "+07°"),
        ] {
            let radians = f64::to_radians(degrees_in);
            assert_eq!(plain(heading(radians).as_str()), as_heading, "{degrees_in}");
            assert_eq!(plain(degrees(radians).as_str()).trim_start(), as_degrees, "{degrees_in}");
        }
    }

    #[test]
    fn a_short_text_is_cut_at_whole_characters() {
        let long = "\u{221e}".repeat(30);
        assert_eq!(Short::from(long.as_str()).as_str(), "\u{221e}".repeat(21));
        let mut text = Short::from("x");
        let more = "more";
        let _ = write!(text, "{long}{more}");
        assert!(text.as_str().starts_with("x\u{221e}") && !text.as_str().contains("more"));
        assert_eq!(text.as_str().len(), 63);
    }

    /// Any bit pattern, and numbers of every size.
    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            (-30.0f64..30.0, any::<bool>())
                .prop_map(|(power, minus)| 10f64.powf(power) * if minus { -1.0 } else { 1.0 }),
            prop::sample::select(vec![
                0.0,
                -0.0,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::MAX,
                f64::MIN_POSITIVE
            ]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn any_number_is_written(value in any_number(), light in any_number()) {
            for text in [elapsed(value), until(value), date(value), heading(value), degrees(value), time_factor(value)] {
                prop_assert!(!text.is_empty() && text.as_str().chars().count() <= 24, "{value}: {text:?}");
            }
            for quantity in
                [distance(value), speed(value, light), acceleration(value), gravities(value), percent(value)]
            {
                let width = quantity.number.as_str().chars().count();
                prop_assert!(width == WIDTH, "{value} {light}: {quantity:?}");
            }
        }

        #[test]
        fn the_width_stays_while_the_number_runs(value in -1e24f64..1e24, power in 0.0f64..24.0) {
            let value = value * 10f64.powf(-power);
            for quantity in [distance(value), speed(value.clamp(-2.9e8, 2.9e8), LIGHT_M_S), acceleration(value)] {
                prop_assert_eq!(quantity.number.as_str().chars().count(), WIDTH, "{}: {:?}", value, quantity);
            }
        }

        #[test]
        fn dates_run_on_without_a_gap(day in -2_000_000i64..5_000_000) {
            let (year, month, in_month) = calendar(day);
            let next = calendar(day + 1);
            let follows = next == (year, month, in_month + 1)
                || (in_month >= 28 && next == (year, month + 1, 1))
                || (month == 12 && in_month == 31 && next == (year + 1, 1, 1));
            prop_assert!(follows, "{:?} {:?}", (year, month, in_month), next);
        }

        #[test]
        fn what_is_read_is_what_was_meant(metres in 1e-2f64..1e20) {
            let written = distance(metres);
            let number: f64 = plain(written.number.as_str()).replace(' ', "").parse().unwrap();
            let scale = match written.unit {
                "m" => 1.0,
                "km" => 1e3,
                "million km" => 1e9,
                "au" => AU_M,
                _ => LIGHT_YEAR_M,
            };
            prop_assert!((number * scale - metres).abs() <= 0.00051 * scale.max(metres), "{metres}: {written:?}");
        }
    }
}
