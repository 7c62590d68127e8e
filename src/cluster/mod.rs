//! Everything that reads or writes Kubernetes and is shared by operator, gateway and sync: watches, stores, status, Secrets, child objects.

pub(crate) mod arn_from;
pub(crate) mod children;
pub(crate) mod config_maps;
pub(crate) mod definition_from;
pub(crate) mod deletions;
pub(crate) mod dependents;
pub(crate) mod error;
pub(crate) mod exports;
pub(crate) mod index;
pub(crate) mod pages;
pub(crate) mod queue;
pub(crate) mod reference;
pub(crate) mod reflector;
pub(crate) mod secrets;
pub(crate) mod shards;
pub(crate) mod status;
pub(crate) mod stores;
pub(crate) mod timeouts;
pub(crate) mod user_secrets;
pub(crate) mod watch;
