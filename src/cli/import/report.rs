//! What an import did: the objects, what has no manifest, and what the platform team has to grant. As text and as JSON.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::{Value, json};

use super::model::Remark;

/// An object that was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// Where its resource was found.
    pub(super) from: String,
    pub(super) is_adopted: bool,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) objects: Vec<Written>,
    pub(super) left_out: Vec<Remark>,
    pub(super) unread: Vec<Remark>,
    pub(super) notes: Vec<Remark>,
    /// ARNs that the `AwsAccount` has to allow.
    pub(super) arns: BTreeSet<String>,
    /// Roles that the `AwsAccount` has to allow.
    pub(super) roles: BTreeSet<String>,
}

impl Report {
    pub(super) fn json(&self) -> Value {
        let remarks = |all: &[Remark]| -> Vec<Value> {
            all.iter().map(|one| json!({"resource": one.origin.resource, "place": one.origin.place, "text": one.text})).collect()
        };
        let object = |one: &Written| json!({"kind": one.kind, "name": one.name, "from": one.from, "adopted": one.is_adopted});
        json!({
            "objects": self.objects.iter().map(object).collect::<Vec<_>>(),
            "notImported": remarks(&self.left_out),
            "notRead": remarks(&self.unread),
            "notes": remarks(&self.notes),
            "grants": {"arns": self.arns, "roles": self.roles},
        })
    }

    /// Returns the report as text that ends with a line break.
    pub(super) fn text(&self) -> String {
        let mut out = format!("{}\n", self.summary());
        section(&mut out, "Not read", &self.unread);
        section(&mut out, "Not imported", &self.left_out);
        section(&mut out, "Imported, but", &self.notes);
        if !(self.arns.is_empty() && self.roles.is_empty()) {
            out.push_str("\nThe AwsAccount has to allow, in spec.grants[] of the namespace:\n");
            for (field, values) in [("arns", &self.arns), ("roles", &self.roles)] {
                if !values.is_empty() {
                    let _ = writeln!(out, "  {field}:");
                }
                for value in values {
                    let _ = writeln!(out, "    - {value}");
                }
            }
        }
        out
    }

    fn summary(&self) -> String {
        let count = |kind: &str| format!("{kind}: {}", self.objects.iter().filter(|one| one.kind == kind).count());
        let counts = ["EventSink", "EventBus", "EventRule"].map(count).join(", ");
        let adopted = self.objects.iter().filter(|one| one.is_adopted).count();
        let unread = if self.unread.is_empty() { String::new() } else { format!(" Not read: {}.", self.unread.len()) };
        format!("{counts} (adopted: {adopted}). Not imported: {}.{unread}", self.left_out.len())
    }
}

fn section(out: &mut String, title: &str, remarks: &[Remark]) {
    if remarks.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}:");
    for one in remarks {
        let _ = writeln!(out, "  {}: {}", one.origin, one.text);
    }
}
