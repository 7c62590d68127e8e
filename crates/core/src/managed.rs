//! The contract of a kind: from its spec to the desired state in AWS, to steps, to status. `kinds/`
//! implements it.

use std::{collections::BTreeSet, fmt, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube_core::{CustomResourceExt, object::HasStatus};
use serde::{Serialize, de::DeserializeOwned};
use tributary_api::{
    AccountRef, AwsAccountStatus, BenchlingAppStatus, BenchlingSubscriptionStatus, CommonStatus, ConfigMapKeyRef, ConfiguredSchemaPath,
    DeletionPolicy, EventBusStatus, EventRedriveStatus, EventReplayStatus, EventRuleStatus, EventSinkStatus, Existing, Identity,
    ManagementPolicy, Tags,
};

use crate::{
    error::ReconcileError,
    export::{ExportProgress, ObservedExport},
    links::Linked,
    plan::{PlanContext, WarningEvent, Whole},
    rule_tests::ConfigMapValues,
    settings::Settings,
    steps::Step,
    view::View,
};

/// A status with the part that all kinds have.
pub trait HasCommonStatus {
    /// The common part.
    fn common(&self) -> &CommonStatus;
    /// The common part, to change it.
    fn common_mut(&mut self) -> &mut CommonStatus;
}

macro_rules! has_common_status {
    ($($status:ty),* $(,)?) => {$(
        impl HasCommonStatus for $status {
            fn common(&self) -> &CommonStatus {
                &self.common
            }
            fn common_mut(&mut self) -> &mut CommonStatus {
                &mut self.common
            }
        }
    )*};
}
has_common_status!(
    AwsAccountStatus,
    BenchlingAppStatus,
    BenchlingSubscriptionStatus,
    EventBusStatus,
    EventRedriveStatus,
    EventReplayStatus,
    EventRuleStatus,
    EventSinkStatus,
);

/// A kind that represents resources in AWS.
pub trait Managed:
    kube_core::Resource<DynamicType = ()>
    + HasStatus<Status: HasCommonStatus + Serialize + Clone + PartialEq + Default + Send + Sync>
    + CustomResourceExt
    + Linked
    + Clone
    + fmt::Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// What AWS should hold. Status keeps its digest as `applied`.
    type Desired: Serialize + fmt::Debug + Send + Sync;
    /// What AWS holds.
    type Observed: Serialize + fmt::Debug + Send + Sync;

    /// Name of the kind in Kubernetes.
    const KIND: &'static str;

    /// Fields of the status that reconciles of other objects write.
    const SHARED_STATUS: &'static [&'static str] = &[];

    /// The status that the object has.
    fn current(&self) -> Option<&Self::Status> {
        self.status()
    }

    /// The part of the status that all kinds have.
    fn common(status: &Self::Status) -> &CommonStatus {
        status.common()
    }

    /// The part of the status that all kinds have, to change it.
    fn common_mut(status: &mut Self::Status) -> &mut CommonStatus {
        status.common_mut()
    }

    /// Frees what is not read of a stored object, and what parsing has allocated for more elements than
    /// there are: an object stays in memory as it was parsed.
    fn shrink(&mut self) {
        if let Some(status) = self.status_mut() {
            status.common_mut().shrink();
        }
    }

    /// The identity that the object is pinned to.
    fn pinned_identity(&self) -> Option<&Identity> {
        self.status()?.common().identity.as_ref()
    }

    /// Whether plans are applied or only reported.
    fn management(&self) -> ManagementPolicy;

    /// What a deletion does in AWS. Kinds differ in the default.
    fn deletion(&self) -> DeletionPolicy;

    /// Whether a deletion has to remove something from AWS although the resource is retained, such
    /// as a statement in a queue's policy.
    fn leaves_traces(&self) -> bool {
        false
    }

    /// Whether the object consists of child objects, which its deletion has to delete whatever
    /// happens to AWS.
    fn composed(&self) -> bool {
        false
    }

    /// The field of another object that holds the ARN of this one's resource, if the spec refers to
    /// one.
    fn arn_from(&self) -> Option<Existing<'_>> {
        None
    }

    /// The field that refers to a ConfigMap with the definition of the resource, and the reference, if
    /// the spec has one.
    fn definition_from(&self) -> Option<(&'static str, &ConfigMapKeyRef)> {
        None
    }

    /// What the spec takes from the configuration of an app in Benchling, if it does.
    fn configured_from(&self) -> Option<ConfiguredFrom<'_>> {
        None
    }

    /// The object with these IDs of schemas in the place of the paths in the configuration.
    #[must_use]
    fn with_configured(&self, _schema_ids: Vec<String>) -> Self {
        self.clone()
    }

    /// `spec.accountRef` or its default, for kinds that have the field. Other kinds are in the account of
    /// what they refer to.
    fn account_ref(&self) -> Option<AccountRef> {
        None
    }

    /// Where the object lives in AWS. Known before the resource exists.
    ///
    /// # Errors
    /// A reference cannot be resolved or is not permitted.
    fn identity(&self, view: &View) -> Result<Identity, ReconcileError>;

    /// Resolves the references of the spec to the desired state.
    ///
    /// # Errors
    /// A reference cannot be resolved or is not permitted, or the spec is invalid.
    fn desired(&self, view: &View, identity: &Identity) -> Result<Self::Desired, ReconcileError>;

    /// The keys of `ConfigMap`s in the object's namespace that its tests read.
    fn config_map_keys(&self) -> BTreeSet<ConfigMapKeyRef> {
        BTreeSet::new()
    }

    /// Conditions that [`Managed::run_tests`] sets. They hold whatever AWS answers.
    const LOCAL_CONDITIONS: &'static [&'static str] = &[];

    /// Runs the tests of the object against its desired state, and records the result in status.
    ///
    /// # Errors
    /// A test did not pass, and AWS keeps what it holds.
    fn run_tests(
        &self,
        _status: &mut Self::Status,
        _desired: &mut Self::Desired,
        _values: &ConfigMapValues,
        _now: Timestamp,
    ) -> Result<(), ReconcileError> {
        Ok(())
    }

    /// The objects that refer to this one and so block its deletion, as `kind namespace/name`.
    /// Objects in namespaces without a grant or consent cannot block it.
    fn referenced_by(&self, view: &View) -> Vec<String>;

    /// Plans the steps from the observed to the desired state: create `(Some, None)`, update or in
    /// sync `(Some, Some)`, delete `(None, Some)`, nothing `(None, None)`.
    ///
    /// # Errors
    /// The resource belongs to another owner, or the change is impossible in AWS.
    fn plan(
        desired: Option<&Self::Desired>,
        observed: Option<&Self::Observed>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError>;

    /// Records in status what AWS holds, whatever the outcome of the reconcile: a refusal must not
    /// hide it.
    fn record_observed(&self, _status: &mut Self::Status, _observed: Option<&Self::Observed>, _now: Timestamp) {}

    /// Records in status, before the first write to AWS, what `steps` may create: so that it can be
    /// removed even after a crash. Adds to what is recorded, and replaces nothing: what an earlier
    /// reconcile wrote may still be in AWS.
    fn record_intent(&self, _status: &mut Self::Status, _desired: &Self::Desired, _steps: &[Step]) {}

    /// After how long to reconcile again although nothing has changed, if that is sooner than the
    /// next resync.
    fn requeue_after(&self, _status: &Self::Status, _now: Timestamp, _settings: &Settings) -> Option<Duration> {
        None
    }

    /// Whether the object is removed from AWS when what it refers to is no longer permitted.
    /// Objects that hold data or that others use stay as they are.
    const LEAVES_IF_REFUSED: bool = false;

    /// Whether a new object is created from a claim in its metadata ([`crate::claim`]), in place of a
    /// status before the first write. For kinds of which AWS holds nothing that identity and tags do
    /// not lead to.
    const CLAIMED_IN_METADATA: bool = false;

    /// Whether the object's resource exists in AWS.
    fn is_in_aws(_observed: &Self::Observed) -> bool {
        true
    }

    /// Whether status describes what AWS holds of the object, so that its deletion need not read the
    /// object and its resource once more. Not for kinds whose deletion waits for other objects.
    fn is_described(&self) -> bool {
        false
    }

    /// Whether the step removes only what the owner of something no longer permits. Such a step waits for
    /// no approval.
    fn withdraws(_desired: &Self::Desired, _observed: Option<&Self::Observed>, _step: &Step) -> bool {
        false
    }

    /// What the object waits for before its plan is complete.
    fn incomplete(_desired: &Self::Desired) -> Option<ReconcileError> {
        None
    }

    /// What an approval is of, if it is not of the single steps. `None` for a kind whose plan compares
    /// AWS with the spec.
    fn approved_as_a_whole(&self) -> Option<Whole> {
        None
    }

    /// Whether the object was removed from AWS because it was not permitted.
    fn is_withdrawn(&self) -> bool {
        false
    }

    /// Whether AWS may hold something of the object.
    fn may_be_in_aws(&self) -> bool {
        self.pinned_identity().is_some() && !self.is_withdrawn()
    }

    /// Records that the object was removed from AWS because of `error`.
    fn withdrawn(&self, _status: &mut Self::Status, _error: &ReconcileError, _now: Timestamp) {}

    /// What a deletion has to wait for after these steps, before the finalizer may be removed.
    fn wait_after_deletion(_applied: &[Step]) -> Option<ReconcileError> {
        None
    }

    /// The tags of the desired state, for kinds that AWS can tag.
    fn tags(_desired: &Self::Desired) -> Option<&Tags> {
        None
    }

    /// ARNs of resources of other objects that AWS holds in the object's resource after all steps,
    /// such as targets and dead-letter queues; `None` if that was not read. They are in use, whatever
    /// the spec says since.
    fn uses(_desired: &Self::Desired, _observed: Option<&Self::Observed>) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
    }

    /// Corrects the part of the status that is the kind's own, when a reconcile stopped before it
    /// compared AWS with the spec: what was true before may not be true any more.
    fn report_unreached(&self, _status: &mut Self::Status, _error: &ReconcileError) {}

    /// What the object has to wait for although all steps succeeded.
    fn waiting(_desired: &Self::Desired, _observed: Option<&Self::Observed>, _identity: &Identity) -> Option<ReconcileError> {
        None
    }

    /// Warning Events, besides the conditions, of what is new in the status.
    fn warning_events(&self, _before: &Self::Status, _now: &Self::Status) -> Vec<WarningEvent> {
        vec![]
    }

    /// Names of the ConfigMaps that the object exports to, and of those that it has exported to
    /// before. They are read for [`Managed::plan_export`].
    fn exports(&self, _status: &Self::Status) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Plans the writes of ConfigMaps, after AWS matches the spec and `status` says so.
    ///
    /// # Errors
    /// A ConfigMap belongs to another owner.
    fn plan_export(&self, _status: &Self::Status, _observed: &ObservedExport) -> Result<Vec<Step>, ReconcileError> {
        Ok(vec![])
    }

    /// Records in status the ConfigMaps that are written: before the first write all that may be,
    /// after the last write those that are.
    fn record_export(&self, _status: &mut Self::Status, _progress: ExportProgress) {}

    /// Records, in a dry run, a placeholder for what AWS assigns when the steps are applied and other objects refer to.
    fn record_planned(&self, _status: &mut Self::Status, _desired: &Self::Desired) {}

    /// Fills in the part of the status that is the kind's own.
    fn report(&self, status: &mut Self::Status, report: &Report<'_, Self>);
}

/// Paths in the configuration of a `BenchlingApp` of the object's namespace.
#[derive(Clone, Copy, Debug)]
pub struct ConfiguredFrom<'a> {
    /// Name of the app.
    pub app: &'a str,
    /// The field with the paths.
    pub field: &'static str,
    /// The paths of items of type `entity_schema`.
    pub paths: &'a [ConfiguredSchemaPath],
}

/// What is known at the end of a reconcile.
pub struct Report<'a, K: Managed> {
    /// What AWS should hold.
    pub desired: Option<&'a K::Desired>,
    /// What AWS held before the steps.
    pub observed: Option<&'a K::Observed>,
    /// Steps that took effect in this reconcile.
    pub applied: &'a [Step],
    /// Why the object is not in sync.
    pub error: Option<&'a ReconcileError>,
    /// Number of planned steps that `managementPolicy: Observe` withheld.
    pub withheld: usize,
    /// The time after the last step.
    pub now: Timestamp,
    /// Settings of the installation.
    pub settings: &'a Settings,
}

impl<K: Managed> Report<'_, K> {
    /// Whether AWS holds all of the desired state.
    pub fn complete(&self) -> bool {
        self.error.is_none() && self.withheld == 0
    }
}
