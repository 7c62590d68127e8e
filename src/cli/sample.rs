//! `tributary sample`: a realistic event of a type.

use std::io::{Write, stdout};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tributary_core::samples;

use crate::cli::Error;

/// Prints a realistic event of a type, as EventBridge delivers it. Names, IDs and accounts are made up.
#[derive(Args, Debug)]
pub(super) struct Sample {
    /// Event type of Benchling, such as `v2.entity.registered`; with `benchling.webhook/` before it, as the gateway publishes it; or
    /// source and detail type of an AWS event, such as `aws.s3/Object Created`.
    #[arg(value_name = "TYPE", required_unless_present = "list")]
    type_: Option<String>,
    /// List all types, and the page that documents each.
    #[arg(long, conflicts_with = "type_")]
    list: bool,
    /// Format. Defaults to `json` for an event and to `text` for the list.
    #[arg(short, long, value_enum)]
    output: Option<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
    Yaml,
}

impl Sample {
    pub(super) fn run(&self) -> Result<(), Error> {
        let Some(type_) = &self.type_ else { return self.list() };
        print(&event(type_)?, self.output.unwrap_or(Output::Json))
    }

    fn list(&self) -> Result<(), Error> {
        let output = self.output.unwrap_or(Output::Text);
        if output != Output::Text {
            let all: Vec<_> = samples::all().map(|sample| json!({"type": sample.name, "page": sample.page})).collect();
            return print(&all.into(), output);
        }
        let width = samples::types().map(str::len).max().unwrap_or_default();
        let mut out = stdout().lock();
        writeln!(out, "{:width$}  SHAPE DOCUMENTED IN", "TYPE")?;
        for sample in samples::all() {
            writeln!(out, "{:width$}  {}", sample.name, sample.page)?;
        }
        Ok(())
    }
}

/// Returns the sample of this type.
///
/// # Errors
/// The type is unknown.
pub(super) fn event(type_: &str) -> Result<Value, Error> {
    samples::sample(type_).ok_or_else(|| {
        let near = samples::suggestion(type_).map_or_else(String::new, |near| format!(" Did you mean {near}?"));
        format!("no sample of type {type_:?}.{near} `tributary sample --list` prints all types.").into()
    })
}

fn print(value: &Value, output: Output) -> Result<(), Error> {
    let mut out = stdout().lock();
    match output {
        Output::Yaml => write!(out, "{}", serde_saphyr::to_string(value)?)?,
        Output::Text | Output::Json => writeln!(out, "{value:#}")?,
    }
    Ok(())
}
