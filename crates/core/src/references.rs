//! References between objects: the bus of a rule, app or replay, and whether that bus accepts
//! events. Reads the view only.

use std::sync::Arc;

use tributary_api::{BenchlingApp, BusKind, EventBus, EventReplay, EventReplayStatus, EventRule, Identity};

pub use crate::benchling::WEBHOOK_SOURCE;
use crate::{
    error::{Reason, ReconcileError},
    managed::Managed,
    names::{PARTNER_BUS, short_hash},
    object::{key_of, owner_of},
    view::View,
};

/// Who may publish to an `EventBus`.
pub trait BusReferences {
    /// Checks that events can be published to the bus, as far as Kubernetes knows.
    ///
    /// `PutEvents` accepts an event for a bus that does not exist and silently drops it
    /// (docs/aws-facts.md, P6). So nothing is published before the operator has observed the bus.
    ///
    /// # Errors
    /// The bus is not observed yet, or is being deleted.
    fn check_accepts_events(&self, field: &str) -> Result<(), ReconcileError>;
    /// Checks that the bus is no partner event bus, to which only the partner can publish.
    ///
    /// # Errors
    /// The bus is a partner event bus.
    fn check_not_partner_bus(&self, field: &str) -> Result<(), ReconcileError>;
    /// Returns where the bus is: the identity that it is pinned to, or before that the one of its
    /// spec. A later spec that means another identity is refused.
    ///
    /// # Errors
    /// See [`Managed::identity`].
    fn admitted_identity(&self, view: &View) -> Result<Identity, ReconcileError>;
}

impl BusReferences for EventBus {
    fn check_accepts_events(&self, field: &str) -> Result<(), ReconcileError> {
        if self.status.as_ref().is_some_and(|status| !status.common.resources.is_empty()) && self.metadata.deletion_timestamp.is_none() {
            return Ok(());
        }
        Err(ReconcileError::blocked(Reason::BusNotReady, format!("{field}: EventBus {} is not ready. See its conditions.", key_of(self))))
    }

    fn admitted_identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        if let Some(pinned) = self.pinned_identity() {
            return Ok(pinned.clone());
        }
        if self.spec.existing.is_some() {
            // Only its own reconcile resolves and permits the reference.
            let message = format!("EventBus {} is not ready. See its conditions.", key_of(self));
            return Err(ReconcileError::blocked(Reason::BusNotReady, message));
        }
        self.identity(view)
    }

    fn check_not_partner_bus(&self, field: &str) -> Result<(), ReconcileError> {
        let existing = self.spec.existing.as_ref().and(self.pinned_identity());
        if self.spec.event_source_name.is_none() && !existing.is_some_and(|bus| bus.name.starts_with(PARTNER_BUS)) {
            return Ok(());
        }
        Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!(
                "{field}: EventBus {} is a partner event bus; only the partner can publish to it. Reference a different bus.",
                key_of(self)
            ),
        ))
    }
}

/// How the events of a `BenchlingApp` differ from others.
pub trait AppReferences {
    /// Prefix of the `source` of its events: namespace and name, so that no app can impersonate
    /// another one. The tenant follows.
    fn source_prefix(&self) -> String;
}

impl AppReferences for BenchlingApp {
    fn source_prefix(&self) -> String {
        let key = key_of(self);
        // A source has at most 256 characters, of which a tenant may take 63.
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
    /// Key of the rule's bus, also where the rule refers to an app. `None` if the app does not
    /// exist.
    fn bus_key_in(&self, view: &View) -> Option<String>;
    /// Whether the rule refers to this bus, by its own name or through its subscription. A rule of
    /// an app blocks the deletion of the app, which blocks that of the bus.
    fn means(&self, bus: &EventBus) -> bool;
    /// The app that the rule refers to in place of a bus.
    fn app(&self, view: &View) -> Option<Arc<BenchlingApp>>;
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

    fn app(&self, view: &View) -> Option<Arc<BenchlingApp>> {
        let key = self.app_key()?;
        let (namespace, name) = key.split_once('/')?;
        view.app(namespace, name)
    }
}

/// The bus of an `EventReplay`.
pub trait ReplayReferences {
    /// Whether the bus is that of the replay, and the replay is not finished.
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
