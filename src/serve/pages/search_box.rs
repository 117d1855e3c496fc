//! The search box, mistakes pointed at below it, and the language on a few lines.

use super::link;
use crate::serve::problem::Problem;
use maud::{Markup, html};

/// The box, and a mistake pointed at below it. `keep` travels along when the form is sent.
pub(super) fn search_box(path: &str, title: &str, q: &str, mistake: Option<&Problem>, keep: &[(&str, &str)]) -> Markup {
    html! {
        form.search action=(path) method="get" role="search" {
            h1.sr { (title) }
            input #q type="search" name="q" value=(q) placeholder="Search: words, \"a phrase\", job:orders, severity:>=high, is:new, -type…"
                aria-label="Search" aria-describedby=[mistake.map(|_| "mistake")] aria-invalid=[mistake.map(|_| "true")]
                autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="search";
            kbd aria-hidden="true" { "/" }
            @for (name, value) in keep.iter().filter(|(n, v)| *n != "q" && !v.is_empty()) {
                input type="hidden" name=(name) value=(value);
            }
            button type="submit" { "Search" }
        }
        @if let Some(mistake) = mistake { (pointed_at(q, mistake, path, keep)) }
    }
}

fn pointed_at(q: &str, mistake: &Problem, path: &str, keep: &[(&str, &str)]) -> Markup {
    let at = mistake.position.unwrap_or(0);
    let length = mistake.length.unwrap_or(1);
    let before: String = q.chars().take(at).collect();
    let wrong: String = q.chars().skip(at).take(length).collect();
    let after: String = q.chars().skip(at + length).collect();
    let mended = mistake.suggestion.as_ref().map(|s| format!("{before}{s}{after}"));
    html! {
        div.mistake #mistake role="alert" {
            p.typed { (before) mark { @if wrong.is_empty() { "\u{2003}" } @else { (wrong) } } (after) }
            p { (mistake.detail) }
            @if let Some(mended) = mended {
                @let pairs: Vec<(&str, &str)> = keep.iter().copied().filter(|(n, _)| *n != "q").chain([("q", mended.as_str())]).collect();
                p { "Search for " a href=(link::href(path, &pairs)) { code { (mended) } } " instead" }
            }
        }
    }
}

/// The search language on a few lines.
pub(super) fn syntax() -> Markup {
    let lines = [
        ("disk full", "both words, anywhere in message, exception or stack"),
        ("\"could not materialize\"", "these words in this order"),
        ("job:orders-* -severity:low", "wildcards, and not"),
        ("category:[checkpoint,memory]", "any of a list"),
        ("(is:new OR count:>100) has:stack", "brackets, OR, numbers"),
        ("first_seen:>-1h", "times, relative or absolute"),
    ];
    html! {
        details.syntax open {
            summary { "How to search" }
            dl { @for (example, means) in lines { dt { a href=(link::href("/", &[("q", example)])) { code { (example) } } } dd { (means) } } }
        }
    }
}
