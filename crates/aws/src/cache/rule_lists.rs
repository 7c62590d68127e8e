//! The rules of each bus as `ListRules` returned them: one page of 100 serves every rule on it. Own writes are entered at once. A list that is
//! too old for every reader is dropped: between two resyncs, a fleet of buses would keep the patterns of all its rules twice.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use tributary_core::{error::ReconcileError, kinds::RuleInAws};

use crate::cache::answers::{FEW, KEPT};

/// A rule of a list. Its event pattern is kept as text: parsed, each level of it takes 600 bytes.
#[derive(Debug)]
struct ListedRule {
    /// The rule, without its pattern.
    rule: RuleInAws,
    pattern: Option<Box<str>>,
}

impl From<RuleInAws> for ListedRule {
    fn from(mut rule: RuleInAws) -> Self {
        let pattern = rule.settings.pattern.take().map(|pattern| pattern.to_string().into());
        Self { rule, pattern }
    }
}

/// The rules of a bus, by name.
#[derive(Debug, Default)]
pub(crate) struct Rules(BTreeMap<String, ListedRule>);

impl Rules {
    /// The rule of this name.
    pub(crate) fn get(&self, name: &str) -> Option<RuleInAws> {
        let ListedRule { rule, pattern } = self.0.get(name)?;
        let mut rule = rule.clone();
        rule.settings.pattern = pattern.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Some(rule)
    }

    /// The names of all rules.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// ARN of the identity that listed, and bus.
type Key = (String, String);

/// The rules of the buses of one account and Region.
#[derive(Debug, Default)]
pub(crate) struct RuleLists {
    buses: Mutex<HashMap<Key, Arc<Mutex<Listed>>>>,
    /// The greatest age that a reader accepted, in milliseconds. The first ones to come may want a young list, for others to read it later.
    longest: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Listed {
    at: Option<Instant>,
    rules: Rules,
    /// Whether a task waits for its age.
    watched: bool,
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
        self.longest.fetch_max(u64::try_from(age.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let list = self.list(identity, bus).await;
        let mut listed = list.lock().await;
        if listed.at.is_none_or(|at| oldest.is_some_and(|oldest| at < oldest)) {
            let requested = Instant::now();
            let rules = fetch().await?;
            listed.rules = Rules(rules.into_iter().map(|rule| (rule.name.clone(), rule.into())).collect());
            listed.at = Some(requested);
            if !std::mem::replace(&mut listed.watched, true) {
                tokio::spawn(drop_when_old(Arc::downgrade(&list), self.longest.clone()));
            }
        }
        Ok(read(&listed.rules))
    }

    /// Enters an own write. `None`: the rule was deleted.
    pub(crate) async fn record_write(&self, bus: &str, name: &str, rule: Option<RuleInAws>) {
        for listed in self.lists(bus).await {
            let mut listed = listed.lock().await;
            if listed.at.is_none() {
                continue;
            }
            match rule.clone() {
                Some(rule) => listed.rules.0.insert(name.to_owned(), rule.into()),
                None => listed.rules.0.remove(name),
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

/// Drops the rules of a list once no reader accepts it.
async fn drop_when_old(list: Weak<Mutex<Listed>>, longest: Arc<AtomicU64>) {
    loop {
        let kept = Duration::from_millis(longest.load(Ordering::Relaxed));
        let Some(list) = list.upgrade() else { return };
        let mut listed = list.lock().await;
        let left = listed.at.and_then(|at| kept.checked_sub(at.elapsed())).filter(|left| !left.is_zero());
        let Some(left) = left else {
            *listed = Listed::default();
            return;
        };
        drop(listed);
        drop(list);
        tokio::time::sleep(left).await;
    }
}

/// Whether the list is no longer read. One that is being fetched is read.
fn is_old(listed: &Mutex<Listed>) -> bool {
    listed.try_lock().is_ok_and(|listed| listed.at.is_none_or(|at| at.elapsed() > KEPT))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
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
            lists.read(
                identity,
                "b",
                AGE,
                move || async move { Ok(vec![rule(first)]) },
                |rules| rules.names().map(str::to_owned).collect::<Vec<_>>(),
            )
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
    async fn a_rule_is_read_as_it_was_listed() {
        let mut listed = rule("one");
        for pattern in [None, Some(json!({"source": ["a"], "detail": {"n": [{"numeric": ["<", 1.5]}]}})), Some("not JSON".into())] {
            listed.settings.pattern = pattern;
            let (lists, answer) = (RuleLists::default(), listed.clone());
            let read = lists.read("a", "b", AGE, || async { Ok(vec![answer]) }, |rules| rules.get("one")).await;
            assert_eq!(read, Ok(Some(listed.clone())));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rules_are_kept_as_long_as_a_reader_accepts_them() {
        let lists = RuleLists::default();
        let read = |age| lists.read("a", "b", age, || async { Ok(vec![rule("one")]) }, |rules| rules.0.len());
        let kept = || async { lists.list("a", "b").await.lock().await.rules.0.len() };
        assert_eq!(read(AGE).await, Ok(1));
        tokio::time::sleep(AGE / 2).await;
        // One that wants it young does not shorten the time for the others.
        assert_eq!(read(Duration::from_secs(1)).await, Ok(1));
        tokio::time::sleep(AGE.mul_f64(0.9)).await;
        assert_eq!(kept().await, 1);
        tokio::time::sleep(AGE / 5).await;
        assert_eq!(kept().await, 0);
        lists.record_write("b", "two", Some(rule("two"))).await;
        assert_eq!(kept().await, 0, "a write is entered in a list, it does not begin one");
        assert_eq!(read(AGE).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn lists_of_buses_that_went_are_dropped() {
        let lists = RuleLists::default();
        for n in 0..10 * FEW {
            let listed = lists.read("a", &format!("b{n}"), AGE, || async { Ok(vec![]) }, |rules| rules.0.len()).await;
            assert_eq!(listed, Ok(0));
            tokio::time::advance(Duration::from_hours(1)).await;
        }
        assert!(lists.buses.lock().await.len() <= FEW);
    }
}
