//! The graph of all objects: event sources, buses, rules, sinks and dead-letter queues, how they are connected, and the health of each.
//!
//! `read` and `live` get the objects of a cluster with the permissions of the user and keep what the graph needs of each (`kinds`);
//! `assemble` is pure and makes the [`Graph`] of them, whose JSON form is documented in `docs/reference/graph-schema.md`. How a graph is
//! drawn does not belong here.

mod assemble;
mod health;
mod kinds;
mod live;
mod model;
mod read;
mod snapshot;

#[cfg(test)]
pub(crate) use kinds::{GraphKind, item};
pub(crate) use live::live;
pub(crate) use model::{Edge, EdgeKind, Graph, Health, Node, NodeKind, Origin, RuleDetails, TargetDetails};
pub(crate) use read::read;
pub(crate) use snapshot::Snapshot;
