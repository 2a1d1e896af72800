//! What happens is told: signed, once for each receiver, again and again when nobody answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use pierhead_control::{Error, Letter, MailError, Mailer, NewDeployment, NewNoticeEndpoint, StoredNotice};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::World;

/// What arrived: the head of a request, in lower case, and its body.
type Arrived = (String, String);

/// Answers every request with the same status, and keeps it.
struct Receiver {
    url: String,
    status: Arc<Mutex<u16>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (status, arrived) = (Arc::new(Mutex::new(204)), Arc::<Mutex<Vec<Arrived>>>::default());
        let (answer, kept) = (Arc::clone(&status), Arc::clone(&arrived));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = String::new();
                let mut buffer = [0; 4096];
                loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let head = head.to_lowercase();
                    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
                    if body.len() == length.trim().parse::<usize>().unwrap() {
                        kept.lock().push((head, body.to_owned()));
                        break;
                    }
                }
                let status = *answer.lock();
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, status, arrived }
    }

    fn answer(&self, status: u16) {
        *self.status.lock() = status;
    }

    fn count(&self) -> usize {
        self.arrived.lock().len()
    }
}

impl World {
    async fn notify(&self, name: &str, format: &str, url: &str, events: &[&str]) -> Option<String> {
        let new = NewNoticeEndpoint {
            name: name.to_owned(),
            format: format.to_owned(),
            url: url.into(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
        };
        self.services.notices.create(&self.admin, "shop", new).await.unwrap().1
    }

    /// What was sent there, once it is as wanted.
    async fn sent_until(&self, name: &str, wanted: impl Fn(&[StoredNotice]) -> bool) -> Vec<StoredNotice> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let sent = self.services.notices.sent(&self.admin, "shop", name).await.unwrap();
            if wanted(&sent) {
                return sent;
            }
            assert!(Instant::now() < deadline, "{sent:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A deployment that is cancelled before it began: it failed, and that is told.
    async fn fail(&self) -> String {
        let deployments = &self.services.deployments;
        let made = deployments.deploy_project(&self.admin, "shop", NewDeployment::default()).await.unwrap();
        deployments.cancel(&self.admin, made.id.as_str()).await.unwrap();
        made.id.to_string()
    }
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap_or_default()
}

fn is_state(state: &'static str) -> impl Fn(&[StoredNotice]) -> bool {
    move |sent| !sent.is_empty() && sent.iter().all(|it| it.state.to_string() == state)
}

#[tokio::test]
async fn what_happens_is_told_signed_and_each_receiver_hears_it_once() {
    let (world, receiver, chat) =
        (World::reaching("127.0.0.0/8").await, Receiver::start().await, Receiver::start().await);
    world.project("shop", |_| {}).await;
    let secret = world.notify("ci", "standard", &receiver.url, &[]).await.unwrap();
    assert_eq!(world.notify("chat", "slack", &chat.url, &["deployment.live"]).await, None);
    let id = world.fail().await;
    let sent = world.sent_until("ci", is_state("delivered")).await;
    assert_eq!(sent.len(), 1, "{sent:#?}");
    let (head, body) = receiver.arrived.lock()[0].clone();
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&document["type"], &document["data"]["deployment"]),
        (&"deployment.failed".into(), &id.into())
    );
    assert_eq!(document["data"]["reason"], "cancelled");

    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{}.{}.{body}", header(&head, "webhook-id"), header(&head, "webhook-timestamp"));
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    // The head was read in lower case, and so is what it is compared with.
    let expected = format!("v1,{}", BASE64.encode(expected)).to_lowercase();
    assert_eq!(header(&head, "webhook-signature"), expected);

    // Again because somebody wants it: the same words under the same name.
    world.services.notices.replay(&world.admin, "shop", "ci", &sent[0].id).await.unwrap();
    world.sent_until("ci", |sent| receiver.count() == 2 && is_state("delivered")(sent)).await;
    let (again, same) = receiver.arrived.lock()[1].clone();
    assert_eq!((header(&again, "webhook-id"), same), (header(&head, "webhook-id"), body));

