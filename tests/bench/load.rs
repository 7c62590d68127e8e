//! Benchmark, part 6b: webhooks over connections that stay open, each as soon as the one before it is answered. Writes bytes that were made
//! before, and reads as little as it can: its own work is not what is measured.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{Result, webhooks::Signed};

#[derive(Default)]
pub struct Sent {
    pub wall: Duration,
    /// Ids of what was answered 200.
    pub accepted: Vec<String>,
    /// Other answers, and broken connections.
    pub others: usize,
    /// Milliseconds of each answer, sorted.
    pub milliseconds: Vec<f64>,
}

impl Sent {
    pub fn percentile(&self, percent: usize) -> f64 {
        let last = self.milliseconds.len().saturating_sub(1);
        self.milliseconds.get((self.milliseconds.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}

struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// The answer's status.
    async fn post(&mut self, request: &[u8]) -> Result<u16> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        };
        stream.write_all(request).await?;
        let (mut line, mut status, mut length, mut stays) = (String::new(), 0, 0, true);
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Err("the connection was closed".into());
            }
            let text = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest.get(..3).unwrap_or_default().parse()?;
            } else if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            } else if text == "connection: close" {
                stays = false;
            } else if text.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        self.stream = stays.then_some(stream);
        Ok(status)
    }
}

/// Sends them in order until all are sent or the time is up. `pause`: of each connection between an answer and the next webhook.
pub async fn run(address: SocketAddr, webhooks: &[Signed], connections: usize, time: Duration, pause: Duration) -> Result<Sent> {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let sender = async || {
        let (mut connection, mut sent) = (Connection { address, stream: None }, Sent::default());
        while began.elapsed() < time {
            let Some(webhook) = webhooks.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let at = Instant::now();
            match connection.post(&webhook.request).await {
                Ok(200) => sent.accepted.push(webhook.id.clone()),
                Ok(_) | Err(_) => sent.others += 1,
            }
            sent.milliseconds.push(at.elapsed().as_secs_f64() * 1_000.0);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Result::Ok(sent)
    };
    let mut all = Sent::default();
    for sent in try_join_all((0..connections).map(|_| sender())).await? {
        all.accepted.extend(sent.accepted);
        all.milliseconds.extend(sent.milliseconds);
        all.others += sent.others;
    }
    all.wall = began.elapsed();
    all.milliseconds.sort_by(f64::total_cmp);
    Ok(all)
}
