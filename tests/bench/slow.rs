//! Benchmark, part 6c: connections that never come to an end: heads and bodies letter by letter, or bodies that lack their last byte. Each that
//! the gateway ends is opened again.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::{Result, webhooks::PATH};

#[derive(Clone, Copy)]
pub enum Kind {
    /// One half are heads, the other half bodies.
    Slow,
    /// The largest body that is taken, but for its last byte.
    Withheld,
}

/// What one body may have, and by default does.
const LARGEST: usize = 256 * 1_024;
const LETTER_EVERY: Duration = Duration::from_millis(250);

async fn hold(address: SocketAddr, kind: Kind, head: bool) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let line = format!("POST {PATH} HTTP/1.1\r\nhost: hooks.example.com\r\n");
    let begin = if head { format!("{line}x-slow: ") } else { format!("{line}content-length: {LARGEST}\r\n\r\n") };
    stream.write_all(begin.as_bytes()).await?;
    if matches!(kind, Kind::Withheld) {
        stream.write_all(&vec![b' '; LARGEST - 1]).await?;
    }
    let mut answer = [0; 256];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => if read? == 0 { return Ok(()) },
            () = tokio::time::sleep(LETTER_EVERY), if matches!(kind, Kind::Slow) => stream.write_all(b"a").await?,
        }
    }
}

/// Ends with its handle.
pub fn open(address: SocketAddr, count: usize, kind: Kind) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for n in 0..count {
        all.spawn(async move {
            loop {
                // It is reopened whatever ended it, but not at once: a stopped gateway would get requests in a tight loop.
                drop(hold(address, kind, matches!(kind, Kind::Slow) && n % 2 == 0).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    all
}
