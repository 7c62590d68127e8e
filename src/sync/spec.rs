//! The spec of a `postgres` sink in the terms of sync. Pure.

use tributary_api::{EntityKind as ApiKind, PostgresSink};
use tributary_benchling::EntityKind;

use crate::sync::{
    message::{Schema, Scope},
    table::{Columns, Table},
};

pub(crate) fn kind(kind: ApiKind) -> EntityKind {
    match kind {
        ApiKind::CustomEntity => EntityKind::CustomEntity,
        ApiKind::DnaSequence => EntityKind::DnaSequence,
        ApiKind::RnaSequence => EntityKind::RnaSequence,
        ApiKind::AaSequence => EntityKind::AaSequence,
        ApiKind::Oligo => EntityKind::Oligo,
    }
}

/// Returns which entities the sink syncs.
pub(crate) fn scope(spec: &PostgresSink, tenant: &str) -> Scope {
    let schemas =
        spec.schemas.iter().map(|schema| Schema { id: schema.id.clone(), kind: schema.kind.map(kind), field: schema.field.clone() });
    Scope { tenant: tenant.to_owned(), schemas: schemas.collect() }
}

/// Returns the table, with default names where the spec sets none.
pub(crate) fn table(spec: &PostgresSink) -> Table {
    let (table, names) = (&spec.table, &spec.table.columns);
    let default = Columns::default();
    let or = |name: &Option<String>, default: String| name.clone().unwrap_or(default);
    Table {
        schema: table.schema.clone(),
        name: table.name.clone(),
        manage: table.manage,
        columns: Columns {
            id: or(&names.id, default.id),
            name: or(&names.name, default.name),
            value: or(&names.value, default.value),
            synced_at: or(&names.synced_at, default.synced_at),
            modified_at: or(&names.modified_at, default.modified_at),
            archived: or(&names.archived_reason, default.archived),
            schema: or(&names.schema_id, default.schema),
        },
    }
}
