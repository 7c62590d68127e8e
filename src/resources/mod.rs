//! What each kind means in AWS: place, desired, observed, plan, status. One file per kind. Pure: reads only the `View`.

mod account;
mod api_destination;
mod app;
pub mod archives;
mod bus;
pub mod bus_policy;
mod deliverable;
mod destination;
mod guarded;
pub mod names;
pub mod ownership;
pub mod partner;
mod replay;
mod role;
mod rule;
mod rule_status;
mod sink;
mod subscription;
mod view;

use std::{fmt, time::Duration};

pub use account::{CallerIdentity, DesiredAccount};
pub use app::{CREDENTIALS, DesiredApp, SeenCredentials, WEBHOOK_SOURCE};
pub use bus::{BusInAws, DesiredBus, ObservedBus};
pub use guarded::{Guarded, Outline};
use k8s_openapi::jiff::Timestamp;
use kube::CustomResourceExt;
pub use replay::{DesiredReplay, ObservedReplay};
pub use rule::{DesiredRule, Looked, ObservedRule, SeenRule};
use serde::{Serialize, de::DeserializeOwned};
pub use sink::{DesiredSink, ObservedSink};
pub use subscription::{DesiredSubscription, ObservedSubscription, owner_of};
pub use view::{Settings, View, matches};

use crate::{
    api::{CommonStatus, DeletionPolicy, Existing, Identity, ManagementPolicy, Tags},
    runtime::halt::Halt,
    steps::Step,
};

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

/// A kind that stands for something in AWS.
pub trait Managed:
    kube::Resource<DynamicType = ()> + CustomResourceExt + Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    type Status: Serialize + Clone + PartialEq + Default + Send + Sync;
    /// What AWS should hold. Its digest is kept in status as `applied`.
    type Desired: Serialize + fmt::Debug + Send + Sync;
    /// What AWS holds.
    type Observed: fmt::Debug + Send + Sync;

    const KIND: &'static str;

    fn current(&self) -> Option<&Self::Status>;
    fn common(status: &Self::Status) -> &CommonStatus;
    fn common_mut(status: &mut Self::Status) -> &mut CommonStatus;

    fn management(&self) -> ManagementPolicy;
    /// What happens in AWS on deletion when the user has not said it.
    fn deletion(&self) -> DeletionPolicy;

    /// Whether something of ours has to leave AWS although the thing itself is retained, such as a statement in a queue's policy.
    fn leaves_traces(&self) -> bool {
        false
    }

    /// Whether the object works through child objects, which deletion has to take away whatever becomes of AWS.
    fn composed(&self) -> bool {
        false
    }

    /// The field of another object that tells where this one lives in AWS, if one does.
    fn arn_from(&self) -> Option<Existing<'_>> {
        None
    }
    /// Where the object lives in AWS: known before it exists.
    fn place(&self, view: &View) -> Result<Identity, Halt>;
    /// Resolves the references and says what AWS should hold.
    fn desired(&self, view: &View, place: &Identity) -> Result<Self::Desired, Halt>;
    /// Who still needs the object, so that it may not go yet.
    fn in_use(&self, view: &View) -> Vec<String>;

    /// Four cases: create `(Some, None)`, update or in sync `(Some, Some)`, delete `(None, Some)`, nothing `(None, None)`.
    fn plan(desired: Option<&Self::Desired>, observed: Option<&Self::Observed>, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt>;
    /// Takes into status what AWS was seen to hold, whatever comes of the pass: a refusal must not keep it from being told.
    fn seen(&self, _status: &mut Self::Status, _observed: Option<&Self::Observed>, _now: Timestamp) {}
    /// Writes down, before the first write to AWS, what may come to exist: what to take away again is known from status, even after a crash.
    fn announce(&self, _status: &mut Self::Status, _desired: &Self::Desired) {}
    /// In how long to look again although nothing changes, sooner than the next sweep.
    fn look_again(_status: &Self::Status, _now: Timestamp, _settings: &Settings) -> Option<Duration> {
        None
    }
    /// What has to be waited for after these writes of a deletion, before the object may go.
    fn leaving(_applied: &[Step]) -> Option<Halt> {
        None
    }
    /// The tags that the desired state has, for kinds that AWS can tag.
    fn tags(_desired: &Self::Desired) -> Option<&Tags> {
        None
    }
    /// What has to be waited for, although all that could be applied was.
    fn waiting(_desired: &Self::Desired, _observed: Option<&Self::Observed>, _place: &Identity) -> Option<Halt> {
        None
    }
    /// What is worth a Warning Event besides the conditions, and was not said before.
    fn tidings(&self, _before: &Self::Status, _now: &Self::Status) -> Vec<Tiding> {
        vec![]
    }
    /// Fills in what the kind says of itself, besides the common part.
    fn report(&self, status: &mut Self::Status, report: &Report<'_, Self>);
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
pub struct Tiding {
    pub reason: &'static str,
    pub message: String,
}

/// What is known at the end of a pass.
pub struct Report<'a, K: Managed> {
    pub desired: Option<&'a K::Desired>,
    pub observed: Option<&'a K::Observed>,
    /// Steps that took effect in this pass.
    pub applied: &'a [Step],
    pub halt: Option<&'a Halt>,
    /// Steps that were planned and not made, for the object is only observed.
    pub left: usize,
    pub now: Timestamp,
    pub settings: &'a Settings,
}

impl<K: Managed> Report<'_, K> {
    /// Everything that was desired now is in AWS.
    pub fn complete(&self) -> bool {
        self.halt.is_none() && self.left == 0
    }
}

/// `namespace/name` or `name`.
pub fn key_of<K: kube::Resource<DynamicType = ()>>(object: &K) -> String {
    let meta = object.meta();
    let name = meta.name.as_deref().unwrap_or_default();
    match &meta.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// Those of the warnings that were not there before, as Warning Events.
pub fn new_warnings(before: &[String], now: &[String]) -> Vec<Tiding> {
    let new = now.iter().filter(|warning| !before.contains(warning));
    new.map(|message| Tiding { reason: "SpecWarning", message: message.clone() }).collect()
}
