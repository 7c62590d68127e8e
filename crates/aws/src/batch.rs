//! Job queues and job definitions of AWS Batch, which the operator only reads.

use tributary_core::{delivery::TargetFacts, error::ReconcileError};

use crate::client::{
    request::{non_empty, send},
    session::Session,
};

impl Session {
    /// Returns what delivery depends on of a job queue or a job definition; `None` if it does not exist or is inactive.
    pub(crate) async fn batch_facts(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let active = match resource.split_once('/') {
            Some(("job-definition", name)) => self.is_job_definition(name).await?,
            _ => {
                let answer = send!(self, batch, DescribeJobQueues, self.batch.describe_job_queues().job_queues(arn))?;
                !answer.job_queues.unwrap_or_default().is_empty()
            }
        };
        Ok(active.then(TargetFacts::default))
    }

    /// `name` is that of the definition, for its newest active revision, or name and revision.
    async fn is_job_definition(&self, name: &str) -> Result<bool, ReconcileError> {
        let (name, revision) = name.split_once(':').unwrap_or((name, ""));
        let mut next = None;
        loop {
            let request = self.batch.describe_job_definitions().job_definition_name(name).status("ACTIVE").set_next_token(next);
            let page = send!(self, batch, DescribeJobDefinitions, request)?;
            let found = page.job_definitions.unwrap_or_default();
            if found.iter().any(|found| revision.is_empty() || found.revision.is_some_and(|of| of.to_string() == revision)) {
                return Ok(true);
            }
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(false);
            }
        }
    }
}
