//! The table as SQL: its definition, and the statement that writes a batch. Pure. Names come from the user, so they are always quoted.

use std::{collections::BTreeMap, fmt::Write};

/// Names of the table and its columns. They default to those of Benchling's example app, and three more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Columns,
    /// Whether sync may create the table, and the columns and index that it lacks.
    pub(crate) manage: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) synced_at: String,
    pub(crate) modified_at: String,
    pub(crate) archived: String,
    pub(crate) schema: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            id: "benchling_api_id".into(),
            name: "entity_name".into(),
            value: "field_value".into(),
            synced_at: "synced_datetime".into(),
            modified_at: "entity_modified_at".into(),
            archived: "archived_reason".into(),
            schema: "schema_id".into(),
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self { schema: "public".into(), name: "synced_benchling_data".into(), columns: Columns::default(), manage: true }
    }
}

/// The table as it exists in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExistingTable {
    /// Type of each column, as `format_type` writes it.
    pub(crate) columns: BTreeMap<String, String>,
    /// Whether a unique index, without a condition, is on the id column alone.
    pub(crate) unique: bool,
}

/// Returns the name as an SQL identifier.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// `"schema"."table"`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    fn wanted(&self) -> [(&str, &'static str); 7] {
        let c = &self.columns;
        [
            (&c.name, "TEXT NOT NULL"),
            (&c.id, "TEXT NOT NULL"),
            (&c.value, "TEXT"),
            (&c.synced_at, "TIMESTAMPTZ DEFAULT NOW() NOT NULL"),
            (&c.modified_at, "TIMESTAMPTZ"),
            (&c.archived, "TEXT"),
            (&c.schema, "TEXT"),
        ]
    }

    fn index(&self) -> String {
        let cut: String = self.name.chars().take(40).collect();
        quoted(&format!("{cut}_entity_key"))
    }

    /// Returns the statements that create what the table lacks. Each is safe to run twice.
    pub(crate) fn plan(&self, existing: Option<&ExistingTable>) -> Vec<String> {
        let Some(existing) = existing else {
            let columns = self.wanted().map(|(name, type_)| format!("{} {type_}", quoted(name))).join(", ");
            let key = quoted("synced_entity_id");
            return vec![
                format!("CREATE TABLE IF NOT EXISTS {} ({key} BIGSERIAL PRIMARY KEY, {columns})", self.path()),
                format!("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})", self.index(), self.path(), quoted(&self.columns.id)),
            ];
        };
        let mut plan: Vec<String> = self
            .wanted()
            .into_iter()
            .filter(|(name, _)| !existing.columns.contains_key(*name))
            .map(|(name, type_)| {
                // Existing rows have no value for it.
                let type_ = type_.trim_end_matches(" NOT NULL");
                format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {type_}", self.path(), quoted(name))
            })
            .collect();
        if !existing.unique {
            plan.push(format!("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})", self.index(), self.path(), quoted(&self.columns.id)));
        }
        plan
    }

    /// Returns the columns of the wrong type, as `name (type)`.
    pub(crate) fn misfits(&self, existing: &ExistingTable) -> Vec<String> {
        let texts = [&self.columns.id, &self.columns.name, &self.columns.value, &self.columns.archived, &self.columns.schema];
        let times = [&self.columns.synced_at, &self.columns.modified_at];
        let is_text = |type_: &str| type_ == "text" || type_.starts_with("character") || type_ == "citext";
        let wrong = |name: &&String, fits: &dyn Fn(&str) -> bool| existing.columns.get(*name).filter(|type_| !fits(type_)).cloned();
        let mut all: Vec<String> = texts.iter().filter_map(|name| Some(format!("{name} ({})", wrong(name, &is_text)?))).collect();
        // Without a time zone, a version would depend on the session's. With a precision of seconds, two versions could be equal.
        let is_time = |type_: &str| type_ == "timestamp with time zone";
        all.extend(times.iter().filter_map(|name| Some(format!("{name} ({})", wrong(name, &is_time)?))));
        all
    }

    /// Returns the statement that writes a batch. Its parameters are seven arrays of text; it returns the ids of written rows.
    ///
    /// A row is written only if it is newer than the existing one, or of the same version but read later with other content: archiving
    /// may leave `modifiedAt` unchanged.
    pub(crate) fn upsert(&self) -> String {
        let c = &self.columns;
        let q = quoted;
        let names = [&c.id, &c.name, &c.value, &c.schema, &c.archived, &c.modified_at, &c.synced_at];
        let list = names.map(|name| q(name)).join(", ");
        let sets = names[1..].iter().fold(String::new(), |mut text, name| {
            let _ = write!(text, "{}{} = excluded.{}", if text.is_empty() { "" } else { ", " }, q(name), q(name));
            text
        });
        let content = |side: &str| [&c.name, &c.value, &c.schema, &c.archived].map(|name| format!("{side}.{}", q(name))).join(", ");
        let (modified, synced) = (q(&c.modified_at), q(&c.synced_at));
        format!(
            "INSERT INTO {path} AS have ({list}) \
             SELECT i, n, v, s, a, m::timestamptz, r::timestamptz \
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS t(i, n, v, s, a, m, r) ORDER BY i \
             ON CONFLICT ({id}) DO UPDATE SET {sets} \
             WHERE have.{modified} IS NULL OR have.{modified} < excluded.{modified} \
             OR (have.{modified} = excluded.{modified} AND have.{synced} <= excluded.{synced} AND ({old}) IS DISTINCT FROM ({new})) \
             RETURNING have.{id}::text",
            path = self.path(),
            id = q(&c.id),
            old = content("have"),
            new = content("excluded"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_quoted() {
        let table = Table { name: "x\"; DROP TABLE y; --".into(), ..Table::default() };
        assert_eq!(table.path(), "\"public\".\"x\"\"; DROP TABLE y; --\"");
    }

    #[test]
    fn the_table_of_benchlings_example_is_completed() {
        let table = Table::default();
        assert_eq!(table.plan(None).len(), 2);
        let example = [
            ("synced_entity_id", "integer"),
            ("entity_name", "character varying(300)"),
            ("benchling_api_id", "character varying(30)"),
            ("field_value", "character varying(300)"),
            ("synced_datetime", "timestamp with time zone"),
        ];
        let mut existing =
            ExistingTable { columns: example.iter().map(|(name, type_)| ((*name).into(), (*type_).into())).collect(), unique: false };
        let plan = table.plan(Some(&existing));
        assert_eq!(plan.len(), 4, "{plan:?}");
        assert!(plan[3].starts_with("CREATE UNIQUE INDEX"));
        assert!(table.misfits(&existing).is_empty());
        existing.columns.insert("entity_modified_at".into(), "date".into());
        assert_eq!(table.misfits(&existing), ["entity_modified_at (date)"]);
    }

    #[test]
    fn a_complete_table_is_not_changed() {
        let table = Table::default();
        let columns = table.wanted().into_iter().map(|(name, _)| (name.to_owned(), "text".to_owned())).collect();
        assert!(table.plan(Some(&ExistingTable { columns, unique: true })).is_empty());
    }
}
