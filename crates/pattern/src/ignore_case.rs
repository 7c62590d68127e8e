//! Comparison that ignores case, as AWS's matcher does it: each character of the pattern stands for its lower-case and its upper-case form,
//! of any length. The value is not folded, so the comparison is not symmetric: a pattern with the Kelvin sign matches `k`, but not the other way.

/// A text of a pattern that is compared without case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IgnoreCase {
    characters: Vec<[String; 2]>,
}

impl IgnoreCase {
    pub(crate) fn new(text: &str) -> Self {
        let forms = |character: char| {
            // The matcher reads units of UTF-16. Half a surrogate pair becomes a question mark.
            if character.len_utf16() == 2 {
                return vec![["?".to_owned(), "?".to_owned()]; 2];
            }
            vec![[character.to_lowercase().collect(), character.to_uppercase().collect()]]
        };
        Self { characters: text.chars().flat_map(forms).collect() }
    }

    /// Whether the value is this text.
    pub(crate) fn equals(&self, value: &str) -> bool {
        self.ends(value, false).contains(&value.len())
    }

    /// Whether the value, with the quote behind it, begins with this text.
    pub(crate) fn is_prefix(&self, value: &str) -> bool {
        !self.ends(value, false).is_empty() || !self.ends(&format!("{value}\""), false).is_empty()
    }

    /// Whether the value, with the quote in front of it, ends with this text.
    pub(crate) fn is_suffix(&self, value: &str) -> bool {
        !self.ends(value, true).is_empty() || !self.ends(&format!("\"{value}"), true).is_empty()
    }

    /// How many bytes of the value, from its begin or its end, this text can stand for.
    fn ends(&self, value: &str, from_end: bool) -> Vec<usize> {
        let mut ends = vec![0];
        let mut advance = |forms: &[String; 2]| {
            let mut next = Vec::new();
            for end in &ends {
                for form in forms {
                    let rest = &value.as_bytes()[if from_end { 0..value.len() - end } else { *end..value.len() }];
                    let fits = if from_end { rest.ends_with(form.as_bytes()) } else { rest.starts_with(form.as_bytes()) };
                    if fits && !next.contains(&(end + form.len())) {
                        next.push(end + form.len());
                    }
                }
            }
            ends = next;
            !ends.is_empty()
        };
        let _ = if from_end { self.characters.iter().rev().all(&mut advance) } else { self.characters.iter().all(&mut advance) };
        ends
    }
}
