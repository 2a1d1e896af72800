//! What belongs to a folder: links, project files, which project is meant.

use serde_json::json;

use crate::fake::{Fake, slot};
use crate::terminal::Terminal;

fn project(name: &str) -> serde_json::Value {
    json!({"name": name, "source": {"repository": "https://example.com/team/shop.git", "branch": null, "root_directory": name}})
}

#[test]
fn link_and_unlink() {
    let fake = Fake::new()
        .on("GET /projects/shop", 200, project("shop"))
        .list("GET /projects", json!([project("shop"), project("blog")]));
    let terminal = Terminal::with(&fake);
    insta::assert_snapshot!(terminal.transcript(&["link", "link nothing", "link shop", "unlink", "unlink"]));
    assert_eq!(fs_err::read_to_string(terminal.folder().join(".gitignore")).unwrap(), ".pierhead/\n");
}

#[test]
fn the_project_is_found_and_told_why() {
    let fake = Fake::new()
        .list("GET /projects", json!([project("shop")]))
        .list("GET /projects", json!([project("shop"), project("blog")]))
        .list("GET /projects/shop/slots", json!([slot("3x9mq2p7ab")]))
        .list("GET /projects/web/slots", json!([slot("3x9mq2p7ab")]));
    let terminal = Terminal::with(&fake);
    terminal.write(".git/config", "[remote \"origin\"]\n\turl = git@example.com:team/shop.git\n");
    let by_remote = terminal.transcript(&["slots list -v", "slots list"]);
    terminal.write("pierhead.yaml", "version: 1\nproject: web\n");
    insta::assert_snapshot!(format!(
        "{by_remote}\n{}",
        terminal.transcript(&["slots list -v", "slots list -p shop -v"])
    ));
}

#[test]
fn init_writes_what_detect_reads() {
    let terminal = Terminal::new();
    terminal.write("index.html", "<h1>Hello</h1>");
    insta::assert_snapshot!(terminal.transcript(&[
        "init --name shop",
        "init --name shop",
        "init --yes --name Shop!",
        "validate",
        "detect"
    ]));
    insta::assert_snapshot!(
        "pierhead_yaml",
        fs_err::read_to_string(terminal.folder().join("pierhead.yaml")).unwrap()
    );
}

#[test]
fn detect_and_validate_need_no_server() {
    let terminal = Terminal::new();
    terminal.write("site/index.html", "<h1>Hello</h1>");
    terminal.write("bad.yaml", "version: 1\nprojct: shop\n");
    insta::assert_snapshot!(terminal.transcript(&[
        "detect site",
        "detect site --json=framework,kind,runtime,root_directory,install_command,port",
        "detect missing",
        "detect site --root-directory ../..",
        "validate bad.yaml",
        "validate",
    ]));
    terminal.write("empty/notes.txt", "nothing");
    let output = terminal.run("detect empty --json");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
}
