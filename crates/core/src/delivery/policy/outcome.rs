//! The result of an evaluation.

use super::fits::Fits;

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows the call, and none denies it.
    Allowed,
    /// The statement with this `Sid` or number denies the call.
    Denied(String),
    /// No statement applies to the call.
    Silent,
    /// The decision depends on this, which only AWS can evaluate.
    Unknown(String),
}

/// Whether a policy denies a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Denial {
    No,
    /// The statement with this `Sid` or number denies the call.
    By(String),
    /// It depends on this.
    Unknown(String),
}

/// What a policy says about a call: denials and permissions apart, because a denial in one policy
/// overrides the permission in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct Outcome {
    pub(in crate::delivery) denial: Denial,
    pub(in crate::delivery) allows: Fits,
}

impl Outcome {
    /// The outcome of a policy that is not there.
    pub(in crate::delivery) fn silent() -> Self {
        Self { denial: Denial::No, allows: Fits::No }
    }

    /// Returns the outcome of both policies, of which one has to allow the call.
    pub(in crate::delivery) fn join(self, other: Self) -> Self {
        let denial = match (self.denial, other.denial) {
            (Denial::By(sid), _) | (_, Denial::By(sid)) => Denial::By(sid),
            (Denial::Unknown(why), _) | (_, Denial::Unknown(why)) => Denial::Unknown(why),
            (Denial::No, Denial::No) => Denial::No,
        };
        Self { denial, allows: self.allows.or(|| other.allows) }
    }

    pub(in crate::delivery) fn decision(self) -> Decision {
        match (self.denial, self.allows) {
            (Denial::By(sid), _) => Decision::Denied(sid),
            (Denial::Unknown(why), _) | (Denial::No, Fits::Unknown(why)) => Decision::Unknown(why),
            (Denial::No, Fits::Yes) => Decision::Allowed,
            (Denial::No, Fits::No) => Decision::Silent,
        }
    }
}
