//! What planning depends on besides the desired and the observed state: read depth, ownership
//! context, warnings.

use std::cell::RefCell;

use tributary_api::Identity;

/// What a dry run has in place of a value that AWS assigns.
pub const KNOWN_AFTER_APPLY: &str = "(known after apply)";

/// How closely AWS is read. Each level reads what the one before reads, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The quick resync: what one page of a list contains of many objects.
    Quick,
    /// The full resync: what takes a request per object, such as a rule's targets.
    Full,
    /// Before a write: ownership too.
    Owner,
    /// Before a deletion: also what depends on the resource.
    Delete,
}

/// What `plan` depends on besides the two states.
pub struct PlanContext<'a> {
    /// Where the object lives in AWS.
    pub identity: &'a Identity,
    /// Value of this object's owner tag.
    pub owner: &'a str,
    /// Value of the adoption annotation, if the account permits the adoption.
    pub adopt: Option<&'a str>,
    /// Keys of the tags that this object has set before.
    pub tag_keys: &'a [String],
    /// For a deletion: whether the resource stays, so that only this object's traces on it are
    /// removed.
    pub retain: bool,
    /// For the deletion of a composed object: whether its children leave AWS as it is.
    pub orphan: bool,
    /// For a deletion: collects what it leaves in AWS, and why.
    pub left_alone: RefCell<Vec<String>>,
}

impl<'a> PlanContext<'a> {
    /// The context of an object at `identity` that has this owner tag, without adoption, tags or a
    /// deletion.
    pub fn new(identity: &'a Identity, owner: &'a str) -> Self {
        Self { identity, owner, adopt: None, tag_keys: &[], retain: false, orphan: false, left_alone: RefCell::default() }
    }

    /// Records that a deletion leaves something in AWS.
    pub(crate) fn leave(&self, why: impl Into<String>) {
        self.left_alone.borrow_mut().push(why.into());
    }
}

/// What is approved in place of single steps, where these depend on what AWS holds at each moment.
#[derive(Clone, Debug)]
pub struct Whole {
    /// What will be written.
    pub line: String,
    /// What the approval is of.
    pub content: String,
}

/// A Warning Event, published once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarningEvent {
    /// Reason of the Event, in CamelCase.
    pub reason: &'static str,
    /// Note of the Event.
    pub message: String,
}

/// The warnings that are new, as Warning Events.
pub fn new_warnings(before: &[String], now: &[String]) -> Vec<WarningEvent> {
    let new = now.iter().filter(|warning| !before.contains(warning));
    new.map(|message| WarningEvent { reason: "SpecWarning", message: message.clone() }).collect()
}
