//! The words of messages, in English and in Chinese. Every word once.

use super::destination::Language;
use crate::event::Severity;
use crate::store::ChangeKind;

/// A word of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Severity,
    Job,
    Jobs,
    Team,
    ErrorType,
    Exception,
    Events,
    Value,
    Expected,
    Probability,
    Reason,
    Rule,
    Started,
    Ended,
    By,
    Note,
    Followers,
    Alerts,
    OpenAlert,
    OpenError,
    Test,
    TestNote,
}

impl Language {
    pub(super) fn word(self, word: Word) -> &'static str {
        let (en, zh) = match word {
            Word::Severity => ("Severity", "级别"),
            Word::Job => ("Job", "作业"),
            Word::Jobs => ("Jobs", "作业"),
            Word::Team => ("Team", "团队"),
            Word::ErrorType => ("Error type", "错误类型"),
            Word::Exception => ("Exception", "异常"),
            Word::Events => ("Events", "次数"),
            Word::Value => ("Value", "当前值"),
            Word::Expected => ("Expected", "预期值"),
            Word::Probability => ("Probability by chance", "偶然概率"),
            Word::Reason => ("Reason", "原因"),
            Word::Rule => ("Rule", "规则"),
            Word::Started => ("Started", "开始时间"),
            Word::Ended => ("Ended", "结束时间"),
            Word::By => ("By", "操作人"),
            Word::Note => ("Note", "备注"),
            Word::Followers => ("Followed by", "连带错误"),
            Word::Alerts => ("Alerts", "告警"),
            Word::OpenAlert => ("Open the alert", "查看告警"),
            Word::OpenError => ("Open the error", "查看错误"),
            Word::Test => ("[TEST]", "【测试】"),
            Word::TestNote => (
                "This is a test of the destination. Nothing has failed.",
                "这是一条测试消息,没有任何故障发生。",
            ),
        };
        match self {
            Language::En => en,
            Language::Zh => zh,
        }
    }

    /// What happened to an alert.
    pub(super) fn change(self, change: ChangeKind) -> &'static str {
        let (en, zh) = match change {
            ChangeKind::Pending => ("Pending", "待定"),
            ChangeKind::Fired => ("Firing", "触发"),
            ChangeKind::Updated => ("Updated", "更新"),
            ChangeKind::Reminded => ("Still firing", "仍在持续"),
            ChangeKind::NoData => ("No data", "无数据"),
            ChangeKind::Resolved => ("Resolved", "已恢复"),
            ChangeKind::Acknowledged => ("Acknowledged", "已确认"),
            ChangeKind::Silenced => ("Silenced", "已静默"),
            ChangeKind::Closed => ("Closed", "已关闭"),
        };
        match self {
            Language::En => en,
            Language::Zh => zh,
        }
    }

    /// How bad it is.
    pub(super) fn severity(self, severity: Severity) -> &'static str {
        match self {
            Language::En => severity.as_str(),
            Language::Zh => match severity {
                Severity::Critical => "致命",
                Severity::High => "严重",
                Severity::Medium => "中等",
                Severity::Low => "轻微",
                Severity::Info => "提示",
            },
        }
    }

    /// Between a word and what it says.
    pub(super) fn colon(self) -> &'static str {
        match self {
            Language::En => ": ",
            Language::Zh => ":",
        }
    }

    /// So many were left out.
    pub(super) fn more(self, count: usize) -> String {
        match self {
            Language::En => format!("… {count} more, left out here"),
            Language::Zh => format!("… 另有 {count} 条未显示"),
        }
    }

    /// The title of a summary: how many alerts changed, by severity, worst first.
    pub(super) fn summed(self, alerts: usize, changes: usize, by_severity: &[(Severity, usize)]) -> String {
        let each: Vec<String> = by_severity
            .iter()
            .map(|(severity, count)| match self {
                Language::En => format!("{count} {}", self.severity(*severity)),
                Language::Zh => format!("{} {count}", self.severity(*severity)),
            })
            .collect();
        match self {
            Language::En if alerts == changes => format!("{alerts} alerts: {}", each.join(", ")),
            Language::En => format!("{alerts} alerts with {changes} changes: {}", each.join(", ")),
            Language::Zh if alerts == changes => format!("{alerts} 个告警:{}", each.join(",")),
            Language::Zh => format!("{alerts} 个告警、{changes} 次变化:{}", each.join(",")),
        }
    }
}
