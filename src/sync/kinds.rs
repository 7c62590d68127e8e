//! Sync: the kinds of entity that Benchling's v2 API reads in bulk, and how a message tells of which kind its entity is. Pure.

use serde_json::Value;

/// An entity's kind, as its collection in the API is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter, strum::IntoStaticStr, strum::EnumString)]
pub enum Kind {
    CustomEntity,
    DnaSequence,
    RnaSequence,
    AaSequence,
    Oligo,
}

impl Kind {
    /// Name of the collection, the parameter that takes the ids, and the list of the answer (Benchling's v2 `OpenAPI`, `:bulk-get`).
    pub fn collection(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::CustomEntity => ("custom-entities", "customEntityIds", "customEntities"),
            Self::DnaSequence => ("dna-sequences", "dnaSequenceIds", "dnaSequences"),
            Self::RnaSequence => ("rna-sequences", "rnaSequenceIds", "rnaSequences"),
            Self::AaSequence => ("aa-sequences", "aaSequenceIds", "aaSequences"),
            Self::Oligo => ("oligos", "oligoIds", "oligos"),
        }
    }

    fn of_collection(name: &str) -> Option<Self> {
        use strum::IntoEnumIterator;
        if matches!(name, "dna-oligos" | "rna-oligos") {
            return Some(Self::Oligo);
        }
        Self::iter().find(|kind| kind.collection().0 == name)
    }

    /// A v3 event names the kind in its type, such as `v3.dnaSequence.created`.
    pub fn of_type(event_type: &str) -> Option<Self> {
        match event_type.split('.').nth(1)? {
            "customEntity" => Some(Self::CustomEntity),
            "dnaSequence" => Some(Self::DnaSequence),
            "rnaSequence" => Some(Self::RnaSequence),
            "aaSequence" => Some(Self::AaSequence),
            "dnaOligo" | "rnaOligo" => Some(Self::Oligo),
            _ => None,
        }
    }

    /// Only prefixes that belong to one kind: `seq_` is that of DNA, RNA and oligos alike, and tells nothing.
    pub fn of_id(id: &str) -> Option<Self> {
        match id.split_once('_')?.0 {
            "bfi" => Some(Self::CustomEntity),
            "prtn" => Some(Self::AaSequence),
            _ => None,
        }
    }

    /// A hydrated entity's `apiURL` ends in its collection and id. It is read for the collection's name only: nothing is ever fetched from it.
    pub fn of_object(entity: &Value) -> Option<Self> {
        let url = entity.get("apiURL")?.as_str()?;
        Self::of_collection(url.rsplit('/').nth(1)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_told_or_left_open_and_never_guessed() {
        assert_eq!(Kind::of_id("bfi_1"), Some(Kind::CustomEntity));
        assert_eq!(Kind::of_id("seq_1"), None);
        assert_eq!(Kind::of_id("nonsense"), None);
        assert_eq!(Kind::of_type("v3.dnaSequence.created"), Some(Kind::DnaSequence));
        assert_eq!(Kind::of_type("v2.entity.registered"), None);
        let entity = json!({"apiURL": "https://evil.example/api/v2/dna-oligos/seq_1"});
        assert_eq!(Kind::of_object(&entity), Some(Kind::Oligo));
        assert_eq!(Kind::of_object(&json!({"apiURL": "https://evil.example/x"})), None);
    }
}
