//! A layer of the operator's Kubernetes client that records every write and can stop the operator at one of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    task::{self, Poll},
};

use futures::future::BoxFuture;
use http::{Method, Request, Response, header::CONTENT_TYPE};
use kube::{
    Client,
    client::{Body, ClientBuilder},
};
use tokio::sync::Notify;
use tower::{Service, layer::layer_fn, util::MapRequestLayer};
use tributary_testkit::{Bed, World};

use crate::own_objects::own_objects;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It has not been sent.
    Before,
    /// The API server responded, and the operator has not received the response.
    After,
}

/// The nth write of its sort in a phase.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// Such as `status`, `Event`.
    pub class: &'static str,
    /// Such as `status eventsinks work`; Events differ only in their number.
    pub what: String,
    pub nth: usize,
    pub moment: Moment,
}

pub struct WriteInterceptor {
    namespace: String,
    counts: Mutex<BTreeMap<(String, Moment), usize>>,
    seen: Mutex<BTreeSet<Write>>,
    stop_at: Option<Write>,
    reached: Notify,
}

impl WriteInterceptor {
    /// Lets everything pass.
    pub fn open(world: &World) -> Arc<Self> {
        Self::new(world, None)
    }

    pub fn stop_at(world: &World, write: Write) -> Arc<Self> {
        Self::new(world, Some(write))
    }

    fn new(world: &World, stop_at: Option<Write>) -> Arc<Self> {
        let namespace = world.namespace.clone();
        Arc::new(Self { namespace, counts: Mutex::default(), seen: Mutex::default(), stop_at, reached: Notify::new() })
    }

    /// The operator's client, through this interceptor.
    pub async fn client(self: &Arc<Self>, world: &World) -> Client {
        let (layer, own) = (layer_fn(|inner| Intercepted { inner, interceptor: self.clone() }), MapRequestLayer::new(own_objects(world)));
        ClientBuilder::try_from(Bed::get().operator_config().await).unwrap().with_layer(&own).with_layer(&layer).build()
    }

    pub fn seen(&self) -> BTreeSet<Write> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until the operator stands at the write.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Class and name of a write; `None` for what only reads.
    fn write(&self, request: &Request<Body>) -> Option<(&'static str, String)> {
        if request.method() == Method::GET {
            return None;
        }
        let path = request.uri().path().replace(&self.namespace, "NS");
        let parts: Vec<_> = path.split('/').skip_while(|part| !part.starts_with('v')).skip(1).collect();
        let resource = if parts.first() == Some(&"namespaces") && parts.len() > 2 { &parts[2..] } else { &parts[..] };
        let sort = request.headers().get(CONTENT_TYPE).and_then(|sort| sort.to_str().ok()).unwrap_or_default();
        let class = match (request.method(), resource) {
            (&Method::POST, ["events"]) => "Event",
            (&Method::POST, ["configmaps"]) => "ConfigMap created",
            (&Method::PUT, ["configmaps", _]) => "ConfigMap replaced",
            (&Method::PATCH, [_, _, "status"]) => "status",
            (&Method::PATCH, [_, _]) if sort.contains("merge-patch") => "metadata",
            (&Method::PATCH, [_, _]) if sort.contains("apply-patch") => "child applied",
            (&Method::PATCH, [_, _]) if sort.contains("json-patch") => "child corrected",
            (&Method::DELETE, [_, _]) => "child deleted",
            // Nobody's sort, so that a new one turns the test red.
            _ => "unknown",
        };
        Some((class, format!("{} {}", request.method(), resource.join(" "))))
    }

    /// Counts the write; whether the operator is to stop here.
    fn stops(&self, (class, what): &(&'static str, String), moment: Moment) -> bool {
        let key = format!("{class} {what}");
        let mut counts = self.counts.lock().unwrap();
        let nth = counts.entry((key, moment)).or_default();
        *nth += 1;
        let write = Write { class, what: what.clone(), nth: *nth, moment };
        let here = self.stop_at.as_ref() == Some(&write);
        self.seen.lock().unwrap().insert(write);
        if here {
            self.reached.notify_one();
        }
        here
    }
}

struct Intercepted<S> {
    inner: S,
    interceptor: Arc<WriteInterceptor>,
}

impl<S, B> Service<Request<Body>> for Intercepted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(write) = self.interceptor.write(&request) else { return Box::pin(self.inner.call(request)) };
        // The operator hangs here until the test drops it.
        if self.interceptor.stops(&write, Moment::Before) {
            return Box::pin(std::future::pending());
        }
        let (interceptor, answer) = (self.interceptor.clone(), self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await?;
            if answer.status().is_success() && interceptor.stops(&write, Moment::After) {
                return std::future::pending().await;
            }
            Ok(answer)
        })
    }
}
