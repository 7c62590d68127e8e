//! Where manifests and report go: standard output and standard error, files, or a folder.

use std::{
    io::{Write, stderr, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

use super::writer::Output;
use crate::cli::Error;

/// Flags for the output.
#[derive(Args, Clone, Debug)]
pub(super) struct OutputFlags {
    /// File for the manifests, or a folder (existing, or a path that ends in `/`), which gets one file per kind and a
    /// kustomization. Defaults to standard output.
    #[arg(short, long, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    /// File for the report: JSON if its name ends in `.json`, otherwise text. Defaults to text on standard error.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl OutputFlags {
    /// Writes everything. The exit code is 1 if something cannot be read.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn write(&self, output: &Output, namespace: Option<&str>) -> Result<ExitCode, Error> {
        let all = [&output.sinks, &output.buses, &output.rules].map(|documents| documents.concat());
        match &self.output {
            Some(path) if path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/') => folder(path, &all, namespace)?,
            Some(path) => write(path, &all.concat())?,
            None => stdout().lock().write_all(all.concat().as_bytes())?,
        }
        match &self.report {
            Some(path) if path.extension().is_some_and(|extension| extension == "json") => {
                write(path, &format!("{:#}\n", output.report.json()))?;
            }
            Some(path) => write(path, &output.report.text())?,
            None => stderr().lock().write_all(output.report.text().as_bytes())?,
        }
        Ok(if output.report.unread.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Writes one file per kind, and a kustomization of those that are not empty.
fn folder(path: &Path, all: &[String; 3], namespace: Option<&str>) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut kustomization = String::from("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n");
    if let Some(namespace) = namespace {
        kustomization += &["namespace: ", namespace, "\n"].concat();
    }
    kustomization.push_str("resources:\n");
    for (name, text) in ["sinks.yaml", "buses.yaml", "rules.yaml"].iter().zip(all) {
        if !text.is_empty() {
            write(&path.join(name), text)?;
            kustomization += &["  - ", name, "\n"].concat();
        }
    }
    write(&path.join("kustomization.yaml"), &kustomization)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}
