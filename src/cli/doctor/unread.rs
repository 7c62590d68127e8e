//! What could not be read.

/// What could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotRead {
    /// Such as `CustomResourceDefinitions`.
    pub(super) what: String,
    /// Cause, by the API server.
    pub(super) why: String,
}

/// Something that may not be readable for the user.
pub(super) type Read<T> = Result<T, NotRead>;
