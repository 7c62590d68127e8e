//! Progress of long work, on standard error of a terminal. Everything that a command prints as its result goes to standard output and has no
//! place here.

use std::{
    io::{IsTerminal, stderr},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that ends before this shows no progress.
const SHOWN_AFTER: Duration = Duration::from_millis(500);

/// The flag of commands that show progress.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct ProgressFlags {
    /// Do not show progress. It is shown on a terminal only.
    #[arg(short, long)]
    quiet: bool,
}

impl ProgressFlags {
    /// For commands whose `--quiet` has a wider meaning.
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Shows how much of the work is done: `LABEL [###   ] 30/100, 2s`.
    pub(super) fn bar(self, label: &'static str, total: usize) -> Progress {
        Progress::new(self, ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX)), BAR, label)
    }

    /// Shows how much is done of work whose extent is not known: `LABEL 30, 2s`.
    pub(super) fn counter(self, label: &'static str) -> Progress {
        Progress::new(self, ProgressBar::no_length(), COUNTER, label)
    }
}

// Without colors, so that `NO_COLOR` needs no second form.
const BAR: &str = "{prefix} [{bar:30}] {pos}/{len}, {elapsed}{msg}";
const COUNTER: &str = "{prefix} {pos}, {elapsed}{msg}";

/// Progress of one piece of work. It disappears when the value is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
    /// Whether it is still hidden and may be shown later.
    is_pending: AtomicBool,
}

impl Progress {
    fn new(flags: ProgressFlags, bar: ProgressBar, template: &str, label: &'static str) -> Self {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        // The templates are constants, and a test parses them.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("#- "));
        bar.set_prefix(label);
        let is_pending = AtomicBool::new(!flags.quiet && stderr().is_terminal());
        Self { bar, started: Instant::now(), is_pending }
    }

    /// Sets how much is done.
    pub(super) fn set(&self, done: impl TryInto<u64>) {
        self.show_if_due();
        self.bar.set_position(done.try_into().unwrap_or(u64::MAX));
    }

    /// Counts one more piece as done.
    pub(super) fn advance(&self) {
        self.show_if_due();
        self.bar.inc(1);
    }

    /// Sets the text after the counts, such as `, at 2026-11-20T00:00:00Z`.
    pub(super) fn note(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }

    fn show_if_due(&self) {
        if self.started.elapsed() >= SHOWN_AFTER && self.is_pending.swap(false, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [BAR, COUNTER] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn it_counts_and_stays_hidden_before_it_is_due_and_if_quiet() {
        let progress = ProgressFlags::default().bar("reading", 3);
        progress.advance();
        progress.note(", at a");
        assert_eq!((progress.bar.position(), progress.bar.length(), progress.bar.is_hidden()), (1, Some(3), true));
        let mut quiet = ProgressFlags::new(true).counter("reading");
        quiet.started = Instant::now().checked_sub(SHOWN_AFTER).unwrap();
        quiet.set(7_u64);
        assert_eq!((quiet.bar.position(), quiet.bar.length(), quiet.bar.is_hidden()), (7, None, true));
    }
}
