//! What AWS should hold of a state machine and its roles, and what it holds.

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::{
        by_role::{DesiredByRole, ObservedByRole},
        shared::role::{DesiredRole, ObservedRole},
    },
    steps::MachineSettings,
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredStateMachine {
    /// The state machine to create; `None` for an existing one.
    pub managed: Option<DesiredMachine>,
    /// Grants, and the role by which EventBridge starts it.
    pub by: DesiredByRole,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredMachine {
    pub name: String,
    pub express: bool,
    pub settings: MachineSettings,
    /// The role that it assumes; `None`: the spec names one.
    pub execution_role: Option<DesiredRole>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedMachine {
    pub express: bool,
    pub settings: MachineSettings,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedStateMachine {
    /// Read of a managed one only.
    pub machine: Option<ObservedMachine>,
    pub execution_role: Option<ObservedRole>,
    pub by: ObservedByRole,
}
