//! Connections, bounded in number, in the size of request heads, and in time.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::gateway::{handle, state::Gateway};

/// Time limit for a request head, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of a request head, in bytes.
const MAX_HEAD: usize = 32 * 1024;
/// Time limit for open requests after `stop`. None takes longer than its body and its reply.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until `stop` completes, then answers open requests.
pub(crate) async fn serve(gateway: Gateway, listener: TcpListener, stop: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(gateway.limits.connections));
    let (ending, ended) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        // The permit comes first: without one, connections wait in the kernel's queue and take no memory here.
        let accepted = async {
            let permit = permits.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let (stream, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => match accepted {
                Some((Ok((stream, _)), permit)) => (stream, permit),
                Some((Err(error), _)) => {
                    // Such as no free file handle: other connections end soon.
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                None => break,
            },
        };
        let (gateway, mut ended) = (gateway.clone(), ended.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            gateway.metrics.connections.inc();
            let service = service_fn(|request| {
                let gateway = gateway.clone();
                async move { Ok::<_, Infallible>(handle::answer(&gateway, request).await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD).keep_alive(true);
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
            // An error is that of the connection: Benchling sends webhooks without a reply again.
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = ended.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            gateway.metrics.connections.dec();
            drop(permit);
        });
    }
    drop(listener);
    ending.send_replace(true);
    let all = u32::try_from(gateway.limits.connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, permits.acquire_many(all)).await;
}
