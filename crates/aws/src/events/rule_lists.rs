//! What `ListRules` tells, kept per bus: one page of 100 rules serves every rule on it, and our own writes are entered at once.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use tributary_core::{error::ReconcileError, kinds::ObservedRule};

type Rules = BTreeMap<String, ObservedRule>;

#[derive(Debug, Default)]
pub struct RuleLists {
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

    /// Reads from the list of the bus; it is fetched anew when it is older than `age`. Whoever comes meanwhile waits for the same answer.
    pub async fn read<R, F>(
        &self,
        bus: &str,
        age: Duration,
        fetch: impl FnOnce() -> F,
        read: impl FnOnce(&Rules) -> R,
    ) -> Result<R, ReconcileError>
    where
        F: Future<Output = Result<Vec<ObservedRule>, ReconcileError>>,
    {
        // Reckoned from before the wait: who waited for a list that was asked for meanwhile takes it.
        let oldest = Instant::now().checked_sub(age);
        let listed = self.bus(bus).await;
        let mut listed = listed.lock().await;
        if listed.at.is_none_or(|at| oldest.is_some_and(|oldest| at < oldest)) {
            let asked = Instant::now();
            let rules = fetch().await?;
            listed.rules = rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect();
            listed.at = Some(asked);
        }
        Ok(read(&listed.rules))
    }

    /// Enters what we wrote ourselves. `None`: the rule is gone.
    pub async fn wrote(&self, bus: &str, name: &str, rule: Option<ObservedRule>) {
        let listed = self.bus(bus).await;
        let mut listed = listed.lock().await;
        match rule {
            Some(rule) => listed.rules.insert(name.to_owned(), rule),
            None => listed.rules.remove(name),
        };
    }

    /// Forgets the list of a bus, after a write whose outcome is not known.
    pub async fn forget(&self, bus: &str) {
        self.bus(bus).await.lock().await.at = None;
    }
}
