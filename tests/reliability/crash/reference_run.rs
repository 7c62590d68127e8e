//! A run without faults: what AWS holds at the end of each phase, and which fault points and writes occurred. Crashes are chosen from these.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::OnceCell;
use tributary_testkit::{
    Call, options,
    product::{Options, Point},
};

use crate::{
    contents::{Contents, contents},
    fault_points::{Recorder, Site},
    scenario::{Phase, Scenario, Story},
    write_interceptor::{Write, WriteInterceptor},
};

pub struct Reference {
    phases: BTreeMap<Phase, Passed>,
}

/// What went by in one phase.
pub struct Passed {
    pub contents: Contents,
    pub sites: BTreeSet<Site>,
    /// Writes to Kubernetes.
    pub kubernetes: BTreeSet<Write>,
    /// Writes to AWS in order, such as `events.PutRule`.
    pub aws: Vec<String>,
}

impl Passed {
    /// How many points at which a crash can be.
    pub fn points(&self) -> usize {
        self.sites.iter().filter(|site| site.point != Point::Effect).count()
    }
}

impl Reference {
    pub fn of(&self, phase: Phase) -> &Passed {
        &self.phases[&phase]
    }

    async fn new(story: Story) -> Self {
        let mut scenario = Scenario::new("calm", story).await;
        let mut phases = BTreeMap::new();
        for phase in Phase::ALL {
            let (recorder, interceptor, since) =
                (Arc::new(Recorder::default()), WriteInterceptor::open(&scenario.world), scenario.world.aws.mark().await);
            scenario.prepare(phase).await;
            let client = interceptor.client(&scenario.world).await;
            scenario.world.run_through(client, Options { fault_points: recorder.clone(), ..options() });
            scenario.settle(phase).await;
            scenario.world.stop().await;
            let calls = scenario.world.aws.journal(since).await.0;
            let aws = calls.iter().filter(|call| call.is_write()).map(Call::name).collect();
            let passed = Passed { contents: contents(&scenario.world).await, sites: recorder.sites(), kubernetes: interceptor.seen(), aws };
            phases.insert(phase, passed);
        }
        scenario.end().await;
        Self { phases }
    }
}

/// One for each story, made once for all tests.
pub async fn references() -> &'static BTreeMap<Story, Reference> {
    static ALL: OnceCell<BTreeMap<Story, Reference>> = OnceCell::const_new();
    ALL.get_or_init(|| async {
        let (queues, benchling, roles) =
            futures::join!(Reference::new(Story::Queues), Reference::new(Story::Benchling), Reference::new(Story::Roles));
        BTreeMap::from([(Story::Queues, queues), (Story::Benchling, benchling), (Story::Roles, roles)])
    })
    .await
}

/// Everything of one sort that went by, with the story and the phase in which it did.
pub fn all<'a, T, I: Iterator<Item = T> + 'a>(
    references: &'a BTreeMap<Story, Reference>,
    of: impl Fn(&'a Passed) -> I + Copy + 'a,
) -> impl Iterator<Item = (Story, Phase, T)> + 'a {
    references.iter().flat_map(move |(story, reference)| {
        reference.phases.iter().flat_map(move |(phase, passed)| of(passed).map(move |item| (*story, *phase, item)))
    })
}
