//! Output of `backfill`: progress on stderr, the result on stdout.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;

use crate::{
    backfill::{
        checkpoint::Checkpoint,
        run::{Ended, Observer, Refused},
        window::Counts,
    },
    cli::{
        backfill::file,
        progress::{Progress, ProgressFlags},
    },
};

/// Saves the checkpoint and shows progress.
pub(super) struct ProgressObserver {
    file: Option<PathBuf>,
    stop: Arc<AtomicBool>,
    progress: Progress,
}

impl ProgressObserver {
    pub(super) fn new(file: Option<PathBuf>, stop: Arc<AtomicBool>, progress: ProgressFlags) -> Self {
        Self { file, stop, progress: progress.counter("events listed:") }
    }
}

impl Observer for ProgressObserver {
    async fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        let (counts, position) = (&checkpoint.counts, checkpoint.position);
        let at = position.map(|at| format!(", at {at}")).unwrap_or_default();
        self.progress.note(format!(", {} sent{at}", counts.sent));
        self.progress.set(counts.listed);
        self.file.as_ref().map_or(Ok(()), |path| file::save(checkpoint, path))
    }

    async fn continues(&mut self, _: usize) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

pub(super) fn text(out: &mut impl Write, checkpoint: &Checkpoint, ended: &Ended, dry_run: bool) -> io::Result<()> {
    let Counts { listed, sent, already_seen, after_the_window, unreadable, by_type, .. } = &checkpoint.counts;
    let width = by_type.keys().map(String::len).max().unwrap_or(0).max(4);
    if !by_type.is_empty() {
        writeln!(out, "{:width$}  EVENTS", "TYPE")?;
        for (type_, count) in by_type {
            writeln!(out, "{type_:width$}  {count:>6}")?;
        }
    }
    if let Ended::Refused(refused) = ended {
        for Refused { id, code, message } in refused {
            writeln!(out, "{id}: {code}: {message}")?;
        }
    }
    let (word, run) = (if dry_run { "would be sent (dry run)" } else { "sent" }, &checkpoint.run);
    writeln!(
        out,
        "{} to {}: {listed} events listed: {sent} {word}, {already_seen} already seen, {after_the_window} after the window, {unreadable} unreadable",
        run.from, run.until
    )
}

pub(super) fn json(out: &mut impl Write, checkpoint: &Checkpoint, ended: &Ended, dry_run: bool) -> io::Result<()> {
    let refused = match ended {
        Ended::Refused(refused) => {
            refused.iter().map(|Refused { id, code, message }| json!({"id": id, "errorCode": code, "errorMessage": message})).collect()
        }
        Ended::Complete | Ended::Interrupted => vec![],
    };
    let document =
        json!({"run": checkpoint.run, "counts": checkpoint.counts, "complete": checkpoint.complete, "dryRun": dry_run, "refused": refused});
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
