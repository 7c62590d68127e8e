//! How far a backfill came, in a file: written after each page that is through, so that the next run goes on from there.

use std::{fs, io::ErrorKind, path::Path};

use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::window::Counts;

/// What a run is. A checkpoint of another run is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub tenant: String,
    pub bus: String,
    pub source: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub event_types: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    pub run: Run,
    /// The last event of the last page that is through: Benchling lists on from after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_after: Option<String>,
    /// Events beyond it that AWS took already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_beyond: Vec<String>,
    pub counts: Counts,
    pub complete: bool,
}

impl Checkpoint {
    pub fn new(run: Run) -> Self {
        Self { run, starting_after: None, sent_beyond: vec![], counts: Counts::default(), complete: false }
    }

    /// The one in the file, or a new one where there is no file. An error says what to do with the file.
    pub fn open(path: &Path, mut run: Run, until_is_said: bool) -> Result<Self, String> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::new(run)),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let found: Self = serde_json::from_str(&text)
            .map_err(|error| format!("{}: {error}. It is no checkpoint of a backfill: name another file", path.display()))?;
        // Whoever starts the same command again means the same end, not the present moment.
        if !until_is_said {
            run.until = found.run.until;
        }
        if found.run == run {
            return Ok(found);
        }
        Err(format!("{} is the checkpoint of another run: {:?}. Name another file, or the same flags", path.display(), found.run))
    }

    /// Whole or not at all: a crash leaves the one before.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let beside = path.with_extension("part");
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let written = fs::write(&beside, text + "\n").and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| format!("{}: {error}. Nothing beyond the checkpoint is lost; run it again to go on", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_run_goes_on_and_another_is_refused() {
        let path = std::env::temp_dir().join(format!("tributary-checkpoint-{}.json", std::process::id()));
        let run = |from: &str| Run {
            tenant: "acme".into(),
            bus: "b".into(),
            source: "s".into(),
            from: from.parse().unwrap(),
            until: "2026-11-02T00:00:00Z".parse().unwrap(),
            event_types: vec![],
        };
        let first = Checkpoint::open(&path, run("2026-11-01T00:00:00Z"), true).unwrap();
        assert_eq!(first, Checkpoint::new(run("2026-11-01T00:00:00Z")));
        let half = Checkpoint { starting_after: Some("evt_7".into()), sent_beyond: vec!["evt_8".into()], ..first };
        half.save(&path).unwrap();
        assert_eq!(Checkpoint::open(&path, run("2026-11-01T00:00:00Z"), true).unwrap(), half);
        let later = Run { until: "2026-11-09T00:00:00Z".parse().unwrap(), ..run("2026-11-01T00:00:00Z") };
        assert_eq!(Checkpoint::open(&path, later.clone(), false).unwrap(), half, "no end was said");
        assert!(Checkpoint::open(&path, later, true).is_err());
        assert!(Checkpoint::open(&path, run("2026-11-01T00:00:01Z"), true).unwrap_err().contains("another run"));
        fs::write(&path, "{").unwrap();
        assert!(Checkpoint::open(&path, run("2026-11-01T00:00:00Z"), true).unwrap_err().contains("no checkpoint"));
        fs::remove_file(&path).unwrap();
    }
}
