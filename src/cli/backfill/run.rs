//! One backfill: page by page from Benchling's list to the bus. A page is through when AWS has accepted each of its events; then the checkpoint
//! moves on.

use std::{collections::HashSet, future::Future};

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::{
    checkpoint::{Checkpoint, Run},
    window::{Counts, Event, Sift},
};
use crate::{
    aws::{Entry, MOST_ENTRIES},
    cli::put_events::{
        batch,
        send::{Put, send},
    },
};

/// What one request for a page asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub from: Timestamp,
    pub event_types: Vec<String>,
    pub starting_after: Option<String>,
    pub next_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub events: Vec<Value>,
    pub next_token: Option<String>,
}

/// Benchling's list of events; tests have their own.
pub trait List {
    fn page(&self, query: &Query) -> impl Future<Output = Result<Page, String>>;
}

/// An event that AWS did not take: its id, AWS's code and message.
pub type Refused = (String, String, String);

#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Complete,
    /// By the user; the checkpoint has what is through.
    Interrupted,
    /// Some were not taken; the checkpoint stands before their page.
    Refused(Vec<Refused>),
}

/// Told now and then.
pub trait Watcher {
    /// Kept after each page and each call that went through. Not in a dry run.
    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String>;
    fn at(&mut self, counts: &Counts, position: Option<Timestamp>);
    fn interrupted(&mut self) -> bool;
}

/// Without `put` it is a dry run.
pub async fn run(
    list: &impl List,
    put: Option<&impl Put>,
    seen: HashSet<String>,
    checkpoint: &mut Checkpoint,
    watcher: &mut impl Watcher,
) -> Result<Ended, String> {
    if checkpoint.complete {
        return Ok(Ended::Complete);
    }
    let run = checkpoint.run.clone();
    let mut sift = Sift::new(run.until, seen, &checkpoint.sent_beyond, checkpoint.counts.clone());
    let starting_after = checkpoint.starting_after.clone();
    let mut query = Query { from: run.from, event_types: run.event_types.clone(), starting_after, next_token: None };
    loop {
        let page = list.page(&query).await?;
        let sifted = sift.page(page.events);
        let position = sifted.events.iter().filter_map(|event| event.created_at).max();
        if let Some(put) = put {
            if let Some(ended) = send_all(put, &run, &sifted.events, &mut sift, checkpoint, watcher).await? {
                return Ok(ended);
            }
        } else {
            sifted.events.iter().for_each(|event| sift.sent(event));
        }
        checkpoint.counts = sift.counts.clone();
        checkpoint.starting_after = sifted.last.or(checkpoint.starting_after.take());
        checkpoint.sent_beyond.clear();
        checkpoint.complete = sifted.over || page.next_token.is_none();
        if put.is_some() {
            watcher.save(checkpoint)?;
        }
        watcher.at(&sift.counts, position);
        if checkpoint.complete {
            return Ok(Ended::Complete);
        }
        if watcher.interrupted() {
            return Ok(Ended::Interrupted);
        }
        query.next_token = page.next_token;
    }
}

/// `Some`: it ends here.
async fn send_all(
    put: &impl Put,
    run: &Run,
    events: &[Event],
    sift: &mut Sift,
    checkpoint: &mut Checkpoint,
    watcher: &mut impl Watcher,
) -> Result<Option<Ended>, String> {
    let entries: Vec<Entry> = events.iter().map(|event| entry(run, event)).collect();
    let sized: Vec<_> = entries.iter().enumerate().map(|(index, entry)| (index, entry.size())).collect();
    let before = checkpoint.counts.clone();
    for call in batch::batches(&sized, MOST_ENTRIES) {
        if watcher.interrupted() {
            return Ok(Some(Ended::Interrupted));
        }
        let these: Vec<&Entry> = call.iter().map(|index| &entries[*index]).collect();
        let mut refused = Vec::new();
        for (index, answer) in call.iter().zip(send(put, &these).await) {
            match answer {
                Ok(_) => {
                    checkpoint.sent_beyond.push(events[*index].id.clone());
                    sift.sent(&events[*index]);
                }
                Err((code, message)) => refused.push((events[*index].id.clone(), code, message)),
            }
        }
        // The page is listed again when the run goes on: what of it was counted as listed is counted then.
        checkpoint.counts = Counts { sent: sift.counts.sent, by_type: sift.counts.by_type.clone(), ..before.clone() };
        watcher.save(checkpoint)?;
        if !refused.is_empty() {
            return Ok(Some(Ended::Refused(refused)));
        }
    }
    Ok(None)
}

