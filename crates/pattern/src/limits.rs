//! Limits of patterns beyond their syntax.

/// What a pattern is for. A filter of EventBridge Pipes has fewer operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// A rule of an event bus.
    #[default]
    Bus,
    /// A filter of a pipe.
    Pipe,
}

/// Limits beyond the syntax.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest pattern in characters. The quota is 2,048 and can be raised to 4,096.
    pub characters: usize,
    /// Most combinations of the elements of `$or`. AWS allows 1,000.
    pub or_combinations: usize,
    /// Highest complexity of the wildcards. AWS refuses 11 (docs/aws-facts.md, T9); 10 is the example that AWS's open-source matcher
    /// gives for the limit of one rule (README, "Individual Complexity").
    pub complexity: usize,
    /// What the pattern is for.
    pub target: Target,
}

impl Limits {
    /// AWS's default quotas for a rule of a bus.
    pub const BUS: Self = Self { characters: 2_048, or_combinations: 1_000, complexity: 10, target: Target::Bus };
    /// No limit of the length, which an account's quota decides.
    pub const ANY_LENGTH: Self = Self { characters: usize::MAX, ..Self::BUS };
    /// No limit of length and complexity: for patterns of which only the meaning counts.
    pub const NONE: Self = Self { complexity: usize::MAX, ..Self::ANY_LENGTH };
}
