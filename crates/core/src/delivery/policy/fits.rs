//! An answer with three values, and how answers combine.

/// Whether an element of a policy applies to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Fits {
    Yes,
    No,
    /// It depends on this, which only AWS can evaluate.
    Unknown(String),
}

impl Fits {
    pub(super) fn of(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }

    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    /// Returns `Yes` if both are, and `No` if one is.
    pub(in crate::delivery) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                Self::Yes | Self::Unknown(_) => Self::Unknown(why),
            },
        }
    }

    /// Returns `Yes` if one is, and `No` if both are.
    pub(in crate::delivery) fn or(self, other: impl FnOnce() -> Self) -> Self {
        self.not().and(|| other().not()).not()
    }

    #[allow(clippy::should_implement_trait, reason = "the operator reads worse between and() and or()")]
    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown(why) => Self::Unknown(why),
        }
    }

    /// Returns `Yes` if one of them is, and `No` if all are or there is none.
    pub(super) fn any(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::No, |found, one| found.or(|| one))
    }

    /// Returns `Yes` if all of them are or there is none, and `No` if one is.
    pub(super) fn all(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::Yes, |found, one| found.and(|| one))
    }

    /// Returns the answer if two readings of the documentation agree, otherwise `Unknown`.
    pub(super) fn agreed(self, other: &Self, why: impl FnOnce() -> String) -> Self {
        if self == *other { self } else { Self::Unknown(why()) }
    }
}
