//! Reads in each resync interval what became of the deliveries of all rules with `observeDeliveries`: one batch of queries for each account
//! and Region, and one page of each bus log, in the background. A rule is reconciled when the answer changes its status (ADR 0035).

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::{Either, join, join_all, select};
use kube::runtime::reflector::ObjectRef;
use tributary_core::{
    delivering::{Figures, Group, Observation, Window, details, groups, queries},
    error::{ReconcileError, RetryClass},
    kinds::delivering_changes,
};

use super::{
    context::Context,
    delivery_logs::{DeliveryLogs, session, unreadable},
    options::Signal,
};
use crate::cluster::stores::{Dependent, Queues};

/// Reads until the operator is stopped.
pub(super) async fn read(context: Arc<Context>, queues: Queues, stop: Signal) {
    let (mut wait, logs) = (Duration::ZERO, DeliveryLogs::default());
    loop {
        let delay = wait;
        let round = std::pin::pin!(async {
            tokio::time::sleep(delay).await;
            let mut groups = groups(&context.view());
            groups.retain(|group| context.shard.contains(&group.identity.account_id));
            let observed: HashSet<&str> = groups.iter().flat_map(|group| &group.rules).map(|rule| rule.arn.as_str()).collect();
            context.observations.retain(&observed);
            logs.retain(&groups);
            join_all(groups.iter().map(|group| observe(&context, &queues, &logs, group))).await;
        });
        if let Either::Right(_) = select(round, stop.clone()).await {
            return;
        }
        wait = context.resyncs.next(Instant::now(), 0);
    }
}

/// Reads the figures of a group, and triggers the rules whose status they change.
async fn observe(context: &Context, queues: &Queues, logs: &DeliveryLogs, group: &Group) {
    let now = context.now();
    let is_first = context.observations.last_read(group.rules.iter().map(|rule| rule.arn.as_str())).is_none();
    let metrics = Box::pin(figures(context, group, Window::until(now, is_first)));
    let (read, logs) = join(metrics, Box::pin(logs.read(context, group, now))).await;
    if let Err(error) = &read {
        tracing::warn!(account = group.identity.account, region = group.identity.region, %error, "cannot read the metrics of deliveries");
    }
    let view = context.view();
    for rule in &group.rules {
        let outcome = read.as_ref().map(|figures| figures.of(rule)).map_err(unreadable);
        let is_transient = read.as_ref().is_err_and(|error| matches!(error.class, RetryClass::Transient | RetryClass::Throttled));
        let log = rule
            .log
            .as_ref()
            .and_then(|log| Some((log, logs.get(&log.group)?)))
            .map(|(log, found)| found.as_ref().map(|records| records.of(&rule.arn, log.logged)).map_err(Clone::clone));
        let observation = context.observations.keep(&rule.arn, Observation { at: now, outcome, log }, is_transient);
        if view.rule(&rule.namespace, &rule.name).is_some_and(|rule| delivering_changes(&rule, &observation)) {
            queues.trigger(Dependent::EventRule(ObjectRef::new(&rule.name).within(&rule.namespace)));
        }
    }
}

async fn figures(context: &Context, group: &Group, window: Window) -> Result<Figures, ReconcileError> {
    let session = Box::pin(session(context, group)).await?;
    let mut figures = session.figures(&queries(&group.rules), window).await?;
    let details = details(&group.rules, &figures);
    figures.extend(session.figures(&details, window).await?);
    Ok(figures)
}
