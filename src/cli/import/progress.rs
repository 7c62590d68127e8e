//! Progress of a long import, on a terminal only.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Creates a bar that counts what the noun names.
    pub(super) fn new(noun: &'static str) -> Self {
        let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::with_draw_target(Some(0), target).with_style(style).with_message(noun))
    }

    pub(super) fn add(&self, count: usize) {
        self.0.inc_length(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// Clears the bar.
    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
