//! One backfill: page by page from Benchling's list to the bus. A page is through when AWS has accepted each of its events; then the checkpoint
//! moves on.

use std::{collections::HashSet, future::Future};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use tributary_aws::{Entry, MOST_ENTRIES};

use crate::{
    backfill::{
        checkpoint::{Checkpoint, Run},
        window::{Counts, Event, Sift},
    },
    put_events::{
        batch,
        send::{Put, send},
    },
    sync::poison::Trouble,
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
    fn page(&self, query: &Query) -> impl Future<Output = Result<Page, Trouble>> + Send;
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

/// What it broke off at. Whoever begins again with the checkpoint goes on there.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{}", .0.message)]
    List(Trouble),
    /// The checkpoint could not be kept.
    #[error("{0}")]
    Checkpoint(String),
}

/// Keeps the checkpoint, and says whether to go on.
pub trait Watcher {
    /// After each page and each call that went through. Of a dry run too: what is kept then is only how far the counting came.
    fn save(&mut self, checkpoint: &Checkpoint) -> impl Future<Output = Result<(), String>> + Send;

    /// Asked before each call, of so many events, and after each page, with none. It may wait; `false` ends the run here.
    fn go_on(&mut self, events: usize) -> impl Future<Output = bool> + Send;

    /// Whether the run goes on without this event, which AWS does not take.
    fn passes_over(&mut self, _: &Refused) -> bool {
        false
    }
}

