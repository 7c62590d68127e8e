//! `tributary test`: runs `spec.tests` of the rules in manifests. No cluster and no AWS account are used.

mod junit;
mod report;
mod tap;
mod text;

use std::{
    io::{IsTerminal, Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use tributary_core::{kinds::of_manifest, rule_tests};

use crate::cli::{
    Error,
    manifests::{self, Found, Inventory, Problem},
    progress::ProgressFlags,
    test::report::{Report, RuleReport, TestReport},
};

/// Exits with 0 if all tests passed, with 1 if one failed, and with 2 if the input has an error or a test cannot be evaluated.
#[derive(Args, Debug)]
pub(super) struct Test {
    /// Files and folders with manifests. Kustomizations in folders are built. `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// File that the report is written to. The summary is printed in addition.
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// In a text report, print only what did not pass. Progress is not shown.
    #[arg(short, long)]
    quiet: bool,
    /// Fail if a rule has no tests.
    #[arg(long)]
    require_tests: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
    Junit,
    Tap,
}

impl Test {
    pub(super) fn run(&self) -> Result<ExitCode, Error> {
        let inventory = Inventory::new(manifests::read(&self.paths));
        let report = evaluate(&inventory, ProgressFlags::new(self.quiet));
        let styled =
            self.output_file.is_none() && stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let text = match self.output {
            Output::Text => text::text(&report, &text::Style { is_colored: styled, is_quiet: self.quiet }),
            Output::Json => format!("{:#}\n", report.json()),
            Output::Junit => junit::xml(&report),
            Output::Tap => tap::tap(&report),
        };
        match &self.output_file {
            Some(file) => {
                std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
                writeln!(stdout().lock(), "{}", report.summary())?;
            }
            None => write!(stdout().lock(), "{text}")?,
        }
        Ok(ExitCode::from(report.exit_code(self.require_tests)))
    }
}

fn evaluate(inventory: &Inventory, progress: ProgressFlags) -> Report {
    let mut report = Report { problems: inventory.problems.clone(), ..Report::default() };
    let progress = progress.bar("testing rules", inventory.rules.len());
    for found in &inventory.rules {
        match evaluate_rule(inventory, found) {
            Ok(rule) => report.rules.push(rule),
            Err(problem) => report.problems.push(problem),
        }
        progress.advance();
    }
    if inventory.rules.is_empty() && report.problems.is_empty() {
        report.problems.push(Problem { file: "input".into(), place: None, message: "no EventRule found. Correct the path.".into() });
    }
    report
}

fn evaluate_rule(inventory: &Inventory, found: &Found) -> Result<RuleReport, Problem> {
    let manifest = of_manifest(&found.rule, &inventory.view(found.unit)).map_err(|message| found.problem(message))?;
    let outcomes = rule_tests::run(&found.rule.spec.tests, &manifest.subject, &inventory.config_map_values(found));
    let test =
        |outcome: rule_tests::Outcome| TestReport { line: found.line_of_test(outcome.index), name: outcome.name, result: outcome.result };
    Ok(RuleReport {
        rule: found.key(),
        file: found.file.clone(),
        line: found.line(),
        assumption: manifest.assumption,
        tests: outcomes.into_iter().map(test).collect(),
    })
}
