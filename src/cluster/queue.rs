//! The queue of a kind's controllers: from the watches, which run in every replica, to the controllers, of which one runs in the leader
//! of each shard.
//!
//! An object whose own spec changed is queued at once. One that depends on others is queued at once too, and then once per
//! [`TRIGGER_INTERVAL`], however many of the others change meanwhile: a bus whose thousand rules are deleted is not reconciled a thousand
//! times.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
use tributary_core::{guarded::Guarded, shard::Shard};

use super::reference::reference_of;

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

/// Queue of the objects to reconcile: each goes to the controller of its shard while this replica leads that, otherwise nowhere.
pub(crate) struct Queue<K: Resource<DynamicType = ()> + Clone + 'static>(Arc<Mutex<Terms<K>>>);

type Sender<K> = UnboundedSender<(ObjectRef<Guarded<K>>, Cause)>;

/// Returns the shard that an object belongs to. `None` for an object that is not stored.
pub(crate) type Route<K> = Arc<dyn Fn(&ObjectRef<Guarded<K>>) -> Option<Shard> + Send + Sync>;

/// The controllers of the present leadership terms.
struct Terms<K: Resource<DynamicType = ()> + Clone + 'static> {
    senders: BTreeMap<Shard, Sender<K>>,
    route: Option<Route<K>>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Default for Terms<K> {
    fn default() -> Self {
        Self { senders: BTreeMap::new(), route: None }
    }
}

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
    /// Opens the queue for a new leadership term of the shard, starting with each of its objects in the store.
    pub(crate) fn open(
        &self,
        store: &Store<Guarded<K>>,
        shard: Shard,
        route: &Route<K>,
    ) -> impl Stream<Item = ObjectRef<Guarded<K>>> + Send + 'static {
        let (sender, receiver) = unbounded();
        let mut terms = self.lock();
        terms.senders.insert(shard, sender.clone());
        terms.route = Some(route.clone());
        drop(terms);
        for object in store.state() {
            let object = reference_of(object.as_ref());
            if shard == Shard::ONLY || route(&object) == Some(shard) {
                let _ = sender.unbounded_send((object, Cause::Own));
            }
        }
        merge_triggers(receiver)
    }

    /// Queues an object that changed itself.
    pub(crate) fn send(&self, object: ObjectRef<Guarded<K>>) {
        self.queue(object, Cause::Own);
    }

    /// Queues an object because another one changed that it depends on.
    pub(super) fn trigger(&self, object: ObjectRef<Guarded<K>>) {
        self.queue(object, Cause::Dependency);
    }

    fn queue(&self, object: ObjectRef<Guarded<K>>, cause: Cause) {
        let Some(shard) = self.shard_of(&object) else { return };
        let mut terms = self.lock();
        // A closed queue is that of a past leadership term.
        if terms.senders.get(&shard).is_some_and(|sender| sender.unbounded_send((object, cause)).is_err()) {
            terms.senders.remove(&shard);
        }
    }

    /// The shard of the object, if this replica leads any. Whatever the route reads, the queue is not locked meanwhile.
    fn shard_of(&self, object: &ObjectRef<Guarded<K>>) -> Option<Shard> {
        let terms = self.lock();
        if terms.senders.contains_key(&Shard::ONLY) {
            return Some(Shard::ONLY);
        }
        let route = terms.route.clone().filter(|_| !terms.senders.is_empty())?;
        drop(terms);
        route(object)
    }

    fn lock(&self) -> MutexGuard<'_, Terms<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use kube::runtime::{reflector, watcher::Event};
    use tributary_api::EventBus;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_object_goes_to_the_controller_of_its_shard_only() {
        let (store, mut writer) = reflector::store::<Guarded<EventBus>>();
        for name in ["0", "1", "2"] {
            let bus =
                serde_json::json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventBus", "metadata": {"name": name}, "spec": {}});
            writer.apply_watcher_event(&Event::Apply(serde_json::from_value(bus).unwrap()));
        }
        let queue = Queue::<EventBus>::default();
        // Each bus is named after its shard.
        let route: Route<EventBus> = Arc::new(|object| Some(Shard { index: object.name.parse().ok()?, of: 3 }));
        let bus = |name: &str| ObjectRef::<Guarded<EventBus>>::new(name);
        queue.send(bus("0"));
        let mut first = Box::pin(queue.open(&store, Shard { index: 0, of: 3 }, &route));
        let mut second = Box::pin(queue.open(&store, Shard { index: 1, of: 3 }, &route));
        assert_eq!((first.next().await, first.next().now_or_never()), (Some(bus("0")), None), "its own object, once");
        assert_eq!((second.next().await, second.next().now_or_never()), (Some(bus("1")), None));
        for name in ["1", "2", "not a number"] {
            queue.send(bus(name));
        }
        assert_eq!((first.next().now_or_never(), second.next().await), (None, Some(bus("1"))));
        drop(second);
        queue.send(bus("1"));
        queue.trigger(bus("0"));
        assert_eq!(first.next().await, Some(bus("0")), "the end of one term leaves the others");
    }

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
