//! What a spec refers to and its owner or the account has to permit, collected while it is resolved.

use std::cell::RefCell;

use tributary_api::AdmittedReferences;

/// Collects the references that a spec was permitted to make.
#[derive(Debug, Default)]
pub(crate) struct References(RefCell<AdmittedReferences>);

impl References {
    pub(crate) fn arn(&self, arn: &str) {
        add(&mut self.0.borrow_mut().arns, arn);
    }

    pub(crate) fn role(&self, role: &str) {
        add(&mut self.0.borrow_mut().roles, role);
    }

    pub(crate) fn sink(&self, key: &str) {
        add(&mut self.0.borrow_mut().sinks, key);
    }

    pub(crate) fn bus(&self, key: &str) {
        add(&mut self.0.borrow_mut().buses, key);
    }

    pub(crate) fn into_inner(self) -> AdmittedReferences {
        self.0.into_inner()
    }
}

fn add(list: &mut Vec<String>, item: &str) {
    if let Err(at) = list.binary_search_by(|present| present.as_str().cmp(item)) {
        list.insert(at, item.to_owned());
    }
}
