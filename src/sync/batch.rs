//! A batch of messages, and the entities to read for it: each once, by kind, in requests of a bounded size. Pure.

use std::collections::BTreeMap;

use tributary_aws::Message;
use tributary_benchling::EntityKind;

use crate::sync::{
    message::{Parsed, Scope, Work},
    unprocessable::Unprocessable,
};

/// Messages that were received and not deleted yet. Completed ones are removed.
#[derive(Debug, Default)]
pub(crate) struct Batch(pub(crate) Vec<Message>);

impl Batch {
    /// Removes the messages at these indexes.
    pub(crate) fn remove(&mut self, done: &[usize]) {
        let mut index = 0;
        self.0.retain(|_| {
            index += 1;
            !done.contains(&(index - 1))
        });
    }

    pub(crate) fn receipts(&self) -> Vec<&str> {
        self.0.iter().map(|message| message.receipt.as_str()).collect()
    }
}

/// What each message asks for. Numbers are indexes in the batch.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// By kind, the messages of each entity. One read that begins after they were received serves all of them.
    pub(crate) entities: BTreeMap<EntityKind, BTreeMap<String, Vec<(usize, Work)>>>,
    pub(crate) skipped: Vec<usize>,
    pub(crate) unprocessable: Vec<(usize, Unprocessable)>,
}

/// Ids in one request. The parameters of a GET stay well below the limits of servers.
const IDS: usize = 50;

pub(crate) fn sort(messages: &[Message], scope: &Scope) -> Sorted {
    let mut sorted = Sorted::default();
    for (index, message) in messages.iter().enumerate() {
        match scope.parse(&message.body) {
            Parsed::Work(work) => {
                let of_kind = sorted.entities.entry(work.kind).or_default();
                of_kind.entry(work.entity.clone()).or_default().push((index, work));
            }
            Parsed::Skip => sorted.skipped.push(index),
            Parsed::Unprocessable(unprocessable) => sorted.unprocessable.push((index, unprocessable)),
        }
    }
    sorted
}

impl Sorted {
    /// Returns the requests: kind and ids.
    pub(crate) fn requests(&self) -> Vec<(EntityKind, Vec<String>)> {
        let chunks = |(kind, ids): (&EntityKind, &BTreeMap<String, _>)| {
            let ids: Vec<_> = ids.keys().cloned().collect();
            ids.chunks(IDS).map(|chunk| (*kind, chunk.to_vec())).collect::<Vec<_>>()
        };
        self.entities.iter().flat_map(chunks).collect()
    }

    /// Returns the indexes of an entity's messages.
    pub(crate) fn of(&self, kind: EntityKind, entity: &str) -> impl Iterator<Item = usize> + '_ {
        self.entities.get(&kind).and_then(|of_kind| of_kind.get(entity)).into_iter().flatten().map(|(index, _)| *index)
    }

    /// Returns the installation of the app that a webhook of the batch names, if any.
    pub(crate) fn app(&self) -> Option<String> {
        let mut works = self.entities.values().flat_map(BTreeMap::values).flatten();
        works.find_map(|(_, work)| work.app.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(entity: &str) -> Message {
        let body = format!(r#"{{"detail":{{"message":{{"type":"v2.entity.registered","resourceId":"{entity}"}}}}}}"#);
        Message { id: entity.into(), receipt: String::new(), body, receives: 1, sent_at: None, trace_header: None }
    }

    #[test]
    fn an_entity_is_read_once_and_a_bad_message_fails_alone() {
        let mut messages: Vec<_> = (0..120).map(|n| message(&format!("bfi_{}", n % 60))).collect();
        messages.push(message("prtn_1"));
        messages.push(Message { body: "{".into(), ..message("x") });
        let sorted = sort(&messages, &Scope::default());
        let requests = sorted.requests();
        assert_eq!(
            requests.iter().map(|(kind, ids)| (*kind, ids.len())).collect::<Vec<_>>(),
            [(EntityKind::CustomEntity, 50), (EntityKind::CustomEntity, 10), (EntityKind::AaSequence, 1)]
        );
        assert_eq!(sorted.of(EntityKind::CustomEntity, "bfi_3").collect::<Vec<_>>(), [3, 63]);
        assert_eq!(sorted.unprocessable.len(), 1);
    }
}
