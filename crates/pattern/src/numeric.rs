//! Ranges of numbers.

/// A range of numbers. Each end may be missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NumericRange {
    pub(crate) bottom: Option<End>,
    pub(crate) top: Option<End>,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct End {
    pub(crate) value: f64,
    /// Whether the range holds the value itself.
    pub(crate) included: bool,
}

impl NumericRange {
    pub(crate) fn contains(&self, number: f64) -> bool {
        let above = self.bottom.is_none_or(|end| if end.included { number >= end.value } else { number > end.value });
        let below = self.top.is_none_or(|end| if end.included { number <= end.value } else { number < end.value });
        above && below
    }
}
