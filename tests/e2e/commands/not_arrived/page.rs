//! The branches of `docs/operations/event-did-not-arrive.md`: commands and what they print.

use std::path::Path;

/// A command of the page, and the lines below it.
#[derive(Debug)]
pub struct Step {
    pub command: String,
    pub lines: Vec<String>,
}

/// A block of the page after `<!-- branch: NAME -->`.
#[derive(Debug)]
pub struct Branch {
    pub name: String,
    pub steps: Vec<Step>,
}

/// All branches, with the namespace of the test in place of `prod`.
pub fn branches(namespace: &str) -> Vec<Branch> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations/event-did-not-arrive.md")).unwrap();
    let blocks = page.split("<!-- branch: ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once(" -->\n```console\n").expect("a console block after the mark");
            let text = rest.split("\n```").next().unwrap().replace("prod", namespace);
            let mut steps: Vec<Step> = Vec::new();
            for line in text.lines() {
                match line.strip_prefix("$ ") {
                    Some(command) => steps.push(Step { command: command.to_owned(), lines: vec![] }),
                    None => steps.last_mut().expect("a command first").lines.push(line.to_owned()),
                }
            }
            Branch { name: name.to_owned(), steps }
        })
        .collect()
}

/// Returns the first line of the page that no line of the output fits. Lines come in the order of the page.
pub fn missing<'a>(lines: &'a [String], output: &str) -> Option<&'a String> {
    let mut rest: Vec<&str> = output.lines().collect();
    for line in lines.iter().filter(|line| line.trim() != "...") {
        match rest.iter().position(|given| fits(line, given)) {
            Some(at) => drop(rest.drain(..=at)),
            None => return Some(line),
        }
    }
    None
}

/// Returns whether a line fits one of the page: `...` is any text, and a word with a digit, such as an ID, an age or a time, is any word.
fn fits(line: &str, given: &str) -> bool {
    let (line, given): (Vec<_>, Vec<_>) = (line.split_whitespace().collect(), given.split_whitespace().collect());
    words(&line, &given)
}

fn words(line: &[&str], given: &[&str]) -> bool {
    match line.split_first() {
        None => given.is_empty(),
        Some((&"...", rest)) => (0..=given.len()).any(|skipped| words(rest, &given[skipped..])),
        Some((word, rest)) => given.split_first().is_some_and(|(first, others)| same(word, first) && words(rest, others)),
    }
}

fn same(word: &str, given: &str) -> bool {
    let is_name = word.contains('/') || word.contains('-') && !word.contains(|c: char| c.is_ascii_digit());
    word == given || !is_name && word.contains(|c: char| c.is_ascii_digit()) && given.contains(|c: char| c.is_ascii_digit())
}

#[test]
fn lines_fit_by_their_words() {
    assert!(fits("a ... c +4 ms", "a  x y c +12 ms") && fits("... b", "b"));
    assert!(!fits("a b", "a b c") && !fits("a ... d", "a b c") && !fits("a/b 3h", "a/c 4h"));
    let lines = ["one".to_owned(), "...".to_owned(), "two".to_owned()];
    assert_eq!((missing(&lines, "one\nx\ntwo\n"), missing(&lines, "two\none\n")), (None, Some(&lines[2])));
}