/// Without `put` it is a dry run.
#[allow(clippy::implicit_hasher)] // Nobody has another.
pub async fn run(
    list: &impl List,
    put: Option<&impl Put>,
    seen: HashSet<String>,
    checkpoint: &mut Checkpoint,
    watcher: &mut impl Watcher,
) -> Result<Ended, Broken> {
    if checkpoint.complete {
        return Ok(Ended::Complete);
    }
    let run = checkpoint.run.clone();
    let mut sift = Sift::new(run.until, seen, &checkpoint.sent_beyond, checkpoint.counts.clone());
    let starting_after = checkpoint.starting_after.clone();
    let mut query = Query { from: run.from, event_types: run.event_types.clone(), starting_after, next_token: None };
    loop {
        let page = list.page(&query).await.map_err(Broken::List)?;
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
        checkpoint.position = position.or(checkpoint.position);
        checkpoint.complete = sifted.over || page.next_token.is_none();
        watcher.save(checkpoint).await.map_err(Broken::Checkpoint)?;
        if checkpoint.complete {
            return Ok(Ended::Complete);
        }
        if !watcher.go_on(0).await {
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
) -> Result<Option<Ended>, Broken> {
    let entries: Vec<Entry> = events.iter().map(|event| entry(run, event)).collect();
    let sized: Vec<_> = entries.iter().enumerate().map(|(index, entry)| (index, entry.size())).collect();
    let before = checkpoint.counts.clone();
    for call in batch::batches(&sized, MOST_ENTRIES) {
        if !watcher.go_on(call.len()).await {
            return Ok(Some(Ended::Interrupted));
        }
        let these: Vec<&Entry> = call.iter().map(|index| &entries[*index]).collect();
        let (mut refused, before_it) = (Vec::new(), checkpoint.sent_beyond.len());
        for (index, answer) in call.iter().zip(send(put, &these).await) {
            match answer {
                Ok(_) => {
                    checkpoint.sent_beyond.push(events[*index].id.clone());
                    sift.sent(&events[*index]);
                }
                Err((code, message)) => {
                    let this = (events[*index].id.clone(), code, message);
                    if watcher.passes_over(&this) {
                        checkpoint.sent_beyond.push(this.0);
                        sift.refused();
                    } else {
                        refused.push(this);
                    }
                }
            }
        }
        if checkpoint.sent_beyond.len() > before_it {
            // The page is listed again when the run goes on: what of it was counted as listed is counted then.
            let Counts { sent, refused: passed, by_type, .. } = sift.counts.clone();
            checkpoint.counts = Counts { sent, refused: passed, by_type, ..before.clone() };
            watcher.save(checkpoint).await.map_err(Broken::Checkpoint)?;
        }
        if !refused.is_empty() {
            return Ok(Some(Ended::Refused(refused)));
        }
    }
    Ok(None)
}

/// The event as it would have come from Benchling, but for its source, which AWS keeps for partners.
fn entry(run: &Run, event: &Event) -> Entry {
    let mut detail = event.detail.clone();
    if let (Some(object), Some(fields)) = (&run.object, detail.as_object_mut()) {
        // Beside what Benchling says, never in its place.
        fields.entry("tenant").or_insert_with(|| json!(run.tenant));
        fields.entry("backfill").or_insert_with(|| json!({"name": object}));
    }
    Entry {
        bus: run.bus.clone(),
        source: run.source.clone(),
        detail_type: event.type_.clone(),
        detail: detail.to_string(),
        time: event.created_at,
        resources: vec![],
        trace_header: None,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use super::*;
    use tributary_aws::{Answer, AwsError};

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
        async fn page(&self, query: &Query) -> Result<Page, Trouble> {
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
        /// Goes on without what is refused.
        lenient: bool,
    }

    impl Watcher for Eyes {
        async fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
            self.saved = Some(checkpoint.clone());
            Ok(())
        }
        async fn go_on(&mut self, _: usize) -> bool {
            let Some(left) = &mut self.patience else { return true };
            *left = left.saturating_sub(1);
            *left > 0
        }
        fn passes_over(&mut self, _: &Refused) -> bool {
            self.lenient
        }
    }

    fn checkpoint() -> Checkpoint {
        let [from, until] = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"].map(|at| at.parse().unwrap());
        Checkpoint::new(Run { tenant: "acme".into(), bus: "b".into(), source: "s".into(), from, until, event_types: vec![], object: None })
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
    async fn a_call_of_which_nothing_was_taken_is_no_progress() {
        let fake = Fake::new(&["a"], 2);
        fake.refuses.lock().unwrap().push("a".into());
        let (mut checkpoint, mut eyes) = (checkpoint(), Eyes::default());
        let ended = run(&fake, Some(&fake), HashSet::new(), &mut checkpoint, &mut eyes).await.unwrap();
        assert!(matches!(ended, Ended::Refused(_)) && eyes.saved.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_passed_over_holds_up_nothing_and_is_counted_once() {
        let fake = Fake::new(&["a", "b", "c", "d"], 3);
        fake.refuses.lock().unwrap().push("b".into());
        // Killed after the call in which it was refused.
        let (mut first, mut eyes) = (checkpoint(), Eyes { patience: Some(2), lenient: true, ..Eyes::default() });
        run(&fake, Some(&fake), HashSet::new(), &mut first, &mut eyes).await.unwrap();
        let mut next = eyes.saved.take().unwrap();
        let mut rest = Eyes { lenient: true, ..Eyes::default() };
        assert_eq!(run(&fake, Some(&fake), HashSet::new(), &mut next, &mut rest).await.unwrap(), Ended::Complete);
        assert_eq!(*fake.put.lock().unwrap(), ["a", "c", "d"]);
        assert_eq!((next.counts.sent, next.counts.refused, next.counts.listed), (3, 1, 4));
    }

    #[test]
    fn an_objects_events_say_whose_they_are_and_hide_nothing() {
        let event = |detail: Value| Event { id: "e".into(), type_: "t".into(), created_at: None, detail };
        let run = Run { object: Some("n/o".into()), ..checkpoint().run };
        let detail = |detail: Value| serde_json::from_str::<Value>(&entry(&run, &event(detail)).detail).unwrap();
        assert_eq!(detail(json!({"id": "e"})), json!({"id": "e", "tenant": "acme", "backfill": {"name": "n/o"}}));
        assert_eq!(detail(json!({"tenant": 1, "backfill": 2})), json!({"tenant": 1, "backfill": 2}));
        assert_eq!(entry(&checkpoint().run, &event(json!({}))).detail, "{}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_sends_nothing_and_counts_the_same() {
        let fake = Fake::new(&["a", "b", "c"], 2);
        let (mut dry, mut eyes) = (checkpoint(), Eyes::default());
        let seen = HashSet::from(["b".to_owned()]);
        assert_eq!(run(&fake, None::<&Fake>, seen, &mut dry, &mut eyes).await.unwrap(), Ended::Complete);
        assert!(fake.put.lock().unwrap().is_empty());
        assert_eq!((dry.counts.sent, dry.counts.already_seen, dry.counts.listed), (2, 1, 3));
    }
}
