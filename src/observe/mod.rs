//! What AWS holds, for each kind: reads only, as closely as `Depth` says. Nothing here writes but `Cloud::apply`.

mod account;
mod app;
mod bus;
mod delivery;
mod destinations;
mod replay;
mod rule;
mod sink;
mod subscription;

use std::{collections::BTreeMap, future::Future, time::Duration};

use tributary_api::{AwsAccount, Identity};
use tributary_aws::{Priority, Session, Sessions};
use tributary_benchling::Benchling;
use tributary_core::{error::ReconcileError, managed::Managed, plan::Depth, steps::Step, view::View};

use crate::cluster::{children, secrets::Secrets};

/// A kind whose place in AWS can be read.
pub trait Observe: Managed {
    fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&Self::Desired>,
        depth: Depth,
    ) -> impl Future<Output = Result<Option<Self::Observed>, ReconcileError>> + Send;
}

/// The way to AWS for one pass of one object. Opens no session before one is needed.
pub struct Cloud<'a> {
    pub client: &'a kube::Client,
    pub sessions: &'a Sessions,
    pub secrets: &'a Secrets,
    pub benchling: &'a Benchling,
    pub view: View,
    pub account: AwsAccount,
    pub region: String,
    /// How old a shared list may be in a quick sweep.
    pub quick_age: Duration,
    /// How old may be what proves delivery: one read of each policy a sweep, however many rules ask.
    pub fact_age: Duration,
    /// How much of what was seen before may be taken for granted.
    pub trigger: Trigger,
}

/// What a pass is for, where an object waits for something in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The next look is due, and nothing else happened: what everybody waits for is looked at, by one list for all.
    Poll,
    /// A sweep: what many share is looked at, too.
    Resync,
    /// The first look, a changed spec, a user's wish: everything.
    Change,
}

/// Those who wait look at the same moment, so a list this young is of the same look. An older one, which somebody else happened to ask for
/// just before a source appeared, would cost a whole round.
const SOURCE_AGE: Duration = Duration::from_millis(500);

impl Cloud<'_> {
    pub async fn session(&self, depth: Depth) -> Result<Session, ReconcileError> {
        let keys = self.secrets.keys_of(&self.account).await?;
        let session = self.sessions.open(&self.account, &self.region, keys).await?;
        Ok(session.at(if depth < Depth::Owner { Priority::Sweep } else { Priority::Change }))
    }

    /// How old a shared list may be.
    pub fn list_age(&self, depth: Depth) -> Duration {
        if depth < Depth::Owner { self.quick_age } else { self.quick_age.min(Duration::from_secs(5)) }
    }

    /// How old the list of event sources may be.
    pub fn source_age(&self, depth: Depth) -> Duration {
        let age = self.list_age(depth);
        if self.trigger == Trigger::Poll { age.min(SOURCE_AGE) } else { age }
    }

    /// The only way from a plan to AWS, and to child objects.
    pub async fn apply(&self, step: &Step) -> Result<(), ReconcileError> {
        if let Step::Child(step) = step {
            return children::apply(self.client, step).await;
        }
        let session = self.session(Depth::Owner).await?;
        let answer = match step {
            Step::Events(step) => {
                let values = match step.secrets() {
                    Some(refs) => self.secrets.values_of(refs).await?,
                    None => BTreeMap::new(),
                };
                session.apply_events(step, &values).await
            }
            Step::Sqs(step) => session.apply_sqs(step).await,
            Step::Lambda(step) => session.apply_lambda(step).await,
            Step::Logs(step) => session.apply_logs(step).await,
            Step::Sns(step) => session.apply_sns(step).await,
            Step::States(step) => session.apply_states(step).await,
            Step::Iam(step) => session.apply_iam(step).await,
            Step::Child(_) => Ok(()),
        };
        // Whether or not it took effect as far as we know.
        session.forget_facts(step, &self.account.spec.partition.to_string(), &self.region).await;
        answer
    }
}
