//! Adapter of EventBridge's archives: reads into `ObservedArchive`, one call per step.

use tributary_core::{
    error::ReconcileError,
    kinds::archives::ObservedArchive,
    steps::{ArchiveSettings, EventsStep},
};

use crate::{Session, events::buses::send};

impl Session {
    pub async fn archive(&self, name: &str, retained: bool) -> Result<Option<ObservedArchive>, ReconcileError> {
        match send!(self, "events:DescribeArchive", self.events.describe_archive().archive_name(name)) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
            Ok(archive) => Ok(Some(ObservedArchive {
                aws_name: name.to_owned(),
                arn: archive.archive_arn.unwrap_or_default(),
                state: archive.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                state_reason: archive.state_reason.filter(|text| !text.is_empty()),
                settings: ArchiveSettings {
                    description: archive.description.filter(|text| !text.is_empty()),
                    retention_days: archive.retention_days.unwrap_or_default(),
                    pattern: archive.event_pattern.filter(|text| !text.is_empty()).map(|text| crate::events::buses::parsed(&text)),
                }
                .canonical(),
                event_count: archive.event_count,
                size_bytes: archive.size_bytes,
                retained,
            })),
        }
    }

    /// The writes to archives; anything else is none of its business.
    pub(crate) async fn apply_archive(&self, step: &EventsStep) -> Result<(), ReconcileError> {
        match step {
            EventsStep::CreateArchive { name, bus_arn, settings } => {
                let request = self
                    .events
                    .create_archive()
                    .archive_name(name)
                    .event_source_arn(bus_arn)
                    .set_description(settings.description.clone())
                    .retention_days(settings.retention_days)
                    .set_event_pattern(settings.pattern.as_ref().map(ToString::to_string));
                send!(self, "events:CreateArchive", request)?;
            }
            EventsStep::UpdateArchive { name, settings } => {
                // What is left out stays as it is.
                let pattern = settings.pattern.clone().unwrap_or_else(ArchiveSettings::every_event);
                let request = self
                    .events
                    .update_archive()
                    .archive_name(name)
                    .description(settings.description.clone().unwrap_or_default())
                    .retention_days(settings.retention_days)
                    .event_pattern(pattern.to_string());
                send!(self, "events:UpdateArchive", request)?;
            }
            EventsStep::DeleteArchive { name } => {
                crate::events::buses::ignore_not_found(send!(
                    self,
                    "events:DeleteArchive",
                    self.events.delete_archive().archive_name(name)
                ))?;
            }
            _ => {}
        }
        Ok(())
    }
}
