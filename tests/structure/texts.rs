//! The texts that users read: all of them in one generated list, so that a change of words shows in review, and none of them with a word of
//! the old dialect (STYLE.md, glossary).
//!
//! `UPDATE_TEXTS=1 cargo test --test structure texts` writes the list anew.

use std::{collections::BTreeSet, fs};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use regex_lite::Regex;

use crate::source::{Source, all, root};

const LIST: &str = "docs/reference/messages.txt";

/// Words and phrases that have a standard one (STYLE.md). Matched as whole words, in any case.
const BANNED: [&str; 39] = [
    "anew",
    "by itself",
    "by themselves",
    "dead letters of",
    "do not let",
    "does not let",
    "gave a token",
    "hand over",
    "has the webhooks",
    "he",
    "his",
    "in earnest",
    "is looked at",
    "is looked for",
    "is said",
    "is told",
    "is tried again",
    "kept by",
    "leave it out",
    "left out",
    "let in",
    "lets in",
    "looked at",
    "look at",
    "made again",
    "make it",
    "nobody",
    "no longer leads",
    "somebody",
    "somebody else",
    "speak of",
    "speaks of",
    "standing by",
    "taken up again",
    "tidings",
    "told",
    "whoever",
    "works off",
    "worked off",
];

/// String literals with words in them, in the order of the file.
fn literals(tokens: TokenStream, into: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), into),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    into.push(text.value());
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// A text for people: at least three words, of letters.
fn is_prose(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| word.chars().filter(|c| c.is_ascii_lowercase()).count() >= 2);
    words.count() >= 3 && !text.trim_start().starts_with(['{', '[', '<', '('])
        || text.trim_start().starts_with('{') && text.contains(": ") && !text.contains('"')
}

fn texts(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for item in &file.items {
        literals(item.to_token_stream(), &mut found);
    }
    // Doc comments of the API are CRD descriptions, of the command line help; elsewhere they are for developers, and are no literals of a macro.
    let public = file.path.starts_with("crates/api/") || file.path.starts_with("src/cli");
    let docs: BTreeSet<String> = docs(file);
    found
        .into_iter()
        .filter(|text| is_prose(text))
        .filter(|text| public || !docs.contains(text))
        .map(|text| text.trim().replace('\n', " "))
        .collect()
}

/// Texts of doc comments, which the parser shows as literals of attributes.
fn docs(file: &Source) -> BTreeSet<String> {
    let comments = file.text.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")));
    comments.map(str::to_owned).collect()
}

fn list() -> String {
    let mut list = String::from("# All texts that users read, by source file. Generated: see tests/structure/texts.rs.\n");
    for file in all() {
        let texts = texts(&file);
        if !texts.is_empty() {
            list.extend(["\n", &file.path, "\n"]);
        }
        for text in texts {
            list.extend(["    ", &text, "\n"]);
        }
    }
    list
}

#[test]
fn the_list_of_texts_is_current() {
    let list = list();
    let path = root().join(LIST);
    if std::env::var_os("UPDATE_TEXTS").is_some() {
        fs::write(&path, &list).expect("written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(list.lines().count() > 500, "only {} lines of texts", list.lines().count());
    assert!(there == list, "{LIST} is out of date. Run UPDATE_TEXTS=1 cargo test --test structure texts, and review the change of words");
}

#[test]
fn no_text_has_a_banned_word() {
    let words = BANNED.map(|word| format!(r"\b{}\b", word.replace(' ', r"\s+"))).join("|");
    let banned = Regex::new(&format!("(?i)({words})")).expect("a pattern");
    let mut found = Vec::new();
    for file in all() {
        for text in texts(&file) {
            if let Some(word) = banned.find(&text) {
                found.push(format!("{}: {:?} in: {text}", file.path, word.as_str()));
            }
        }
    }
    assert!(found.is_empty(), "{} texts with words that STYLE.md replaces:\n{}", found.len(), found.join("\n"));
}
