//! What an answer means: taken, to be tried again, or refused for good.

use super::super::destination::Kind;
use super::super::fit;
use serde_json::Value;
use std::time::Duration;

/// What a receiver made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It took it.
    Taken(String),
    /// It may take it later.
    Again {
        /// Why not now.
        why: String,
        /// When it wants to be asked again at the earliest.
        after: Option<Duration>,
    },
    /// It will never take it as it is.
    Refused(String),
}

/// Characters of an answer that are repeated.
const REPEATED: usize = 300;

fn repeated(body: &[u8]) -> String {
    let text = fit::line(&String::from_utf8_lossy(body), REPEATED);
    if text.is_empty() { text } else { format!(": {text}") }
}

/// Of an HTTP answer.
pub(in super::super) fn of_answer(kind: &Kind, status: u16, after: Option<Duration>, body: &[u8]) -> Verdict {
    match of_status(status, after, body) {
        Verdict::Taken(said) => match kind {
            // These say no in a 200.
            Kind::Feishu => of_code(body, &["code", "StatusCode"], super::feishu::passes),
            Kind::DingTalk => of_code(body, &["errcode"], super::dingtalk::passes),
            Kind::WeCom => of_code(body, &["errcode"], super::wecom::passes),
            Kind::Webhook | Kind::Alertmanager | Kind::Slack | Kind::PagerDuty | Kind::Email(_) => Verdict::Taken(said),
        },
        other @ (Verdict::Again { .. } | Verdict::Refused(_)) => other,
    }
}

/// Of a status: 408, 425, 429 and 5xx pass; other 4xx do not, and redirects are not followed, as they may lead anywhere.
fn of_status(status: u16, after: Option<Duration>, body: &[u8]) -> Verdict {
    let said = format!("answered {status}{}", repeated(body));
    match status {
        200..=299 => Verdict::Taken(said),
        408 | 425 | 429 => Verdict::Again { why: said, after },
        300..=399 => Verdict::Refused(format!(
            "answered {status}, a redirect, which is not followed; set its address to where it leads"
        )),
        400..=499 => Verdict::Refused(said),
        _ => Verdict::Again { why: said, after },
    }
}

/// Of a code inside a 200: 0 is taken.
fn of_code(body: &[u8], keys: &[&str], passes: fn(i64) -> Option<Duration>) -> Verdict {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let code = keys
        .iter()
        .find_map(|key| answer.as_ref()?.get(key).and_then(Value::as_i64));
    let said = repeated(body);
    match code {
        Some(0) => Verdict::Taken(format!("answered 200{said}")),
        Some(code) => match passes(code) {
            Some(after) => Verdict::Again {
                why: format!("answered 200 with code {code}{said}"),
                after: Some(after),
            },
            None => Verdict::Refused(format!("answered 200 with code {code}{said}")),
        },
        None => Verdict::Again {
            why: format!("answered 200 without a code, as this receiver never does{said}"),
            after: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_inside_a_200_is_a_no() {
        let feishu = |body: &str| of_answer(&Kind::Feishu, 200, None, body.as_bytes());
        assert!(matches!(
            feishu(r#"{"code":0,"msg":"success","data":{}}"#),
            Verdict::Taken(_)
        ));
        assert!(matches!(
            feishu(r#"{"StatusCode":0,"StatusMessage":"success"}"#),
            Verdict::Taken(_)
        ));
        assert!(
            matches!(feishu(r#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}"#), Verdict::Refused(why) if why.contains("19021"))
        );
        assert!(matches!(
            feishu(r#"{"code":11232,"msg":"frequency limited"}"#),
            Verdict::Again { .. }
        ));
        assert!(matches!(feishu("<html>log in</html>"), Verdict::Again { .. }));
        let dingtalk = |body: &str| of_answer(&Kind::DingTalk, 200, None, body.as_bytes());
        assert!(matches!(dingtalk(r#"{"errcode":0,"errmsg":"ok"}"#), Verdict::Taken(_)));
        assert!(matches!(
            dingtalk(r#"{"errcode":310000,"errmsg":"sign not match"}"#),
            Verdict::Refused(_)
        ));
        assert!(
            matches!(dingtalk(r#"{"errcode":130101,"errmsg":"send too fast"}"#), Verdict::Again { after: Some(after), .. } if after >= Duration::from_secs(60))
        );
        let wecom = |body: &str| of_answer(&Kind::WeCom, 200, None, body.as_bytes());
        assert!(matches!(
            wecom(r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#),
            Verdict::Refused(_)
        ));
        assert!(matches!(
            wecom(r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#),
            Verdict::Again { .. }
        ));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(
                matches!(of_status(status, None, b""), Verdict::Again { .. }),
                "{status}"
            );
        }
        for status in [301, 302, 307, 400, 401, 403, 404, 410, 413, 422] {
            assert!(matches!(of_status(status, None, b""), Verdict::Refused(_)), "{status}");
        }
    }
}
