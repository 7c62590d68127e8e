//! HTTP/1 server of every port that the processes open, bounded in number and age of connections, in size and time of request heads, and in
//! the time that a client takes for a response.

mod write_timeout;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, Version, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
};

use write_timeout::WriteTimeout;

/// Maximum size of a request head, in bytes.
const MAX_HEAD: usize = 32 * 1024;
/// Time limit for open requests after `stop` or at the maximum age. None takes longer than its body and its reply.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLimits {
    /// Maximum number of open connections.
    pub connections: usize,
    /// What happens to a connection beyond that.
    pub when_full: WhenFull,
    /// Time limit for a request head, and for an idle connection.
    pub head: Duration,
    /// How long a client may take no byte of a response.
    pub write: Duration,
    /// Age at which a connection is closed, after the request in progress.
    pub age: Duration,
}

/// What happens to a connection beyond the maximum number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It waits in the kernel's queue, where it takes no memory of the process.
    Wait,
    /// The oldest one is closed. Requests that end at once are answered whatever others hold open.
    CloseOldest,
}

impl ServerLimits {
    /// Limits of a port for health and metrics.
    pub(crate) const ADMIN: Self = Self {
        connections: 128,
        when_full: WhenFull::CloseOldest,
        head: Duration::from_secs(5),
        write: Duration::from_secs(10),
        age: Duration::from_mins(1),
    };
}

/// The open connections, by age.
#[derive(Default)]
struct Open(Mutex<BTreeMap<u64, Arc<Notify>>>);

impl Open {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, number: u64) -> Arc<Notify> {
        self.all().entry(number).or_default().clone()
    }

    fn remove(&self, number: u64) {
        self.all().remove(&number);
    }

    fn close_oldest(&self) {
        if let Some((_, close)) = self.all().pop_first() {
            close.notify_one();
        }
    }
}

/// Serves until `stop` completes, then answers open requests. `gauge` counts the open connections.
pub(crate) async fn serve<S, F>(listener: TcpListener, limits: ServerLimits, gauge: Gauge, stop: impl Future<Output = ()>, service: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let (permits, open) = (Arc::new(Semaphore::new(limits.connections)), Arc::new(Open::default()));
    let (ending, ended) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    for number in 0.. {
        let (stream, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, limits.when_full, &permits, &open) => match accepted {
                Some(accepted) => accepted,
                None => break,
            },
        };
        let (gauge, service, ended, open) = (gauge.clone(), service.clone(), ended.clone(), open.clone());
        let close = open.add(number);
        tokio::spawn(async move {
            gauge.inc();
            tokio::select! {
                () = connection(stream, limits, service, ended) => {}
                () = close.notified() => {}
            }
            gauge.dec();
            open.remove(number);
            drop(permit);
        });
    }
    drop(listener);
    ending.send_replace(true);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, permits.acquire_many(all)).await;
}

/// Returns the next connection with its permit. `None` once the server is closed.
async fn accept(
    listener: &TcpListener,
    when_full: WhenFull,
    permits: &Arc<Semaphore>,
    open: &Open,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let waiting = match when_full {
            // The permit comes first: without one, connections stay in the kernel's queue.
            WhenFull::Wait => Some(permits.clone().acquire_owned().await.ok()?),
            WhenFull::CloseOldest => None,
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Such as no free file handle: other connections end soon.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Some(permit) = waiting {
            return Some((stream, permit));
        }
        if permits.available_permits() == 0 {
            open.close_oldest();
        }
        return Some((stream, permits.clone().acquire_owned().await.ok()?));
    }
}

async fn connection<S, F>(stream: TcpStream, limits: ServerLimits, service: S, mut ended: watch::Receiver<bool>)
where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let reply = if has_host(&request) { Ok(service(request)) } else { Err(no_host()) };
        async move {
            match reply {
                Ok(reply) => Ok::<_, Infallible>(reply.await),
                Err(reply) => Ok(reply),
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD).keep_alive(true);
    let stream = TokioIo::new(WriteTimeout::new(stream, limits.write));
    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
    // An error is that of the connection: Benchling sends webhooks without a reply again.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => {}
        () = tokio::time::sleep(limits.age) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection).await;
}

