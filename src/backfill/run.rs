//! One backfill: page by page from Benchling's list to the bus. A page is complete when AWS has accepted each of its events; then the
//! checkpoint advances.

use std::{collections::HashSet, future::Future};

use serde_json::json;

use tributary_aws::{Entry, MOST_ENTRIES};
use tributary_benchling::{BenchlingError, EventsPage, EventsQuery, TenantClient};

use crate::{
    backfill::{
        checkpoint::{Checkpoint, Run},
        window::{Counts, Event, EventFilter},
    },
    put_events::{PutEvents, batch, send_all},
};

/// Benchling's list of events. Tests have their own.
pub(crate) trait ListEvents: Sync {
    fn page(&self, query: &EventsQuery) -> impl Future<Output = Result<EventsPage, BenchlingError>> + Send;
}

impl ListEvents for TenantClient {
    fn page(&self, query: &EventsQuery) -> impl Future<Output = Result<EventsPage, BenchlingError>> + Send {
        self.list_events(query)
    }
}

/// An event that AWS did not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Id of the event.
    pub(crate) id: String,
    /// AWS's error code.
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Complete,
    /// By the observer. The checkpoint contains what is complete.
    Interrupted,
    /// AWS did not accept these events. The checkpoint is before their page.
    Refused(Vec<Refused>),
}

/// Why the run failed. Another run with the checkpoint continues there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("{}", .0.message)]
    List(BenchlingError),
    /// The checkpoint was not saved.
    #[error("{0}")]
    Checkpoint(String),
}

/// Saves the checkpoint and decides whether the run continues.
pub(crate) trait Observer {
    /// Called after each page and each accepted call. In a dry run the checkpoint contains only how far counting came.
    fn save(&mut self, checkpoint: &Checkpoint) -> impl Future<Output = Result<(), String>> + Send;

    /// Called before each call with its number of events, and after each page with 0. May wait. `false` ends the run.
    fn continues(&mut self, events: usize) -> impl Future<Output = bool> + Send;

    /// Returns whether the run continues without this event, which AWS did not accept.
    fn skips(&mut self, _: &Refused) -> bool {
        false
    }
}

/// Runs the backfill from its checkpoint on. Without `put` it is a dry run. `seen` are ids of events to skip.
///
/// # Errors
/// See [`RunError`].
#[allow(clippy::implicit_hasher)] // All callers use the default.
pub(crate) async fn run(
    list: &impl ListEvents,
    put: Option<&impl PutEvents>,
    seen: HashSet<String>,
    checkpoint: &mut Checkpoint,
    observer: &mut impl Observer,
) -> Result<Ended, RunError> {
    if checkpoint.complete {
        return Ok(Ended::Complete);
    }
    let run = checkpoint.run.clone();
    let mut filter = EventFilter::new(run.until, seen, &checkpoint.sent_beyond, checkpoint.counts.clone());
    let starting_after = checkpoint.starting_after.clone();
    let mut query = EventsQuery { from: run.from, event_types: run.event_types.clone(), starting_after, next_token: None };
    loop {
        let page = list.page(&query).await.map_err(RunError::List)?;
        let filtered = filter.page(page.events);
        let position = filtered.events.iter().filter_map(|event| event.created_at).max();
        if let Some(put) = put {
            if let Some(ended) = send_page(put, &run, &filtered.events, &mut filter, checkpoint, observer).await? {
                return Ok(ended);
            }
        } else {
            filtered.events.iter().for_each(|event| filter.sent(event));
        }
        checkpoint.counts = filter.counts.clone();
        checkpoint.starting_after = filtered.last.or(checkpoint.starting_after.take());
        checkpoint.sent_beyond.clear();
        checkpoint.position = position.or(checkpoint.position);
        checkpoint.complete = filtered.window_ended || page.next_token.is_none();
        observer.save(checkpoint).await.map_err(RunError::Checkpoint)?;
        if checkpoint.complete {
            return Ok(Ended::Complete);
        }
        if !observer.continues(0).await {
            return Ok(Ended::Interrupted);
        }
        query.next_token = page.next_token;
    }
}

