//! Tokens of every kind of attacker, and the good ones.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

struct Signer {
    key: EncodingKey,
    public: Jwk,
}

fn signer(key: EncodingKey, algorithm: Algorithm, kid: &str) -> Signer {
    let mut public = Jwk::from_encoding_key(&key, algorithm).unwrap();
    public.common.key_id = Some(kid.to_owned());
    Signer { key, public }
}

/// Making an RSA key takes a second; all tests share one.
static RSA: LazyLock<Signer> = LazyLock::new(|| {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    // What is inside of the envelope of PKCS #8, which has a fixed length for keys of this size.
    signer(EncodingKey::from_rsa_der(&der.as_ref()[26..]), Algorithm::RS256, "rsa")
});
static EC: LazyLock<Signer> = LazyLock::new(|| {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = key.to_pkcs8v1().unwrap();
    signer(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256, "ec")
});

fn keys() -> JwkSet {
    JwkSet { keys: vec![RSA.public.clone(), EC.public.clone()] }
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example.com",
        client_id: "pierhead",
        nonce: "n-1",
        now: Timestamp::from_second(NOW).unwrap(),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.com",
        "aud": "pierhead",
        "sub": "248289761001",
        "iat": NOW - 5,
        "exp": NOW + 300,
        "nonce": "n-1",
        "email": "ada@example.com",
        "email_verified": true,
    })
}

fn signed(signer: &Signer, algorithm: Algorithm, claims: &Value) -> String {
    let header = Header { kid: signer.public.common.key_id.clone(), ..Header::new(algorithm) };
    encode(&header, claims, &signer.key).unwrap()
}

fn checked(change: impl FnOnce(&mut Value)) -> Result<Profile, Unfit> {
    let mut claims = claims();
    change(&mut claims);
    check(&signed(&EC, Algorithm::ES256, &claims), &keys(), expected())
}

#[test]
fn a_good_token_of_either_kind_is_read() {
    for (signer, algorithm) in [(&*RSA, Algorithm::RS256), (&*EC, Algorithm::ES256)] {
        let token = signed(signer, algorithm, &claims());
        let profile = check(&token, &keys(), expected()).unwrap();
        assert_eq!((profile.sub.as_str(), profile.email_verified), ("248289761001", true), "{algorithm:?}");
    }
    // Without a name, where it is clear which key is meant; not where it is not.
    let token = encode(&Header::new(Algorithm::ES256), &claims(), &EC.key).unwrap();
    assert!(check(&token, &keys(), expected()).is_ok());
    let another = Jwk { common: Default::default(), ..EC.public.clone() };
    let two = JwkSet { keys: vec![EC.public.clone(), another] };
    assert_eq!(check(&token, &two, expected()), Err(Unfit::UnknownKey));
}

