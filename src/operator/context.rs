//! What all reconciles of a leadership term share.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tributary_api::{Identity, annotation};
use tributary_aws::Sessions;
use tributary_benchling::Benchling;
use tributary_core::{
    error::{Reason, ReconcileError},
    view::View,
};

use crate::{
    cluster::{arn_from::ArnSources, secrets::Secrets},
    observe::{Cloud, Trigger},
    operator::{
        events::Recorder,
        fault_points::Probe,
        state::{ReconcileState, ResyncSchedule},
    },
    telemetry::metrics::Metrics,
};

/// How long a new object that waits for another one is given before it says so.
pub(super) const FIRST_MOMENTS: Duration = Duration::from_secs(2);

/// What all passes share.
pub struct Context {
    pub client: Client,
    pub view: View,
    pub sessions: Sessions,
    pub secrets: Secrets,
    pub arn_sources: ArnSources,
    pub recorder: Recorder,
    pub metrics: Arc<Metrics>,
    pub memory: ReconcileState,
    pub sweeps: ResyncSchedule,
    pub probe: Arc<dyn Probe>,
    pub benchling: Benchling,
}

impl Context {
    pub(super) fn view(&self) -> View {
        View { now: Timestamp::now(), ..self.view.clone() }
    }

    pub(super) fn cloud(&self, view: &View, identity: &Identity, trigger: Trigger) -> Result<Cloud<'_>, ReconcileError> {
        let account = view.account(&identity.account).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::AccountNotFound,
                format!(
                    "AwsAccount {:?}, by which this object was made, is gone. Create it again; or, to let what is in AWS be, annotate this object with {}=true",
                    identity.account,
                    annotation::ORPHAN
                ),
            )
        })?;
        if account.spec.account_id != identity.account_id {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "status.identity says account {}, and AwsAccount {} is now account {}. Nothing is written. Correct the AwsAccount, or make this object anew",
                    identity.account_id, identity.account, account.spec.account_id
                ),
            ));
        }
        Ok(Cloud {
            client: &self.client,
            view: view.clone(),
            trigger,
            sessions: &self.sessions,
            secrets: &self.secrets,
            benchling: &self.benchling,
            account,
            region: identity.region.clone(),
            quick_age: self.sweeps.list_age(),
            fact_age: self.sweeps.quick,
        })
    }
}
