//! A dead letter on its way to its target, as the steps of several services have it. Data only.

use std::fmt;

use serde::Serialize;

/// A dead letter that is sent to its target again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redelivery {
    /// Id of the message in the dead-letter queue. Services that recognize a repeated request get it.
    pub message_id: String,
    /// ARN of the target.
    pub target_arn: String,
    /// Message group of a FIFO queue.
    pub message_group_id: Option<String>,
    /// What the target receives.
    #[serde(skip)]
    pub payload: Payload,
}

impl fmt::Display for Redelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.message_id, self.target_arn)
    }
}

/// Text that a target receives. It can hold confidential data, and appears in no log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(String);

impl Payload {
    /// Returns the text, to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_appears_in_no_text() {
        let payload = Payload::from("canary".to_owned());
        let sent = Redelivery { message_id: "m".into(), target_arn: "a".into(), message_group_id: None, payload };
        let texts = [format!("{sent:?}"), sent.to_string(), serde_json::to_string(&sent).unwrap()];
        assert!(texts.iter().all(|text| !text.contains("canary")), "{texts:?}");
        assert_eq!((sent.payload.expose(), texts[1].as_str()), ("canary", "m to a"));
    }
}
