//! A watch through the proxy in front of the API server: forwards events line by line, until a fault applies.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::Bytes;
use futures::{Stream, StreamExt};
use serde_json::json;
use tokio::sync::watch;

use crate::apifaults::{Chunks, Control, failure};

/// Random faults of the watch events of one plural.
#[derive(Clone)]
pub struct Mangle {
    /// Plural of the kind, such as `eventrules`.
    pub plural: String,
    /// Chance of an event to be lost.
    pub lost: f64,
    /// Chance of an event to be delivered twice.
    pub doubled: f64,
    /// Chance of an event to be delivered after the next one.
    pub swapped: f64,
    chance: Arc<std::sync::Mutex<fastrand::Rng>>,
    done: Arc<AtomicUsize>,
}

impl Mangle {
    /// Mangles watches of this plural; the same seed gives the same faults.
    pub fn new(plural: &str, seed: u64, (lost, doubled, swapped): (f64, f64, f64)) -> Self {
        let chance = Arc::new(std::sync::Mutex::new(fastrand::Rng::with_seed(seed)));
        Self { plural: plural.into(), lost, doubled, swapped, chance, done: Arc::default() }
    }

    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Returns the lines to deliver for this line; `held` is delivered after the next one.
    fn apply(&self, line: Bytes, held: &mut Option<Bytes>) -> Vec<Bytes> {
        let dice = self.chance.lock().unwrap().f64();
        let mut out = vec![];
        if dice < self.lost + self.doubled + self.swapped {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        if dice < self.lost {
        } else if dice < self.lost + self.doubled {
            out.extend([line.clone(), line]);
        } else if dice < self.lost + self.doubled + self.swapped && held.is_none() {
            *held = Some(line);
            return out;
        } else {
            out.push(line);
        }
        out.extend(held.take());
        out
    }
}

struct Watch {
    chunks: Chunks,
    began: Control,
    control: watch::Receiver<Control>,
    mangle: Option<Mangle>,
    rest: Vec<u8>,
    held: Option<Bytes>,
    ended: bool,
}

pub(crate) fn watch(
    chunks: Chunks,
    began: Control,
    control: watch::Receiver<Control>,
    mangle: Option<Mangle>,
) -> impl Stream<Item = Result<Bytes, String>> {
    let watch = Watch { chunks, began, control, mangle, rest: vec![], held: None, ended: false };
    futures::stream::unfold(watch, |mut watch| async move { watch.next().await.map(|item| (item, watch)) })
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        if self.ended {
            return None;
        }
        loop {
            let (now, began) = (*self.control.borrow_and_update(), self.began);
            if now.mended != began.mended || now.broken != began.broken {
                self.ended = true;
                return Some(Err("broken off".into()));
            }
            if now.expired != began.expired {
                self.ended = true;
                let event = json!({"type": "ERROR", "object": failure(410, "Expired")});
                return Some(Ok(Bytes::from(format!("{event}\n"))));
            }
            let silent = now.cut || now.stalled != began.stalled;
            let chunk = tokio::select! {
                changed = self.control.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                    continue;
                }
                chunk = self.chunks.next(), if !silent => chunk,
            };
            match chunk {
                Some(Ok(chunk)) => {
                    let out = self.lines(&chunk);
                    if !out.is_empty() {
                        return Some(Ok(out.into()));
                    }
                }
                // A held event is delivered late rather than lost.
                None => {
                    self.ended = true;
                    return self.held.take().map(Ok);
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Returns the complete lines received so far, mangled where configured.
    fn lines(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(chunk);
        let mut out = vec![];
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Bytes = self.rest.drain(..=end).collect::<Vec<_>>().into();
            let bookmark = line.starts_with(b"{\"type\":\"BOOKMARK\"");
            match &self.mangle {
                Some(mangle) if !bookmark => mangle.apply(line, &mut self.held).iter().for_each(|line| out.extend_from_slice(line)),
                _ => out.extend_from_slice(&line),
            }
        }
        out
    }
}
