//! Ids of lints, and how a warning shows its id.

use std::fmt::Display;

/// What a warning is about. The name in kebab case is the end of the warning and the anchor of its
/// section in `docs/reference/lints.md`; a test compares the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "kebab-case")]
pub enum Lint {
    /// A top-level field that no event has.
    UnknownField,
    /// The same field inside and outside of `$or`, of which EventBridge uses one.
    DuplicateField,
    /// No event can match the pattern, or this part of it.
    NeverMatches,
    /// A value that the field has in no event.
    ImpossibleValue,
    /// A `source` whose events do not reach the bus.
    ForeignSource,
    /// A pattern that matches every event of a shared bus.
    CatchAll,
    /// A wildcard that `prefix`, `suffix`, or a plain value can replace.
    WildcardForPrefix,
    /// More rules with wildcards on a bus than its quota allows.
    WildcardQuota,
    /// A prefix or suffix without text.
    EmptyPrefix,
    /// A pattern that exceeds the default quota of its size.
    PatternSize,
    /// Something on which versions of AWS's matcher differ, or that AWS does not document.
    AmbiguousPattern,
    /// A number in quotes where events have a number.
    NumberAsString,
    /// Events that only a CloudTrail trail delivers.
    #[strum(serialize = "needs-cloudtrail")]
    NeedsCloudTrail,
    /// Read-only management events, which a rule does not match in its default state.
    ReadOnlyEvents,
    /// Events that the service sends only after it is enabled.
    MustBeEnabled,
    /// A rule whose events return to its own bus.
    FeedsOwnBus,
    /// A Benchling event type that is not in the catalog.
    UnknownType,
    /// A Benchling event type that another one supersedes.
    DeprecatedType,
    /// A Benchling event type that can change without notice.
    UnstableType,
    /// A Benchling event type that is sent through another channel.
    WrongChannel,
    /// A Benchling event type that the subscription does not include.
    TypeNotIncluded,
    /// A filter without values, which filters nothing.
    EmptyFilter,
    /// Typographic quotes inside a text.
    TypographicQuotes,
}

/// Returns the text of a warning about a field. It ends with the id of the lint in brackets.
pub(crate) fn warning(lint: Lint, field: &str, text: impl Display) -> String {
    format!("{field}: {text} [{lint}]")
}
