//! The clock of AWS, by which it accepts or rejects signatures.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use k8s_openapi::jiff::{Timestamp, fmt::rfc2822};

use tributary_core::error::ReconcileError;

use crate::client::{
    call::{Call, Sts},
    session::Session,
};

impl Session {
    /// Returns the time of AWS, to the second; `None` if the answer has none.
    ///
    /// # Errors
    /// Those of `GetCallerIdentity`.
    pub async fn aws_time(&self) -> Result<Option<Timestamp>, ReconcileError> {
        let date = DateHeader::default();
        let request = || self.sts.get_caller_identity().customize().interceptor(date.clone()).send();
        self.call(&self.shared.limits.sts, Call::from(Sts::GetCallerIdentity), self.priority, request).await?;
        let text = date.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(text.and_then(|text| rfc2822::parse(&text).ok()).map(|time| time.timestamp()))
    }
}

/// Keeps the header `Date` of the answer.
#[derive(Clone, Debug, Default)]
struct DateHeader(Arc<Mutex<Option<String>>>);

impl Intercept for DateHeader {
    fn name(&self) -> &'static str {
        "DateHeader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
