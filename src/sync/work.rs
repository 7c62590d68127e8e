//! Sync: one batch, from its messages to the commit, and only then off the queue. What cannot be worked off goes to the dead-letter queue alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;

use tributary_aws::{Message, Session};
use tributary_core::error::ReconcileError;

use crate::sync::{
    batch::{self, Sorted},
    database::{Database, Unwritten, rejected},
    entity::{Row, row},
    kinds::Kind,
    message::Scope,
    poison::{Poison, PoisonReason, Trouble, TroubleReason},
    reader::{Reader, Unread},
    report::Tally,
    table::Table,
};

/// All that a batch needs, resolved.
#[derive(Clone)]
pub struct Job {
    /// `namespace/name` of the sink.
    pub key: String,
    pub scope: Scope,
    pub table: Table,
    pub reader: Arc<Reader>,
    pub session: Session,
    /// URLs.
    pub queue: String,
    pub dead_letter: String,
    /// How long messages are hidden from others while they are in hand.
    pub hidden: Duration,
    pub attempts: u32,
    /// Whether runs are told in Benchling, and as which installation, if the spec names it.
    pub activity: Option<Option<String>>,
}

/// Lines of a run in the activity log: as many as people read.
const LINES: usize = 20;

/// Messages in hand. Those that were dealt with are taken out.
#[derive(Debug, Default)]
pub struct Hand(pub Vec<Message>);

impl Hand {
    fn take(&mut self, done: &[usize]) {
        let mut index = 0;
        self.0.retain(|_| {
            index += 1;
            !done.contains(&(index - 1))
        });
    }

    pub fn receipts(&self) -> Vec<&str> {
        self.0.iter().map(|message| message.receipt.as_str()).collect()
    }
}

/// What SQS said, as trouble of the sink.
pub fn queue_trouble(halt: &ReconcileError) -> Trouble {
    Trouble::new(TroubleReason::QueueUnavailable, halt.message.clone())
}

/// What was read: rows, and what became of the rest.
#[derive(Default)]
struct Read {
    rows: Vec<(Kind, Row)>,
    skipped: Vec<(Kind, String)>,
    poison: Vec<(Kind, String, Poison)>,
    missing: Vec<(Kind, String, String)>,
    /// What was buried, as the activity log tells it.
    failed: Vec<String>,
}

impl Job {
    /// Works the hand off, as far as it can be. On trouble, what is left in the hand is still to be done.
    pub async fn work(&self, database: &mut Database, hand: &mut Hand, tally: &Tally) -> Result<(), Trouble> {
        // Messages that cannot be parsed leave first, so that what follows may fail and be done again.
        let sorted = batch::sort(&hand.0, &self.scope);
        let mut done = sorted.skipped.clone();
        self.delete(hand, &done).await?;
        tally.skipped(done.len());
        let mut failed = Vec::new();
        for (index, poison) in &sorted.poison {
            failed.extend(self.bury(&hand.0[*index], poison, tally).await);
            done.push(*index);
        }
        hand.take(&done);
        let sorted = batch::sort(&hand.0, &self.scope);
        let read_at = Timestamp::now();
        let read = Read { failed, ..self.read(&sorted).await? };
        let rows: Vec<Row> = read.rows.iter().map(|(_, row)| row.clone()).collect();
        let (written, refused) = write(database, &rows, &read_at.to_string(), &self.table).await?;
        // Committed. From here on nothing is lost, whatever happens.
        self.settle(hand, &sorted, read, &written, &refused, tally).await
    }

    async fn read(&self, sorted: &Sorted) -> Result<Read, Trouble> {
        let mut read = Read::default();
        let mut requests = sorted.requests();
        while let Some((kind, ids)) = requests.pop() {
            match self.reader.bulk_get(kind, &ids).await {
                Ok(entities) => {
                    let mut answered: BTreeMap<String, _> = BTreeMap::new();
                    for entity in entities {
                        if let Some(id) = entity.get("id").and_then(|id| id.as_str()).filter(|id| ids.iter().any(|asked| asked == id)) {
                            answered.insert(id.to_owned(), entity);
                        }
                    }
                    for id in ids {
                        match answered.get(&id).map(|entity| row(entity, &self.scope)) {
                            None => read.missing.push((kind, id, "it is not in the answer".into())),
                            Some(Ok(Some(row))) => read.rows.push((kind, row)),
                            Some(Ok(None)) => read.skipped.push((kind, id)),
                            Some(Err(poison)) => read.poison.push((kind, id, poison)),
                        }
                    }
                }
                Err(Unread::Ids(said)) if ids.len() == 1 => read.missing.extend(ids.into_iter().map(|id| (kind, id, said.clone()))),
                // One of them is refused, and with it all: halves, until it stands alone.
                Err(Unread::Ids(_)) => {
                    let (left, right) = ids.split_at(ids.len() / 2);
                    requests.push((kind, left.to_vec()));
                    requests.push((kind, right.to_vec()));
                }
                Err(Unread::Trouble(trouble)) => return Err(trouble),
            }
        }
        Ok(read)
    }

