//! References between objects: which bus a rule, app or replay is about, and whether that bus takes events. Reads the view only.

use tributary_api::{BenchlingApp, BusKind, EventBus, EventReplay, EventReplayStatus, EventRule};

use crate::{
    error::{Reason, ReconcileError},
    names::short_hash,
    object::{key_of, owner_of},
    view::View,
};

/// What every `source` of a webhook's event begins with.
pub const WEBHOOK_SOURCE: &str = "benchling.webhook/";

/// Who may publish to an `EventBus`.
pub trait BusReferences {
    /// Whether events can be put on it, as far as Kubernetes knows. `PutEvents` takes an event for a bus that is not there and drops it without a
    /// word (docs/aws-facts.md, P6), so nothing is put before the operator has seen the bus.
    fn takes_events(&self, field: &str) -> Result<(), ReconcileError>;
    /// Refuses a partner's bus to those who would put events on it.
    fn is_no_partners(&self, field: &str) -> Result<(), ReconcileError>;
}

impl BusReferences for EventBus {
    fn takes_events(&self, field: &str) -> Result<(), ReconcileError> {
        if self.status.as_ref().is_some_and(|status| !status.common.resources.is_empty()) && self.metadata.deletion_timestamp.is_none() {
            return Ok(());
        }
        Err(ReconcileError::blocked(Reason::BusNotReady, format!("{field}: EventBus {} is not ready; see its conditions", key_of(self))))
    }

    fn is_no_partners(&self, field: &str) -> Result<(), ReconcileError> {
        if self.spec.event_source_name.is_none() {
            return Ok(());
        }
        Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!("{field}: EventBus {} is a partner's: only the partner puts events on it. Name another one", key_of(self)),
        ))
    }
}

/// How the events of a `BenchlingApp` are told from others.
pub trait AppReferences {
    /// What the `source` of its events begins with: its namespace and name, so that no app can pass for another. The tenant follows.
    fn source_prefix(&self) -> String;
}

impl AppReferences for BenchlingApp {
    fn source_prefix(&self) -> String {
        let key = key_of(self);
        // A source has 256 characters, of which a tenant may take 63.
        let room = 256 - 64 - WEBHOOK_SOURCE.len() - 1;
        if key.len() <= room {
            return format!("{WEBHOOK_SOURCE}{key}/");
        }
        let cut: String = key.chars().take(room - 17).collect();
        format!("{WEBHOOK_SOURCE}{cut}-{}/", short_hash(&key, 16))
    }
}

/// The bus or app of an `EventRule`.
pub trait RuleReferences {
    /// The same, where the rule names an app in place of its bus.
    fn bus_key_in(&self, view: &View) -> Option<String>;
    /// Whether the rule means this bus: by its own name, or as the bus of its subscription. A rule of an app holds up the app, which holds up
    /// the bus.
    fn means(&self, bus: &EventBus) -> bool;
    /// The app that the rule names in place of its bus.
    fn app(&self, view: &View) -> Option<BenchlingApp>;
}

impl RuleReferences for EventRule {
    fn bus_key_in(&self, view: &View) -> Option<String> {
        if self.spec.bus_ref.kind != BusKind::BenchlingApp {
            return Some(self.bus_key());
        }
        self.app(view).map(|app| app.bus_key())
    }

    fn means(&self, bus: &EventBus) -> bool {
        let by = match self.spec.bus_ref.kind {
            BusKind::EventBus => true,
            BusKind::BenchlingSubscription => owner_of(bus).as_ref() == Some(&self.spec.bus_ref.name),
            BusKind::BenchlingApp => false,
        };
        by && self.bus_key() == key_of(bus)
    }

    fn app(&self, view: &View) -> Option<BenchlingApp> {
        let key = self.app_key()?;
        let (namespace, name) = key.split_once('/')?;
        view.app(namespace, name)
    }
}

/// The bus of an `EventReplay`.
pub trait ReplayReferences {
    /// Whether the bus is that of the replay, and the replay is not over.
    fn holds(&self, bus: &EventBus) -> bool;
}

impl ReplayReferences for EventReplay {
    fn holds(&self, bus: &EventBus) -> bool {
        !self.status.as_ref().is_some_and(EventReplayStatus::finished) && self.bus_key() == key_of(bus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_api::BenchlingAppSpec;

    fn app(namespace: &str, name: &str) -> BenchlingApp {
        let mut app = BenchlingApp::new(name, BenchlingAppSpec::default());
        app.metadata.namespace = Some(namespace.into());
        app
    }

    #[test]
    fn a_source_is_of_one_app_and_fits() {
        assert_eq!(app("prod", "lims").source_prefix(), "benchling.webhook/prod/lims/");
        let long = |end: &str| app(&"n".repeat(63), &format!("{}{end}", "x".repeat(200))).source_prefix();
        assert!(long("a").len() + 63 <= 256);
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a"), long("a"));
    }
}
