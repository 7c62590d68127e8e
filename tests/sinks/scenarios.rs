//! The scenarios of the sources that have a workflow in them: Step Functions publishes an event to three targets, and the KYC system.
