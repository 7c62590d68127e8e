//! Benchmark, part 8c: the state of all objects of a fleet, kept by one watch for each kind. Made before the operator starts, so that
//! nothing is missed.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::Request;
use futures::TryStreamExt;
use kube::{Client, api::WatchEvent};
use tokio::{sync::watch, task::JoinHandle};

use super::objects::collection;
use crate::{
    Result,
    ready::{Seen, list_at},
    say,
};

/// For a phase of any length.
const PATIENCE: Duration = Duration::from_mins(40);
const SAY_EVERY: Duration = Duration::from_secs(20);
const WATCH_SECONDS: u64 = 6 * 3_600;

/// Of all objects of a kind.
#[derive(Default)]
pub struct State {
    /// By namespace and name: its generation, and the one that is Ready.
    all: HashMap<String, (i64, Option<i64>)>,
    /// How many are not Ready.
    open: usize,
}

fn is_open((generation, ready): (i64, Option<i64>)) -> bool {
    ready != Some(generation)
}

impl State {
    fn put(&mut self, object: &Seen) {
        let now = (object.generation(), object.ready_generation());
        let before = self.all.insert(object.key(), now);
        self.open += usize::from(is_open(now));
        self.open -= usize::from(before.is_some_and(is_open));
    }

    fn remove(&mut self, object: &Seen) {
        let before = self.all.remove(&object.key());
        self.open -= usize::from(before.is_some_and(is_open));
    }

    pub fn all_ready(&self) -> bool {
        self.open == 0
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether this generation of the object, or a later one, is Ready.
    pub fn has(&self, key: &str, generation: i64) -> bool {
        self.all.get(key).and_then(|(_, ready)| *ready).is_some_and(|ready| ready >= generation)
    }
}

/// One kind.
pub struct Kind {
    client: Client,
    plural: &'static str,
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<()>,
    task: JoinHandle<()>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Follows one watch from the present list until it ends.
async fn follow(client: &Client, plural: &str, state: &Mutex<State>, changed: &watch::Sender<()>) -> Result<()> {
    let path = collection(None, plural);
    let list = list_at(client, &path).await?;
    let mut fresh = State::default();
    list.items.iter().for_each(|object| fresh.put(object));
    *lock(state) = fresh;
    changed.send_replace(());
    let query = format!("{path}?watch=1&resourceVersion={}&timeoutSeconds={WATCH_SECONDS}", list.metadata.resource_version);
    let stream = client.request_events::<Seen>(Request::get(query).body(vec![])?).await?;
    let mut stream = std::pin::pin!(stream);
    while let Some(event) = stream.try_next().await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => lock(state).put(&object),
            WatchEvent::Deleted(object) => lock(state).remove(&object),
            WatchEvent::Error(error) => return Err(format!("{error:?}").into()),
            WatchEvent::Bookmark(_) => {}
        }
        changed.send_replace(());
    }
    Err("it ended".into())
}

impl Kind {
    async fn start(client: &Client, plural: &'static str) -> Result<Self> {
        let (sender, mut changed) = watch::channel(());
        let state = Arc::new(Mutex::new(State::default()));
        let (client_of_task, state_of_task) = (client.clone(), state.clone());
        let task = tokio::spawn(async move {
            // The API server may end a watch at any time; what came in between is in the list.
            while let Err(error) = follow(&client_of_task, plural, &state_of_task, &sender).await {
                say(&format!("fleet: the watch of {plural} is taken up again: {error}"));
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        tokio::time::timeout(PATIENCE, changed.changed()).await??;
        Ok(Self { client: client.clone(), plural, state, changed, task })
    }

    /// How many are there, and how many of them are not Ready.
    fn counts(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.all.len(), state.open)
    }

    /// Waits until this is so. Says how far it is; fails when it takes too long.
    pub async fn until(&self, what: &str, done: impl Fn(&State) -> bool) -> Result<()> {
        let (began, mut said, mut changed) = (Instant::now(), Instant::now(), self.changed.clone());
        loop {
            changed.mark_unchanged();
            if done(&lock(&self.state)) {
                return Ok(());
            }
            let (there, open) = self.counts();
            if began.elapsed() > PATIENCE {
                let list = list_at(&self.client, &collection(None, self.plural)).await?;
                let example = list.items.iter().find(|object| object.ready_generation() != Some(object.generation()));
                let example = example.or(list.items.first()).map(Seen::why).unwrap_or_default();
                return Err(
                    format!("{}: not {what} after {PATIENCE:?}; {there} there, {open} not Ready, such as {example}", self.plural).into()
                );
            }
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                say(&format!("fleet: waiting until {} are {what}: {there} there, {open} not Ready", self.plural));
            }
            if let Ok(alive) = tokio::time::timeout(Duration::from_secs(1), changed.changed()).await {
                alive?;
            }
        }
    }

    /// Waits until these generations, or later ones, are Ready.
    pub async fn until_ready(&self, what: &str, edited: &[(String, i64)]) -> Result<()> {
        // What is Ready once is not asked for again: there are many objects, and many changes.
        let next = Cell::new(0);
        let done = |state: &State| {
            while edited.get(next.get()).is_some_and(|(key, generation)| state.has(key, *generation)) {
                next.set(next.get() + 1);
            }
            next.get() == edited.len()
        };
        self.until(what, done).await
    }
}

impl Drop for Kind {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All kinds of a fleet.
pub struct Watches {
    pub rules: Kind,
    others: Vec<Kind>,
}

impl Watches {
    pub async fn start(client: &Client) -> Result<Self> {
        let rules = Kind::start(client, "eventrules").await?;
        let mut others = vec![];
        for plural in ["eventsinks", "eventbuses", "awsaccounts"] {
            others.push(Kind::start(client, plural).await?);
        }
        Ok(Self { rules, others })
    }

    async fn each(&self, what: &str, done: fn(&State) -> bool) -> Result<()> {
        self.rules.until(what, done).await?;
        for kind in &self.others {
            kind.until(what, done).await?;
        }
        Ok(())
    }

    pub async fn ready(&self) -> Result<()> {
        self.each("Ready", State::all_ready).await
    }

    pub async fn gone(&self) -> Result<()> {
        self.each("gone", State::is_empty).await
    }
}
