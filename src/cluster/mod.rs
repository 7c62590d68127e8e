//! Everything that reads or writes Kubernetes and is shared by operator, gateway and sync: watches, stores, status, Secrets, child objects.

pub mod arn_from;
pub mod children;
pub mod dependents;
pub mod error;
pub mod queue;
pub mod reflector;
pub mod secrets;
pub mod status;
pub mod stores;
pub mod timeouts;
pub mod user_secrets;
pub mod watch;
