//! What is told to other programs when something happens to a deployment: what, in which words, and how often it is tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Timestamp;
use crate::deployment::{Failure, State};
use crate::id::DeploymentId;
use crate::name::{ProjectName, SlotName};

/// What can be told.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
)]
pub enum NoticeKind {
    /// It is being built.
    #[serde(rename = "deployment.started")]
    #[strum(serialize = "deployment.started")]
    Started,
    #[serde(rename = "deployment.live")]
    #[strum(serialize = "deployment.live")]
    Live,
    #[serde(rename = "deployment.failed")]
    #[strum(serialize = "deployment.failed")]
    Failed,
    /// Somebody tries whether it arrives.
    #[serde(rename = "test")]
    #[strum(serialize = "test")]
    Test,
}

impl NoticeKind {
    /// Those that somebody can ask for.
    pub const ALL: [Self; 3] = [Self::Started, Self::Live, Self::Failed];

    /// What a deployment's move into a state means to outsiders; `None` when it is nobody's business.
    pub const fn of(to: State) -> Option<Self> {
        match to {
            State::Building => Some(Self::Started),
            State::Production => Some(Self::Live),
            State::Failed => Some(Self::Failed),
            State::Queued | State::Provisioning | State::Inactive => None,
        }
    }
}

/// In which words it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NoticeFormat {
    /// A Standard Webhook, signed: <https://www.standardwebhooks.com>.
    Standard,
    /// An incoming webhook of Slack, or of what speaks its language (Mattermost).
    Slack,
    Discord,
    /// A letter to somebody who has an account here.
    Email,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub kind: NoticeKind,
    pub at: Timestamp,
    pub project: ProjectName,
    /// `None` for a test.
    pub deployment: Option<DeploymentId>,
    pub slot: Option<SlotName>,
    #[serde(default)]
    pub failure: Option<Failure>,
}

/// What else is known of the deployment when it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circumstances {
    pub url: Option<String>,
    /// The commit's hash and the first line of its message.
    pub commit: Option<(String, String)>,
    pub trigger: Option<String>,
}

impl Notice {
    /// The document that is sent.
    pub fn body(&self, format: NoticeFormat, known: &Circumstances) -> Value {
        match format {
            NoticeFormat::Standard => self.document(known),
            NoticeFormat::Slack => json!({ "text": self.sentence(known, &slack_text, &slack_link) }),
            NoticeFormat::Discord => {
                let content: String =
                    self.sentence(known, &discord_text, &discord_link).chars().take(2000).collect();
                // Nobody is called by what a commit message says.
                json!({ "content": content, "allowed_mentions": { "parse": [] } })
            }
            NoticeFormat::Email => {
                let plain = |text: &str| text.to_owned();
                let text = self.sentence(known, &plain, &plain);
                // What a commit says is not a part of the subject: that is one line, and shown to whoever looks over a shoulder.
                let silent = Circumstances::default();
                let quiet = Self { failure: None, ..self.clone() };
                json!({ "subject": quiet.sentence(&silent, &plain, &plain), "text": format!("{text}\n") })
            }
        }
    }

    fn document(&self, known: &Circumstances) -> Value {
        let (hash, message) = known.commit.clone().unzip();
        json!({
            "type": self.kind,
            "timestamp": self.at.to_string(),
            "data": {
                "project": self.project,
                "deployment": self.deployment,
                "slot": self.slot,
                "url": known.url,
                "trigger": known.trigger,
                "commit": hash,
                "message": message,
                "reason": self.failure.as_ref().map(|failure| failure.reason.code()),
                "detail": self.failure.as_ref().map(|failure| failure.detail.as_str()),
            },
        })
    }

