//! Gateway: connections, bounded in number, in the size of heads and in time.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::gateway::{Gateway, handle};

/// A head that has not come in full by then; also how long a connection may stand idle.
const HEAD: Duration = Duration::from_secs(5);
/// Bytes of a head.
const LARGEST_HEAD: usize = 32 * 1024;
/// How long connections are waited for at the end; none may take longer than its body and its answer.
const LAST: Duration = Duration::from_secs(10);

/// Serves until `stop`, then finishes what is under way.
pub async fn serve(gateway: Gateway, listener: TcpListener, stop: impl Future<Output = ()>) {
    let (places, (ending, ended)) = (Arc::new(Semaphore::new(gateway.limits.connections)), watch::channel(false));
    let mut stop = std::pin::pin!(stop);
    loop {
        // Its place first: who finds none waits in the kernel's queue, and takes no memory here.
        let accepted = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let (stream, place) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => match accepted {
                Some((Ok((stream, _)), place)) => (stream, place),
                Some((Err(error), _)) => {
                    // Such as no file handle left: others end soon.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                None => break,
            },
        };
        let (gateway, mut ended) = (gateway.clone(), ended.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            gateway.tally.connections.inc();
            let service = service_fn(|request| {
                let gateway = gateway.clone();
                async move { Ok::<_, Infallible>(handle::answer(&gateway, request).await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(LARGEST_HEAD).keep_alive(true);
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
            // What breaks is the sender's: it sends again what has no answer.
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = ended.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            gateway.tally.connections.dec();
            drop(place);
        });
    }
    drop(listener);
    ending.send_replace(true);
    let all = u32::try_from(gateway.limits.connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(LAST, places.acquire_many(all)).await;
}
