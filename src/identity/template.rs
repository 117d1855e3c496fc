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
    let parts = |c: char| c.is_whitespace() || matches!(c, '=' | ':' | ',' | '(' | ')' | '/');
    let words = template.split(parts).filter(|word| !word.contains('<'));
    words.map(weight).sum()
}

/// How many words a word counts for.
fn weight(word: &str) -> usize {
    if is_qualified(word) {
        return 2;
    }
    if word.is_ascii() {
        return usize::from(word.bytes().filter(u8::is_ascii_alphabetic).count() >= 2);
    }
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let wide = word.chars().any(|c| u32::from(c) > 0x2E80);
    // A text without blanks counts by its characters, two to a word.
    if wide {
        letters.div_ceil(2)
    } else {
        usize::from(letters >= 2)
    }
}

/// `com.acme.Job`: the name of a class or a package says as much as a sentence.
fn is_qualified(word: &str) -> bool {
    let mut parts = 0;
    for part in word.split('.') {
        if !part.starts_with(char::is_alphabetic) {
            return false;
        }
        parts += 1;
    }
    parts >= 3
}

fn bounded(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
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
