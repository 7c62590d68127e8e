//! Reads a dead-letter queue to its end. Messages stay hidden until they are given back, so that none is read twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;
use tributary_aws::Session;
use tributary_core::{error::ReconcileError, redrive::Letter};

/// How long messages are hidden by a command that only reads them.
pub(super) const HIDDEN: Duration = Duration::from_mins(1);

/// Messages of a queue that were received.
pub(super) struct Reader {
    session: Session,
    queue: String,
    /// How long a received message is hidden. If the command is killed, it becomes visible after this time.
    hidden: Duration,
    /// Receipt handles of the messages that are hidden, by message id.
    held: BTreeMap<String, String>,
    seen: BTreeSet<String>,
    /// When the last messages were received.
    received: Instant,
}

impl Reader {
    pub(super) fn new(session: Session, queue: &str, hidden: Duration) -> Self {
        Self { session, queue: queue.to_owned(), hidden, held: BTreeMap::new(), seen: BTreeSet::new(), received: Instant::now() }
    }

    /// Receives at most `most` messages, up to ten, that were not received before; none at the end of the queue.
    ///
    /// # Errors
    /// Those of `ReceiveMessage`.
    pub(super) async fn next(&mut self, most: usize) -> Result<Vec<Letter>, ReconcileError> {
        self.received = Instant::now();
        let letters = self.session.receive_letters(&self.queue, i32::try_from(most).unwrap_or(10), self.hidden).await?;
        self.held.extend(letters.iter().map(|letter| (letter.message_id.clone(), letter.receipt.clone())));
        // Where all are known, the time for which they are hidden is over: nothing else is left.
        Ok(letters.into_iter().filter(|letter| self.seen.insert(letter.message_id.clone())).collect())
    }

    /// Returns whether a message of the last receive is still hidden for longer than a send takes.
    pub(super) fn is_hidden(&self, margin: Duration) -> bool {
        self.received.elapsed() + margin < self.hidden
    }

    /// Records that the message was deleted.
    pub(super) fn deleted(&mut self, message_id: &str) {
        self.held.remove(message_id);
    }

    /// Makes all messages visible again that were not deleted.
    ///
    /// # Errors
    /// Those of `ChangeMessageVisibilityBatch`.
    pub(super) async fn give_back(self) -> Result<(), ReconcileError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let receipts: Vec<_> = self.held.values().map(String::as_str).collect();
        self.session.show_letters(&self.queue, &receipts).await
    }
}
