//! Archives.

use tributary_core::{
    error::ReconcileError,
    kinds::archives::ObservedArchive,
    steps::{ArchiveSettings, ArchiveStep},
};

use crate::client::{
    request::{ignore_not_found, non_empty, parsed, send},
    session::Session,
};

impl Session {
    /// Returns the archive; `None` if it does not exist. `retained` is passed on to the result.
    ///
    /// # Errors
    /// Those of `DescribeArchive`.
    pub async fn archive(&self, name: &str, retained: bool) -> Result<Option<ObservedArchive>, ReconcileError> {
        let found = ignore_not_found(send!(self, events, DescribeArchive, self.events.describe_archive().archive_name(name)))?;
        Ok(found.map(|archive| ObservedArchive {
            aws_name: name.to_owned(),
            arn: archive.archive_arn.unwrap_or_default(),
            state: archive.state.as_ref().map_or("", |state| state.as_str()).into(),
            state_reason: non_empty(archive.state_reason),
            settings: ArchiveSettings {
                description: non_empty(archive.description),
                retention_days: archive.retention_days.unwrap_or_default(),
                pattern: non_empty(archive.event_pattern).map(|text| parsed(&text)),
                kms_key_arn: non_empty(archive.kms_key_identifier),
            }
            .canonical(),
            event_count: archive.event_count,
            size_bytes: archive.size_bytes,
            retained,
        }))
    }

    pub(super) async fn apply_archive(&self, step: &ArchiveStep) -> Result<(), ReconcileError> {
        match step {
            ArchiveStep::CreateArchive { name, bus_arn, settings } => {
                let request = self
                    .events
                    .create_archive()
                    .archive_name(name)
                    .event_source_arn(bus_arn)
                    .set_description(settings.description.clone())
                    .retention_days(settings.retention_days)
                    .set_kms_key_identifier(settings.kms_key_arn.clone())
                    .set_event_pattern(settings.pattern.as_ref().map(ToString::to_string));
                send!(self, events, CreateArchive, request)?;
            }
            ArchiveStep::UpdateArchive { name, settings } => {
                // AWS keeps what a request omits.
                let pattern = settings.pattern.clone().unwrap_or_else(ArchiveSettings::every_event);
                let request = self
                    .events
                    .update_archive()
                    .archive_name(name)
                    .description(settings.description.clone().unwrap_or_default())
                    .retention_days(settings.retention_days)
                    .kms_key_identifier(settings.kms_key_arn.clone().unwrap_or_default())
                    .event_pattern(pattern.to_string());
                send!(self, events, UpdateArchive, request)?;
            }
            ArchiveStep::DeleteArchive { name } => {
                ignore_not_found(send!(self, events, DeleteArchive, self.events.delete_archive().archive_name(name)))?;
            }
        }
        Ok(())
    }
}
