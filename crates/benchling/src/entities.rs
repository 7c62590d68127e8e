//! Entities: their kinds, and reading them in bulk.

use serde_json::Value;

use crate::{
    error::{BenchlingError, BenchlingErrorReason, message_of},
    tenant::TenantClient,
};

/// The kind of an entity that the v2 API reads in bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// `custom-entities`.
    CustomEntity,
    /// `dna-sequences`.
    DnaSequence,
    /// `rna-sequences`.
    RnaSequence,
    /// `aa-sequences`.
    AaSequence,
    /// `oligos`, of DNA and RNA.
    Oligo,
}

/// The names of a kind in the API (Benchling's v2 `OpenAPI`, `:bulk-get`).
struct Collection {
    name: &'static str,
    /// The parameter of the ids.
    parameter: &'static str,
    /// The list in the answer.
    list: &'static str,
}

impl EntityKind {
    const ALL: [Self; 5] = [Self::CustomEntity, Self::DnaSequence, Self::RnaSequence, Self::AaSequence, Self::Oligo];

    fn collection(self) -> Collection {
        let (name, parameter, list) = match self {
            Self::CustomEntity => ("custom-entities", "customEntityIds", "customEntities"),
            Self::DnaSequence => ("dna-sequences", "dnaSequenceIds", "dnaSequences"),
            Self::RnaSequence => ("rna-sequences", "rnaSequenceIds", "rnaSequences"),
            Self::AaSequence => ("aa-sequences", "aaSequenceIds", "aaSequences"),
            Self::Oligo => ("oligos", "oligoIds", "oligos"),
        };
        Collection { name, parameter, list }
    }

    fn of_collection(name: &str) -> Option<Self> {
        if matches!(name, "dna-oligos" | "rna-oligos") {
            return Some(Self::Oligo);
        }
        Self::ALL.into_iter().find(|kind| kind.collection().name == name)
    }

    /// Returns the kind that a v3 event type names, such as `v3.dnaSequence.created`.
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

    /// Returns the kind of an id with an unambiguous prefix. `seq_` is shared by DNA, RNA and oligos, so it gives `None`.
    pub fn of_id(id: &str) -> Option<Self> {
        match id.split_once('_')?.0 {
            "bfi" => Some(Self::CustomEntity),
            "prtn" => Some(Self::AaSequence),
            _ => None,
        }
    }

    /// Returns the kind of a hydrated entity, by the collection in its `apiURL`. No request is sent to that URL.
    pub fn of_object(entity: &Value) -> Option<Self> {
        let url = entity.get("apiURL")?.as_str()?;
        Self::of_collection(url.rsplit('/').nth(1)?)
    }
}

/// Why entities were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Benchling rejected the ids: at least one is unknown or not visible to the app. Contains Benchling's message.
    Ids(String),
    /// The request failed for another reason.
    Failed(BenchlingError),
}

impl TenantClient {
    /// Reads the entities of these ids. Benchling rejects the whole request if one id is unknown to it.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn bulk_get(&self, kind: EntityKind, ids: &[String]) -> Result<Vec<Value>, ReadError> {
        let Collection { name, parameter, list } = kind.collection();
        let path = format!("/api/v2/{name}:bulk-get?{parameter}={}", ids.join(","));
        let (status, body) = self.get(&path).await.map_err(ReadError::Failed)?;
        let unavailable = |message: String| ReadError::Failed(BenchlingError::unavailable(message));
        match status {
            200 => body.get(list).and_then(Value::as_array).cloned().ok_or_else(|| {
                unavailable(format!("the answer to {name}:bulk-get has no list {list}. Check the tenant's name in spec.tenants."))
            }),
            400 | 404 => Err(ReadError::Ids(message_of(&body))),
            403 => Err(ReadError::Failed(BenchlingError::new(
                BenchlingErrorReason::AppNotPermitted,
                format!(
                    "the app has no access to {name} in tenant {}: {}. Add the app to an organization, team or project that contains them. \
                     Messages stay in the queue.",
                    self.tenant(),
                    message_of(&body)
                ),
            ))),
            other => {
                Err(unavailable(format!("{name}:bulk-get answered {other}: {}. The request is retried automatically.", message_of(&body))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_known_or_open_and_never_guessed() {
        assert_eq!(EntityKind::of_id("bfi_1"), Some(EntityKind::CustomEntity));
        assert_eq!(EntityKind::of_id("seq_1"), None);
        assert_eq!(EntityKind::of_id("nonsense"), None);
        assert_eq!(EntityKind::of_type("v3.dnaSequence.created"), Some(EntityKind::DnaSequence));
        assert_eq!(EntityKind::of_type("v2.entity.registered"), None);
        let entity = json!({"apiURL": "https://evil.example/api/v2/dna-oligos/seq_1"});
        assert_eq!(EntityKind::of_object(&entity), Some(EntityKind::Oligo));
        assert_eq!(EntityKind::of_object(&json!({"apiURL": "https://evil.example/x"})), None);
    }
}
