//! EventBridge: buses, rules, targets, archives, connections, replays, partner event sources.

pub(crate) mod archives;
pub(crate) mod buses;
pub(crate) mod connections;
pub(crate) mod replays;
pub(crate) mod rule_lists;
pub(crate) mod sources;
pub(crate) mod targets;
