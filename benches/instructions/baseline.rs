//! The committed counts and their comparison with new ones. Pure: text in, verdicts out; it must never start a
//! process or write a file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// How much a count may grow before it is a slowdown, as a share.
///
/// The same binary gives the same count every time, and on every machine with AVX2, since valgrind shows programs
/// one fixed processor. What moves a count without anybody making anything slower: another C library's `memcpy`, and
/// inlining that shifts with an unrelated change. Both stay below a per cent or two; a slowdown worth stopping for
/// does not.
pub const TOLERANCE: f64 = 0.03;

/// Instructions per call, by the path's name.
pub type Counts = BTreeMap<String, f64>;

/// Counts and the compiler that they belong to.
#[derive(Debug, PartialEq)]
pub struct Baseline {
    /// `rustc --version`; another compiler gives other counts, so the table names it.
    pub rustc: String,
    /// Instructions per call.
    pub counts: Counts,
}

/// What became of one path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Within the tolerance.
    Same,
    /// Fewer by more than the tolerance: worth a new baseline, and no failure.
    Faster,
    /// More by more than the tolerance.
    Slower,
    /// Counted now, absent from the baseline.
    New,
    /// In the baseline, no longer counted.
    Gone,
}

impl Verdict {
    /// Whether the check fails over it.
    pub fn fails(self) -> bool {
        matches!(self, Self::Slower | Self::New | Self::Gone)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Faster => "FASTER: commit a new baseline (scripts/instructions --update)",
            Self::Slower => "SLOWER",
            Self::New => "NO BASELINE: commit one (scripts/instructions --update)",
            Self::Gone => "GONE from the table but still in the baseline",
        }
    }
}

impl Baseline {
    /// Reads baseline.json.
    ///
    /// # Errors
    /// A sentence on what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("the baseline is not JSON: {e}"))?;
        let rustc = value["rustc"].as_str().ok_or("the baseline names no `rustc`")?.to_owned();
        let table = value["instructions_per_call"].as_object().ok_or("the baseline has no `instructions_per_call`")?;
        let count = |(name, count): (&String, &Value)| match count.as_f64() {
            Some(count) if count > 0.0 => Ok((name.clone(), count)),
            _ => Err(format!("the baseline's count of `{name}` is not a positive number")),
        };
        Ok(Self { rustc, counts: table.iter().map(count).collect::<Result<_, _>>()? })
    }

    /// The text of baseline.json.
    pub fn render(&self) -> String {
        let rounded: BTreeMap<&String, f64> = self.counts.iter().map(|(k, v)| (k, (v * 10.0).round() / 10.0)).collect();
        let value = json!({
            "about": "Instructions per call under callgrind; made by scripts/instructions --update, tolerance in baseline.rs",
            "rustc": self.rustc,
            "instructions_per_call": rounded,
        });
        format!("{value:#}\n")
    }

    /// One verdict for each path of either side, in order of name.
    pub fn compare(&self, now: &Counts) -> Vec<(String, Option<f64>, Option<f64>, Verdict)> {
        let names: std::collections::BTreeSet<&String> = self.counts.keys().chain(now.keys()).collect();
        let verdict = |name: &String| {
            let (was, is) = (self.counts.get(name).copied(), now.get(name).copied());
            let verdict = match (was, is) {
                (Some(was), Some(is)) if is > was * (1.0 + TOLERANCE) => Verdict::Slower,
                (Some(was), Some(is)) if is < was * (1.0 - TOLERANCE) => Verdict::Faster,
                (Some(_), Some(_)) => Verdict::Same,
                (None, _) => Verdict::New,
                (_, None) => Verdict::Gone,
            };
            (name.clone(), was, is, verdict)
        };
        names.into_iter().map(verdict).collect()
    }
}

/// The printed table.
pub fn table(rows: &[(String, Option<f64>, Option<f64>, Verdict)]) -> String {
    let number = |n: Option<f64>| n.map_or_else(|| "-".to_owned(), |n| format!("{n:.1}"));
    let mut out = format!("{:<28}{:>16}{:>16}{:>10}\n", "instructions per call", "baseline", "now", "change");
    for (name, was, is, verdict) in rows {
        let change = match (was, is) {
            (Some(was), Some(is)) => format!("{:+.2} %", (is / was - 1.0) * 100.0),
            _ => "-".to_owned(),
        };
        out += &format!("{name:<28}{:>16}{:>16}{change:>10}  {}\n", number(*was), number(*is), verdict.words());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(counts: &[(&str, f64)]) -> Baseline {
        Baseline { rustc: "rustc 1.0".into(), counts: counts.iter().map(|&(k, v)| (k.into(), v)).collect() }
    }

    #[test]
    fn what_was_rendered_reads_back() {
        let one = baseline(&[("a/b", 1234.5), ("c/d", 7.0)]);
        assert_eq!(Baseline::parse(&one.render()), Ok(one));
    }

    #[test]
    fn a_broken_baseline_is_refused() {
        for text in ["", "{}", r#"{"rustc":"x","instructions_per_call":{"a":0}}"#, r#"{"rustc":"x"}"#] {
            assert!(Baseline::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_change_has_its_verdict() {
        let was = baseline(&[("same", 100.0), ("slow", 100.0), ("fast", 100.0), ("gone", 100.0)]);
        let now = baseline(&[("same", 102.9), ("slow", 103.1), ("fast", 96.9), ("new", 1.0)]).counts;
        let rows = was.compare(&now);
        let verdict = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| row.3);
        assert_eq!(verdict("same"), Some(Verdict::Same));
        assert_eq!(verdict("slow"), Some(Verdict::Slower));
        assert_eq!(verdict("fast"), Some(Verdict::Faster));
        assert_eq!(verdict("new"), Some(Verdict::New));
        assert_eq!(verdict("gone"), Some(Verdict::Gone));
        assert_eq!(rows.iter().filter(|row| row.3.fails()).count(), 3);
        assert!(table(&rows).contains("+3.10 %"));
    }
}
