//! A write to another Region than that of the object. Data only.

use std::fmt;

use serde::Serialize;

use super::Step;

/// A write and the Region that it goes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InRegion {
    /// Region, such as `us-east-1`.
    pub region: String,
    /// The write.
    pub step: Step,
}

impl fmt::Display for InRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (in {})", self.step, self.region)
    }
}