/// Sends the events of a page. Returns why the run ends within the page, if it does.
async fn send_page(
    put: &impl PutEvents,
    run: &Run,
    events: &[Event],
    filter: &mut EventFilter,
    checkpoint: &mut Checkpoint,
    observer: &mut impl Observer,
) -> Result<Option<Ended>, RunError> {
    let entries: Vec<Entry> = events.iter().map(|event| entry(run, event)).collect();
    let sized: Vec<_> = entries.iter().enumerate().map(|(index, entry)| (index, entry.size())).collect();
    let before = checkpoint.counts.clone();
    for call in batch::batches(&sized, MOST_ENTRIES) {
        if !observer.continues(call.len()).await {
            return Ok(Some(Ended::Interrupted));
        }
        let these: Vec<&Entry> = call.iter().map(|index| &entries[*index]).collect();
        let sent_before = checkpoint.sent_beyond.len();
        let mut refused = Vec::new();
        for (index, answer) in call.iter().zip(send_all(put, &these).await) {
            let event = &events[*index];
            match answer.map_err(|(code, message)| Refused { id: event.id.clone(), code, message }) {
                Ok(_) => {
                    checkpoint.sent_beyond.push(event.id.clone());
                    filter.sent(event);
                }
                Err(event) if observer.skips(&event) => {
                    checkpoint.sent_beyond.push(event.id);
                    filter.refused();
                }
                Err(event) => refused.push(event),
            }
        }
        if checkpoint.sent_beyond.len() > sent_before {
            // The page is listed again when the run continues: its listed events are counted then.
            let Counts { sent, refused, by_type, .. } = filter.counts.clone();
            checkpoint.counts = Counts { sent, refused, by_type, ..before.clone() };
            observer.save(checkpoint).await.map_err(RunError::Checkpoint)?;
        }
        if !refused.is_empty() {
            return Ok(Some(Ended::Refused(refused)));
        }
    }
    Ok(None)
}

