//! The watch loop that operator, gateway and sync share: follows one kind and reports each change to a [`WatchHandler`].
//!
//! It retries errors, lists everything again at intervals, and never resumes from a `resourceVersion` that the API server rejected.
//! What a process does with a change belongs to the handler, not here; [`super::reflector`] is the handler that fills a store.

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use futures::{
    StreamExt,
    future::{Either, select},
};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tributary_core::{guarded::Guarded, stored::remove_unread_fields};

use crate::{
    cluster::timeouts::{Backoff, Timeouts},
    telemetry::health::Health,
};

/// Receives the changes of one kind, in the order in which the API server reports them.
///
/// A list arrives as `list_started`, any number of `list_item`, `list_completed`. A list that fails midway starts again with
/// `list_started`. Objects that are absent from a completed list were deleted while the watch was down.
pub(crate) trait WatchHandler<K>: Send {
    /// A full list begins.
    fn list_started(&mut self);
    /// Receives one object of the list.
    fn list_item(&mut self, object: Guarded<K>);
    /// The list is complete.
    fn list_completed(&mut self);
    /// An object was created or changed.
    fn applied(&mut self, object: Guarded<K>);
    /// An object was deleted; `object` is its last state.
    fn deleted(&mut self, object: Guarded<K>);
}

/// What every watch of a process needs.
#[derive(Clone)]
pub(crate) struct WatchSettings {
    /// The client to watch with.
    pub client: Client,
    /// How long one watch request lasts, and how often everything is listed again.
    pub timeouts: Timeouts,
    /// Where the watch reports whether its first list is complete; see [`expect_list`].
    pub health: Arc<Health>,
}

/// Makes `/readyz` wait for the first list of the kind. To be called before anything is served: a watch whose task the runtime has not
/// run yet must count as missing.
pub(crate) fn expect_list<K: Resource<DynamicType = ()>>(health: &Health) {
    health.waiting(&readiness_part(&K::kind(&())), "the first list of objects");
}

/// Name of the kind's watch in the readiness report.
fn readiness_part(kind: &str) -> String {
    format!("{kind} watch")
}

/// Watches all objects of the kind in all namespaces and passes each change to `handler`.
///
/// Never returns: errors are retried with backoff, and everything is listed again every [`Timeouts::list`]. To stop, drop the future;
/// `handler` then is as the last change left it.
pub(crate) async fn watch_kind<K, H>(settings: &WatchSettings, handler: &mut H)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    Guarded<K>: DeserializeOwned,
    H: WatchHandler<K>,
{
    let kind = K::kind(&()).into_owned();
    let part = readiness_part(&kind);
    let mut watch = Watch { settings, handler, kind, part, listed: false, backoff: Backoff::default(), objects: PhantomData };
    loop {
        watch.follow().await;
    }
}

struct Watch<'a, K, H> {
    settings: &'a WatchSettings,
    handler: &'a mut H,
    kind: String,
    /// Name of this watch in the readiness report.
    part: String,
    /// Whether a list was completed since the process started.
    listed: bool,
    backoff: Backoff,
    objects: PhantomData<fn() -> K>,
}

impl<K, H> Watch<'_, K, H>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    Guarded<K>: DeserializeOwned,
    H: WatchHandler<K>,
{
    /// Lists and watches until the next full list is due, or until the watch cannot resume.
    async fn follow(&mut self) {
        let timeouts = self.settings.timeouts;
        let config = watcher::Config::default().timeout(u32::try_from(timeouts.watch.as_secs()).unwrap_or(u32::MAX).max(1));
        let stream =
            watcher(Api::<Guarded<K>>::all(self.settings.client.clone()), config).modify(|object| remove_unread_fields(object.meta_mut()));
        let mut stream = std::pin::pin!(stream);
        let mut relist = std::pin::pin!(tokio::time::sleep(timeouts.list.mul_f64(0.9 + 0.1 * fastrand::f64())));
        while let Either::Left((Some(event), _)) = select(stream.next(), relist.as_mut()).await {
            match event {
                Ok(event) => self.dispatch(event),
                Err(error) => {
                    self.back_off(&error).await;
                    if !resumes(&error) {
                        return;
                    }
                }
            }
        }
    }

    fn dispatch(&mut self, event: Event<Guarded<K>>) {
        match event {
            Event::Init => self.handler.list_started(),
            Event::InitApply(object) => self.handler.list_item(object),
            Event::InitDone => {
                self.handler.list_completed();
                self.listed = true;
                self.settings.health.up(&self.part);
            }
            Event::Apply(object) => self.handler.applied(object),
            Event::Delete(object) => self.handler.deleted(object),
        }
    }

    async fn back_off(&mut self, error: &watcher::Error) {
        tracing::warn!(kind = self.kind, %error, "watch failed; retrying");
        if !self.listed {
            self.settings.health.waiting(&self.part, format!("the first list of objects: {error}"));
        }
        tokio::time::sleep(self.backoff.wait()).await;
    }
}

/// Whether the watch may continue from the last `resourceVersion` that it received, as after a lost connection. Not where the API
/// server rejects the request: that version may be compacted (410), or belong to a history that a restore of etcd has undone.
fn resumes(error: &watcher::Error) -> bool {
    !matches!(error, watcher::Error::WatchStartFailed(_) | watcher::Error::WatchError(_))
}
