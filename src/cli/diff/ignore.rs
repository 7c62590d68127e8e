//! The file of differences to ignore: values that differ for a reason, fields, and objects.

use std::path::Path;

use serde::Deserialize;
use tributary_api::matches;

use crate::cli::Error;

/// What to ignore in addition.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ignore {
    /// Values of the one side, and what they are on the other.
    #[serde(default)]
    pub(super) values: Vec<ValuePair>,
    /// Fields that may differ.
    #[serde(default)]
    fields: Vec<Field>,
    /// Objects that only one side may have, as `KIND/NAME`. `*` stands for any text.
    #[serde(default)]
    objects: Vec<String>,
}

/// A value that differs for a reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValuePair {
    pub(super) from: String,
    pub(super) to: String,
}

/// A field that may differ. `*` stands for any text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    /// `KIND/NAME` of the objects. Defaults to all.
    #[serde(default = "any")]
    object: String,
    /// Path of the field, as the report prints it. Includes the fields below it.
    field: String,
}

fn any() -> String {
    "*".into()
}

impl Ignore {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is not of this form.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let file = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{file}: {error}. Correct --ignore."))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let ignore: Self = serde_saphyr::from_str(&text).map_err(|error| {
            let place = error.location().map_or_else(String::new, |place| format!(":{}:{}", place.line(), place.column()));
            let rendered = error.without_snippet().to_string();
            let cause = rendered.lines().next().unwrap_or_default();
            let cause = cause.split_once(" at line ").map_or(cause, |(cause, _)| cause);
            format!("{file}{place}: {}. Correct it.", cause.trim_end_matches(['.', ':']))
        })?;
        if ignore.values.iter().any(|pair| pair.from.is_empty() || pair.to.is_empty()) {
            return Err(format!("{file}: values[].from and to must not be empty. Correct it.").into());
        }
        Ok(ignore)
    }

    /// Returns whether only one side may have the object.
    pub(super) fn has_object(&self, kind: &str, name: &str) -> bool {
        matches(&self.objects, &format!("{kind}/{name}"))
    }

    /// Returns whether the field of the object may differ.
    pub(super) fn has_field(&self, kind: &str, name: &str, field: &str) -> bool {
        let object = format!("{kind}/{name}");
        self.fields.iter().any(|ignored| {
            let below = [".", "["].map(|separator| format!("{}{separator}*", ignored.field));
            matches(std::slice::from_ref(&ignored.object), &object)
                && (matches(std::slice::from_ref(&ignored.field), field) || matches(&below, field))
        })
    }
}
