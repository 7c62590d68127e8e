//! Desired and observed state of a state machine and its roles.

use std::collections::BTreeSet;

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::{
        by_role::{DesiredByRole, ObservedByRole},
        shared::role::{DesiredRole, ObservedRole},
    },
    steps::MachineSettings,
};

/// Desired state of the `stateMachine` destination.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredStateMachine {
    /// The state machine to create; `None` for an existing one.
    pub managed: Option<DesiredMachine>,
    /// Grants, and the role that EventBridge starts executions with.
    pub by: DesiredByRole,
}

/// Desired state of a managed state machine.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredMachine {
    /// Name of the state machine.
    pub name: String,
    /// Whether the type is `EXPRESS`, otherwise `STANDARD`; immutable.
    pub express: bool,
    /// Settings of the state machine.
    pub settings: MachineSettings,
    /// The execution role to create; `None` if the spec references one.
    pub execution_role: Option<DesiredRole>,
    /// Tags of the state machine.
    pub tags: Tags,
    /// ARNs that the definition has by the references of its substitutions. Part of the definition.
    #[serde(skip)]
    pub references: BTreeSet<String>,
    /// Warnings about permissions that cannot be derived from the definition. Not part of what AWS
    /// should hold.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// A state machine, as AWS returns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedMachine {
    /// Whether the type is `EXPRESS`.
    pub express: bool,
    /// Settings of the state machine.
    pub settings: MachineSettings,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

/// Observed state of the `stateMachine` destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedStateMachine {
    /// The state machine; `None` if it does not exist or is not managed.
    pub machine: Option<ObservedMachine>,
    /// The managed execution role; `None` if it does not exist.
    pub execution_role: Option<ObservedRole>,
    /// Observed role and rules.
    pub by: ObservedByRole,
}
