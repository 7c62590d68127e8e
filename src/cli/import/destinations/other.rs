//! Targets of all other types, which EventBridge reaches with a role.

use tributary_api::{ArnSink, EventSinkSpec, ExistingTarget};
use tributary_core::{names::Arn, steps::TargetSettings};

use super::{Type, http, only};

pub(super) const TYPE: Type = Type { existing, parameters: None, policies: &[], resource: None };

#[allow(clippy::unnecessary_wraps, reason = "the last of all types")]
fn existing(target: &TargetSettings, _: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    let sink = || {
        only(target, TargetSettings { http: target.http.clone(), ..TargetSettings::default() })?;
        if target.role_arn.is_none() {
            return Err(format!("the target {} has no role, which targets such as {} need", target.id, target.arn));
        }
        let existing = ExistingTarget { arn: Some(target.arn.clone()), arn_from: None };
        let arn = ArnSink { existing, actions: vec![], http: target.http.as_ref().map(http) };
        Ok(EventSinkSpec { arn: Some(Box::new(arn)), ..EventSinkSpec::default() })
    };
    Some(sink())
}