#[test]
fn algorithm_confusion_a_public_key_is_no_secret_and_none_is_no_algorithm() {
    let body = BASE64.encode(claims().to_string());
    let none = format!("{}.{body}.", BASE64.encode(r#"{"alg":"none","kid":"rsa"}"#));
    assert_eq!(check(&none, &keys(), expected()), Err(Unfit::Algorithm));
    // The public key, in each form that somebody could have used as a secret.
    let shown = serde_json::to_vec(&RSA.public).unwrap();
    let AlgorithmParameters::RSA(parts) = &RSA.public.algorithm else { panic!("{:?}", RSA.public) };
    for secret in [&shown[..], parts.n.as_bytes(), &BASE64.decode(&parts.n).unwrap()] {
        let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
        assert_eq!(check(&token, &keys(), expected()), Err(Unfit::Algorithm));
    }
    // One kind of key by the name of the other.
    let named = |kid: &str, signer: &Signer, algorithm| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        check(&encode(&header, &claims(), &signer.key).unwrap(), &keys(), expected())
    };
    assert_eq!(named("rsa", &EC, Algorithm::ES256), Err(Unfit::Algorithm));
    assert_eq!(named("ec", &RSA, Algorithm::RS256), Err(Unfit::Algorithm));
    assert_eq!(named("rsa", &RSA, Algorithm::RS512), Err(Unfit::Algorithm));
    assert_eq!(named("../../dev/null", &RSA, Algorithm::RS256), Err(Unfit::UnknownKey));
    // A key of the issuer that is for something else.
    for change in [
        |key: &mut Jwk| key.common.public_key_use = Some(PublicKeyUse::Encryption),
        |key: &mut Jwk| key.common.key_algorithm = Some(KeyAlgorithm::RSA_OAEP),
    ] {
        let mut keys = keys();
        change(&mut keys.keys[0]);
        let token = signed(&RSA, Algorithm::RS256, &claims());
        assert_eq!(check(&token, &keys, expected()), Err(Unfit::Algorithm));
    }
}

#[test]
fn a_token_that_was_changed_or_signed_by_somebody_else_is_refused() {
    let token = signed(&EC, Algorithm::ES256, &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let mut other = claims();
    other["sub"] = json!("1");
    let changed = format!("{}.{}.{}", parts[0], BASE64.encode(other.to_string()), parts[2]);
    assert_eq!(check(&changed, &keys(), expected()), Err(Unfit::Signature));
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = key.to_pkcs8v1().unwrap();
    let stranger = signer(EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256, "ec");
    let foreign = signed(&stranger, Algorithm::ES256, &claims());
    assert_eq!(check(&foreign, &keys(), expected()), Err(Unfit::Signature));
    for text in ["", "a.b.c", "a", &"a".repeat(1 << 20)] {
        assert!(check(text, &keys(), expected()).is_err());
    }
}

#[test]
fn every_claim_is_looked_at() {
    type Change = fn(&mut Value);
    let cases: [(Change, Unfit); 18] = [
        (|it| it["iss"] = json!("https://id.example.com/"), Unfit::Issuer),
        (|it| it["iss"] = json!("https://evil.example.com"), Unfit::Issuer),
        (|it| it["aud"] = json!("another"), Unfit::Audience),
        (|it| it["aud"] = json!(["another"]), Unfit::Audience),
        (|it| it["aud"] = json!(["another", "pierhead"]), Unfit::Audience),
        (|it| it["azp"] = json!("another"), Unfit::Audience),
        (|it| it["exp"] = json!(NOW - 61), Unfit::Time),
        (|it| it["iat"] = json!(NOW + 61), Unfit::Time),
        (|it| it["iat"] = json!(NOW - 3600), Unfit::Time),
        (|it| it["nbf"] = json!(NOW + 61), Unfit::Time),
        (|it| it["nonce"] = json!("n-2"), Unfit::Nonce),
        (|it| it["nonce"] = Value::Null, Unfit::Nonce),
        (|it| it["sub"] = json!(""), Unfit::Subject),
        (|it| it["sub"] = json!("a".repeat(256)), Unfit::Subject),
        // What has the wrong type or is missing is not believed to be there.
        (|it| it["exp"] = json!("9999999999"), Unfit::Signature),
        (|it| drop(it.as_object_mut().unwrap().remove("exp")), Unfit::Signature),
        (|it| drop(it.as_object_mut().unwrap().remove("iat")), Unfit::Signature),
        (|it| drop(it.as_object_mut().unwrap().remove("aud")), Unfit::Signature),
    ];
    for (number, (change, unfit)) in cases.into_iter().enumerate() {
        assert_eq!(checked(change), Err(unfit), "case {number}");
    }
    // Clocks differ by less than a minute.
    assert!(checked(|it| it["exp"] = json!(NOW - 59)).is_ok());
    assert!(checked(|it| it["iat"] = json!(NOW + 59)).is_ok());
    let with_azp = |it: &mut Value| {
        it["aud"] = json!(["another", "pierhead"]);
        it["azp"] = json!("pierhead");
    };
    assert!(checked(with_azp).is_ok());
}

#[test]
fn verified_means_that_the_issuer_says_so() {
    for (said, verified) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("TRUE"), false),
        (json!(1), false),
        (Value::Null, false),
    ] {
        let profile = checked(|it| it["email_verified"] = said.clone()).unwrap();
        assert_eq!(profile.email_verified, verified, "{said}");
    }
    let silent = checked(|it| drop(it.as_object_mut().unwrap().remove("email_verified"))).unwrap();
    assert!(!silent.email_verified);
}
