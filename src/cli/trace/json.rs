//! Traces for machines: `docs/reference/json-output.md`.

use std::collections::BTreeMap;

use serde::Serialize;
use tributary_core::trace::{Moment, Trace};

use super::{fetch::Found, names::Names, read::Range};

/// The document. With `--follow`, one for each event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    since: Moment,
    until: Moment,
    traces: &'a [Trace],
    /// Objects of the cluster by the ARNs in the traces.
    objects: BTreeMap<&'a str, &'a str>,
    notes: &'a [String],
}

pub(super) fn document<'a>(found: &'a Found, names: &'a Names, range: Range) -> Document<'a> {
    let targets = |trace: &'a Trace| trace.rules.iter().flat_map(|rule| &rule.targets).map(|target| target.target_arn.as_str());
    let rules = |trace: &'a Trace| trace.rules.iter().map(|rule| rule.rule_arn.as_str());
    let arns = found.traces.iter().flat_map(|trace| std::iter::once(trace.bus_arn.as_str()).chain(rules(trace)).chain(targets(trace)));
    Document {
        since: Moment(range.from),
        until: Moment(range.to),
        traces: &found.traces,
        objects: names.objects(arns),
        notes: &found.notes,
    }
}
