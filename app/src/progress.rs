//! Progress bars on standard error. Hidden where standard error is no terminal or `--quiet` is given.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether progress may be shown.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    quiet: bool,
}

impl Progress {
    /// `quiet` hides all bars.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Whether nothing but results is wanted.
    #[must_use]
    pub fn is_quiet(self) -> bool {
        self.quiet
    }

    /// A bar of `ticks` steps. indicatif itself hides it where standard error is no terminal.
    #[must_use]
    pub fn ticks(self, label: &'static str, ticks: u64) -> ProgressBar {
        self.steps(label, ticks, "ticks")
    }

    /// A bar of steps that are called `unit`.
    #[must_use]
    pub fn steps(self, label: &'static str, steps: u64, unit: &str) -> ProgressBar {
        let target = if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(steps), target);
        // The template is fixed, and the default does if a later indicatif refuses it.
        let style = ProgressStyle::with_template(&format!(
            "{{msg:12}} {{bar:40.cyan/blue}} {{human_pos}}/{{human_len}} {unit}, {{eta}} left"
        ))
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.with_style(style).with_message(label)
    }
}
