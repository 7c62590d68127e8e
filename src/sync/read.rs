//! Reads the entities of a batch from Benchling, and turns them into rows.

use std::collections::BTreeMap;

use serde_json::Value;
use tributary_benchling::{EntityKind, ReadError};

use crate::sync::{
    batch::Sorted,
    entity::{Row, row},
    error::SyncError,
    sink_context::SinkContext,
    unprocessable::Unprocessable,
};

/// What was read: rows, and the ids that gave none.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rows: Vec<(EntityKind, Row)>,
    pub(crate) skipped: Vec<(EntityKind, String)>,
    pub(crate) unprocessable: Vec<(EntityKind, String, Unprocessable)>,
    pub(crate) missing: Vec<Missing>,
}

/// An entity that Benchling does not return to the app.
pub(crate) struct Missing {
    pub(crate) kind: EntityKind,
    pub(crate) id: String,
    pub(crate) cause: String,
}

/// Reads all entities that the messages name.
///
/// # Errors
/// Benchling does not answer, or the app has no access to a kind. Nothing was changed.
pub(crate) async fn read<Q>(context: &SinkContext<Q>, sorted: &Sorted) -> Result<Read, SyncError> {
    let mut read = Read::default();
    let mut requests = sorted.requests();
    while let Some((kind, ids)) = requests.pop() {
        match context.tenant_client.bulk_get(kind, &ids).await {
            Ok(entities) => read.add(context, kind, ids, entities),
            Err(ReadError::Ids(cause)) if ids.len() == 1 => {
                read.missing.extend(ids.into_iter().map(|id| Missing { kind, id, cause: cause.clone() }));
            }
            // One unknown id fails the whole request: halves isolate it.
            Err(ReadError::Ids(_)) => {
                let (left, right) = ids.split_at(ids.len() / 2);
                requests.push((kind, left.to_vec()));
                requests.push((kind, right.to_vec()));
            }
            Err(ReadError::Failed(error)) => return Err(error.into()),
        }
    }
    Ok(read)
}

impl Read {
    fn add<Q>(&mut self, context: &SinkContext<Q>, kind: EntityKind, ids: Vec<String>, entities: Vec<Value>) {
        let mut answered: BTreeMap<String, Value> = BTreeMap::new();
        for entity in entities {
            if let Some(id) = entity.get("id").and_then(|id| id.as_str()).filter(|id| ids.iter().any(|requested| requested == id)) {
                answered.insert(id.to_owned(), entity);
            }
        }
        for id in ids {
            match answered.get(&id).map(|entity| row(entity, &context.scope)) {
                None => self.missing.push(Missing { kind, id, cause: "not in the answer".into() }),
                Some(Ok(Some(row))) => self.rows.push((kind, row)),
                Some(Ok(None)) => self.skipped.push((kind, id)),
                Some(Err(unprocessable)) => self.unprocessable.push((kind, id, unprocessable)),
            }
        }
    }
}
