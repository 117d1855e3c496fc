//! Charts: drawn here as SVG, so that they are there without JavaScript; a script turns them into ones to point at.

use super::link;
use super::words;
use crate::serve::time;
use crate::store::{Marker, Trends};
use maud::{Markup, html};
use serde::Serialize;
use std::fmt::Write as _;

/// A small line of bars for a row of a table.
pub(crate) fn sparkline(counts: &[u64], label: &str) -> Markup {
    let most = counts.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return html! { span.spark {} };
    }
    let width = counts.len() * 3;
    let mut path = String::new();
    for (i, count) in counts.iter().enumerate().filter(|(_, c)| **c > 0) {
        // Something is always at least one unit high; the largest is 20.
        let height = (count.saturating_mul(20) / most).max(1);
        if write!(path, "M{} 20h2v-{height}h-2z", i * 3).is_err() {
            break;
        }
    }
    html! {
        svg.spark viewBox={ "0 0 " (width) " 20" } preserveAspectRatio="none" role="img" aria-label=(label) {
            path d=(path) {}
        }
    }
}

/// One colour of a chart.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// CSS class that gives the colour.
    pub(crate) class: String,
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: u64,
    /// Where a click leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) href: Option<String>,
}

/// Bars over time, stacked.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Columns {
    /// Starts of the buckets, seconds since the epoch.
    pub(crate) times: Vec<i64>,
    /// Width of a bucket, seconds.
    pub(crate) step: i64,
    /// First is drawn lowest.
    pub(crate) layers: Vec<Layer>,
    pub(crate) markers: Vec<Line>,
    /// Where a chosen window leads; `from` and `to` are added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zoom: Option<String>,
    /// Lines beside each other instead of stacked bars (with scripts).
    pub(crate) lines: bool,
}

/// A marker on a chart.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    /// Seconds since the epoch.
    pub(crate) at: i64,
    pub(crate) title: String,
    /// It tells of an alert and not of what people did.
    pub(crate) alert: bool,
}

pub(crate) fn lines_of(markers: &[Marker]) -> Vec<Line> {
    let line = |marker: &Marker| {
        time::millis(&marker.at).map(|at| Line {
            at: at / 1000,
            title: marker.title.clone(),
            alert: false,
        })
    };
    markers.iter().filter_map(line).collect()
}

/// Class of the n-th colour.
pub(crate) fn colour(n: usize) -> String {
    format!("c{}", n % 10)
}

impl Columns {
    /// The chart of a trend: one layer per series, then `other`.
    pub(crate) fn of(
        trends: &Trends,
        class: impl Fn(usize, &str) -> String,
        href: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut layers: Vec<Layer> = trends
            .series
            .iter()
            .enumerate()
            .map(|(i, series)| Layer {
                name: series.value.clone(),
                class: class(i, &series.value),
                counts: series.counts.clone(),
                sum: series.count,
                href: href(&series.value),
            })
            .collect();
        let other: u64 = trends.other.iter().sum();
        if other > 0 {
            layers.push(Layer {
                name: "other".to_owned(),
                class: "c-other".to_owned(),
                counts: trends.other.clone(),
                sum: other,
                href: None,
            });
        }
        Self {
            times: trends.times.clone(),
            step: trends.step_seconds,
            layers,
            markers: Vec::new(),
            zoom: None,
            lines: false,
        }
    }

    fn tallest(&self) -> u64 {
        (0..self.times.len())
            .map(|i| self.height(i, self.layers.len()))
            .max()
            .unwrap_or(0)
    }

    /// Sum of the first `layers` layers in bucket `i`.
    fn height(&self, i: usize, layers: usize) -> u64 {
        self.layers
            .iter()
            .take(layers)
            .map(|layer| layer.counts.get(i).copied().unwrap_or(0))
            .sum()
    }

    fn path(&self, layer: usize, tallest: u64) -> String {
        let mut path = String::new();
        for i in 0..self.times.len() {
            let count = self
                .layers
                .get(layer)
                .and_then(|l| l.counts.get(i))
                .copied()
                .unwrap_or(0);
            if count == 0 {
                continue;
            }
            let low = scaled(self.height(i, layer), tallest);
            let high = scaled(self.height(i, layer + 1), tallest).max(low + 8);
            let x = i * 10 + 1;
            if write!(path, "M{x} {}h8v-{}h-8z", HIGH.saturating_sub(low), high - low).is_err() {
                break;
            }
        }
        path
    }
}

/// Height of the drawing, in its own units.
const HIGH: u64 = 1000;

fn scaled(count: u64, tallest: u64) -> u64 {
    u64::try_from(u128::from(count) * u128::from(HIGH) / u128::from(tallest.max(1))).unwrap_or(HIGH)
}

/// The chart with its axes in words, and a legend when it has more than one layer.
pub(crate) fn columns(chart: &Columns, label: &str) -> Markup {
    let tallest = chart.tallest();
    let ticks = ticks(&chart.times, chart.step);
    let facts = serde_json::to_string(chart).unwrap_or_default();
    let per = time::span(chart.step);
    let width = (chart.times.len() * 10).max(10);
    let start = chart.times.first().copied().unwrap_or(0);
    html! {
        figure.chart data-chart=(facts) {
            div.plot role="img" aria-label={ (label) ", at most " (words::thousands(tallest)) " per " (per) } {
                span.peak { (words::thousands(tallest)) " per " (per) }
                svg viewBox={ "0 0 " (width) " " (HIGH) } preserveAspectRatio="none" aria-hidden="true" {
                    @for (i, layer) in chart.layers.iter().enumerate() {
                        path.{ "fill " (layer.class) } d=(chart.path(i, tallest)) {}
                    }
                    @for line in &chart.markers {
                        @let x = (line.at - start) * 10 / chart.step.max(1);
                        path.marker.alert[line.alert] d={ "M" (x) " 0V" (HIGH) } { title { (line.title) } }
                    }
                }
            }
            div.ticks aria-hidden="true" {
                @for tick in ticks { (words_tick(tick)) }
            }
            @if chart.layers.len() > 1 { (legend(chart)) }
        }
    }
}

fn words_tick(seconds: i64) -> Markup {
    let at = time::rfc3339(seconds.saturating_mul(1000));
    let shown = at.get(5..16).map(|t| t.replace('T', " ")).unwrap_or_default();
    html! { time.tick datetime=(at) { (shown) } }
}

fn ticks(times: &[i64], step: i64) -> Vec<i64> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Vec::new();
    };
    let length = last + step - first;
    (0..5).map(|i| first + length * i / 4).collect()
}

fn legend(chart: &Columns) -> Markup {
    html! {
        ul.legend {
            @for layer in chart.layers.iter().filter(|l| l.sum > 0) {
                li {
                    @let swatch = html! { span.{ "swatch " (layer.class) } {} };
                    @match &layer.href {
                        Some(href) => a href=(href) { (swatch) (layer.name) },
                        None => span { (swatch) (layer.name) },
                    }
                    (words::count(layer.sum))
                }
            }
        }
    }
}

/// Where choosing a window on a chart leads.
pub(crate) fn zoom(path: &str, keep: &[(&str, &str)]) -> Option<String> {
    Some(link::href(path, keep))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_event_shows_beside_a_storm() {
        let drawn = sparkline(&[1_000_000, 1], "x").into_string();
        assert!(drawn.contains("M3 20h2v-1h-2z"), "{drawn}");
    }

    #[test]
    fn enormous_counts_do_not_overflow() {
        assert_eq!(scaled(u64::MAX, u64::MAX), HIGH);
        drop(sparkline(&[u64::MAX, 1], "x"));
    }
}
