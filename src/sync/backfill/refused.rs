//! What AWS's rejection of events means for a backfill. Pure.

use tributary_aws::{AwsError, Events};
use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::backfill::run::Refused;

/// Returns the error of events that AWS may accept later.
pub(crate) fn refused_error(refused: &[Refused]) -> ReconcileError {
    let Some(Refused { id, code, message }) = refused.first() else {
        return ReconcileError::transient("AWS accepted some events and rejected others. The others are sent again automatically.");
    };
    let pending = format!("{} events not sent, such as {id}", refused.len());
    match code.as_str() {
        "NoAnswer" => ReconcileError::transient(format!("events:PutEvents: {message}. {pending}. They are sent again automatically.")),
        "AccessDeniedException" | "NotAuthorizedForSourceException" | "NotAuthorizedForDetailTypeException" => ReconcileError::new(
            RetryClass::Refused,
            Reason::AccessDenied,
            format!(
                "events:PutEvents denied: {message}. {pending}. Allow events:PutEvents on the bus for sync's role (docs/how-to/set-up-iam.md, Backfills)."
            ),
        ),
        _ => {
            let error = ReconcileError::from(AwsError::answered(Events::PutEvents, code, message, 400));
            ReconcileError { message: format!("{} ({pending})", error.message), ..error }
        }
    }
}
