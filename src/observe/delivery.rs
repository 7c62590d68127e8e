//! Reads what delivery from a rule hangs on, and evaluates it for each of its targets. Reads only, each policy once for all who ask.

use std::time::Duration;

use crate::{
    aws::Session,
    delivery::{Facts, Seen, TargetFacts, Verdict, verdict},
    runtime::halt::Halt,
    steps::TargetSettings,
};

/// A verdict for each target, by its name.
pub async fn verdicts(session: &Session, source: &str, targets: &[TargetSettings], age: Duration) -> Result<Vec<(String, Verdict)>, Halt> {
    let mut verdicts = Vec::with_capacity(targets.len());
    for target in targets {
        let facts = facts(session, target, age).await?;
        verdicts.push((target.id.clone(), verdict(target, source, &facts)));
    }
    Ok(verdicts)
}

async fn facts(session: &Session, target: &TargetSettings, age: Duration) -> Result<Facts, Halt> {
    let seen = session.target_facts(&target.arn, age).await?;
    let role = match &target.role_arn {
        Some(role) => Some(session.role_facts(role, age).await?),
        None => None,
    };
    let dead_letter = match &target.dead_letter_arn {
        Some(queue) => session.target_facts(queue, age).await?,
        None => None,
    };
    let (key, dead_letter_key) = (key(session, seen.as_ref(), age).await?, key(session, dead_letter.as_ref(), age).await?);
    Ok(Facts { target: seen, role, key, dead_letter, dead_letter_key })
}

async fn key(session: &Session, seen: Option<&Seen<TargetFacts>>, age: Duration) -> Result<Option<Seen<crate::delivery::KeyFacts>>, Halt> {
    let Some(Seen::Is(TargetFacts { key: Some(key), .. })) = seen else { return Ok(None) };
    session.key_facts(key, age).await.map(Some)
}
