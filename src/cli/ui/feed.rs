//! The latest graph, and its version. A version is a change that a page can see.

use std::{future::Future, sync::Arc};

use tokio::sync::watch;

use crate::cli::{
    graph::{Graph, live},
    kube_flags::{Cluster, Namespaces},
};

/// A graph and its version. Version 0 is that before the first list.
#[derive(Clone, Debug, Default)]
pub(super) struct Current {
    pub(super) version: u64,
    pub(super) graph: Arc<Graph>,
}

/// The latest graph.
#[derive(Clone)]
pub(super) struct Feed(watch::Receiver<Current>);

impl Feed {
    /// Follows the cluster while the returned future is polled.
    pub(super) fn follow(cluster: &Cluster, namespaces: &Namespaces) -> (Self, impl Future<Output = ()> + use<>) {
        let mut live = live(cluster, namespaces);
        let (sender, receiver) = watch::channel(Current::default());
        let follow = async move {
            loop {
                let graph = live.next().await.graph();
                publish(&sender, graph);
            }
        };
        (Self(receiver), follow)
    }

    #[cfg(test)]
    pub(super) fn of(graph: Graph) -> (watch::Sender<Current>, Self) {
        let (sender, receiver) = watch::channel(Current::default());
        publish(&sender, graph);
        (sender, Self(receiver))
    }

    pub(super) fn current(&self) -> Current {
        self.0.borrow().clone()
    }

    /// Waits for a version other than this one.
    pub(super) async fn changed(&self, version: u64) {
        // The sender lives as long as the process serves.
        let _ = self.0.clone().wait_for(|current| current.version != version).await;
    }
}

/// Publishes the graph, unless it is the same: an object whose status was written again is no change.
pub(super) fn publish(sender: &watch::Sender<Current>, graph: Graph) {
    sender.send_if_modified(|current| {
        if current.version > 0 && *current.graph == graph {
            return false;
        }
        *current = Current { version: current.version + 1, graph: Arc::new(graph) };
        true
    });
}
