//! The plan as Markdown for a comment on a pull request, within the size that a comment may have.

use std::fmt::Write;

use crate::cli::plan::{
    report::{ObjectReport, Permission, Report},
    text::{Style, sentence, write_object},
};

/// Room for the lines after the objects.
const FRAME: usize = 400;

/// Returns the Markdown, in at most `size` characters. What does not fit is counted.
pub(super) fn markdown(report: &Report, size: usize) -> String {
    let mut out = format!("### {}\n\n", report.summary_line());
    let room = |out: &String| size.saturating_sub(out.chars().count() + FRAME);
    let mut omitted = 0;
    for problem in &report.problems {
        let line = format!("- :warning: {}\n", escape(problem));
        push(&mut out, &line, room, &mut omitted);
    }
    let shown: Vec<_> = report.objects.iter().filter(|object| object.is_noteworthy()).collect();
    // Errors first: they must not be what is omitted.
    let (errors, others): (Vec<&ObjectReport>, Vec<_>) = shown.into_iter().partition(|object| object.action.is_error());
    for object in errors.into_iter().chain(others) {
        push(&mut out, &section(object), room, &mut omitted);
    }
    for (title, mark, permissions) in
        [("Permissions added", "+", &report.permissions_added), ("Permissions removed", "-", &report.permissions_removed)]
    {
        if !permissions.is_empty() {
            push(&mut out, &permission_section(title, mark, permissions), room, &mut omitted);
        }
    }
    if let Some(metrics) = &report.delivery_metrics {
        let line = format!(
            "`observeDeliveries`: reading the metrics of {} rules costs about {:.2} USD a month.\n\n",
            metrics.rules, metrics.usd_per_month
        );
        push(&mut out, &line, room, &mut omitted);
    }
    if omitted > 0 {
        let _ = writeln!(out, "\n**{omitted} sections do not fit into this comment.** Run `tributary plan` for all of them.");
    }
    out
}

fn push(out: &mut String, text: &str, room: impl Fn(&String) -> usize, omitted: &mut usize) {
    if *omitted == 0 && text.chars().count() <= room(out) {
        out.push_str(text);
    } else {
        *omitted += 1;
    }
}

fn section(object: &ObjectReport) -> String {
    let mut body = String::new();
    write_object(&mut body, object, Style::default());
    // A diff colors lines by their first character.
    let lines: Vec<_> = body.lines().skip(1).map(diff_line).collect();
    let action = serde_json::to_value(object.action).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let head = format!("{} <b>{} {}</b>: {action}", object.action.mark(), object.kind, object.object);
    let open = if object.action.is_error() { " open" } else { "" };
    format!("<details{open}><summary>{head}</summary>\n\n{}\n</details>\n\n", fenced(&lines.join("\n")))
}

fn permission_section(title: &str, mark: &str, permissions: &[Permission]) -> String {
    let lines: Vec<_> = permissions.iter().map(|permission| format!("{mark} {}", sentence(permission))).collect();
    format!("<details open><summary>{title}: {}</summary>\n\n{}\n</details>\n\n", permissions.len(), fenced(&lines.join("\n")))
}

/// A block that its contents cannot close.
fn fenced(lines: &str) -> String {
    let mut fence = "```".to_owned();
    while lines.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}diff\n{lines}\n{fence}\n")
}

fn diff_line(line: &str) -> String {
    let trimmed = line.trim_start();
    match trimmed.chars().next() {
        Some(mark @ ('+' | '-')) if trimmed[1..].starts_with(' ') => format!("{mark}{}", &line.replacen(mark, " ", 1)),
        Some('~') => format!("!{}", line.replacen('~', " ", 1)),
        _ => format!(" {line}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('<', "&lt;")
}
