//! What to do about an error of a delivery, by the code of `EventBridge` (docs/aws-facts.md, DL4 and DL7).

/// Returns the next step, as a sentence.
pub(super) fn of(code: Option<&str>) -> &'static str {
    match code.unwrap_or_default() {
        "NO_PERMISSIONS" => "Allow the delivery; the condition Deliverable has the statement to add.",
        "FAILED_TO_ASSUME_ROLE" => "Correct the role of the target and its trust policy.",
        "NO_RESOURCE" => "Create the resource, or correct the reference to it.",
        "THROTTLING" | "RESOURCE_LIMIT_EXCEEDED" => "Raise the limit of the target, or send it fewer events.",
        "TIMEOUT" | "CONNECTION_FAILURE" => "Check that the target answers at its address, in time.",
        "INVALID_JSON" => "Correct the input of the target: it is not JSON.",
        "INVALID_PARAMETER" | "SDK_CLIENT_ERROR" | "EVENTS_IN_BATCH_REQUEST_REJECTED" => {
            "Correct the input and the parameters of the target: it rejects the request."
        }
        "RESOURCE_ALREADY_EXISTS" | "RESOURCE_MODIFICATION_COLLISION" => {
            "Make the target accept an event twice, or at the same time as another."
        }
        "CROSS_ACCOUNT_INGESTION_FAILED" | "CROSS_REGION_INGESTION_FAILED" => {
            "Check that the other event bus exists and that its policy allows it."
        }
        "ERROR_FROM_TARGET" | "INTERNAL_ERROR" => "Check the target: it answers with an error.",
        _ => "The condition Deliverable and the messages of the dead-letter queue show more.",
    }
}
