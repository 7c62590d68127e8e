//! Benchmark, part 3: the floor: the same writes with the same content, straight through the AWS SDK, as many in flight, and nothing else.
//! Once to make everything, once to delete it.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

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

/// The writes, straight to a stand-in.
pub struct Floor {
    events: eventbridge::Client,
    sqs: sqs::Client,
    /// Of the queues that were made.
    queue_urls: Mutex<Vec<String>>,
}

/// How long it takes to make everything, and to delete it.
#[derive(Clone, Copy)]
pub struct Times {
    pub create: Duration,
    pub delete: Duration,
}

/// Each rule that `contents` names, with its bus.
pub fn rules(contents: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    items(&contents["buses"]).flat_map(|bus| items(&bus["rules"]).map(|rule| (&bus["bus"]["Name"], rule)))
}

/// Makes everything that `contents` names in a fresh stand-in, deletes it, and says how long both took.
pub async fn run(standin: &StandIn, contents: &Value, in_flight: usize) -> Result<Times> {
    let (floor, started) = (Floor::new(standin), Instant::now());
    floor.create_others(contents).await?;
    let all: Vec<_> = rules(contents).map(|(bus, rule)| floor.create_rule(bus, rule)).collect();
    stream::iter(all).buffer_unordered(in_flight).try_collect::<()>().await?;
    let (create, started) = (started.elapsed(), Instant::now());
    let all: Vec<_> = rules(contents).map(|(bus, rule)| floor.delete_rule(bus, rule)).collect();
    stream::iter(all).buffer_unordered(in_flight).try_collect::<()>().await?;
    floor.delete_others(contents).await?;
    Ok(Times { create, delete: started.elapsed() })
}

impl Floor {
    pub fn new(standin: &StandIn) -> Self {
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
        let (events, sqs) = (eventbridge::Client::from_conf(events), sqs::Client::from_conf(queues));
        Self { events, sqs, queue_urls: Mutex::default() }
    }

    /// What rules need, all at once.
    pub async fn create_others(&self, contents: &Value) -> Result<()> {
        let queues = futures::future::try_join_all(items(&contents["queues"]).map(|queue| self.create_queue(queue)));
        let buses = futures::future::try_join_all(items(&contents["buses"]).map(|bus| self.create_bus(&bus["bus"])));
        futures::future::try_join(queues, buses).await?;
        Ok(())
    }

    /// What rules needed, all at once.
    pub async fn delete_others(&self, contents: &Value) -> Result<()> {
        let urls = std::mem::take(&mut *self.queue_urls.lock().map_err(|error| error.to_string())?);
        let queues = urls.into_iter().map(async |url| {
            self.sqs.delete_queue().queue_url(url).send().await?;
            Result::Ok(())
        });
        let buses = items(&contents["buses"]).map(|bus| text(&bus["bus"]["Name"]));
        let buses = buses.map(async |name| {
            self.events.delete_event_bus().set_name(name).send().await?;
            Result::Ok(())
        });
        futures::future::try_join(futures::future::try_join_all(queues), futures::future::try_join_all(buses)).await?;
        Ok(())
    }

    pub async fn delete_rule(&self, bus: &Value, entry: &Value) -> Result<()> {
        let (bus, name) = (text(bus), text(&entry["rule"]["Name"]));
        let ids = items(&entry["targets"]).filter_map(|target| text(&target["Id"])).collect();
        let request = self.events.remove_targets().set_event_bus_name(bus.clone()).set_rule(name.clone()).set_ids(Some(ids));
        request.send().await?;
        self.events.delete_rule().set_event_bus_name(bus).set_name(name).send().await?;
        Ok(())
    }

    async fn create_bus(&self, bus: &Value) -> Result<()> {
        let request = self.events.create_event_bus().set_name(text(&bus["Name"])).set_description(text(&bus["Description"]));
        request.set_tags(Some(tags(&bus["Tags"])?)).send().await?;
        Ok(())
    }

    async fn create_queue(&self, queue: &Value) -> Result<()> {
        let attributes = pairs(&queue["attributes"]).map(|(name, value)| (QueueAttributeName::from(name.as_str()), value)).collect();
        let request = self.sqs.create_queue().set_queue_name(text(&queue["name"])).set_attributes(Some(attributes));
        let made = request.set_tags(Some(pairs(&queue["tags"]).collect())).send().await?;
        self.queue_urls.lock().map_err(|error| error.to_string())?.extend(made.queue_url);
        Ok(())
    }

    pub async fn create_rule(&self, bus: &Value, entry: &Value) -> Result<()> {
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
