//! The pages for people: there, safe, and asking no other host.

use axum::body::Body;
use axum::http::Request;
use pierhead_api::Options;
use pierhead_model::code::Code;
use strum::IntoEnumIterator as _;

use crate::platform::Platform;

#[tokio::test]
async fn every_error_has_a_page_under_its_type() {
    let platform = Platform::start().await;
    for code in Code::iter() {
        for spelling in [code.as_str().to_owned(), code.as_str().replace('_', "-")] {
            let request = Request::get(format!("/docs/problems/{spelling}")).body(Body::empty()).unwrap();
            let answer = platform.send(request).await;
            assert_eq!(answer.status, 200, "{spelling}");
            assert!(answer.text.contains("<h2>What to do</h2>"), "{spelling}: {}", answer.text);
        }
    }
    let unknown = Request::get("/docs/problems/%3Cscript%3E").body(Body::empty()).unwrap();
    let unknown = platform.send(unknown).await;
    assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
    platform.stop().await;
}

#[tokio::test]
async fn the_root_leads_to_the_console_or_to_what_there_is_to_read() {
    fn built(path: &str) -> Option<std::borrow::Cow<'static, [u8]>> {
        (path == "index.html").then(|| b"<title>Pierhead</title>".as_slice().into())
    }
    for (console, target, status) in
        [(built as pierhead_api::Files, "/console/", 200), (|_: &str| None, "/docs", 404)]
    {
        let platform = Platform::start_with(Options { console, ..Options::default() }).await;
        let get = |path: &str| platform.send(Request::get(path).body(Body::empty()).unwrap());
        let root = get("/").await;
        assert_eq!((root.status.as_u16(), root.header("location")), (303, target));
        let page = get("/console/projects").await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (status, "text/html; charset=utf-8"));
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(get("/console/assets/none.js").await.refusal(), (404, "not_found".to_owned()));
        platform.stop().await;
    }
}

#[tokio::test]
async fn pages_need_nothing_from_elsewhere_and_allow_nothing_inline() {
    let platform = Platform::start().await;
    for path in ["/docs", "/api/docs", "/docs/problems/internal"] {
        let page = platform.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(!page.text.contains(" style=") && !page.text.contains(" onclick="), "{path}");
        let own = page.text.replace("href=\"/", "").replace("src=\"/", "").replace("href=\"#", "");
        assert!(!own.contains("href=\"") && !own.contains("src=\""), "{path} asks another host");
        for link in page.text.split("href=\"/").skip(1).filter_map(|rest| rest.split(['"', '#']).next()) {
            let target = platform.send(Request::get(format!("/{link}")).body(Body::empty()).unwrap()).await;
            assert_eq!(target.status, 200, "{path} links to /{link}");
        }
    }
    let script = platform.send(Request::get("/docs/assets/filter.js").body(Body::empty()).unwrap()).await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    platform.stop().await;
}
