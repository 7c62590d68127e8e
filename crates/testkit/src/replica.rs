//! A replica of the operator as a process: it has a name, and shares a lease with others.

use std::ops::{Deref, DerefMut};

use serde_json::Value;

use crate::{
    binary::{Binary, free_address},
    world::World,
};

/// Ended when dropped.
pub struct Replica {
    /// In the lease, in Events, in the user agent of its AWS calls.
    pub name: String,
    binary: Binary,
    address: String,
}

impl Replica {
    /// Sees this world only, and shares its lease with the world's other replicas. `keys`: the account of its own identity.
    pub fn start(world: &World, name: &str, kubeconfig: &Value, keys: &str, flags: &[&str]) -> Self {
        Self::with(world, name, kubeconfig, keys, flags, &[])
    }

    /// The same with these environment variables.
    pub fn with(world: &World, name: &str, kubeconfig: &Value, keys: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let (address, lease) = (free_address(), world.namespace.as_str());
        let arguments: [&[&str]; 3] = [
            &["run", "--listen", &address, "--installation-id", "e2e", "--policy-settle-seconds", "0"],
            &["--watch-namespaces", lease, "--lease-name", lease, "--replica", name],
            flags,
        ];
        let mut environment = vec![("TRIBUTARY_LOG", "debug"), ("AWS_ACCESS_KEY_ID", keys), ("AWS_SECRET_ACCESS_KEY", "canary-7Qm2")];
        environment.extend_from_slice(variables);
        let binary = Binary::start(kubeconfig, &arguments, &environment);
        Self { name: name.to_owned(), binary, address }
    }

    /// Status and text; `None` while nobody listens.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://{}{path}", self.address)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }
}

impl Deref for Replica {
    type Target = Binary;

    fn deref(&self) -> &Binary {
        &self.binary
    }
}

impl DerefMut for Replica {
    fn deref_mut(&mut self) -> &mut Binary {
        &mut self.binary
    }
}
