//! Trials that may panic and must be counted all the same.

use std::{any::Any, panic::AssertUnwindSafe};

use futures::FutureExt;

/// Returns the message of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// The trial's outcome; a panic is an error.
pub async fn catch_panic<T>(trial: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    AssertUnwindSafe(trial).catch_unwind().await.unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
}
