//! Benchmark, part 3: the floor: the same writes with the same content, straight through the AWS SDK, as many in flight, and nothing else.

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_eventbridge::{
    self as eventbridge,
    config::{BehaviorVersion, Region, retry::RetryConfig},
    types::{RuleState, Tag, Target},
};
use aws_sdk_sqs::{self as sqs, types::QueueAttributeName};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use crate::{
    Result,
    standin::{ACCOUNT, REGION, StandIn},
};

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn tags(value: &Value) -> Result<Vec<Tag>> {
    let tag = |tag: &Value| Ok(Tag::builder().set_key(text(&tag["Key"])).set_value(text(&tag["Value"])).build()?);
    value.as_array().into_iter().flatten().map(tag).collect()
}

fn pairs(value: &Value) -> impl Iterator<Item = (String, String)> {
    value.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), text(value)?)))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

struct Floor {
    events: eventbridge::Client,
    sqs: sqs::Client,
}

/// Makes everything that `contents` names in a fresh stand-in, and says how long it took.
pub async fn run(standin: &StandIn, contents: &Value, in_flight: usize) -> Result<Duration> {
    let keys = Credentials::new(ACCOUNT, "not-a-secret", None, None, "bench");
    let events = eventbridge::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(&standin.url)
        .credentials_provider(keys.clone())
        .retry_config(RetryConfig::disabled())
        .build();
    let queues = sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(&standin.url)
        .credentials_provider(keys)
        .retry_config(RetryConfig::disabled())
        .build();
    let floor = Floor { events: eventbridge::Client::from_conf(events), sqs: sqs::Client::from_conf(queues) };
    let buses = || items(&contents["buses"]);
    let started = Instant::now();
    // What rules need comes first, all at once.
    let queues = futures::future::try_join_all(items(&contents["queues"]).map(|queue| floor.create_queue(queue)));
    let needed = futures::future::try_join_all(buses().map(|bus| floor.create_bus(&bus["bus"])));
    futures::future::try_join(queues, needed).await?;
    let rules = buses().flat_map(|bus| items(&bus["rules"]).map(|rule| (&bus["bus"]["Name"], rule)));
    let rules: Vec<_> = rules.map(|(bus, rule)| floor.create_rule(bus, rule)).collect();
    stream::iter(rules).buffer_unordered(in_flight).try_collect::<()>().await?;
    Ok(started.elapsed())
}

impl Floor {
    async fn create_bus(&self, bus: &Value) -> Result<()> {
        let request = self.events.create_event_bus().set_name(text(&bus["Name"])).set_description(text(&bus["Description"]));
        request.set_tags(Some(tags(&bus["Tags"])?)).send().await?;
        Ok(())
    }

    async fn create_queue(&self, queue: &Value) -> Result<()> {
        let attributes = pairs(&queue["attributes"]).map(|(name, value)| (QueueAttributeName::from(name.as_str()), value)).collect();
        let request = self.sqs.create_queue().set_queue_name(text(&queue["name"])).set_attributes(Some(attributes));
        request.set_tags(Some(pairs(&queue["tags"]).collect())).send().await?;
        Ok(())
    }

    async fn create_rule(&self, bus: &Value, entry: &Value) -> Result<()> {
        let rule = &entry["rule"];
        let request = self
            .events
            .put_rule()
            .set_event_bus_name(text(bus))
            .set_name(text(&rule["Name"]))
            .set_description(text(&rule["Description"]))
            .set_event_pattern(text(&rule["EventPattern"]))
            .set_state(text(&rule["State"]).map(|state| RuleState::from(state.as_str())));
        request.set_tags(Some(tags(&rule["Tags"])?)).send().await?;
        let target = |target: &Value| Ok(Target::builder().set_id(text(&target["Id"])).set_arn(text(&target["Arn"])).build()?);
        let targets = items(&entry["targets"]).map(target).collect::<Result<Vec<_>>>()?;
        let request = self.events.put_targets().set_event_bus_name(text(bus)).set_rule(text(&rule["Name"]));
        let answer = request.set_targets(Some(targets)).send().await?;
        if answer.failed_entry_count == 0 { Ok(()) } else { Err("the stand-in refused a target".into()) }
    }
}
