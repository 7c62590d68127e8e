//! Objects that sync reads itself, as the view on which the operator's checks work.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;

use tributary_api::{AwsAccount, EventBus};
use tributary_core::{
    guarded::Guarded,
    objects::{Objects, fixed},
    view::View,
};

/// Returns a view of these objects only, for the checks that the operator makes too.
pub(crate) fn view(bus: Option<Guarded<EventBus>>, account: Option<Guarded<AwsAccount>>) -> View {
    let objects = Objects {
        accounts: fixed(account.and_then(|account| account.0.ok())),
        buses: fixed(bus.and_then(|bus| bus.0.ok())),
        ..Objects::default()
    };
    View { objects, resolved_arn: None, resolved_definition: None, settings: Arc::default(), now: Timestamp::now() }
}
