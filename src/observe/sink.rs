//! Reads a sink: its target, and the policy that lets EventBridge in. With `permissions: External` nothing is asked for the sink itself.

use tributary_api::{EventSink, Identity, Permissions};
use tributary_aws::Session;
use tributary_core::{
    destinations::{
        Desired, Observed, Type,
        api_destination::ObservedApiDestination,
        by_role::ObservedByRole,
        grants::{self, Grants},
        lambda::{self, ObservedLambda},
        logs::{self, ObservedLogs},
        resolve::ResolveSink,
        role::{self, ObservedRole},
        sns::ObservedSns,
        sqs::{self, ObservedSqs},
        state_machine::ObservedStateMachine,
        type_of,
    },
    error::{Reason, ReconcileError},
    kinds::{DesiredSink, ObservedSink},
    names,
    plan::Depth,
};

use crate::observe::{Cloud, Observe};

use std::collections::BTreeSet;

impl Observe for EventSink {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredSink>,
        depth: Depth,
    ) -> Result<Option<ObservedSink>, ReconcileError> {
        if self.spec.permissions == Permissions::External {
            return Ok(None);
        }
        let session = cloud.session(depth).await?;
        let look = Look {
            sink: self,
            cloud,
            session,
            identity,
            target: desired.map(|desired| &desired.target),
            grants: desired.map(|desired| desired.target.grants()),
            depth,
        };
        match type_of(self)? {
            Type::Sqs | Type::Postgres => look.sqs().await,
            Type::Lambda => look.lambda().await,
            Type::LogGroup => look.logs().await,
            Type::Sns => look.topic().await.map(|sns| Some(Observed::Sns(sns))),
            Type::StateMachine if self.spec.state_machine.as_ref().is_some_and(|machine| machine.managed.is_some()) => {
                look.state_machine().await.map(|machine| Some(Observed::StateMachine(Box::new(machine))))
            }
            Type::ApiDestination if self.managed_api().is_some() => {
                look.api_destination().await.map(|api| Some(Observed::ApiDestination(Box::new(api))))
            }
            _ => look.by_role().await.map(|by| Some(Observed::ByRole(by))),
        }
    }
}

/// One look at one sink.
struct Look<'a> {
    sink: &'a EventSink,
    cloud: &'a Cloud<'a>,
    session: Session,
    identity: &'a Identity,
    /// `None` when the sink is being deleted; so are its grants.
    target: Option<&'a Desired>,
    grants: Option<&'a Grants>,
    depth: Depth,
}

