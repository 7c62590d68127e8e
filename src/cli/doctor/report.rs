//! The report: findings, what was read, the exit code, and the JSON of both.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::doctor::{
    finding::{Finding, Severity},
    kinds,
    snapshot::Snapshot,
};

/// Id of findings about what could not be read.
const NOT_CHECKED: &str = "not-checked";

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) time: Timestamp,
    pub(super) server: String,
    pub(super) user: Option<String>,
    pub(super) scope: String,
    pub(super) operator_namespace: String,
    /// Number of objects that were read.
    pub(super) objects: usize,
    /// Names of the checks that were run.
    pub(super) checks: Vec<&'static str>,
    /// Whether no kind could be read, so that the report says nothing about objects.
    pub(super) is_blind: bool,
}

/// Findings by weight. What was not checked is a separate count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) critical: usize,
    pub(super) warning: usize,
    pub(super) info: usize,
    pub(super) not_checked: usize,
}

impl Report {
    pub(super) fn new(snapshot: &Snapshot, checks: Vec<&'static str>, findings: Vec<Finding>) -> Self {
        Self {
            findings,
            time: snapshot.now,
            server: snapshot.server.clone(),
            user: snapshot.user.clone().ok(),
            scope: snapshot.scope.clone(),
            operator_namespace: snapshot.operator_namespace.clone(),
            objects: snapshot.objects.len(),
            checks,
            is_blind: snapshot.unread.len() >= kinds::crds().len(),
        }
    }

    /// Writes commands of this program as the user calls it.
    pub(super) fn name_program(&mut self, name: &str) {
        for finding in &mut self.findings {
            if let Some(rest) = finding.command.strip_prefix("tributary ") {
                finding.command = format!("{name} {rest}");
            }
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for finding in &self.findings {
            match finding.severity {
                _ if finding.id == NOT_CHECKED => counts.not_checked += 1,
                Severity::Critical => counts.critical += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }

    /// Returns 2 if a finding has at least this weight, 1 if no object could be read, otherwise 0.
    pub(super) fn exit_code(&self, fail_on: Severity) -> u8 {
        let fails = self.findings.iter().any(|finding| finding.id != NOT_CHECKED && finding.severity >= fail_on);
        if fails { 2 } else { u8::from(self.is_blind) }
    }

    pub(super) fn json(&self) -> Value {
        let counts = self.counts();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "time": self.time.to_string(),
            "server": self.server,
            "user": self.user,
            "scope": self.scope,
            "operatorNamespace": self.operator_namespace,
            "summary": {
                "critical": counts.critical, "warning": counts.warning, "info": counts.info, "notChecked": counts.not_checked,
                "objects": self.objects,
            },
            "checks": self.checks,
            "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_use_the_name_of_the_plugin() {
        let findings =
            vec![Finding::new("a", Severity::Info, "", "tributary crds"), Finding::new("b", Severity::Info, "", "kubectl get x")];
        let mut report = Report { findings, ..Report::default() };
        report.name_program("kubectl tributary");
        let commands: Vec<_> = report.findings.iter().map(|finding| finding.command.as_str()).collect();
        assert_eq!(commands, ["kubectl tributary crds", "kubectl get x"]);
    }

    #[test]
    fn the_exit_code_follows_the_weightiest_finding() {
        let report = |id, severity| Report { findings: vec![Finding::new(id, severity, "", "")], ..Report::default() };
        assert_eq!(report("a", Severity::Critical).exit_code(Severity::Critical), 2);
        assert_eq!(report("a", Severity::Warning).exit_code(Severity::Critical), 0);
        assert_eq!(report("a", Severity::Warning).exit_code(Severity::Warning), 2);
        assert_eq!(report("not-checked", Severity::Info).exit_code(Severity::Info), 0);
        assert_eq!(Report { is_blind: true, ..Report::default() }.exit_code(Severity::Info), 1);
    }
}
