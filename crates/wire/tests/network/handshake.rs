//! Who gets in, and what those who do not are told.

use pierhead_model::Timestamp;
use pierhead_model::id::NodeId;
use pierhead_wire::link::certificate::Certificate;
use pierhead_wire::link::handshake::{Greeting, HandshakeError, Met, Opened, Purpose, Refusal, RefusalCode};
use pierhead_wire::link::token::AgentToken;
use pierhead_wire::link::{Side, Tls};
use pierhead_wire::version::Version;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

pub(crate) fn token(secret: u8) -> AgentToken {
    AgentToken::new(NodeId::new(Timestamp::UNIX_EPOCH, 1), [secret; 32])
}

pub(crate) fn tls() -> Tls {
    Tls::new(&Certificate::generate().unwrap()).unwrap()
}

pub(crate) fn greeting(side: Side) -> Greeting {
    Greeting {
        version: Version::current(),
        side,
        purpose: Some(Purpose::Link),
        node: Some(token(1).bearer().clone()),
        ingress: None,
        install: None,
    }
}

type Outcome = Result<Opened<DuplexStream>, HandshakeError>;

/// The control plane dials. `judge` is what it thinks of an agent whose proof holds.
async fn meet(
    (control, control_token): (&Tls, &AgentToken),
    (agent, agent_token): (&Tls, &AgentToken),
    judge: Option<Refusal>,
) -> (Outcome, Outcome) {
    let (near, far) = tokio::io::duplex(1 << 14);
    let dialling = async {
        let met = Met::by_dialling(control, near, &greeting(Side::Control)).await?;
        met.prove(&control_token.key()).await?.conclude(judge).await
    };
    let accepting = async {
        let met = Met::by_accepting(agent, far, &greeting(Side::Agent)).await?;
        met.prove(&agent_token.key()).await?.conclude(None).await
    };
    tokio::join!(dialling, accepting)
}