/// The event as it would have come from Benchling, but for its source, which AWS keeps for partners.
fn entry(run: &Run, event: &Event) -> Entry {
    Entry {
        bus: run.bus.clone(),
        source: run.source.clone(),
        detail_type: event.type_.clone(),
        detail: event.detail.to_string(),
        time: event.created_at,
        resources: vec![],
        trace_header: None,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use serde_json::json;

    use super::*;
    use crate::aws::{Answer, AwsError};

    /// Lists `events` in pages, as Benchling does.
    struct Fake {
        events: Vec<Value>,
        page: usize,
        queries: Mutex<Vec<Query>>,
        /// `PutEvents` refuses these once.
        refuses: Mutex<Vec<String>>,
        put: Mutex<Vec<String>>,
    }

    impl Fake {
        fn new(ids: &[&str], page: usize) -> Self {
            let event = |id: &&str| json!({"id": id, "eventType": "t", "createdAt": "2026-11-01T00:00:00Z"});
            let events = ids.iter().map(event).collect();
            Self { events, page, queries: Mutex::default(), refuses: Mutex::default(), put: Mutex::default() }
        }
    }

    impl List for Fake {
        async fn page(&self, query: &Query) -> Result<Page, String> {
            self.queries.lock().unwrap().push(query.clone());
            let after = query.next_token.as_ref().or(query.starting_after.as_ref());
            let start = after.map_or(0, |id| self.events.iter().position(|event| event["id"] == id.as_str()).unwrap() + 1);
            let events: Vec<_> = self.events[start..].iter().take(self.page).cloned().collect();
            let more = start + events.len() < self.events.len();
            let next_token = events.last().filter(|_| more).map(|event| event["id"].as_str().unwrap().to_owned());
            Ok(Page { events, next_token })
        }
    }

    impl Put for Fake {
        async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, AwsError> {
            let mut refuses = self.refuses.lock().unwrap();
            let answer = |entry: &&Entry| {
                let id = serde_json::from_str::<Value>(&entry.detail).unwrap()["id"].as_str().unwrap().to_owned();
                if let Some(at) = refuses.iter().position(|refused| *refused == id) {
                    refuses.remove(at);
                    return Err(("MalformedDetail".into(), "no".into()));
                }
                self.put.lock().unwrap().push(id.clone());
                Ok(id)
            };
            Ok(entries.iter().map(answer).collect())
        }
    }

    #[derive(Default)]
    struct Eyes {
        saved: Option<Checkpoint>,
        /// Interrupted at the n-th question.
        patience: Option<usize>,
    }

    impl Watcher for Eyes {
        fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
            self.saved = Some(checkpoint.clone());
            Ok(())
        }
        fn at(&mut self, _: &Counts, _: Option<Timestamp>) {}
        fn interrupted(&mut self) -> bool {
            let Some(left) = &mut self.patience else { return false };
            *left = left.saturating_sub(1);
            *left == 0
        }
    }

    fn checkpoint() -> Checkpoint {
        let [from, until] = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"].map(|at| at.parse().unwrap());
        Checkpoint::new(Run { tenant: "acme".into(), bus: "b".into(), source: "s".into(), from, until, event_types: vec![] })
    }

    #[tokio::test(start_paused = true)]
    async fn every_event_is_sent_once_although_it_is_interrupted_anywhere() {
        let names: Vec<String> = (0..25).map(|n| format!("e{n:02}")).collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        for patience in 1..9 {
            let fake = Fake::new(&ids, 12);
            let mut eyes = Eyes { patience: Some(patience), ..Eyes::default() };
            let mut first = checkpoint();
            let ended = run(&fake, Some(&fake), HashSet::new(), &mut first, &mut eyes).await.unwrap();
            // A killed process leaves what was saved last.
            let mut next = eyes.saved.clone().unwrap_or_else(checkpoint);
            let mut rest = Eyes::default();
            let after = run(&fake, Some(&fake), HashSet::new(), &mut next, &mut rest).await.unwrap();
            assert_eq!(after, Ended::Complete, "after {ended:?}");
            assert_eq!(*fake.put.lock().unwrap(), names, "interrupted at {patience}");
            assert_eq!((next.counts.sent, next.counts.listed, next.counts.already_seen, next.complete), (25, 25, 0, true));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_aws_refuses_stops_it_before_that_page_and_is_sent_next_time() {
        let fake = Fake::new(&["a", "b", "c", "d"], 2);
        fake.refuses.lock().unwrap().push("d".into());
        let (mut checkpoint, mut eyes) = (checkpoint(), Eyes::default());
        let ended = run(&fake, Some(&fake), HashSet::new(), &mut checkpoint, &mut eyes).await.unwrap();
        assert_eq!(ended, Ended::Refused(vec![("d".into(), "MalformedDetail".into(), "no".into())]));
        let mut saved = eyes.saved.take().unwrap();
        assert_eq!((saved.starting_after.as_deref(), &saved.sent_beyond), (Some("b"), &vec!["c".to_owned()]));
        assert_eq!(run(&fake, Some(&fake), HashSet::new(), &mut saved, &mut eyes).await.unwrap(), Ended::Complete);
        assert_eq!(*fake.put.lock().unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(saved.counts.by_type, BTreeMap::from([("t".to_owned(), 4)]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_sends_and_saves_nothing_and_counts_the_same() {
        let fake = Fake::new(&["a", "b", "c"], 2);
        let (mut dry, mut eyes) = (checkpoint(), Eyes::default());
        let seen = HashSet::from(["b".to_owned()]);
        assert_eq!(run(&fake, None::<&Fake>, seen, &mut dry, &mut eyes).await.unwrap(), Ended::Complete);
        assert!(fake.put.lock().unwrap().is_empty() && eyes.saved.is_none());
        assert_eq!((dry.counts.sent, dry.counts.already_seen, dry.counts.listed), (2, 1, 3));
    }
}
