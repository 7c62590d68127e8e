//! Benchling's list of events, as pages.

use serde_json::Value;

use crate::{
    backfill::run::{List, Page, Query},
    sync::{
        poison::{Trouble, TroubleReason},
        reader::Reader,
    },
};

impl List for Reader {
    async fn page(&self, query: &Query) -> Result<Page, Trouble> {
        let from = query.from.to_string();
        let types = query.event_types.join(",");
        let mut parameters = vec![("pageSize", "100"), ("createdAt.gte", from.as_str())];
        if !types.is_empty() {
            parameters.push(("eventTypes", &types));
        }
        parameters.extend(query.starting_after.as_deref().map(|id| ("startingAfter", id)));
        parameters.extend(query.next_token.as_deref().map(|token| ("nextToken", token)));
        let mut body = self.list_events(&parameters).await?;
        let Some(Value::Array(events)) = body.get_mut("events").map(Value::take) else {
            let message = "the answer to List Events has no list of events. Check that the tenant's name is right";
            return Err(Trouble::new(TroubleReason::BenchlingUnavailable, message));
        };
        let next_token = body.get("nextToken").and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned);
        Ok(Page { events, next_token })
    }
}
