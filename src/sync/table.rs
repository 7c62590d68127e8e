//! Sync: the table as SQL: what it must have, what makes it, and the write of a batch. Pure. Names are the user's, so they are always quoted.

use std::{collections::BTreeMap, fmt::Write};

/// Names of the table and its columns. Those left out of the spec are those of Benchling's example of an app, and three of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub schema: String,
    pub name: String,
    pub columns: Columns,
    /// Whether it may be made, and given the columns and the index that it lacks.
    pub manage: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub id: String,
    pub name: String,
    pub value: String,
    pub synced_at: String,
    pub modified_at: String,
    pub archived: String,
    pub schema: String,
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

/// What the database has of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Type of each column, as `format_type` writes it.
    pub columns: BTreeMap<String, String>,
    /// Whether a unique index, without a condition, is on the id column alone.
    pub unique: bool,
}

/// A name as an identifier of SQL.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// `"schema"."table"`.
    pub fn path(&self) -> String {
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

    /// Statements that make the table fit; none when it does. Each is safe to run twice.
    pub fn plan(&self, seen: Option<&Seen>) -> Vec<String> {
        let Some(seen) = seen else {
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
            .filter(|(name, _)| !seen.columns.contains_key(*name))
            .map(|(name, type_)| {
                // Rows that are there have no value for it.
                let type_ = type_.trim_end_matches(" NOT NULL");
                format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {type_}", self.path(), quoted(name))
            })
            .collect();
        if !seen.unique {
            plan.push(format!("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})", self.index(), self.path(), quoted(&self.columns.id)));
        }
        plan
    }

    /// Columns that cannot hold what is to be written: `name (type)`.
    pub fn misfits(&self, seen: &Seen) -> Vec<String> {
        let texts = [&self.columns.id, &self.columns.name, &self.columns.value, &self.columns.archived, &self.columns.schema];
        let times = [&self.columns.synced_at, &self.columns.modified_at];
        let is_text = |type_: &str| type_ == "text" || type_.starts_with("character") || type_ == "citext";
        let wrong = |name: &&String, fits: &dyn Fn(&str) -> bool| seen.columns.get(*name).filter(|type_| !fits(type_)).cloned();
        let mut all: Vec<String> = texts.iter().filter_map(|name| Some(format!("{name} ({})", wrong(name, &is_text)?))).collect();
        // Without a time zone a version would change with the session's, and to the second two versions would be one.
        let is_time = |type_: &str| type_ == "timestamp with time zone";
        all.extend(times.iter().filter_map(|name| Some(format!("{name} ({})", wrong(name, &is_time)?))));
        all
    }

    /// One statement for a batch: seven arrays, of text. A row is written only where it is newer than what is there, or of the same version and
    /// read later with another content, as after an archiving that left `modifiedAt` as it was. Answers the rows that were written.
    pub fn upsert(&self) -> String {
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
    fn a_name_stays_a_name() {
        let table = Table { name: "x\"; DROP TABLE y; --".into(), ..Table::default() };
        assert_eq!(table.path(), "\"public\".\"x\"\"; DROP TABLE y; --\"");
    }

    #[test]
    fn the_table_of_benchlings_example_gets_what_it_lacks() {
        let table = Table::default();
        assert_eq!(table.plan(None).len(), 2);
        let example = [
            ("synced_entity_id", "integer"),
            ("entity_name", "character varying(300)"),
            ("benchling_api_id", "character varying(30)"),
            ("field_value", "character varying(300)"),
            ("synced_datetime", "timestamp with time zone"),
        ];
        let mut seen = Seen { columns: example.iter().map(|(name, type_)| ((*name).into(), (*type_).into())).collect(), unique: false };
        let plan = table.plan(Some(&seen));
        assert_eq!(plan.len(), 4, "{plan:?}");
        assert!(plan[3].starts_with("CREATE UNIQUE INDEX"));
        assert!(table.misfits(&seen).is_empty());
        seen.columns.insert("entity_modified_at".into(), "date".into());
        assert_eq!(table.misfits(&seen), ["entity_modified_at (date)"]);
    }

    #[test]
    fn what_fits_is_left_alone() {
        let table = Table::default();
        let columns = table.wanted().into_iter().map(|(name, _)| (name.to_owned(), "text".to_owned())).collect();
        assert!(table.plan(Some(&Seen { columns, unique: true })).is_empty());
    }
}
