//! The calls about notifications.

use pierhead_model::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::types::Page;
use super::{Answer, Client};
use crate::cli::error::Error;

#[derive(Debug, Deserialize)]
pub(crate) struct Notification {
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) host: String,
    pub(crate) events: Vec<String>,
    #[serde(default)]
    pub(crate) secret: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SentNotification {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) attempts: u32,
    #[serde(default)]
    pub(crate) answer: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NotificationBegun {
    pub(crate) id: String,
}

impl Client<'_> {
    pub(crate) async fn notifications(&self, project: &str) -> Result<Answer<Page<Notification>>, Error> {
        self.call(self.request(Method::GET, &["projects", project, "notifications"])).await
    }

    pub(crate) async fn notification_create(
        &self,
        project: &str,
        (name, format): (&str, &str),
        url: &SecretString,
        events: &[String],
    ) -> Result<Answer<Notification>, Error> {
        let body = json!({ "name": name, "format": format, "url": url.expose_secret(), "events": events });
        self.call(self.request(Method::POST, &["projects", project, "notifications"]).body(&body)).await
    }

    pub(crate) async fn notification_delete(&self, project: &str, name: &str) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["projects", project, "notifications", name]);
        self.call_raw(&request).await.map(drop)
    }

    pub(crate) async fn notification_test(
        &self,
        project: &str,
        name: &str,
    ) -> Result<Answer<NotificationBegun>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "notifications", name, "test"])).await
    }

    pub(crate) async fn notifications_sent(
        &self,
        project: &str,
        name: &str,
    ) -> Result<Answer<Page<SentNotification>>, Error> {
        self.call(self.request(Method::GET, &["projects", project, "notifications", name, "deliveries"]))
            .await
    }

    pub(crate) async fn notification_replay(
        &self,
        project: &str,
        name: &str,
        id: &str,
    ) -> Result<Answer<NotificationBegun>, Error> {
        let path = ["projects", project, "notifications", name, "deliveries", id, "replay"];
        self.call(self.request(Method::POST, &path)).await
    }
}