/// Returns the event as Benchling would have sent it, except for its source: AWS reserves `aws.` for partners.
fn entry(run: &Run, event: &Event) -> Entry {
    let mut detail = event.detail.clone();
    if let (Some(object), Some(fields)) = (&run.object, detail.as_object_mut()) {
        // Fields of Benchling are never overwritten.
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
    use serde_json::Value;
    use tributary_aws::Answer;

    use crate::put_events::PutError;

    /// Lists `events` in pages, as Benchling does.
    struct Fake {
        events: Vec<Value>,
        page: usize,
        queries: Mutex<Vec<EventsQuery>>,
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

    impl ListEvents for Fake {
        async fn page(&self, query: &EventsQuery) -> Result<EventsPage, BenchlingError> {
            self.queries.lock().unwrap().push(query.clone());
            let after = query.next_token.as_ref().or(query.starting_after.as_ref());
            let start = after.map_or(0, |id| self.events.iter().position(|event| event["id"] == id.as_str()).unwrap() + 1);
            let events: Vec<_> = self.events[start..].iter().take(self.page).cloned().collect();
            let more = start + events.len() < self.events.len();
            let next_token = events.last().filter(|_| more).map(|event| event["id"].as_str().unwrap().to_owned());
            Ok(EventsPage { events, next_token })
        }
    }

    impl PutEvents for Fake {
        async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
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
    struct TestObserver {
        saved: Option<Checkpoint>,
        /// Interrupts the run at the n-th call.
        interrupt_at: Option<usize>,
        /// Skips refused events.
        lenient: bool,
    }

    impl Observer for TestObserver {
        async fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
            self.saved = Some(checkpoint.clone());
            Ok(())
        }
        async fn continues(&mut self, _: usize) -> bool {
            let Some(left) = &mut self.interrupt_at else { return true };
            *left = left.saturating_sub(1);
            *left > 0
        }
        fn skips(&mut self, _: &Refused) -> bool {
            self.lenient
        }
    }

    fn checkpoint() -> Checkpoint {
        let [from, until] = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"].map(|at| at.parse().unwrap());
        Checkpoint::new(Run { tenant: "acme".into(), bus: "b".into(), source: "s".into(), from, until, event_types: vec![], object: None })
    }

    #[tokio::test(start_paused = true)]
    async fn every_event_is_sent_once_whatever_page_is_interrupted() {
        let names: Vec<String> = (0..25).map(|n| format!("e{n:02}")).collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        for interrupt_at in 1..9 {
            let fake = Fake::new(&ids, 12);
            let mut observer = TestObserver { interrupt_at: Some(interrupt_at), ..TestObserver::default() };
            let mut first = checkpoint();
            let ended = run(&fake, Some(&fake), HashSet::new(), &mut first, &mut observer).await.unwrap();
            // A killed process leaves what was saved last.
            let mut next = observer.saved.clone().unwrap_or_else(checkpoint);
            let mut rest = TestObserver::default();
            let after = run(&fake, Some(&fake), HashSet::new(), &mut next, &mut rest).await.unwrap();
            assert_eq!(after, Ended::Complete, "after {ended:?}");
            assert_eq!(*fake.put.lock().unwrap(), names, "interrupted at {interrupt_at}");
            assert_eq!((next.counts.sent, next.counts.listed, next.counts.already_seen, next.complete), (25, 25, 0, true));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rejected_page_stops_the_run_and_is_sent_in_the_next_one() {
        let fake = Fake::new(&["a", "b", "c", "d"], 2);
        fake.refuses.lock().unwrap().push("d".into());
        let (mut checkpoint, mut observer) = (checkpoint(), TestObserver::default());
        let ended = run(&fake, Some(&fake), HashSet::new(), &mut checkpoint, &mut observer).await.unwrap();
        assert_eq!(ended, Ended::Refused(vec![Refused { id: "d".into(), code: "MalformedDetail".into(), message: "no".into() }]));
        let mut saved = observer.saved.take().unwrap();
        assert_eq!((saved.starting_after.as_deref(), &saved.sent_beyond), (Some("b"), &vec!["c".to_owned()]));
        assert_eq!(run(&fake, Some(&fake), HashSet::new(), &mut saved, &mut observer).await.unwrap(), Ended::Complete);
        assert_eq!(*fake.put.lock().unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(saved.counts.by_type, BTreeMap::from([("t".to_owned(), 4)]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_accepted_events_is_no_progress() {
        let fake = Fake::new(&["a"], 2);
        fake.refuses.lock().unwrap().push("a".into());
        let (mut checkpoint, mut observer) = (checkpoint(), TestObserver::default());
        let ended = run(&fake, Some(&fake), HashSet::new(), &mut checkpoint, &mut observer).await.unwrap();
        assert!(matches!(ended, Ended::Refused(_)) && observer.saved.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn skipped_events_block_nothing_and_count_once() {
        let fake = Fake::new(&["a", "b", "c", "d"], 3);
        fake.refuses.lock().unwrap().push("b".into());
        // Killed after the call in which it was refused.
        let (mut first, mut observer) = (checkpoint(), TestObserver { interrupt_at: Some(2), lenient: true, ..TestObserver::default() });
        run(&fake, Some(&fake), HashSet::new(), &mut first, &mut observer).await.unwrap();
        let mut next = observer.saved.take().unwrap();
        let mut rest = TestObserver { lenient: true, ..TestObserver::default() };
        assert_eq!(run(&fake, Some(&fake), HashSet::new(), &mut next, &mut rest).await.unwrap(), Ended::Complete);
        assert_eq!(*fake.put.lock().unwrap(), ["a", "c", "d"]);
        assert_eq!((next.counts.sent, next.counts.refused, next.counts.listed), (3, 1, 4));
    }

    #[test]
    fn events_of_an_object_name_it_and_are_complete() {
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
        let (mut dry, mut observer) = (checkpoint(), TestObserver::default());
        let seen = HashSet::from(["b".to_owned()]);
        assert_eq!(run(&fake, None::<&Fake>, seen, &mut dry, &mut observer).await.unwrap(), Ended::Complete);
        assert!(fake.put.lock().unwrap().is_empty());
        assert_eq!((dry.counts.sent, dry.counts.already_seen, dry.counts.listed), (2, 1, 3));
    }
}
