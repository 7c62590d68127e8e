//! Sync: a batch of messages as what is to be read: each entity once, by kind, in requests of a bounded size. Pure.

use std::collections::BTreeMap;

use tributary_aws::Message;

use crate::sync::{
    kinds::Kind,
    message::{Parsed, Scope, Work},
    poison::Poison,
};

/// What is to become of each message; numbers are places in the batch.
#[derive(Debug, Default)]
pub struct Sorted {
    /// By kind, the messages of each entity. All of them are satisfied by one reading that begins after they were received.
    pub entities: BTreeMap<Kind, BTreeMap<String, Vec<(usize, Work)>>>,
    pub skipped: Vec<usize>,
    pub poison: Vec<(usize, Poison)>,
}

/// Ids in one request; the parameters of a GET stay far below what servers take.
pub const IDS: usize = 50;

pub fn sort(messages: &[Message], scope: &Scope) -> Sorted {
    let mut sorted = Sorted::default();
    for (index, message) in messages.iter().enumerate() {
        match scope.parse(&message.body) {
            Parsed::Work(work) => {
                let of_kind = sorted.entities.entry(work.kind).or_default();
                of_kind.entry(work.entity.clone()).or_default().push((index, work));
            }
            Parsed::Skip => sorted.skipped.push(index),
            Parsed::Poison(poison) => sorted.poison.push((index, poison)),
        }
    }
    sorted
}

impl Sorted {
    /// The requests: kind and ids.
    pub fn requests(&self) -> Vec<(Kind, Vec<String>)> {
        let chunks = |(kind, ids): (&Kind, &BTreeMap<String, _>)| {
            let ids: Vec<_> = ids.keys().cloned().collect();
            ids.chunks(IDS).map(|chunk| (*kind, chunk.to_vec())).collect::<Vec<_>>()
        };
        self.entities.iter().flat_map(chunks).collect()
    }

    /// Places of the messages of an entity.
    pub fn of(&self, kind: Kind, entity: &str) -> impl Iterator<Item = usize> + '_ {
        self.entities.get(&kind).and_then(|of_kind| of_kind.get(entity)).into_iter().flatten().map(|(index, _)| *index)
    }

    /// Messages that ask for what another one of the batch asks for already.
    pub fn duplicates(&self) -> usize {
        self.entities.values().flat_map(BTreeMap::values).map(|messages| messages.len() - 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(entity: &str) -> Message {
        let body = format!(r#"{{"detail":{{"message":{{"type":"v2.entity.registered","resourceId":"{entity}"}}}}}}"#);
        Message { id: entity.into(), receipt: String::new(), body, receives: 1, sent_at: None }
    }

    #[test]
    fn an_entity_is_read_once_and_a_bad_message_stands_alone() {
        let mut messages: Vec<_> = (0..120).map(|n| message(&format!("bfi_{}", n % 60))).collect();
        messages.push(message("prtn_1"));
        messages.push(Message { body: "{".into(), ..message("x") });
        let sorted = sort(&messages, &Scope::default());
        let requests = sorted.requests();
        assert_eq!(
            requests.iter().map(|(kind, ids)| (*kind, ids.len())).collect::<Vec<_>>(),
            [(Kind::CustomEntity, 50), (Kind::CustomEntity, 10), (Kind::AaSequence, 1)]
        );
        assert_eq!(sorted.duplicates(), 60);
        assert_eq!(sorted.of(Kind::CustomEntity, "bfi_3").collect::<Vec<_>>(), [3, 63]);
        assert_eq!(sorted.poison.len(), 1);
    }
}
