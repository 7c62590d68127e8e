//! The checkpoint file of `backfill`, written after each complete page, so that the next run continues there.

use std::{fs, io::ErrorKind, path::Path};

use crate::backfill::checkpoint::{Checkpoint, Run};

/// Returns the checkpoint in the file, or a new one if there is no file.
///
/// # Errors
/// The file cannot be read, or belongs to another run.
pub(super) fn open(path: &Path, mut run: Run, has_until: bool) -> Result<Checkpoint, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Checkpoint::new(run)),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    let found: Checkpoint = serde_json::from_str(&text)
        .map_err(|error| format!("{}: {error}. The file is not a checkpoint of a backfill. Use another file.", path.display()))?;
    // The same command without --until continues to the same end, not to the present.
    if !has_until {
        run.until = found.run.until;
    }
    if found.run == run {
        return Ok(found);
    }
    Err(format!("{} is the checkpoint of another run: {:?}. Use another file, or the same flags.", path.display(), found.run))
}

/// Replaces the file atomically: a crash leaves the previous checkpoint.
pub(super) fn save(checkpoint: &Checkpoint, path: &Path) -> Result<(), String> {
    let beside = path.with_extension("part");
    let text = serde_json::to_string_pretty(checkpoint).map_err(|error| error.to_string())?;
    let written = fs::write(&beside, text + "\n").and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| format!("{}: {error}. Run the command again to continue at the last saved checkpoint.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_run_continues_and_another_is_rejected() {
        let path = std::env::temp_dir().join(format!("tributary-checkpoint-{}.json", std::process::id()));
        let run = |from: &str| Run {
            tenant: "acme".into(),
            bus: "b".into(),
            source: "s".into(),
            from: from.parse().unwrap(),
            until: "2026-11-02T00:00:00Z".parse().unwrap(),
            event_types: vec![],
            object: None,
        };
        let first = open(&path, run("2026-11-01T00:00:00Z"), true).unwrap();
        assert_eq!(first, Checkpoint::new(run("2026-11-01T00:00:00Z")));
        let half = Checkpoint { starting_after: Some("evt_7".into()), sent_beyond: vec!["evt_8".into()], ..first };
        save(&half, &path).unwrap();
        assert_eq!(open(&path, run("2026-11-01T00:00:00Z"), true).unwrap(), half);
        let later = Run { until: "2026-11-09T00:00:00Z".parse().unwrap(), ..run("2026-11-01T00:00:00Z") };
        assert_eq!(open(&path, later.clone(), false).unwrap(), half, "no --until");
        assert!(open(&path, later, true).is_err());
        assert!(open(&path, run("2026-11-01T00:00:01Z"), true).unwrap_err().contains("another run"));
        fs::write(&path, "{").unwrap();
        assert!(open(&path, run("2026-11-01T00:00:00Z"), true).unwrap_err().contains("not a checkpoint"));
        fs::remove_file(&path).unwrap();
    }
}
