//! Reads the logs of buses, for the errors of deliveries that `observeDeliveries` observes: one page of each log group and resync, however
//! many rules and buses log to it. What was read is kept in memory (ADR 0035).

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::future::join_all;
use k8s_openapi::jiff::Timestamp;
use tributary_aws::{LogQuery, Session};
use tributary_core::{
    delivering::{Group, LogReading, LogRecords, Selection, Unreadable, pattern},
    error::{ReconcileError, RetryClass},
    plan::Depth,
};

use super::context::Context;
use crate::observe::Trigger;

/// Account, Region and name of a log group.
type Key = (String, String, String);

/// What a log group says of each rule.
pub(super) type Found = Result<LogRecords, Unreadable>;

/// What was read of each log group.
#[derive(Debug, Default)]
pub(super) struct DeliveryLogs(Mutex<HashMap<Key, LogReading>>);

impl DeliveryLogs {
    /// Drops what was read of log groups that are not observed any more.
    pub(super) fn retain(&self, groups: &[Group]) {
        let observed: HashSet<Key> = groups.iter().flat_map(|group| group.logs().into_keys().map(|name| key(group, name))).collect();
        self.lock().retain(|key, _| observed.contains(key));
    }

    /// Reads a page of each log group of these rules. Returns what each of them says, by its name.
    pub(super) async fn read(&self, context: &Context, group: &Group, now: Timestamp) -> HashMap<String, Found> {
        let logs = group.logs();
        if logs.is_empty() {
            return HashMap::new();
        }
        let session = match Box::pin(session(context, group)).await {
            Ok(session) => session,
            Err(error) => {
                let failed = |(name, logged): (&str, Selection)| (name.to_owned(), self.failed(&key(group, name), &error, logged, now));
                return logs.into_iter().map(failed).collect();
            }
        };
        let read = logs.into_iter().map(|(name, logged)| self.read_one(&session, key(group, name), logged, now));
        join_all(read).await.into_iter().collect()
    }

    async fn read_one(&self, session: &Session, key: Key, logged: Selection, now: Timestamp) -> (String, Found) {
        let name = key.2.clone();
        let request = self.lock().entry(key.clone()).or_default().request(logged, now);
        let query = LogQuery {
            group: name.clone(),
            pattern: Some(pattern(request.selection)),
            from_ms: request.from.as_millisecond(),
            to_ms: Some(request.to.as_millisecond()),
        };
        let found = match session.log_events(&query, request.token.clone()).await {
            Ok(Some(page)) => {
                let lines =
                    page.lines.iter().filter_map(|line| Some((Timestamp::from_millisecond(line.time_ms).ok()?, line.message.as_str())));
                let mut kept = self.lock();
                let reading = kept.entry(key).or_default();
                reading.add(&request, lines, page.next, now);
                Ok(reading.records(logged, now))
            }
            Ok(None) => Err(Unreadable::Unavailable { message: format!("log group {name} not found") }),
            Err(error) => {
                tracing::warn!(group = name, %error, "cannot read the log of a bus");
                self.failed(&key, &error, logged, now)
            }
        };
        (name, found)
    }

    /// What was read before holds for a while, unless the failure is one that stays.
    fn failed(&self, key: &Key, error: &ReconcileError, logged: Selection, now: Timestamp) -> Found {
        let mut kept = self.lock();
        let is_transient = matches!(error.class, RetryClass::Transient | RetryClass::Throttled);
        let Some(reading) = kept.get_mut(key) else { return Err(unreadable(error)) };
        if reading.failed(now) && is_transient { Ok(reading.records(logged, now)) } else { Err(unreadable(error)) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, LogReading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(group: &Group, name: &str) -> Key {
    (group.identity.account.clone(), group.identity.region.clone(), name.to_owned())
}

/// Opens a session in the account and Region of the rules.
pub(super) async fn session(context: &Context, group: &Group) -> Result<Session, ReconcileError> {
    let view = context.view();
    context.cloud(&view, &group.identity, Trigger::Resync)?.session(Depth::Quick).await
}

/// Returns why something cannot be read.
pub(super) fn unreadable(error: &ReconcileError) -> Unreadable {
    match error.denied_action {
        Some(action) => Unreadable::Denied { action },
        None => Unreadable::Unavailable { message: error.message.clone() },
    }
}
