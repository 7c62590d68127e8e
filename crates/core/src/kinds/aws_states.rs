//! The states of archives and replays, as AWS has them.

use strum::{Display, EnumString};

/// State of a replay (EventBridge API reference, `DescribeReplay`).
#[derive(Clone, Debug, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ReplayState {
    /// AWS prepares the replay.
    Starting,
    /// Events are sent.
    Running,
    /// AWS stops the replay.
    Cancelling,
    /// All events were sent.
    Completed,
    /// The replay was stopped.
    Cancelled,
    /// AWS could not send all events.
    Failed,
    /// A state that is not known here.
    #[strum(default, to_string = "{0}")]
    Other(String),
}

/// State of an archive (EventBridge API reference, `DescribeArchive`).
#[derive(Clone, Debug, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ArchiveState {
    /// Events are archived.
    Enabled,
    /// Events are not archived.
    Disabled,
    /// AWS creates the archive.
    Creating,
    /// AWS changes the archive.
    Updating,
    /// AWS could not create the archive.
    CreateFailed,
    /// AWS could not change the archive.
    UpdateFailed,
    /// A state that is not known here.
    #[strum(default, to_string = "{0}")]
    Other(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_as_aws_writes_it() {
        for text in ["STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED"] {
            let state = ReplayState::from(text);
            assert!(!matches!(state, ReplayState::Other(_)) && state.to_string() == text, "{state:?}");
        }
        for text in ["ENABLED", "DISABLED", "CREATING", "UPDATING", "CREATE_FAILED", "UPDATE_FAILED"] {
            let state = ArchiveState::from(text);
            assert!(!matches!(state, ArchiveState::Other(_)) && state.to_string() == text, "{state:?}");
        }
        assert_eq!((ReplayState::from("NEW").to_string(), ArchiveState::from("").to_string()), ("NEW".into(), String::new()));
    }
}