    /// After the commit: deletes what is in the table, buries what never will be, and shows again later what may come yet.
    async fn settle(
        &self,
        hand: &mut Hand,
        sorted: &Sorted,
        mut read: Read,
        written: &[String],
        refused: &[(String, Poison)],
        tally: &Tally,
    ) -> Result<(), Trouble> {
        let mut done = Vec::new();
        let mut lag = None;
        for (kind, row) in &read.rows {
            if refused.iter().any(|(id, _)| *id == row.id) {
                continue;
            }
            done.extend(sorted.of(*kind, &row.id));
        }
        let now = Timestamp::now();
        for index in &done {
            lag = lag.max(hand.0[*index].sent_at.map(|at| (now.as_millisecond() - at) / 1000));
        }
        tally.synced(written.len(), done.len().saturating_sub(written.len()), lag, now);
        let mut dropped: Vec<usize> = read.skipped.iter().flat_map(|(kind, id)| sorted.of(*kind, id)).collect();
        tally.skipped(dropped.len());
        done.append(&mut dropped);
        self.delete(hand, &done).await?;
        let of_rows = refused.iter().filter_map(|(id, poison)| {
            let kind = read.rows.iter().find(|(_, row)| row.id == *id)?.0;
            Some((kind, id.clone(), poison.clone()))
        });
        let mut failed = Vec::new();
        for (kind, id, poison) in read.poison.iter().cloned().chain(of_rows) {
            for index in sorted.of(kind, &id) {
                failed.extend(self.bury(&hand.0[index], &poison, tally).await);
                done.push(index);
            }
        }
        for (kind, id, said) in &read.missing {
            for index in sorted.of(*kind, id) {
                failed.extend(self.missing(&hand.0[index], id, said, tally).await);
                done.push(index);
            }
        }
        read.failed.append(&mut failed);
        let app = self.activity.as_ref().and_then(|app| app.clone().or_else(|| app_of(sorted)));
        hand.take(&done);
        if !(written.is_empty() && read.failed.is_empty())
            && let Some(app) = app
        {
            self.tell(&app, &read, written).await;
        }
        Ok(())
    }

    /// An entity that Benchling does not show: it may not be there yet, or the app may be let in later. In the end its message is buried.
    async fn missing(&self, message: &Message, id: &str, said: &str, tally: &Tally) -> Option<String> {
        if message.receives >= self.attempts {
            let text = format!(
                "Benchling does not show {id} to the app ({said}), {} times. If it exists, add the app to its organisation, team or project, and move the message back",
                message.receives
            );
            return self.bury(message, &Poison::new(PoisonReason::EntityNotFound, text), tally).await;
        }
        let later = Duration::from_secs(5 << message.receives.min(7));
        if let Err(error) = self.session.hide_messages(&self.queue, &[&message.receipt], later).await {
            tracing::debug!(sink = %self.key, %error, "a message comes again sooner than it should");
        }
        None
    }

    /// To the dead-letter queue with its reason, and only then off the queue. Where that fails the message stays, and comes again. Gives
    /// what people are told.
    async fn bury(&self, message: &Message, poison: &Poison, tally: &Tally) -> Option<String> {
        let attributes = BTreeMap::from([
            ("TributaryReason", poison.reason.to_string()),
            ("TributaryMessage", poison.message.clone()),
            ("TributarySink", self.key.clone()),
        ]);
        if let Err(error) = self.session.send_message(&self.dead_letter, &message.body, &attributes).await {
            tracing::warn!(sink = %self.key, reason = %poison.reason, %error, "a message could not be put into the dead-letter queue; it comes again");
            return None;
        }
        tally.failed(poison);
        tracing::warn!(sink = %self.key, message = %message.id, reason = %poison.reason, "{}", poison.message);
        if let Err(error) = self.session.delete_messages(&self.queue, &[&message.receipt]).await {
            tracing::warn!(sink = %self.key, %error, "a message that is in the dead-letter queue could not be deleted; it will be there twice");
        }
        Some(format!("{}: {}", poison.reason, poison.message))
    }

    async fn delete(&self, hand: &Hand, done: &[usize]) -> Result<(), Trouble> {
        let receipts: Vec<&str> = done.iter().map(|index| hand.0[*index].receipt.as_str()).collect();
        let deleted = self.session.delete_messages(&self.queue, &receipts).await;
        deleted.map_err(|error| queue_trouble(&error.into()))
    }

    async fn tell(&self, app: &str, read: &Read, written: &[String]) {
        let failed = &read.failed[..read.failed.len().min(LINES / 2)];
        let rows = read.rows.iter().filter(|(_, row)| written.contains(&row.id)).take(LINES - failed.len());
        let done: Vec<String> = rows.map(|(_, row)| format!("Synced {} into {}", row.id, self.table.name)).collect();
        let name = match read.failed.len() {
            0 => format!("Sync of {} entities", written.len()),
            failures => format!("Sync of {} entities, {failures} failed", written.len()),
        };
        if let Err(trouble) = self.reader.tell(app, &name, failed, &done).await {
            tracing::warn!(sink = %self.key, %trouble, "the run is not in the app's activity log");
        }
    }
}

fn app_of(sorted: &Sorted) -> Option<String> {
    let works = sorted.entities.values().flat_map(BTreeMap::values).flatten();
    works.into_iter().find_map(|(_, work)| work.app.clone())
}

/// All rows in one transaction. Where the database refuses one of them, halves, until that one stands alone.
async fn write(
    database: &mut Database,
    rows: &[Row],
    read_at: &str,
    table: &Table,
) -> Result<(Vec<String>, Vec<(String, Poison)>), Trouble> {
    let (mut written, mut refused) = (Vec::new(), Vec::new());
    let mut parts = vec![rows];
    while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
        match database.upsert(part, read_at).await {
            Ok(mut ids) => written.append(&mut ids),
            Err(Unwritten::Rows(said)) if part.len() == 1 => refused.push((part[0].id.clone(), rejected(&said, table))),
            Err(Unwritten::Rows(_)) => {
                let (left, right) = part.split_at(part.len() / 2);
                parts.extend([left, right]);
            }
            Err(Unwritten::Trouble(trouble)) => return Err(trouble),
        }
    }
    Ok((written, refused))
}
