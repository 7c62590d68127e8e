//! What a bus logs, and why a step of a trace is not in its log.

use strum::IntoEnumIterator;

/// Level of a record. A bus logs the records of its own level and of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumIter, strum::EnumString)]
#[strum(serialize_all = "UPPERCASE")]
pub(super) enum Level {
    Error,
    Info,
    Trace,
}

/// What is known of the log of a bus. The default is that nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logging {
    /// Level of the bus.
    pub(super) level: Option<Level>,
    /// Levels whose records are delivered to a log group, where that is known.
    pub(super) delivered: Option<Vec<Level>>,
}

impl Logging {
    /// Returns the level whose records have this log type, such as `INFO_LOGS`.
    pub(super) fn level_of(log_type: &str) -> Option<Level> {
        Level::iter().find(|level| format!("{level}_LOGS") == log_type)
    }

    /// Says why a step, whose record has this level, is missing.
    pub(super) fn missing(&self, what: &str, needed: Level) -> String {
        match (self.level, &self.delivered) {
            (Some(level), _) if level < needed => format!("{what} not logged: the log level is {level}, {needed} includes it"),
            (_, Some(delivered)) if !delivered.contains(&needed) => {
                format!("{what} not logged: {needed}_LOGS are not delivered to a log group")
            }
            _ => format!("{what} not logged: logging is best effort"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_level_then_the_delivery_then_chance() {
        let logging = |level, delivered: Option<&[Level]>| Logging { level, delivered: delivered.map(<[Level]>::to_vec) };
        let missing = |level, delivered| logging(level, delivered).missing("ingestion", Level::Info);
        assert_eq!(missing(Some(Level::Error), None), "ingestion not logged: the log level is ERROR, INFO includes it");
        let only_errors = "ingestion not logged: INFO_LOGS are not delivered to a log group";
        assert_eq!(missing(Some(Level::Trace), Some(&[Level::Error])), only_errors);
        let best_effort = "ingestion not logged: logging is best effort";
        assert_eq!(missing(Some(Level::Info), Some(&[Level::Error, Level::Info])), best_effort);
        assert_eq!(missing(None, None), best_effort);
        assert_eq!((Logging::level_of("TRACE_LOGS"), Logging::level_of("ACCESS_LOGS")), (Some(Level::Trace), None));
    }
}
