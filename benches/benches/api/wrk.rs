//! `wrk`, the load generator of Debian, with 50 connections. Must never count an error as an answer.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

/// Connections at once.
const CONNECTIONS: &str = "50";
/// Prints what was measured as one line of JSON.
const SCRIPT: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"per_s":%.1f,"p50_ms":%.4f,"p99_ms":%.4f,"max_ms":%.4f,"requests":%d,"errors":%d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// The program with its script.
pub struct Wrk {
    script: tempfile::NamedTempFile,
}

impl Wrk {
    /// Nothing where it is not installed.
    pub fn find() -> Option<Self> {
        Command::new("wrk").arg("--version").output().ok()?;
        let mut script = tempfile::NamedTempFile::new().expect("a file");
        script.write_all(SCRIPT.as_bytes()).expect("written");
        Some(Self { script })
    }

    /// One round; every answer is a good one.
    pub fn run(&self, url: &str, token: Option<&str>, time: Duration) -> Value {
        let mut command = Command::new("wrk");
        command.args(["-t", "1", "-c", CONNECTIONS, "-d", &format!("{}s", time.as_secs()), "-s"]);
        command.arg(self.script.path());
        command.args(token.iter().flat_map(|token| ["-H".to_owned(), format!("Authorization: Bearer {token}")]));
        let out = command.arg(url).output().expect("wrk runs");
        let said = String::from_utf8_lossy(&out.stdout);
        let figures: Value =
            said.lines().rev().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("{said}"));
        assert_eq!(figures["errors"], json!(0), "{url}: {said}");
        figures
    }
}

/// The round with the median rate, and the rates of all.
pub fn median(rounds: &[Value]) -> Value {
    let mut sorted: Vec<&Value> = rounds.iter().collect();
    sorted.sort_by(|a, b| a["per_s"].as_f64().unwrap_or(0.0).total_cmp(&b["per_s"].as_f64().unwrap_or(0.0)));
    let mut median = sorted[sorted.len() / 2].clone();
    median["rates"] = rounds.iter().map(|round| round["per_s"].clone()).collect();
    median
}

/// The median of each round's rate over that of the other's round beside it, so that what slows the machine for some
/// seconds slows both.
pub fn median_ratio(rounds: &[Value], others: &[Value]) -> f64 {
    let rate = |round: &Value| round["per_s"].as_f64().unwrap_or(f64::NAN);
    let mut ratios: Vec<f64> = rounds.iter().zip(others).map(|(ours, other)| rate(ours) / rate(other)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}
