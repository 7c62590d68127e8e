//! Reads each account that the objects use. What cannot be read is marked, and the rest is read.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt, stream};
use k8s_openapi::jiff::Timestamp;
use tributary_api::AwsAccount;
use tributary_aws::{AwsOptions, Session, Sessions};
use tributary_core::{error::ReconcileError, fence::Fence};

use crate::{
    cli::{
        Error,
        doctor::{
            aws::{
                permissions::{self, why},
                queues, quotas,
            },
            aws_facts::{AccountFacts, AwsFacts, Clock},
            object::Object,
            snapshot::{NotRead, Snapshot},
        },
        progress::Progress,
    },
    telemetry::metrics::Metrics,
};

/// Queues and buses that are read at the same time. The rate limit of the session holds in addition.
const AT_ONCE: usize = 16;

/// Reads all accounts of the snapshot.
///
/// # Errors
/// The CA bundle cannot be used.
pub(in crate::cli::doctor) async fn read(snapshot: &Snapshot, options: AwsOptions, progress: &Progress) -> Result<AwsFacts, Error> {
    let sessions = Sessions::new(options, Arc::new(Metrics::default()), Fence::open())?;
    let mut facts = AwsFacts::default();
    for account in snapshot.of_kind("AwsAccount") {
        if let Some(of_account) = Box::pin(read_account(&sessions, snapshot, account, &mut facts.unread)).await {
            facts.accounts.push(of_account);
        }
        progress.advance();
    }
    Ok(facts)
}

/// The account without its credentials: those of the user sign the calls.
fn typed(account: &Object) -> Option<AwsAccount> {
    let spec = serde_json::from_value(account.data["spec"].clone()).ok()?;
    let mut typed = AwsAccount::new(account.name(), spec);
    typed.metadata = account.meta.clone();
    typed.spec.credentials = None;
    Some(typed)
}

async fn read_account(sessions: &Sessions, snapshot: &Snapshot, account: &Object, unread: &mut Vec<NotRead>) -> Option<AccountFacts> {
    let mut not_read = |what: String, why: String| unread.push(NotRead { what, why });
    let Some(typed) = typed(account) else {
        not_read(account.reference().to_string(), "this version cannot read its spec.".into());
        return None;
    };
    let session = match sessions.open(&typed, &typed.spec.region, None).await {
        Ok(session) => session,
        Err(error) => {
            let next = "Use credentials of this account, with AWS_PROFILE or --profile.";
            not_read(account.reference().to_string(), format!("{}. {next}", error.message.trim_end_matches('.')));
            return None;
        }
    };
    let mut facts = AccountFacts { object: account.reference(), account_id: typed.spec.account_id.clone(), ..AccountFacts::default() };
    match clock(&session).await {
        Ok(clock) => facts.clock = clock,
        Err(error) => not_read(format!("clock of AWS for {}", account.reference()), why(&error)),
    }
    permissions::read(&session, snapshot, account, &mut facts, unread).await;
    for region in regions(snapshot, account, &typed) {
        match sessions.open(&typed, &region, None).await {
            Ok(session) => read_region(&session, &region, snapshot, account, &mut facts, unread).await,
            Err(error) => unread.push(NotRead { what: format!("Region {region} of {}", account.reference()), why: why(&error) }),
        }
    }
    Some(facts)
}

async fn clock(session: &Session) -> Result<Option<Clock>, ReconcileError> {
    let aws = session.aws_time().await?;
    Ok(aws.map(|aws| Clock { aws, local: Timestamp::now() }))
}

/// The Regions of the account's objects, and its own.
fn regions(snapshot: &Snapshot, account: &Object, typed: &AwsAccount) -> BTreeSet<String> {
    let identities = snapshot.objects.iter().filter_map(|object| object.status.identity.as_ref());
    let of_account = identities.filter(|identity| identity.account == account.name());
    of_account.map(|identity| identity.region.clone()).chain([typed.spec.region.clone()]).collect()
}

async fn read_region(
    session: &Session,
    region: &str,
    snapshot: &Snapshot,
    account: &Object,
    facts: &mut AccountFacts,
    unread: &mut Vec<NotRead>,
) {
    let queues = queues::of_account(snapshot, account.name()).into_iter().filter(|queue| queue.region == region);
    let reads = queues.map(|queue| async move {
        let what = format!("dead-letter queue {}", queue.name);
        (what, queues::read(session, queue).await)
    });
    let mut reads = stream::iter(reads).buffered(AT_ONCE);
    while let Some((what, read)) = reads.next().await {
        match read {
            Ok(queue) => facts.queues.extend(queue),
            Err(error) => unread.push(NotRead { what, why: why(&error) }),
        }
    }
    drop(reads);
    let buses = quotas::buses(snapshot, account.name()).into_iter().filter(|(of, ..)| of == region);
    let reads = buses.map(|(region, name, object)| async move {
        let what = format!("number of rules on event bus {name}");
        (what, quotas::rules(session, region, name, object).await)
    });
    let mut reads = stream::iter(reads).buffered(AT_ONCE);
    while let Some((what, read)) = reads.next().await {
        match read {
            Ok(bus) => facts.buses.push(bus),
            Err(error) => unread.push(NotRead { what, why: why(&error) }),
        }
    }
    drop(reads);
    match quotas::region(session, region).await {
        Ok(region) => facts.regions.push(region),
        Err(error) => unread.push(NotRead { what: format!("number of event buses in {region}"), why: why(&error) }),
    }
}
