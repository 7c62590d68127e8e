//! What planning depends on besides the desired and the observed state: read depth, context, warnings.

use tributary_api::Identity;

/// How closely to look at AWS. Each level reads what the one before reads, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The quick sweep: what one page of a list tells of many objects.
    Quick,
    /// The full sweep: what must be asked for each object, such as a rule's targets.
    Full,
    /// Before a write: ownership too.
    Owner,
    /// Before a deletion: also what else hangs on the thing.
    Delete,
}

/// What `plan` may know besides the two states.
pub struct PlanContext<'a> {
    pub identity: &'a Identity,
    /// This object's value of the owner tag.
    pub owner: &'a str,
    /// The user's word to take over what exists.
    pub adopt: Option<&'a str>,
    /// Keys of the tags that this object put there before.
    pub tag_keys: &'a [String],
    /// Only for deletion: whether what holds the data goes too, or just our traces on it.
    pub retain: bool,
    /// Only for the deletion of a composed object: its children touch nothing in AWS.
    pub orphan: bool,
}

/// Something to warn of, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarningEvent {
    pub reason: &'static str,
    pub message: String,
}

/// Those of the warnings that were not there before, as Warning Events.
pub fn new_warnings(before: &[String], now: &[String]) -> Vec<WarningEvent> {
    let new = now.iter().filter(|warning| !before.contains(warning));
    new.map(|message| WarningEvent { reason: "SpecWarning", message: message.clone() }).collect()
}
