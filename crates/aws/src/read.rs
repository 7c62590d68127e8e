//! How much a read returns beyond the resource itself.

/// Whether a read returns the tags too, which takes one more call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagRead {
    /// Reads the tags.
    Read,
    /// Leaves the tags out of the result.
    Skip,
}

impl TagRead {
    /// Returns `Read` if the tags are needed.
    pub fn when(needed: bool) -> Self {
        if needed { Self::Read } else { Self::Skip }
    }
}
