//! The template of a message: its first telling lines, masked and bounded.

use super::masks::{Masks, head};

/// Characters of a template; what is longer is cut and ends in `…`.
const LONGEST: usize = 512;
/// A first line with fewer words of its own than this takes the next line with it.
const FEW_WORDS: usize = 3;
/// Bytes of a message that are looked at.
const LOOKED_AT: usize = 8192;

/// The template of a message.
#[must_use]
pub fn template(message: &str, masks: &Masks) -> String {
    let message = head(message, LOOKED_AT);
    let mut lines = message.lines().map(str::trim).filter(|line| tells(line));
    let Some(first) = lines.next() else {
        return String::new();
    };
    let mut masked = masks.apply(first);
    if (words(&masked) < FEW_WORDS || masked.ends_with(':'))
        && let Some(second) = lines.next()
    {
        let more = masks.apply(second);
        masked.push(' ');
        masked.push_str(&more);
    }
    bounded(&masked)
}

/// Whether a line says anything: not empty, no frame, no place in a parsed text.
fn tells(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("at ") && line.chars().any(char::is_alphanumeric)
}

/// Words of the message itself, placeholders and quoted names not counted.
#[must_use]
pub fn words(template: &str) -> usize {
    let mut count = 0;
    for word in template.split(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | ',' | '(' | ')' | '/')) {
        if word.contains('<') {
            continue;
        }
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let wide = word.chars().any(|c| u32::from(c) > 0x2E80);
        // A text without blanks counts by its characters, two to a word.
        count += if wide {
            letters.div_ceil(2)
        } else {
            usize::from(letters >= 2)
        };
    }
    count
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => {
            let mut cut = text.get(..end).unwrap_or_default();
            // A placeholder is not cut in two.
            if let Some(open) = cut.rfind('<')
                && !cut.get(open..).unwrap_or_default().contains('>')
                && cut.len() - open < 16
            {
                cut = cut.get(..open).unwrap_or_default();
            }
            format!("{}…", cut.trim_end())
        }
    }
}
