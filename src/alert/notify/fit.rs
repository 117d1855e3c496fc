//! Text that has to fit: what is cut shows that it was.

use serde_json::Value;

/// At most so many characters; what is longer ends with `…`.
pub(super) fn chars(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// One line of it: control characters become spaces.
pub(super) fn line(text: &str, most: usize) -> String {
    let clean = text
        .trim()
        .chars()
        .take(most + 1)
        .map(|c| if c.is_control() { ' ' } else { c });
    chars(&clean.collect::<String>(), most)
}

/// Cuts texts to so many characters and lists to so many entries, at any depth; says whether it cut anything.
pub(super) fn json(value: &mut Value, longest: usize, most: usize) -> bool {
    match value {
        Value::String(text) if text.chars().nth(longest).is_some() => {
            *text = chars(text, longest);
            true
        }
        Value::Array(items) => {
            let cut = items.len() > most;
            items.truncate(most);
            items.iter_mut().fold(cut, |cut, item| json(item, longest, most) || cut)
        }
        Value::Object(fields) => fields
            .iter_mut()
            .fold(false, |cut, (_, field)| json(field, longest, most) || cut),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Lines and what always stands last, in at most so many bytes. Lines that do not fit are left out from the end; `more`
/// says how many there were.
pub(super) fn lines(lines: &[String], last: &str, most: usize, more: impl Fn(usize) -> String) -> String {
    let whole = |taken: usize| {
        let left_out = lines.len() - taken;
        let mut text = String::new();
        let cut = (left_out > 0).then(|| more(left_out));
        let taken = lines.iter().take(taken).map(String::as_str);
        let last = Some(last).filter(|last| !last.is_empty());
        for line in taken.chain(cut.as_deref()).chain(last) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
        text
    };
    let fitting = (0..=lines.len()).rev().map(whole).find(|text| text.len() <= most);
    fitting.unwrap_or_else(|| bytes(&whole(0), most))
}

/// At most so many bytes; what is longer ends with `…`.
pub(super) fn bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub('…'.len_utf8());
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_cut_shows_it() {
        assert_eq!(chars("abc", 3), "abc");
        assert_eq!(chars("abcd", 3), "ab…");
        assert_eq!(bytes("作业失败", 9), "作业…");
        let text = lines(
            &["one".into(), "two".into(), "thirteen letters".into()],
            "link",
            24,
            |n| format!("({n} more)"),
        );
        assert_eq!(text, "one\ntwo\n(1 more)\nlink");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_allowed(all in proptest::collection::vec("\\PC{0,40}", 0..20), last in "\\PC{0,30}", most in 8_usize..400) {
            let fitted = lines(&all, &last, most, |n| format!("… {n} more"));
            prop_assert!(fitted.len() <= most);
            for text in &all {
                prop_assert!(bytes(text, most).len() <= most);
                prop_assert!(chars(text, most).chars().count() <= most);
            }
        }
    }
}
