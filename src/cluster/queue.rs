//! The queue of a kind's controller: from the watches, which run in every replica, to the controller, which runs in the leader.
//!
//! An object whose own spec changed is queued at once. One that depends on others is queued at once too, and then once per
//! [`TRIGGER_INTERVAL`], however many of the others change meanwhile: a bus whose thousand rules are deleted is not reconciled a thousand
//! times.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    stream,
};
use kube::{
    Resource,
    runtime::reflector::{ObjectRef, Store},
};
use tokio::time::{Instant, sleep_until};
use tributary_core::guarded::Guarded;

/// How often changes of others queue an object, at most. The last of them is never lost: it queues the object this much later.
const TRIGGER_INTERVAL: Duration = Duration::from_millis(200);

/// Why an object is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It changed itself, or a leadership term begins.
    Own,
    /// An object changed that it depends on.
    Dependency,
}

/// Queue of the objects to reconcile: goes to the controller of this replica while it leads, otherwise nowhere.
pub(crate) struct Queue<K: Resource<DynamicType = ()> + Clone + 'static>(Arc<Mutex<Option<Sender<K>>>>);

type Sender<K> = UnboundedSender<(ObjectRef<Guarded<K>>, Cause)>;

impl<K: Resource<DynamicType = ()> + Clone + 'static> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Default for Queue<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Queue<K> {
    /// Opens the queue for a new leadership term, starting with every object in the store.
    pub(crate) fn open(&self, store: &Store<Guarded<K>>) -> impl Stream<Item = ObjectRef<Guarded<K>>> + Send + 'static {
        let (sender, receiver) = unbounded();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        for object in store.state() {
            self.send(ObjectRef::from_obj(object.as_ref()));
        }
        merge_triggers(receiver)
    }

    /// Queues an object that changed itself.
    pub(super) fn send(&self, object: ObjectRef<Guarded<K>>) {
        self.queue(object, Cause::Own);
    }

    /// Queues an object because another one changed that it depends on.
    pub(super) fn trigger(&self, object: ObjectRef<Guarded<K>>) {
        self.queue(object, Cause::Dependency);
    }

    fn queue(&self, object: ObjectRef<Guarded<K>>, cause: Cause) {
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed queue is that of a past leadership term.
        if sender.as_ref().is_some_and(|sender| sender.unbounded_send((object, cause)).is_err()) {
            *sender = None;
        }
    }
}

/// Objects that were queued within the last interval because of others.
struct Recent<T> {
    /// Whether each was triggered again since.
    again: HashMap<T, bool>,
    /// When the interval of each ends, in that order.
    ends: VecDeque<(Instant, T)>,
}

impl<T: Clone + Eq + Hash> Recent<T> {
    /// Whether an object that is triggered now is queued now. If not, it is when its interval ends.
    fn admits(&mut self, object: &T, now: Instant) -> bool {
        if let Some(again) = self.again.get_mut(object) {
            *again = true;
            return false;
        }
        self.begin(object.clone(), now);
        true
    }

    fn begin(&mut self, object: T, now: Instant) {
        self.again.insert(object.clone(), false);
        self.ends.push_back((now + TRIGGER_INTERVAL, object));
    }

    /// Ends the first interval. Returns its object if that was triggered again.
    fn end(&mut self, now: Instant) -> Option<T> {
        let (_, object) = self.ends.pop_front()?;
        let again = self.again.remove(&object)?;
        again.then(|| {
            self.begin(object.clone(), now);
            object
        })
    }
}

/// The objects to reconcile. Triggers by others are merged into one per object and interval.
fn merge_triggers<T: Clone + Eq + Hash + Send + 'static>(queue: UnboundedReceiver<(T, Cause)>) -> impl Stream<Item = T> + Send + 'static {
    let recent = Recent { again: HashMap::new(), ends: VecDeque::new() };
    stream::unfold((queue, recent), |(mut queue, mut recent)| async move {
        loop {
            let end = recent.ends.front().map(|(at, _)| *at);
            let next = async {
                match end {
                    Some(end) => tokio::time::timeout_at(end, queue.next()).await.ok(),
                    None => Some(queue.next().await),
                }
            };
            match next.await {
                Some(Some((object, Cause::Own))) => return Some((object, (queue, recent))),
                Some(Some((object, Cause::Dependency))) => {
                    if recent.admits(&object, Instant::now()) {
                        return Some((object, (queue, recent)));
                    }
                }
                Some(None) => {
                    // The queue is closed: what is due comes still.
                    sleep_until(end?).await;
                    if let Some(object) = recent.end(Instant::now()) {
                        return Some((object, (queue, recent)));
                    }
                }
                None => {
                    if let Some(object) = recent.end(Instant::now()) {
                        return Some((object, (queue, recent)));
                    }
                }
            }
        }
    })
}

/// The same reference, to the guarded object.
pub(super) fn guarded<K: Resource<DynamicType = ()> + Clone>(reference: &ObjectRef<K>) -> ObjectRef<Guarded<K>> {
    let result = ObjectRef::new(&reference.name);
    match &reference.namespace {
        Some(namespace) => result.within(namespace),
        None => result,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_queues_an_object_once_per_interval_and_its_last_change_is_not_lost() {
        let (sender, receiver) = unbounded();
        let mut queue = std::pin::pin!(merge_triggers(receiver));
        let began = Instant::now();
        for _ in 0..1_000 {
            sender.unbounded_send(("bus", Cause::Dependency)).unwrap();
        }
        sender.unbounded_send(("sink", Cause::Dependency)).unwrap();
        assert_eq!(queue.next().await, Some("bus"));
        assert_eq!(queue.next().await, Some("sink"), "another object does not wait for it");
        assert_eq!(began.elapsed(), Duration::ZERO, "the first of a burst at once");
        let others = tokio::time::timeout(TRIGGER_INTERVAL * 2, queue.next()).await.expect("the last change is queued");
        assert_eq!((others, began.elapsed()), (Some("bus"), TRIGGER_INTERVAL), "the others together");
        assert_eq!(queue.next().now_or_never(), None);
        tokio::time::advance(TRIGGER_INTERVAL * 2).await;
        assert_eq!(queue.next().now_or_never(), None, "nothing is queued twice");
        sender.unbounded_send(("bus", Cause::Dependency)).unwrap();
        assert_eq!(queue.next().now_or_never(), Some(Some("bus")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_object_itself_waits_for_nothing() {
        let (sender, receiver) = unbounded();
        let mut queue = std::pin::pin!(merge_triggers(receiver));
        for cause in [Cause::Dependency, Cause::Own, Cause::Dependency, Cause::Own] {
            sender.unbounded_send(("rule", cause)).unwrap();
        }
        drop(sender);
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(queue.next().await, Some("rule"));
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!((queue.next().await, began.elapsed()), (Some("rule"), TRIGGER_INTERVAL));
        assert_eq!(queue.next().await, None);
    }
}
