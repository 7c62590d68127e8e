//! Shards: sets of AWS accounts that each have one writer (ADR 0045). Which shard an account and an
//! object belong to; which replica holds a shard is decided by Leases, not here.
//!
//! ```
//! use tributary_core::shard::Shard;
//!
//! let home = Shard::of_account("111122223333", 16);
//! assert_eq!(home, Shard::of_account("111122223333", 16));
//! assert!(home.contains("111122223333"));
//! assert_eq!(Shard::of_account("111122223333", 1), Shard::ONLY);
//! ```

use sha2::{Digest, Sha256};

use tributary_api::Identity;

use crate::{
    claim::Claim,
    error::{Reason, ReconcileError, RetryClass},
    managed::Managed,
    view::View,
};

/// One of a fixed number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// From 0.
    pub index: u16,
    /// The number of shards of the installation.
    pub of: u16,
}

impl Shard {
    /// The shard of an installation that has one. It contains every account.
    pub const ONLY: Self = Self { index: 0, of: 1 };

    /// The shard of the AWS account. Part of the contract between replicas of all versions: it never
    /// changes.
    pub fn of_account(account_id: &str, of: u16) -> Self {
        Self::by_hash(&format!("account/{account_id}"), of)
    }

    /// The shard of the objects of the namespace whose account is not known yet.
    pub fn of_namespace(namespace: &str, of: u16) -> Self {
        Self::by_hash(&format!("namespace/{namespace}"), of)
    }

    fn by_hash(text: &str, of: u16) -> Self {
        if of <= 1 {
            return Self::ONLY;
        }
        let digest = Sha256::digest(text.as_bytes());
        let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        Self { index: u16::try_from(number % u32::from(of)).unwrap_or_default(), of }
    }

    /// The shard that the object belongs to, as far as the view knows.
    pub fn of_object<K: Managed>(object: &K, view: &View, of: u16) -> Self {
        if of <= 1 {
            return Self::ONLY;
        }
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        account_of(object, view).map_or_else(|| Self::of_namespace(namespace, of), |account_id| Self::of_account(&account_id, of))
    }

    /// Whether the AWS account belongs to the shard.
    pub fn contains(self, account_id: &str) -> bool {
        self.of <= 1 || Self::of_account(account_id, self.of) == self
    }

    /// Checks that the shard may call AWS for an object with this identity. What "one writer per account"
    /// depends on: where an object is reconciled only decides who does the work.
    ///
    /// # Errors
    /// A conflict if the account belongs to another shard.
    pub fn permit(self, identity: &Identity) -> Result<(), ReconcileError> {
        if self.contains(&identity.account_id) {
            return Ok(());
        }
        let message = format!("AWS account {} is in another shard, whose leader reconciles the object", identity.account_id);
        Err(ReconcileError::new(RetryClass::Conflict, Reason::Conflict, message))
    }

    /// Whether the object belongs to the shard, as far as the view knows.
    pub fn owns<K: Managed>(self, object: &K, view: &View) -> bool {
        Self::of_object(object, view, self.of) == self
    }
}

/// ID of the AWS account of the object: of the identity that it is pinned to, or else of its claim,
/// since AWS may hold something of it there; or else of the account that its references lead to, as far
/// as these are admitted. `None` while it has none: nothing of it is written to AWS.
pub fn account_of<K: Managed>(object: &K, view: &View) -> Option<String> {
    if let Some(pinned) = object.pinned_identity() {
        return Some(pinned.account_id.clone());
    }
    if K::CLAIMED_IN_METADATA
        && let Some(claim) = Claim::read(object.meta())
    {
        return Some(claim.identity.account_id);
    }
    match object.account_ref() {
        // The identity may depend on what only a reconcile resolves, the account does not.
        Some(reference) => {
            let namespace = object.meta().namespace.as_deref().unwrap_or_default();
            view.account_for(namespace, Some(&reference)).ok().map(|account| account.spec.account_id.clone())
        }
        None => object.identity(view).ok().map(|identity| identity.account_id),
    }
}

#[cfg(test)]
mod tests;
