//! Errors that pass: throttling, outages, lost replies.
