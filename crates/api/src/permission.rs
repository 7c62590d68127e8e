//! Who may use what: the grants of an `AwsAccount` and the consent of a referenced object. The only place where either is decided.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use wildmatch::WildMatch;

use super::{AccountGrant, AwsAccountSpec};

/// Whether any pattern matches the text. `*` stands for any text, also across `/` and `:`.
pub fn matches(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| WildMatch::new(pattern).matches(text))
}

/// Whether an object may be referenced from a namespace: always from its own, else only if its `allowedNamespaces` say so.
pub fn consents(owner: &ObjectMeta, allowed_namespaces: &[String], from: &str) -> bool {
    owner.namespace.as_deref() == Some(from) || matches(allowed_namespaces, from)
}

impl AwsAccountSpec {
    fn grants_of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a AccountGrant> {
        self.grants.iter().filter(move |grant| matches(&grant.namespaces, namespace))
    }

    /// Whether objects of the namespace may use the account.
    pub fn allows_namespace(&self, namespace: &str) -> bool {
        self.grants_of(namespace).next().is_some()
    }

    /// Whether objects of the namespace may name the ARN of an existing resource.
    pub fn allows_arn(&self, namespace: &str, arn: &str) -> bool {
        self.grants_of(namespace).any(|grant| matches(&grant.arns, arn))
    }

    /// Whether objects of the namespace may pass the role, given by its ARN, to an AWS service.
    pub fn allows_role(&self, namespace: &str, role: &str) -> bool {
        self.grants_of(namespace).any(|grant| matches(&grant.roles, role))
    }

    /// Whether event buses of the namespace may grant access to the principal: an account id or an organization id.
    pub fn allows_principal(&self, namespace: &str, principal: &str) -> bool {
        self.grants_of(namespace).any(|grant| matches(&grant.principals, principal))
    }
}
