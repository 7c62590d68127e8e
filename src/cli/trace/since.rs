//! `--since`: the beginning of the time that is searched.

use std::str::FromStr;

use k8s_openapi::jiff::Timestamp;

/// A duration before now, or a time; both in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    Ago(i64),
    At(i64),
}

impl Since {
    /// Returns the time in Unix milliseconds.
    pub(super) fn before(self, now: i64) -> i64 {
        match self {
            Self::Ago(duration) => now.saturating_sub(duration).max(0),
            Self::At(time) => time.clamp(0, now),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "use a duration such as 30s, 15m, 2h or 7d, or a time such as 2026-11-20T08:00:00Z".to_owned();
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(time.as_millisecond()));
        }
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        Ok(Self::Ago(i64::from(number) * seconds * 1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_or_a_time() {
        let of = |text: &str| text.parse::<Since>();
        assert_eq!((of("15m"), of("7d")), (Ok(Since::Ago(900_000)), Ok(Since::Ago(604_800_000))));
        assert_eq!(of("1970-01-01T00:00:01Z"), Ok(Since::At(1_000)));
        for text in ["", "m", "15", "-1h", "1.5h", "15é", "yesterday", "99999999999d"] {
            assert!(of(text).is_err(), "{text}");
        }
        assert_eq!((Since::Ago(5).before(3), Since::At(9).before(3), Since::Ago(1).before(3)), (0, 3, 2));
    }
}