    fn sentence(
        &self,
        known: &Circumstances,
        text: &dyn Fn(&str) -> String,
        link: &dyn Fn(&str) -> String,
    ) -> String {
        let slot = self.slot.as_ref().filter(|slot| !slot.is_production());
        let slot = slot.map(|slot| format!(" ({})", text(slot.as_str()))).unwrap_or_default();
        let what = format!("{}{slot}", text(self.project.as_str()));
        let message = known.commit.as_ref().map(|(_, message)| message.as_str()).filter(|it| !it.is_empty());
        let message = message.map(|message| format!(": {}", text(message))).unwrap_or_default();
        match self.kind {
            NoticeKind::Started => format!("{what} is being built{message}"),
            NoticeKind::Live => {
                let place = known.url.as_deref().map(|url| format!(" at {}", link(url))).unwrap_or_default();
                format!("{what} is live{place}{message}")
            }
            NoticeKind::Failed => {
                let why = self.failure.as_ref().map(|failure| format!(" Why: {}", text(&failure.detail)));
                format!("{what} could not be deployed{message}.{}", why.unwrap_or_default())
            }
            NoticeKind::Test => format!("Notifications of {what} arrive here."),
        }
    }
}

fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn slack_link(url: &str) -> String {
    format!("<{}>", slack_text(url))
}

/// Characters that mean something in Discord's Markdown are shown as themselves.
fn discord_text(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '[' | ']' | '(' | ')' | '#' | '@' => {
            format!("\\{c}")
        }
        c => c.to_string(),
    });
    escaped.collect()
}

fn discord_link(url: &str) -> String {
    format!("<{url}>")
}

/// How long to wait after so many attempts that failed; `None` when it is given up. A little more than a day in all.
pub fn pause_after(attempts: u32) -> Option<Duration> {
    const PAUSES_S: [u64; 9] = [5, 60, 5 * 60, 30 * 60, 2 * 3600, 4 * 3600, 6 * 3600, 6 * 3600, 6 * 3600];
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    PAUSES_S.get(index).copied().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Reason;

    fn notice(kind: NoticeKind, slot: &str) -> Notice {
        Notice {
            kind,
            at: Timestamp::UNIX_EPOCH,
            project: ProjectName::parse("shop").unwrap(),
            deployment: Some("3x9mq2p7ab".parse().unwrap()),
            slot: Some(SlotName::parse(slot).unwrap()),
            failure: (kind == NoticeKind::Failed)
                .then(|| Failure::new(Reason::Internal, "the *disk* is <full>")),
        }
    }

    fn known(message: &str) -> Circumstances {
        Circumstances {
            url: Some("https://shop.example.com".into()),
            commit: Some(("0123".into(), message.into())),
            trigger: Some("push".into()),
        }
    }

    #[test]
    fn each_format_says_it_in_its_own_words() {
        let live = notice(NoticeKind::Live, "production");
        let standard = live.body(NoticeFormat::Standard, &known("Sell <more>"));
        assert_eq!(standard["type"], "deployment.live");
        assert_eq!(standard["data"]["url"], "https://shop.example.com");
        assert_eq!(standard["data"]["reason"], Value::Null);
        let slack = live.body(NoticeFormat::Slack, &known("Sell <!channel> & more"));
        assert_eq!(
            slack["text"],
            "shop is live at <https://shop.example.com>: Sell &lt;!channel&gt; &amp; more"
        );
        let failed = notice(NoticeKind::Failed, "pr-7");
        let discord = failed.body(NoticeFormat::Discord, &known("@everyone"));
        assert_eq!(
            discord["content"],
            r"shop (pr-7) could not be deployed: \@everyone. Why: the \*disk\* is \<full\>"
        );
        assert_eq!(discord["allowed_mentions"], json!({ "parse": [] }));
        assert_eq!(failed.body(NoticeFormat::Standard, &known(""))["data"]["reason"], "internal");
    }

    #[test]
    fn a_message_that_discord_would_refuse_is_cut() {
        let body =
            notice(NoticeKind::Live, "production").body(NoticeFormat::Discord, &known(&"x".repeat(5000)));
        assert_eq!(body["content"].as_str().unwrap().chars().count(), 2000);
    }

    #[test]
    fn it_is_tried_for_a_day_and_then_given_up() {
        let pauses: Vec<u64> = (1..).map_while(pause_after).map(|pause| pause.as_secs()).collect();
        assert!(pauses.is_sorted());
        assert!((24 * 3600..30 * 3600).contains(&pauses.iter().sum::<u64>()), "{pauses:?}");
        assert_eq!(pause_after(0), None);
    }
}