impl Look<'_> {
    async fn sqs(&self) -> Result<Option<Observed>, ReconcileError> {
        let (session, identity) = (&self.session, self.identity);
        let spec = self.sink.spec.sqs.as_ref();
        let managed = self.sink.managed_queue();
        let managed = managed.as_deref();
        let tags = managed.is_some() && self.depth >= Depth::Owner;
        let queue = session.queue(&identity.name, tags).await?;
        // One that left the spec is still ours to delete.
        let wanted = managed.is_some_and(|managed| managed.dead_letter.is_some());
        let dead_letter = if wanted || (managed.is_some() && self.sink.had_dead_letter(&identity.arn)) {
            session.queue(&sqs::dead_letter_name(&identity.name), tags).await?
        } else {
            None
        };
        let asked = spec.is_some_and(|spec| !spec.triggers.is_empty()) || self.sink.had_triggers();
        // A queue that is not there yet may have mappings of an earlier life.
        let triggers = if asked { session.mappings(&identity.arn, self.depth >= Depth::Owner).await? } else { vec![] };
        let granted = queue.as_ref().zip(self.grants).map(|(queue, grants)| sqs::granted(queue, &grants.sid)).unwrap_or_default();
        let live = self.still_sending(&granted).await?;
        let something = queue.is_some() || dead_letter.is_some() || !triggers.is_empty();
        Ok(something.then_some(Observed::Sqs(ObservedSqs { queue, dead_letter, live, triggers })))
    }

    async fn lambda(&self) -> Result<Option<Observed>, ReconcileError> {
        let function = lambda::function_of(&self.identity.arn);
        let policy = self.session.function_policy(&function).await?;
        let before = self.sink.status.as_ref().and_then(|status| status.on_failure_arn.clone());
        let asked = policy.is_some() && (before.is_some() || self.sink.on_failure_ref().is_some());
        let invoke = if asked { Some(self.session.invoke_settings(&function).await?) } else { None };
        let mut observed = ObservedLambda { policy, invoke, on_failure_before: before, live: BTreeSet::new() };
        let granted = self.grants.map(|grants| lambda::granted(&observed, &grants.sid)).unwrap_or_default();
        observed.live = self.still_sending(&granted).await?;
        Ok(Some(Observed::Lambda(observed)))
    }

    async fn logs(&self) -> Result<Option<Observed>, ReconcileError> {
        let (session, identity, view) = (&self.session, self.identity, &self.cloud.view);
        let managed = self.sink.spec.log_group.as_ref().is_some_and(|logs| logs.managed.is_some());
        let group = session.log_group(&identity.name, &identity.arn, managed && self.depth >= Depth::Owner, managed).await?;
        let name = logs::policy_name(&view.settings.installation_id);
        let policy = session.log_policy(&name, self.cloud.list_age(self.depth)).await?;
        let mut others = false;
        view.each_sink(|other| {
            let there = other.status.as_ref().and_then(|status| status.common.identity.as_ref());
            // Those that go at the same moment, and that nobody sends to, do not keep it for each other.
            let needs = other.metadata.deletion_timestamp.is_none() || !grants::wanted(other, view).is_empty();
            others |= other.spec.log_group.is_some()
                && needs
                && other.spec.permissions == Permissions::Managed
                && there.is_some_and(|there| {
                    (&there.account_id, &there.region) == (&identity.account_id, &identity.region) && there.arn != identity.arn
                });
        });
        let mut observed = ObservedLogs { group, policy, live: BTreeSet::new(), others };
        let granted = self.grants.map(|grants| logs::granted(&observed, &grants.sid)).unwrap_or_default();
        observed.live = self.still_sending(&granted).await?;
        Ok(Some(Observed::LogGroup(observed)))
    }

    async fn topic(&self) -> Result<ObservedSns, ReconcileError> {
        let managed = self.sink.spec.sns.as_ref().is_some_and(|sns| sns.managed.is_some());
        let topic = self.session.topic(&self.identity.arn, managed && self.depth >= Depth::Owner).await?;
        Ok(ObservedSns { topic, by: self.by_role().await? })
    }

    async fn state_machine(&self) -> Result<ObservedStateMachine, ReconcileError> {
        let machine = self.session.state_machine(&self.identity.arn, self.depth >= Depth::Owner).await?;
        let wanted = self.target.and_then(|target| target.execution_role());
        let known = self.sink.status.as_ref().and_then(|status| status.execution_role_arn.as_ref());
        Ok(ObservedStateMachine { machine, execution_role: self.role(wanted.or(known)).await?, by: self.by_role().await? })
    }

    async fn api_destination(&self) -> Result<ObservedApiDestination, ReconcileError> {
        let (session, name) = (&self.session, &self.identity.name);
        let (connection, destination) = (session.connection(name).await?, session.api_destination(name).await?);
        let secrets = match self.target {
            Some(Desired::ApiDestination(want)) => match self.cloud.secrets.version_of(&want.secrets).await {
                // An API server that is away keeps nothing from being seen that is there.
                Err(halt) if halt.reason == Reason::Unavailable => return Err(halt),
                version => version,
            },
            _ => Ok(String::new()),
        };
        Ok(ObservedApiDestination { connection, destination, secrets, by: self.by_role().await? })
    }

    async fn by_role(&self) -> Result<ObservedByRole, ReconcileError> {
        let wanted = self.target.and_then(|target| target.by_role()).and_then(|by| by.role.as_ref()).map(|role| &role.arn);
        let known = self.sink.status.as_ref().and_then(|status| status.invocation_role_arn.as_ref());
        let role = self.role(wanted.or(known)).await?;
        let granted = role.as_ref().map(role::granted).unwrap_or_default();
        Ok(ObservedByRole { live: self.still_sending(&granted).await?, role })
    }

    /// One of our roles. The quick look takes what `GetRole` tells: who may assume it.
    async fn role(&self, arn: Option<&String>) -> Result<Option<ObservedRole>, ReconcileError> {
        let Some(name) = arn.and_then(|arn| arn.rsplit('/').next()) else { return Ok(None) };
        self.session.role(name, self.depth >= Depth::Full).await
    }

    /// Of the rules that are about to lose their permission, those that AWS still has with this target or dead letter: a rule that was
    /// retained or orphaned would match events and drop them.
    async fn still_sending(&self, granted: &BTreeSet<String>) -> Result<BTreeSet<String>, ReconcileError> {
        let mut live = BTreeSet::new();
        let Some(grants) = self.grants else { return Ok(live) };
        let (arn, age) = (&self.identity.arn, self.cloud.list_age(self.depth));
        for source in granted.iter().filter(|source| !grants.sources.contains(*source)) {
            let Some((bus, rule)) = names::rule_of(source).filter(|(_, rule)| *rule != "*") else { continue };
            if self.session.rule(bus, rule, age).await?.is_none() {
                continue;
            }
            let targets = self.session.targets(bus, rule).await?;
            // Behind the ARN of an API destination of ours there is an id that AWS made up.
            let is_ours = |target: &str| target.strip_prefix(arn.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if targets.iter().any(|target| is_ours(&target.arn) || target.dead_letter_arn.as_ref() == Some(arn)) {
                live.insert(source.clone());
            }
        }
        Ok(live)
    }
}
