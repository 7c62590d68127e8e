//! Lists of all buses and rules of an account, for commands that look for what no object names.

use tributary_core::error::ReconcileError;

use crate::client::{
    request::{non_empty, send},
    session::Session,
};

impl Session {
    /// Returns the names of all event buses of the account in the Region, sorted.
    ///
    /// # Errors
    /// Those of `ListEventBuses`.
    pub async fn bus_names(&self) -> Result<Vec<String>, ReconcileError> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let request = self.events.list_event_buses().limit(100).set_next_token(next);
            let page = send!(self, events, ListEventBuses, request)?;
            names.extend(page.event_buses.unwrap_or_default().into_iter().filter_map(|bus| bus.name));
            next = non_empty(page.next_token);
            if next.is_none() {
                names.sort();
                return Ok(names);
            }
        }
    }
}
