//! The rules of each bus as `ListRules` returned them: one page of 100 serves every rule on it. Own writes are entered at once.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use tributary_core::{error::ReconcileError, kinds::RuleInAws};

type Rules = BTreeMap<String, RuleInAws>;

/// The rules of the buses of one account and Region.
#[derive(Debug, Default)]
pub(crate) struct RuleLists {
    buses: Mutex<HashMap<String, Arc<Mutex<Listed>>>>,
}

#[derive(Debug, Default)]
struct Listed {
    at: Option<Instant>,
    rules: Rules,
}

impl RuleLists {
    async fn bus(&self, bus: &str) -> Arc<Mutex<Listed>> {
        let mut buses = self.buses.lock().await;
        if let Some(listed) = buses.get(bus) {
            return listed.clone();
        }
        buses.entry(bus.to_owned()).or_default().clone()
    }

    /// Reads from the list of the bus, which is fetched again when it is older than `age`. Concurrent readers wait for the same
    /// fetch.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub(crate) async fn read<R, F>(
        &self,
        bus: &str,
        age: Duration,
        fetch: impl FnOnce() -> F,
        read: impl FnOnce(&Rules) -> R,
    ) -> Result<R, ReconcileError>
    where
        F: Future<Output = Result<Vec<RuleInAws>, ReconcileError>>,
    {
        // Measured before the wait for the lock: a list that was fetched during the wait is young enough.
        let oldest = Instant::now().checked_sub(age);
        let listed = self.bus(bus).await;
        let mut listed = listed.lock().await;
        if listed.at.is_none_or(|at| oldest.is_some_and(|oldest| at < oldest)) {
            let requested = Instant::now();
            let rules = fetch().await?;
            listed.rules = rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect();
            listed.at = Some(requested);
        }
        Ok(read(&listed.rules))
    }

    /// Enters an own write. `None`: the rule was deleted.
    pub(crate) async fn record_write(&self, bus: &str, name: &str, rule: Option<RuleInAws>) {
        let listed = self.bus(bus).await;
        let mut listed = listed.lock().await;
        match rule {
            Some(rule) => listed.rules.insert(name.to_owned(), rule),
            None => listed.rules.remove(name),
        };
    }

    /// Drops the list of a bus, after a write whose outcome is unknown.
    pub(crate) async fn forget(&self, bus: &str) {
        self.bus(bus).await.lock().await.at = None;
    }
}
