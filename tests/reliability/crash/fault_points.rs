//! Fault points: one implementation records every point that is passed, another crashes the operator or loses the response at one of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::BoxFuture;
use tokio::sync::Notify;
use tributary_testkit::product::{FaultPoints, Point, ReconcileError, plan::Step};

/// One point of one step: the nth of its name that the kind makes in a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    pub kind: &'static str,
    pub step: &'static str,
    pub nth: usize,
    pub point: Point,
}

impl Site {
    fn key(&self) -> (&'static str, &'static str, usize, &'static str) {
        (self.kind, self.step, self.nth, self.point.into())
    }
}

impl Ord for Site {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Site {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Default)]
struct Counter(Mutex<BTreeMap<(&'static str, &'static str, &'static str), usize>>);

impl Counter {
    fn next(&self, kind: &'static str, step: &'static str, point: Point) -> Site {
        let mut counts = self.0.lock().unwrap();
        let nth = counts.entry((kind, step, point.into())).or_default();
        *nth += 1;
        Site { kind, step, nth: *nth, point }
    }
}

#[derive(Default)]
pub struct Recorder {
    counter: Counter,
    seen: Mutex<BTreeSet<Site>>,
}

impl Recorder {
    pub fn sites(&self) -> BTreeSet<Site> {
        self.seen.lock().unwrap().clone()
    }
}

impl FaultPoints for Recorder {
    fn at<'a>(&'a self, kind: &'static str, _: &'a str, point: Point, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>> {
        let site = self.counter.next(kind, step.name(), point);
        self.seen.lock().unwrap().insert(site);
        Box::pin(async { Ok(()) })
    }
}

enum At {
    Site(Site),
    /// The nth point, of whatever step, lost replies left out.
    Nth(usize),
}

pub struct Crasher {
    at: At,
    counter: Counter,
    passed: AtomicUsize,
    reached: Notify,
}

impl Crasher {
    pub fn site(site: Site) -> Self {
        Self::new(At::Site(site))
    }

    pub fn nth(n: usize) -> Self {
        Self::new(At::Nth(n))
    }

    fn new(at: At) -> Self {
        Self { at, counter: Counter::default(), passed: AtomicUsize::new(0), reached: Notify::new() }
    }

    /// Waits until the operator stands there.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// How many points went by, lost replies left out.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }
}

impl FaultPoints for Crasher {
    fn at<'a>(&'a self, kind: &'static str, _: &'a str, point: Point, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>> {
        let site = self.counter.next(kind, step.name(), point);
        let crash = point != Point::Effect;
        let passed = if crash { self.passed.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        let here = match &self.at {
            At::Site(wanted) => *wanted == site,
            At::Nth(n) => *n == passed,
        };
        Box::pin(async move {
            if !here {
                return Ok(());
            }
            self.reached.notify_one();
            if point == Point::Effect {
                return Err(ReconcileError::transient("the reply was lost"));
            }
            // The operator hangs here until the test drops it.
            std::future::pending().await
        })
    }
}
