//! What attackers try, each by its name.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::live::{connect, next, served};
use crate::platform::{Answer, EMAIL, PASSWORD, Platform};

const GRACE_S: i64 = 11;

async fn sign_in(platform: &Platform, email: &str) -> Value {
    let body = json!({ "email": email, "password": PASSWORD });
    let answer = platform.call_as("", "POST", "/auth/login", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn refresh(platform: &Platform, token: &Value) -> Answer {
    platform.call_as("", "POST", "/auth/refresh", Some(json!({ "refresh_token": token }))).await
}

#[tokio::test]
async fn refresh_reuse_ends_the_whole_family_however_old_the_token_is() {
    let platform = Platform::start().await;
    for exchanges in 1..4 {
        let first = sign_in(&platform, EMAIL).await;
        let mut newest = first.clone();
        for _ in 0..exchanges {
            newest = refresh(&platform, &newest["refresh_token"]).await.json();
        }
        platform.advance(GRACE_S);
        let stolen = refresh(&platform, &first["refresh_token"]).await;
        assert_eq!(stolen.refusal(), (401, "unauthenticated".to_owned()));
        let after = refresh(&platform, &newest["refresh_token"]).await;
        assert_eq!(after.refusal().0, 401, "after {exchanges} exchanges");
        let access = newest["access_token"].as_str().unwrap();
        assert_eq!(platform.call_as(access, "GET", "/me", None).await.status, 401, "its access token too");
    }
    let told = platform.get("/audit?action=session.reused").await;
    assert_eq!(told["items"].as_array().unwrap().len(), 3);
    platform.stop().await;
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_signs_nobody_out() {
    let platform = Platform::start().await;
    let first = sign_in(&platform, EMAIL).await;
    assert_eq!(refresh(&platform, &first["refresh_token"]).await.status, 200);
    let again = refresh(&platform, &first["refresh_token"]).await;
    assert_eq!(again.status, 200, "within the grace: {}", again.text);
    assert_eq!(refresh(&platform, &again.json()["refresh_token"]).await.status, 200);
    platform.stop().await;
}

#[tokio::test]
async fn one_kind_of_token_is_never_taken_for_another() {
    let platform = Platform::start().await;
    let tokens = sign_in(&platform, EMAIL).await;
    let api = platform.token_with(&["read"]).await;
    let cookie = browser(&platform, None).await.0;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for token in [text(&tokens["refresh_token"]), "phd_inv_x".to_owned(), "phd_set_x".to_owned()] {
        assert_eq!(platform.call_as(&token, "GET", "/me", None).await.status, 401, "{token} as a bearer");
    }
    for token in [text(&tokens["access_token"]), api, cookie] {
        assert_eq!(refresh(&platform, &json!(token)).await.status, 401, "{token} to refresh");
    }
    platform.stop().await;
}

#[tokio::test]
async fn keys_rotate_without_signing_anybody_out() {
    let platform = Platform::start().await;
    let before = sign_in(&platform, EMAIL).await;
    assert_eq!(platform.call("POST", "/auth/rotate-keys", None).await.status, 204);
    let after = sign_in(&platform, EMAIL).await;
    for token in [&before, &after] {
        let token = token["access_token"].as_str().unwrap();
        assert_eq!(platform.call_as(token, "GET", "/me", None).await.status, 200);
    }
    platform.stop().await;
}

/// Signs in from a browser: its cookie, and the token for changes.
async fn browser(platform: &Platform, had: Option<&str>) -> (String, String) {
    let body = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let mut request = Request::post("/api/v1/auth/browser").header(header::CONTENT_TYPE, "application/json");
    if let Some(had) = had {
        request = request.header(header::COOKIE, format!("__Host-pierhead={had}"));
    }
    let answer = platform.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let set = answer.header("set-cookie").to_owned();
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(set.split("; ").any(|it| it == attribute), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    let cookie = set.split(';').next().unwrap().strip_prefix("__Host-pierhead=").unwrap();
    assert!(!answer.text.contains(cookie), "no page can read it");
    (cookie.to_owned(), answer.json()["csrf_token"].as_str().unwrap().to_owned())
}

/// A change from a browser, with these headers.
async fn change(platform: &Platform, cookie: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/api/v1/tokens")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, "ph.example.com")
        .header(header::COOKIE, format!("theme=dark; __Host-pierhead={cookie}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    platform.send(request.body(Body::from(json!({ "name": "x" }).to_string())).unwrap()).await
}

#[tokio::test]
async fn csrf_a_change_with_a_cookie_needs_its_page_and_its_token() {
    let platform = Platform::start().await;
    let (cookie, token) = browser(&platform, None).await;
    let (_, of_another) = browser(&platform, None).await;
    let own = ("origin", "http://ph.example.com");
    for (headers, status) in [
        (vec![own, ("x-csrf-token", &*token)], 201),
        (vec![("sec-fetch-site", "same-origin"), own, ("x-csrf-token", &token)], 201),
        (vec![own], 403),
        (vec![own, ("x-csrf-token", "")], 403),
        (vec![own, ("x-csrf-token", &of_another)], 403),
        (vec![("origin", "http://app.ph.example.com"), ("x-csrf-token", &token)], 403),
        (vec![("origin", "null"), ("x-csrf-token", &token)], 403),
        (vec![("sec-fetch-site", "same-site"), ("x-csrf-token", &token)], 403),
        (vec![("sec-fetch-site", "cross-site"), own, ("x-csrf-token", &token)], 403),
    ] {
        assert_eq!(change(&platform, &cookie, &headers).await.status.as_u16(), status, "{headers:?}");
    }
    let read = Request::get("/api/v1/auth/csrf")
        .header(header::COOKIE, format!("__Host-pierhead={cookie}"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(platform.send(read).await.json()["csrf_token"], token, "a page that was loaded anew");
    let foreign = Request::post("/api/v1/auth/browser")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, "ph.example.com")
        .header(header::ORIGIN, "https://evil.example.com");
    let body = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let foreign = platform.send(foreign.body(Body::from(body)).unwrap()).await;
    assert_eq!(foreign.status, 403, "nobody is signed in by another page");
    platform.stop().await;
}

#[tokio::test]
async fn session_fixation_a_sign_in_never_keeps_what_the_browser_had() {
    let platform = Platform::start().await;
    let (planted, _) = browser(&platform, None).await;
    let (fresh, token) = browser(&platform, Some(&planted)).await;
    assert_ne!(planted, fresh);
    let own = [("origin", "http://ph.example.com"), ("x-csrf-token", &*token)];
    let invented = "phd_ses_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(
        change(&platform, invented, &own).await.status,
        401,
        "what the server did not make is nothing"
    );
    let out = Request::post("/api/v1/auth/logout")
        .header(header::HOST, "ph.example.com")
        .header(header::ORIGIN, "http://ph.example.com")
        .header("x-csrf-token", &token)
        .header(header::COOKIE, format!("__Host-pierhead={fresh}"));
    let out = platform.send(out.body(Body::empty()).unwrap()).await;
    assert_eq!(out.status, 204, "{}", out.text);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(change(&platform, &fresh, &own).await.status, 401, "signed out is out");
    platform.stop().await;
}

async fn invite(platform: &Platform, email: &str) -> (String, String) {
    let body = json!({ "email": email, "role": "developer" });
    let answer = platform.call("POST", "/teams/crew/invitations", Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let invited = answer.json();
    let token = invited["link"].as_str().unwrap().rsplit_once('#').unwrap().1.to_owned();
    (invited["id"].as_str().unwrap().to_owned(), token)
}

#[tokio::test]
async fn invitation_replay_a_link_is_good_once_for_its_address_and_for_three_days() {
    let platform = Platform::start().await;
    platform.call("POST", "/teams", Some(json!({ "name": "crew" }))).await;
    let grace = platform.member_token().await;
    let accept = async |who: &str, token: &str| {
        let body = json!({ "token": token });
        platform.call_as(who, "POST", "/invitations/accept", Some(body)).await.status.as_u16()
    };
    let (_, token) = invite(&platform, "grace@example.com").await;
    let list = platform.call("GET", "/teams/crew/invitations", None).await;
    assert!(!list.text.contains(&token) && list.json()["items"][0]["link"].is_null(), "shown once");
    assert_eq!(accept(&platform.token, &token).await, 403, "it is for another address");
    assert_eq!(accept(&grace, &token).await, 200);
    assert_eq!(accept(&grace, &token).await, 401, "once");
    let account = json!({ "token": token, "password": PASSWORD });
    assert_eq!(
        platform.call_as("", "POST", "/auth/accept", Some(account)).await.status,
        401,
        "for nothing else"
    );

    let (id, old) = invite(&platform, "new@example.com").await;
    let again = platform.call("POST", &format!("/teams/crew/invitations/{id}/resend"), None).await.json();
    let newer = again["link"].as_str().unwrap().rsplit_once('#').unwrap().1.to_owned();
    let show = async |token: &str| {
        let body = json!({ "token": token });
        platform.call_as("", "POST", "/auth/invitation", Some(body)).await.status.as_u16()
    };
    assert_eq!((show(&old).await, show(&newer).await), (401, 200));

    let (id, token) = invite(&platform, "other@example.com").await;
    assert_eq!(platform.call("DELETE", &format!("/teams/crew/invitations/{id}"), None).await.status, 204);
    assert_eq!(show(&token).await, 401, "withdrawn");

    let (_, token) = invite(&platform, "third@example.com").await;
    let weak = json!({ "token": token, "password": "short" });
    assert_eq!(platform.call_as("", "POST", "/auth/accept", Some(weak)).await.status, 422);
    let account = json!({ "token": token, "name": "Third", "password": PASSWORD });
    let made = platform.call_as("", "POST", "/auth/accept", Some(account.clone())).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let third = made.json()["access_token"].as_str().unwrap().to_owned();
    let teams = platform.call_as(&third, "GET", "/teams", None).await.json();
    assert_eq!(
        (&teams["items"][0]["name"], &teams["items"][0]["role"]),
        (&json!("crew"), &json!("developer"))
    );
    assert_eq!(platform.call_as("", "POST", "/auth/accept", Some(account)).await.status, 401, "once");
    platform.advance(3 * 24 * 3600 + 1);
    assert_eq!(show(&newer).await, 401, "its time is over");
    platform.stop().await;
}

#[tokio::test]
async fn open_redirect_nothing_that_a_visitor_sends_becomes_a_place_to_go() {
    let platform = Platform::start().await;
    let mut tried = 0;
    for path in [
        "/",
        "/?next=https://evil.example.com",
        "/console?to=//evil.example.com",
        "//evil.example.com",
        "/console//evil.example.com/",
        "/\\evil.example.com",
    ] {
        let Ok(request) = Request::get(path)
            .header(header::HOST, "evil.example.com")
            .header("x-forwarded-host", "evil.example.com")
            .body(Body::empty())
        else {
            continue;
        };
        let answer = platform.send(request).await;
        let location = answer.header("location");
        let inside = location.is_empty() || (location.starts_with('/') && !location.starts_with("//"));
        assert!(inside && !location.contains("evil"), "{path} leads to {location}");
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
    platform.stop().await;
}

#[tokio::test]
async fn user_enumeration_nobody_learns_who_has_an_account() {
    let platform = Platform::start().await;
    platform.member_token().await;
    let disabled = json!({ "disabled": true });
    assert_eq!(platform.call("PATCH", "/users/grace@example.com", Some(disabled)).await.status, 200);
    let mut answers = Vec::new();
    for (email, password) in [
        (EMAIL, "wrong password"),
        ("nobody@example.com", "wrong password"),
        ("grace@example.com", "wrong password"),
        // Even with the right password: who is disabled is told nothing.
        ("grace@example.com", PASSWORD),
    ] {
        for path in ["/auth/login", "/auth/browser"] {
            let body = json!({ "email": email, "password": password });
            let answer = platform.call_as("", "POST", path, Some(body)).await;
            answers.push((answer.refusal(), answer.json()["detail"].clone()));
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let sign_up = async |email: &str| {
        let answer = platform.call_as("", "POST", "/auth/sign-up", Some(json!({ "email": email }))).await;
        (answer.refusal(), answer.json()["detail"].clone())
    };
    assert_eq!(sign_up(EMAIL).await, sign_up("nobody@example.com").await);
    platform.stop().await;
}

#[tokio::test]
async fn who_is_disabled_hears_nothing_more_within_five_seconds() {
    let platform = Platform::start().await;
    let grace = platform.member_token().await;
    let address = served(&platform).await;
    let mut socket = connect(&address, &[("authorization", &format!("Bearer {grace}"))]).await.unwrap();
    let begun = std::time::Instant::now();
    let disabled = json!({ "disabled": true });
    assert_eq!(platform.call("PATCH", "/users/grace@example.com", Some(disabled)).await.status, 200);
    assert_eq!(platform.call_as(&grace, "GET", "/me", None).await.status, 401);
    assert_eq!(next(&mut socket).await, Err(4401));
    assert!(begun.elapsed().as_secs() <= 5, "{:?}", begun.elapsed());
    platform.stop().await;
}

#[tokio::test]
async fn there_is_always_an_owner_and_an_administrator() {
    let platform = Platform::start().await;
    platform.call("POST", "/teams", Some(json!({ "name": "crew" }))).await;
    let grace = platform.member_token().await;
    for (method, path, body) in [
        ("PATCH", "/teams/crew/members/ada@example.com", Some(json!({ "role": "admin" }))),
        ("DELETE", "/teams/crew/members/ada@example.com", None),
        ("PATCH", "/users/ada@example.com", Some(json!({ "role": "user" }))),
        ("PATCH", "/users/ada@example.com", Some(json!({ "disabled": true }))),
    ] {
        let answer = platform.call(method, path, body).await;
        assert_eq!(answer.refusal(), (409, "conflict".to_owned()), "{method} {path}");
    }
    let (_, token) = invite(&platform, "grace@example.com").await;
    platform.call_as(&grace, "POST", "/invitations/accept", Some(json!({ "token": token }))).await;
    let grab = platform
        .call_as(&grace, "PATCH", "/teams/crew/members/grace@example.com", Some(json!({ "role": "owner" })))
        .await;
    assert_eq!(grab.status, 403, "a developer makes nobody anything");
    let given =
        platform.call("POST", "/teams/crew/transfer", Some(json!({ "to": "grace@example.com" }))).await;
    assert_eq!((given.status.as_u16(), &given.json()["role"]), (200, &json!("admin")));
    assert_eq!(platform.call("DELETE", "/teams/crew/members/ada@example.com", None).await.status, 204);
    platform.stop().await;
}

#[tokio::test]
async fn every_change_is_told_with_who_what_and_from_where_and_without_secrets() {
    let platform = Platform::start().await;
    platform.call("POST", "/projects", Some(json!({ "name": "shop" }))).await;
    let secret = "hunter2-and-more";
    let variable = json!({ "value": secret, "secret": true });
    platform.call("PUT", "/projects/shop/variables/PASSWORD", Some(variable)).await;
    let registry = json!({ "name": "r", "host": "r.example.com", "username": "u", "password": secret });
    platform.call("POST", "/registries", Some(registry)).await;
    platform.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": 60 }))).await;
    let refused = platform.call("PATCH", "/projects/shop", Some(json!({ "sleep_after_s": -1 }))).await;
    assert_eq!(refused.status, 422);
    let log = platform.get("/audit?limit=200").await;
    let items = log["items"].as_array().unwrap();
    let actions: Vec<&str> = items.iter().map(|item| item["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        [
            "project.update",
            "registry.create",
            "variables.update",
            "project.create",
            "session.create",
            "account.create"
        ]
    );
    let update = &items[0];
    assert_eq!((&update["actor"]["email"], &update["target"]["name"]), (&json!(EMAIL), &json!("shop")));
    assert_eq!(
        (&update["before"]["sleep_after_s"], &update["after"]["sleep_after_s"]),
        (&json!(900), &json!(60))
    );
    assert_eq!(items[2]["after"], json!([{ "key": "PASSWORD", "secret": true, "exposure": "runtime" }]));
    let export = platform.call("GET", "/audit/export?project=shop", None).await;
    assert_eq!(export.header("content-type"), "application/jsonl");
    assert_eq!(export.text.lines().count(), 3);
    assert!(export.text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let whole = platform.call("GET", "/audit/export", None).await.text;
    assert!(!whole.contains(secret) && !log.to_string().contains(secret));
    platform.stop().await;
}

#[tokio::test]
async fn password_reset_replay_a_link_is_good_once_for_a_day_and_ends_every_session() {
    let platform = Platform::start().await;
    let grace = platform.member_token().await;
    let refused = platform.call_as(&grace, "POST", "/users/ada@example.com/password-reset", None).await;
    assert_eq!(refused.refusal(), (403, "forbidden".to_owned()), "only administrators make links");
    let link = async || {
        let made = platform.call("POST", "/users/grace@example.com/password-reset", None).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
    };
    let reset = async |token: &str| {
        let body = json!({ "token": token, "password": "another good password" });
        platform.call_as("", "POST", "/auth/password/reset", Some(body)).await.status.as_u16()
    };
    let (first, second) = (link().await, link().await);
    assert_eq!(reset(&first).await, 401, "a newer one makes it worthless");
    for other in ["phd_rst_", "phd_inv_x", &second.replace("phd_rst_", "phd_inv_"), &grace, ""] {
        assert_eq!(reset(other).await, 401, "{other}");
    }
    // Of those who come at once, one sets it.
    let both = tokio::join!(reset(&second), reset(&second));
    assert!(matches!(both, (204, 401) | (401, 204)), "{both:?}");
    let me = platform.call_as(&grace, "GET", "/me", None).await;
    assert_eq!(me.refusal(), (401, "unauthenticated".to_owned()), "every sign-in has ended");
    let third = link().await;
    let (disabled, enabled) = (json!({ "disabled": true }), json!({ "disabled": false }));
    for change in [disabled, enabled] {
        assert_eq!(platform.call("PATCH", "/users/grace@example.com", Some(change)).await.status, 200);
    }
    assert_eq!(reset(&third).await, 401, "whoever was disabled keeps no link");
    let fourth = link().await;
    platform.advance(24 * 3600 + 1);
    assert_eq!(reset(&fourth).await, 401, "its time is over");
    platform.stop().await;
}

#[tokio::test]
async fn sign_up_policy_decides_who_comes_in_and_tells_nobody_who_is_there() {
    let platform = Platform::start().await;
    let grace = platform.member_token().await;
    let put = async |token: &str, policy: &str| {
        let body = json!({ "policy": policy });
        platform.call_as(token, "PUT", "/settings/sign-up", Some(body)).await.status.as_u16()
    };
    let options = platform.call_as("", "GET", "/auth/options", None).await;
    assert_eq!(options.json()["sign_up"], "closed", "nothing is open until somebody opens it");
    assert_eq!(put(&grace, "open").await, 403);
    // Closed: whom an administrator invites, and not whom others invite.
    let team = json!({ "name": "gardeners" });
    assert_eq!(platform.call_as(&grace, "POST", "/teams", Some(team)).await.status, 201);
    let body = json!({ "email": "ivan@example.com" });
    let invited = platform.call_as(&grace, "POST", "/teams/gardeners/invitations", Some(body)).await;
    let token = invited.json()["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let account = json!({ "token": token, "password": PASSWORD });
    let accept =
        async || platform.call_as("", "POST", "/auth/accept", Some(account.clone())).await.status.as_u16();
    assert_eq!(accept().await, 403);
    let invited = platform.call("POST", "/users", Some(json!({ "email": "judy@example.com" }))).await;
    let by_admin = invited.json()["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let judy = json!({ "token": by_admin, "password": PASSWORD });
    assert_eq!(platform.call_as("", "POST", "/auth/accept", Some(judy)).await.status, 201);
    assert_eq!(put(&platform.token, "invitation").await, 200);
    assert_eq!(accept().await, 201, "what was sent before counts by what is decided now");
    // Open, without letters: there at once; the answer is the same for who is there already, and their password stays.
    let sign_up = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        let answer = platform.call_as("", "POST", "/auth/sign-up", Some(body)).await;
        (answer.status.as_u16(), answer.text)
    };
    assert_eq!(sign_up("mallory@example.com", PASSWORD).await.0, 403);
    assert_eq!(put(&platform.token, "open").await, 200);
    let other = "not her password at all";
    assert_eq!(sign_up(EMAIL, other).await, sign_up("mallory@example.com", PASSWORD).await);
    sign_in(&platform, EMAIL).await;
    sign_in(&platform, "mallory@example.com").await;
    let taken = json!({ "email": EMAIL, "password": other });
    assert_eq!(platform.call_as("", "POST", "/auth/login", Some(taken)).await.status, 401);
    // Too often for one mailbox: held up, whether or not it has an account.
    for email in [EMAIL, "nobody@example.com"] {
        let mut statuses = Vec::new();
        for _ in 0..7 {
            statuses.push(sign_up(email, PASSWORD).await.0);
        }
        assert_eq!(statuses.last(), Some(&429), "{email}: {statuses:?}");
    }
    platform.stop().await;
}

#[tokio::test]
async fn account_preparation_an_unproven_address_gains_nothing() {
    let platform = Platform::start().await;
    let open = json!({ "policy": "open" });
    assert_eq!(platform.call("PUT", "/settings/sign-up", Some(open)).await.status, 200);
    let body = json!({ "email": "victim@example.com", "password": PASSWORD });
    assert_eq!(platform.call_as("", "POST", "/auth/sign-up", Some(body)).await.status, 202);
    let squatter = sign_in(&platform, "victim@example.com").await;
    let squatter = squatter["access_token"].as_str().unwrap();
    let team = json!({ "name": "storefront" });
    assert_eq!(platform.call("POST", "/teams", Some(team)).await.status, 201);
    let body = json!({ "email": "victim@example.com" });
    assert_eq!(platform.call("POST", "/teams/storefront/invitations", Some(body)).await.status, 201);
    let seen = platform.call_as(squatter, "GET", "/invitations", None).await;
    assert_eq!(seen.json()["items"], json!([]), "whoever made the account did not prove the address");
    platform.stop().await;
}