fn code(outcome: Outcome) -> (bool, RefusalCode) {
    match outcome.unwrap_err() {
        HandshakeError::WeRefused(refusal) => (true, refusal.code),
        HandshakeError::TheyRefused(refusal) => (false, refusal.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_shares_the_token_gets_in_and_sees_the_others_certificate() {
    let (control, agent) = (tls(), tls());
    let (near, far) = meet((&control, &token(1)), (&agent, &token(1)), None).await;
    let (near, far) = (near.unwrap(), far.unwrap());
    assert_eq!((near.thumbprint, far.thumbprint), (agent.thumbprint(), control.thumbprint()));
    let (mut near, mut far) = (near.into_stream(), far.into_stream());
    near.write_all(b"hello").await.unwrap();
    near.flush().await.unwrap();
    let mut heard = [0; 5];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
}

#[tokio::test]
async fn a_wrong_token_is_seen_as_such_on_both_sides() {
    let (near, far) = meet((&tls(), &token(1)), (&tls(), &token(2)), None).await;
    assert_eq!(code(near), (true, RefusalCode::WrongToken));
    assert_eq!(code(far), (true, RefusalCode::WrongToken));
}

#[tokio::test]
async fn who_is_not_trusted_is_told_so_after_the_proof() {
    let refusal = Refusal { code: RefusalCode::Untrusted, detail: "approve it".to_owned() };
    let (near, far) = meet((&tls(), &token(1)), (&tls(), &token(1)), Some(refusal)).await;
    assert_eq!(code(near), (true, RefusalCode::Untrusted));
    assert_eq!(code(far), (false, RefusalCode::Untrusted));
}

/// Everything is passed on, byte by byte, by somebody whom both believe to be the other.
#[tokio::test]
async fn whoever_sits_in_the_middle_can_pass_no_proof_on() {
    let (control, agent, thief) = (tls(), tls(), tls());
    let (control_side, thief_near) = tokio::io::duplex(1 << 14);
    let (thief_far, agent_side) = tokio::io::duplex(1 << 14);
    let relay = async {
        let near = Relay::accept(&thief, thief_near).await;
        let far = Relay::connect(&thief, thief_far).await;
        let (mut near, mut far) = (near, far);
        let _ = tokio::io::copy_bidirectional(&mut near.0, &mut far.0).await;
    };
    let dialling = async {
        let met = Met::by_dialling(&control, control_side, &greeting(Side::Control)).await?;
        met.prove(&token(1).key()).await?.conclude(None).await
    };
    let accepting = async {
        let met = Met::by_accepting(&agent, agent_side, &greeting(Side::Agent)).await?;
        met.prove(&token(1).key()).await?.conclude(None).await
    };
    let both = async { tokio::join!(dialling, accepting) };
    let (near, far) = tokio::select! {
        both = both => both,
        () = async { relay.await; std::future::pending().await } => unreachable!(),
    };
    assert_eq!(code(near), (true, RefusalCode::WrongToken));
    assert_eq!(code(far), (true, RefusalCode::WrongToken));
}

/// TLS as the real ends speak it, with nothing of Pierhead's inside.
struct Relay(tokio_rustls::TlsStream<DuplexStream>);

impl Relay {
    async fn connect(tls: &Tls, io: DuplexStream) -> Self {
        Self(tls.connect_raw(io).await.unwrap())
    }

    async fn accept(tls: &Tls, io: DuplexStream) -> Self {
        Self(tls.accept_raw(io).await.unwrap())
    }
}

#[tokio::test]
async fn strangers_and_mirrors_are_no_pierhead() {
    let agent = tls();
    // Something that speaks HTTP without TLS.
    let (mut near, far) = tokio::io::duplex(1 << 14);
    near.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(matches!(
        Met::by_accepting(&agent, far, &greeting(Side::Agent)).await,
        Err(HandshakeError::Broken(_))
    ));
    // Another agent.
    let (near, far) = tokio::io::duplex(1 << 14);
    let (tls, greeting_one, greeting_other) = (tls(), greeting(Side::Agent), greeting(Side::Agent));
    let dialling = Met::by_dialling(&tls, near, &greeting_one);
    let accepting = Met::by_accepting(&agent, far, &greeting_other);
    let (near, far) = tokio::join!(dialling, accepting);
    assert!(matches!(near, Err(HandshakeError::Garbled(_))));
    assert!(matches!(far, Err(HandshakeError::Garbled(_))));
    // One that announces a frame of a gigabyte.
    let (near, far) = tokio::io::duplex(1 << 14);
    let endless = async {
        let mut stream = tls.connect_raw(near).await.unwrap();
        stream.write_all(&(1_u32 << 30).to_be_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    };
    let (_open, met) = tokio::join!(endless, Met::by_accepting(&agent, far, &greeting_other));
    assert!(matches!(met, Err(HandshakeError::Garbled(_))));
}

#[tokio::test]
async fn a_recorded_proof_is_worth_nothing_on_another_channel() {
    let (control, agent) = (tls(), tls());
    // What the control plane says on one channel…
    let (near, far) = tokio::io::duplex(1 << 14);
    let recording = async {
        let mut stream = agent.accept_raw(far).await.unwrap();
        // The greeting is answered with its own, as an agent's.
        let mut frames = Vec::new();
        let greeting = frame(&mut stream).await;
        let answer = String::from_utf8(greeting.clone()).unwrap().replace("\"control\"", "\"agent\"");
        frames.push(greeting);
        stream
            .write_all(&[&u32::try_from(answer.len()).unwrap().to_be_bytes(), answer.as_bytes()].concat())
            .await
            .unwrap();
        stream.flush().await.unwrap();
        frames.push(frame(&mut stream).await);
        frames
    };
    let control_greeting = greeting(Side::Control);
    let dialling = async {
        let met = Met::by_dialling(&control, near, &control_greeting).await.unwrap();
        // Ends when the recorder hangs up.
        let _ = met.prove(&token(1).key()).await;
    };
    let (frames, ()) = tokio::join!(recording, dialling);
    // … is said again by the thief on the next.
    let thief = tls();
    let (near, far) = tokio::io::duplex(1 << 14);
    let replaying = async {
        let mut stream = thief.connect_raw(near).await.unwrap();
        for recorded in &frames {
            stream
                .write_all(
                    &[&u32::try_from(recorded.len()).unwrap().to_be_bytes(), recorded.as_slice()].concat(),
                )
                .await
                .unwrap();
        }
        stream.flush().await.unwrap();
        let _ = frame(&mut stream).await;
        let _ = frame(&mut stream).await;
        String::from_utf8(frame(&mut stream).await).unwrap()
    };
    let agent_greeting = greeting(Side::Agent);
    let accepting = async {
        let met = Met::by_accepting(&agent, far, &agent_greeting).await.unwrap();
        let proved = met.prove(&token(1).key()).await.unwrap();
        assert!(!proved.holds);
        // The thief says no verdict of its own; only what it is told counts.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(200), proved.conclude(None)).await;
    };
    let (verdict, ()) = tokio::join!(replaying, accepting);
    assert!(verdict.contains("wrong_token"), "{verdict}");
}

async fn frame(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let length = stream.read_u32().await.unwrap_or(0) as usize;
    let mut frame = vec![0; length];
    let _ = stream.read_exact(&mut frame).await;
    frame
}

/// An ingress with its own token gets in; the same secret as an agent's token, or an agent that it calls, does not do.
#[tokio::test]
async fn an_ingress_gets_in_with_its_own_kind_of_token_and_to_a_control_plane_only() {
    use pierhead_model::id::IngressId;
    use pierhead_wire::link::token::IngressToken;

    let (control, ingress) = (tls(), tls());
    let token_of = |secret: u8| IngressToken::new(IngressId::new(Timestamp::UNIX_EPOCH, 1), [secret; 32]);
    let said =
        Greeting { node: None, ingress: Some(token_of(1).bearer().clone()), ..greeting(Side::Ingress) };
    for (key, works) in [(token_of(1).key(), true), (token_of(2).key(), false), (token(1).key(), false)] {
        let (near, far) = tokio::io::duplex(1 << 14);
        let calling = async {
            let met = Met::by_dialling(&ingress, near, &said).await?;
            met.prove(&token_of(1).key()).await?.conclude(None).await
        };
        let answering = async {
            let met = Met::by_accepting(&control, far, &greeting(Side::Control)).await?;
            assert_eq!((met.theirs().side, &met.theirs().ingress), (Side::Ingress, &said.ingress));
            met.prove(&key).await?.conclude(None).await
        };
        let (near, far): (Outcome, Outcome) = tokio::join!(calling, answering);
        assert_eq!((near.is_ok(), far.is_ok()), (works, works));
    }
    let (near, far) = tokio::io::duplex(1 << 14);
    let to_agent = greeting(Side::Agent);
    let (near, far) =
        tokio::join!(Met::by_dialling(&ingress, near, &said), Met::by_accepting(&control, far, &to_agent));
    assert!(matches!(near, Err(HandshakeError::Garbled(_))));
    assert!(matches!(far, Err(HandshakeError::Garbled(_))));
}
