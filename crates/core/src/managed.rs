//! The contract of a kind: from its spec to what AWS should hold, to steps, to status. `kinds/` implements it.

use std::{fmt, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube_core::CustomResourceExt;
use serde::{Serialize, de::DeserializeOwned};
use tributary_api::{CommonStatus, DeletionPolicy, Existing, Identity, ManagementPolicy, Tags};

use crate::{
    error::ReconcileError,
    plan::{PlanContext, WarningEvent},
    settings::Settings,
    steps::Step,
    view::View,
};

/// A kind that stands for something in AWS.
pub trait Managed:
    kube_core::Resource<DynamicType = ()> + CustomResourceExt + Clone + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
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
    fn identity(&self, view: &View) -> Result<Identity, ReconcileError>;
    /// Resolves the references and says what AWS should hold.
    fn desired(&self, view: &View, place: &Identity) -> Result<Self::Desired, ReconcileError>;
    /// Who still needs the object, so that it may not go yet.
    fn in_use(&self, view: &View) -> Vec<String>;

    /// Four cases: create `(Some, None)`, update or in sync `(Some, Some)`, delete `(None, Some)`, nothing `(None, None)`.
    fn plan(
        desired: Option<&Self::Desired>,
        observed: Option<&Self::Observed>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError>;
    /// Takes into status what AWS was seen to hold, whatever comes of the pass: a refusal must not keep it from being told.
    fn seen(&self, _status: &mut Self::Status, _observed: Option<&Self::Observed>, _now: Timestamp) {}
    /// Writes down, before the first write to AWS, what may come to exist: what to take away again is known from status, even after a crash.
    fn announce(&self, _status: &mut Self::Status, _desired: &Self::Desired) {}
    /// In how long to look again although nothing changes, sooner than the next sweep.
    fn requeue_after(_status: &Self::Status, _now: Timestamp, _settings: &Settings) -> Option<Duration> {
        None
    }
    /// What has to be waited for after these writes of a deletion, before the object may go.
    fn leaving(_applied: &[Step]) -> Option<ReconcileError> {
        None
    }
    /// The tags that the desired state has, for kinds that AWS can tag.
    fn tags(_desired: &Self::Desired) -> Option<&Tags> {
        None
    }
    /// What has to be waited for, although all that could be applied was.
    fn waiting(_desired: &Self::Desired, _observed: Option<&Self::Observed>, _place: &Identity) -> Option<ReconcileError> {
        None
    }
    /// What is worth a Warning Event besides the conditions, and was not said before.
    fn warning_events(&self, _before: &Self::Status, _now: &Self::Status) -> Vec<WarningEvent> {
        vec![]
    }
    /// Fills in what the kind says of itself, besides the common part.
    fn report(&self, status: &mut Self::Status, report: &Report<'_, Self>);
}

/// What is known at the end of a pass.
pub struct Report<'a, K: Managed> {
    pub desired: Option<&'a K::Desired>,
    pub observed: Option<&'a K::Observed>,
    /// Steps that took effect in this pass.
    pub applied: &'a [Step],
    pub halt: Option<&'a ReconcileError>,
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
