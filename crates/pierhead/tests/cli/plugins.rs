//! Plugins without an engine: what comes with Pierhead, and manifests that cannot be tried.

use crate::terminal::Terminal;

#[test]
fn what_a_plugin_takes_and_gives() {
    insta::assert_snapshot!(Terminal::new().transcript(&[
        "plugins show wait-for",
        "plugin show wait-fro",
        "plugins show wait-for --json=name,image,network",
    ]));
}

#[test]
fn what_cannot_be_tried() {
    let terminal = Terminal::new();
    terminal.write("broken.yaml", "name: A\n");
    terminal.write(
        "plugin.yaml",
        "name: a\nversion: 1.0.0\nimage: a:1\ndescription: A.\nactions: [create]\nnetwork: none\nparameters: {type: object}\n",
    );
    terminal.write("list.json", "[]");
    insta::assert_snapshot!(terminal.transcript(&[
        "plugins try nowhere.yaml",
        "plugins try broken.yaml",
        "plugins try --destroy",
        "plugins try --outputs list.json",
        "plugins try --parameters list.json",
    ]));
}