    world.services.notices.test(&world.admin, "shop", "chat").await.unwrap();
    world.sent_until("chat", is_state("delivered")).await;
    let (_, body) = chat.arrived.lock()[0].clone();
    assert_eq!(
        body, r#"{"text":"Notifications of shop arrive here."}"#,
        "nothing went live, so nothing else is told"
    );
    assert_eq!(chat.count(), 1);
    world.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_is_tried_for_a_day_and_one_that_is_gone_is_left_alone() {
    let (world, receiver) = (World::reaching("127.0.0.0/8").await, Receiver::start().await);
    world.project("shop", |_| {}).await;
    world.project("other", |_| {}).await;
    world.notify("ci", "standard", &receiver.url, &[]).await;
    receiver.answer(500);
    world.fail().await;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let sent = world.sent_until("ci", |sent| sent.iter().any(|it| it.attempts == attempts)).await;
        assert_eq!(receiver.count(), attempts as usize);
        if sent[0].next_at.is_none() {
            assert_eq!(sent[0].state.to_string(), "failed", "{sent:#?}");
            break;
        }
        world.later(6 * 3600 + 1);
        // Something happens elsewhere: whoever tells things looks what is due.
        world
            .services
            .deployments
            .deploy_project(&world.admin, "other", NewDeployment::default())
            .await
            .unwrap();
    }
    assert_eq!(attempts, 10);
    let ids: std::collections::BTreeSet<String> =
        receiver.arrived.lock().iter().map(|(head, _)| header(head, "webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 1);

    receiver.answer(410);
    world.services.notices.test(&world.admin, "shop", "ci").await.unwrap();
    world.sent_until("ci", |sent| sent.len() == 2 && is_state("failed")(sent)).await;
    assert_eq!(receiver.count(), 11);
    world.stop().await;
}

#[tokio::test]
async fn nobody_is_told_inside_of_this_network() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    world.project("shop", |_| {}).await;
    world.notify("ci", "standard", &receiver.url, &[]).await;
    world.services.notices.test(&world.admin, "shop", "ci").await.unwrap();
    let sent = world.sent_until("ci", |sent| sent.iter().any(|it| it.attempts > 0)).await;
    assert!(sent[0].answer.as_deref().unwrap_or_default().contains("must not reach"), "{sent:#?}");
    assert_eq!(receiver.count(), 0);
    world.stop().await;
}

/// Takes letters, but the first time.
#[derive(Debug, Default)]
struct Post(Mutex<Vec<(String, Letter)>>);

#[async_trait]
impl Mailer for Post {
    async fn send(&self, id: &str, letter: &Letter) -> Result<(), MailError> {
        let mut taken = self.0.lock();
        taken.push((id.to_owned(), letter.clone()));
        if taken.len() == 1 { Err(MailError::Passing("it is closed".to_owned())) } else { Ok(()) }
    }

    fn describe(&self) -> (String, String) {
        ("pierhead@example.com".to_owned(), "smtp.example.com".to_owned())
    }
}

#[tokio::test]
async fn a_letter_is_sent_until_it_is_taken_with_the_same_id_and_words() {
    let post = Arc::new(Post::default());
    let world = World::posting(Arc::<Post>::clone(&post)).await;
    world.project("shop", |_| {}).await;
    let new = |url: &str| NewNoticeEndpoint {
        name: "me".to_owned(),
        format: "email".to_owned(),
        url: url.into(),
        events: vec!["deployment.failed".to_owned()],
    };
    let refused = world.services.notices.create(&world.admin, "shop", new("https://example.com")).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    world.services.notices.create(&world.admin, "shop", new("ada@example.com")).await.unwrap();
    let id = world.fail().await;
    world.sent_until("me", |sent| sent.first().is_some_and(|it| it.attempts == 1)).await;
    world.later(6);
    // Whatever happens next wakes who sends.
    world.fail().await;
    world.sent_until("me", |sent| sent.len() == 2 && is_state("delivered")(sent)).await;
    let taken = post.0.lock().clone();
    let of_first: Vec<&(String, Letter)> = taken.iter().filter(|(name, _)| name.contains(&id)).collect();
    assert_eq!(of_first.len(), 2, "{taken:#?}");
    assert_eq!(of_first[0], of_first[1], "the same both times");
    let letter = &of_first[0].1;
    assert_eq!((letter.to.as_str(), letter.subject.lines().count()), ("ada@example.com", 1));
    assert!(letter.subject.starts_with("shop could not be deployed"), "{letter:?}");
    world.stop().await;
}
