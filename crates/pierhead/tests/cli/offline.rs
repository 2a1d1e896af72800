//! Without a server: help, usage, completions, settings, and a server that is not there.

use crate::terminal::Terminal;

#[test]
fn help_is_grouped_and_goes_to_stdout() {
    insta::assert_snapshot!(Terminal::new().transcript(&["--help"]));
    insta::assert_snapshot!("bare", Terminal::new().transcript(&[""]));
    insta::assert_snapshot!("help_of_rollback", Terminal::new().transcript(&["rollback --help"]));
    insta::assert_snapshot!("help_of_up", Terminal::new().transcript(&["up -h"]));
    insta::assert_snapshot!("help_of_agent", Terminal::new().transcript(&["agent -h"]));
}

#[test]
fn mistakes_of_usage() {
    insta::assert_snapshot!(Terminal::new().transcript(&[
        "deplyo",
        "deploy --nothing",
        "launch",
        "lock status",
        "status --cwd nowhere",
        "status --url localhost:8400",
        "status --timeout soon",
    ]));
}

#[test]
fn a_server_that_is_not_there() {
    // A port that was just free: nothing listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let terminal = Terminal::new().variable("PIERHEAD_URL", &format!("http://127.0.0.1:{port}"));
    let text = terminal.transcript(&["whoami", "whoami --json"]).replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(text);
}

#[test]
fn settings_are_checked_before_anything_starts() {
    let terminal = Terminal::new();
    terminal.write("pierhead.toml", "listn = 1\n");
    insta::assert_snapshot!(terminal.transcript(&[
        "up --listen nowhere",
        "up --config pierhead.toml",
        "up --config missing.toml",
        "up --allow-addresses 10.0.0.0/99",
    ]));
}

#[test]
fn completions_and_version() {
    let terminal = Terminal::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = terminal.run(&format!("completions {shell}"));
        assert!(output.status.success() && output.stdout.len() > 1000, "{shell}");
    }
    insta::assert_snapshot!(terminal.transcript(&["version", "version --json", "--version"]));
}

#[test]
fn a_reader_that_goes_away_is_not_a_failure() {
    let terminal = Terminal::new();
    let mut child = terminal
        .command(&["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(0), true));
}
