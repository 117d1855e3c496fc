//! What the rules in force say, for the pages: the words of a rule, whose code a frame is, every decision on a sample.

use super::parts::{Explain, Explanation, Finding, Layer, RuleWords};
use crate::engine::explain::{explain_sample, lines};
use crate::fold::Sample;
use crate::identity;
use crate::rules::LiveRules;

impl Explain for LiveRules {
    fn words(&self, rule: &str) -> Option<RuleWords> {
        let rules = self.current();
        let rule = rules.errors().get(rule)?;
        let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(RuleWords {
            id: rule.id.to_string(),
            title: rule.id.replace('_', " "),
            cause: told(&rule.cause),
            advice: told(&rule.advice),
        })
    }

    fn layer(&self, class: &str) -> Option<Layer> {
        Some(match self.current().identity().ownership.layer(class) {
            identity::Layer::User => Layer::User,
            identity::Layer::Connector => Layer::Connector,
            identity::Layer::Runtime | identity::Layer::Rpc | identity::Layer::Jdk => Layer::Library,
        })
    }

    fn explain(&self, sample: &Sample) -> Option<Explanation> {
        let explained = explain_sample(sample, &self.current());
        let findings = lines(&explained)
            .into_iter()
            .map(|(step, value)| Finding {
                step,
                value,
                why: String::new(),
            })
            .collect();
        Some(Explanation {
            recipe: explained.recipe,
            findings,
        })
    }
}
