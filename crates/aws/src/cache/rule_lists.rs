//! The rules of each bus as `ListRules` returned them: one page of 100 serves every rule on it. Own writes are entered at once.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use tributary_core::{error::ReconcileError, kinds::RuleInAws};

use crate::cache::answers::{FEW, KEPT};

type Rules = BTreeMap<String, RuleInAws>;

/// ARN of the identity that listed, and bus.
type Key = (String, String);

/// The rules of the buses of one account and Region.
#[derive(Debug, Default)]
pub(crate) struct RuleLists {
    buses: Mutex<HashMap<Key, Arc<Mutex<Listed>>>>,
}

#[derive(Debug, Default)]
struct Listed {
    at: Option<Instant>,
    rules: Rules,
}

impl RuleLists {
    async fn list(&self, identity: &str, bus: &str) -> Arc<Mutex<Listed>> {
        let mut buses = self.buses.lock().await;
        if buses.len() >= FEW {
            buses.retain(|_, listed| Arc::strong_count(listed) > 1 || !is_old(listed));
        }
        buses.entry((identity.to_owned(), bus.to_owned())).or_default().clone()
    }

    /// Returns the lists of a bus, of all identities.
    async fn lists(&self, bus: &str) -> Vec<Arc<Mutex<Listed>>> {
        self.buses.lock().await.iter().filter(|((_, of), _)| of == bus).map(|(_, listed)| listed.clone()).collect()
    }

    /// Reads from the list of the bus, which is fetched again when it is older than `age`. Concurrent readers wait for the same
    /// fetch.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub(crate) async fn read<R, F>(
        &self,
        identity: &str,
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
        let listed = self.list(identity, bus).await;
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
        for listed in self.lists(bus).await {
            let mut listed = listed.lock().await;
            match rule.clone() {
                Some(rule) => listed.rules.insert(name.to_owned(), rule),
                None => listed.rules.remove(name),
            };
        }
    }

    /// Drops the lists of a bus, after a write whose outcome is unknown.
    pub(crate) async fn forget(&self, bus: &str) {
        for listed in self.lists(bus).await {
            listed.lock().await.at = None;
        }
    }
}

/// Whether the list is no longer read. One that is being fetched is read.
fn is_old(listed: &Mutex<Listed>) -> bool {
    listed.try_lock().is_ok_and(|listed| listed.at.is_none_or(|at| at.elapsed() > KEPT))
}

#[cfg(test)]
mod tests {
    use tributary_core::steps::RuleSettings;

    use super::*;

    const AGE: Duration = Duration::from_mins(5);

    fn rule(name: &str) -> RuleInAws {
        RuleInAws {
            bus: "b".into(),
            name: name.into(),
            arn: String::new(),
            settings: RuleSettings { description: None, pattern: None, schedule: None, state: tributary_api::RuleState::default() },
            managed_by: None,
            targets: None,
            tags: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_of_one_identity_and_an_own_write_is_in_all() {
        let lists = RuleLists::default();
        let read = |identity, first: &'static str| {
            lists.read(identity, "b", AGE, move || async move { Ok(vec![rule(first)]) }, |rules| rules.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(read("a", "one").await, Ok(vec!["one".to_owned()]));
        assert_eq!(read("b", "two").await, Ok(vec!["two".to_owned()]), "b has other permissions than a");
        lists.record_write("b", "x", Some(rule("x"))).await;
        assert_eq!(read("a", "new").await, Ok(vec!["one".to_owned(), "x".to_owned()]));
        assert_eq!(read("b", "new").await, Ok(vec!["two".to_owned(), "x".to_owned()]));
        lists.forget("b").await;
        assert_eq!(read("b", "new").await, Ok(vec!["new".to_owned()]));
    }

    #[tokio::test(start_paused = true)]
    async fn lists_of_buses_that_went_are_dropped() {
        let lists = RuleLists::default();
        for n in 0..10 * FEW {
            let listed = lists.read("a", &format!("b{n}"), AGE, || async { Ok(vec![]) }, BTreeMap::len).await;
            assert_eq!(listed, Ok(0));
            tokio::time::advance(Duration::from_hours(1)).await;
        }
        assert!(lists.buses.lock().await.len() <= FEW);
    }
}
