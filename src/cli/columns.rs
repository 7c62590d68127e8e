//! Lines of a fixed width and the branches of trees, for the texts that commands print.

/// Returns the lines that connect a row with the rows above it. `branches` says for each level whether the row is in its last branch.
pub(super) fn prefix(branches: &[bool]) -> String {
    let Some((own, above)) = branches.split_last() else { return String::new() };
    let above: String = above.iter().map(|is_last| if *is_last { "   " } else { "│  " }).collect();
    above + if *own { "└─ " } else { "├─ " }
}

/// Returns the lines that pass a row on the way to the rows below it.
pub(super) fn continued(branches: &[bool], has_children: bool) -> String {
    let mut text: String = branches.iter().map(|is_last| if *is_last { "   " } else { "│  " }).collect();
    text.push_str(if has_children { "│  " } else { "   " });
    text
}

/// Breaks a text into lines. What has no space, such as an ARN, is broken where the line ends.
pub(super) fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let Some(line) = lines.last_mut() else { return lines };
            let used = width(line) + usize::from(!line.is_empty());
            if used + word.len() <= most {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.extend(word);
                break;
            }
            if line.is_empty() {
                line.extend(word.drain(..most));
            }
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Returns the number of characters.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

/// Returns the text with spaces up to this many characters.
pub(super) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// Returns the text with at most this many characters, the last of which is an ellipsis if it is cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