/// Whether the request names its host as HTTP/1.1 requires (RFC 9112, section 3.2): exactly once. HTTP/1.0 may omit it.
fn has_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

fn no_host() -> Response<Full<Bytes>> {
    plain(StatusCode::BAD_REQUEST, "header Host must be present exactly once")
}

/// Returns a response of plain text.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{Instant, timeout},
    };

    use super::*;

    /// No test waits this long.
    const LONG: Duration = Duration::from_secs(30);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const LIMITS: ServerLimits = ServerLimits { connections: 16, when_full: WhenFull::Wait, head: LONG, write: LONG, age: LONG };

    /// Serves responses of this size.
    async fn start(limits: ServerLimits, size: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = move |_| async move { plain(StatusCode::OK, &"x".repeat(size)) };
        tokio::spawn(serve(listener, limits, Gauge::default(), std::future::pending(), answer));
        address
    }

    /// Reads until the server closes the connection.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut text)).await.expect("the server closes the connection");
        String::from_utf8_lossy(&text).into_owned()
    }

    async fn answered(address: SocketAddr) -> bool {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let mut start = [0; 15];
        timeout(Duration::from_secs(5), stream.read_exact(&mut start)).await.is_ok_and(|read| read.is_ok()) && &start == b"HTTP/1.1 200 OK"
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_loses_its_connection() {
        let address = start(ServerLimits { connections: 1, write: Duration::from_millis(300), ..LIMITS }, 32 << 20).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(REQUEST).await.unwrap();
        // It holds the only connection until the server gives up.
        assert!(answered(address).await, "others wait for a client that does not read");
        drop(silent);
    }

    #[tokio::test]
    async fn a_client_that_reads_slowly_gets_all_of_it() {
        let address = start(ServerLimits { write: Duration::from_millis(500), ..LIMITS }, 16 << 20).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(REQUEST).await.unwrap();
        let (mut read, started, mut buffer) = (0, Instant::now(), vec![0; 1 << 20]);
        while read < 16 << 20 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let more = slow.read(&mut buffer).await.unwrap();
            assert!(more > 0, "closed after {read} bytes");
            read += more;
        }
        assert!(started.elapsed() > Duration::from_millis(600), "longer than the limit of one write");
    }

    #[tokio::test]
    async fn a_connection_does_not_live_for_ever() {
        let address = start(ServerLimits { age: Duration::from_millis(300), ..LIMITS }, 1).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let started = Instant::now();
        // It is never idle, and reads all answers.
        let mut answer = [0; 1_024];
        while timeout(LONG, async { Ok::<_, std::io::Error>((stream.write_all(REQUEST).await?, stream.read(&mut answer).await?)) })
            .await
            .unwrap()
            .is_ok_and(|((), read)| read > 0)
        {
            assert!(started.elapsed() < Duration::from_secs(5), "still open");
        }
    }

    #[tokio::test]
    async fn a_full_admin_port_answers_at_once() {
        let limits = ServerLimits { connections: 4, when_full: WhenFull::CloseOldest, ..LIMITS };
        let address = start(limits, 1).await;
        let mut held = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HT").await.unwrap();
            held.push(stream);
        }
        assert!(answered(address).await, "others hold all connections");
        assert_eq!(rest(&mut held[0]).await, "");
    }

    #[tokio::test]
    async fn a_request_names_its_host_exactly_once() {
        let address = start(LIMITS, 1).await;
        for (head, status) in [
            ("GET / HTTP/1.1\r\nhost: x\r\n", "200"),
            ("GET / HTTP/1.0\r\n", "200"),
            ("GET / HTTP/1.1\r\n", "400"),
            ("GET http://x/ HTTP/1.1\r\n", "400"),
            ("GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n", "400"),
            ("POST / HTTP/1.1\r\ncontent-length: 3\r\n", "400"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
            let answer = rest(&mut stream).await;
            assert_eq!(answer.split(' ').nth(1), Some(status), "{head:?}: {answer}");
        }
    }
}
