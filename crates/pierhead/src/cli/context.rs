//! What every command has: where it runs, what was asked of all commands, and how it speaks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pierhead_model::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::arguments::Globals;
use super::client::{Client, Identity};
use super::credentials::Credentials;
use super::error::Error;
use super::folder::Facts;
use crate::environment::Environment;
use crate::output::{Printer, Table};

/// Where a server listens when nobody said otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8400";
/// Longest wait for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) globals: Globals,
    pub(crate) environment: Environment,
    pub(crate) printer: Printer,
    /// The folder that the command is about.
    pub(crate) folder: PathBuf,
}

impl Context {
    pub(crate) fn new(globals: Globals, environment: Environment, printer: Printer) -> Result<Self, Error> {
        let here = std::env::current_dir().map_err(|error| {
            Error::local("the current folder cannot be found", error, "Change to a folder that exists.")
        })?;
        let folder = globals.cwd.as_ref().map_or_else(|| here.clone(), |given| here.join(given));
        if !folder.is_dir() {
            let what = format!("there is no folder {}", folder.display());
            return Err(Error::usage(what, "Check the path after --cwd."));
        }
        Ok(Self { globals, environment, printer, folder })
    }

    pub(crate) fn json(&self) -> bool {
        self.globals.json.is_some()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    pub(crate) fn slot(&self) -> &str {
        self.globals.slot.as_deref().unwrap_or("production")
    }

    pub(crate) fn facts(&self) -> Result<Facts, Error> {
        Facts::gather(&self.folder)
    }

    pub(crate) fn say(&self, line: &str) {
        self.printer.say(line);
    }

    /// Prints an answer: the document with `--json`, otherwise lines for people.
    pub(crate) fn show(&self, raw: &Value, lines: impl FnOnce() -> Vec<String>) -> Result<(), Error> {
        match self.globals.json.as_deref() {
            Some(fields) => self.print_json(&select(raw, fields)),
            None => lines().iter().try_for_each(|line| Ok(self.printer.answer(line)?)),
        }
    }

    /// A list, with a sentence on stderr instead of an empty table.
    pub(crate) fn show_table(&self, raw: &Value, table: &Table, when_empty: &str) -> Result<(), Error> {
        if table.is_empty() && !self.json() {
            self.say(when_empty);
            return Ok(());
        }
        self.show(raw, || table.lines())
    }

    pub(crate) fn print_json(&self, document: &Value) -> Result<(), Error> {
        let text = if self.printer.stdout_is_terminal() {
            serde_json::to_string_pretty(document)
        } else {
            serde_json::to_string(document)
        };
        let text = text.map_err(|error| Error::local("the answer cannot be printed", error, ""))?;
        Ok(self.printer.answer(&text)?)
    }

    /// A moment: relative for people, RFC 3339 for programs.
    pub(crate) fn moment(&self, moment: Option<Timestamp>) -> String {
        match moment {
            None => String::new(),
            Some(moment) if self.printer.stdout_is_terminal() => {
                crate::output::humane::ago(moment, self.now())
            }
            Some(moment) => format!("{moment:.0}"),
        }
    }

    /// The server: flag, variable, this folder's link, the last one signed in to, this machine.
    pub(crate) fn server(&self) -> Result<Url, Error> {
        if let Some(url) = self.globals.url.as_deref().or_else(|| self.environment.get("PIERHEAD_URL")) {
            return parse_server(url);
        }
        let saved = self.credentials().and_then(|store| store.load()).unwrap_or_default();
        if let Some((path, link)) = self.facts()?.link {
            let url = parse_server(&link.url)?;
            let known = saved.server(&url).is_some() && self.explicit_token()?.is_none();
            if known || link.url.trim_end_matches('/') == DEFAULT_URL {
                self.printer.explain(&format!("server {url} from {}", path.display()));
                return Ok(url);
            }
            // The link may be part of somebody else's repository: it must not decide where a token goes.
            let what = format!("this folder is linked to {url}, which you are not signed in to");
            return Err(Error::usage(
                what,
                format!("If you trust it: pierhead login --url {url}, or set PIERHEAD_URL."),
            ));
        }
        parse_server(saved.current.as_deref().unwrap_or(DEFAULT_URL))
    }

    pub(crate) fn credentials(&self) -> Result<Credentials, Error> {
        Credentials::new(&self.environment)
    }

    fn explicit_token(&self) -> Result<Option<SecretString>, Error> {
        if let Some(path) = &self.globals.token_file {
            let text = fs_err::read_to_string(path).map_err(|error| {
                Error::local("the token cannot be read", error, "Check the path after --token-file.")
            })?;
            return Ok(Some(text.trim().to_owned().into()));
        }
        Ok(self.environment.get("PIERHEAD_TOKEN").map(|token| token.to_owned().into()))
    }

    /// A client with whatever identity there is; the server says when that is not enough.
    pub(crate) fn client(&self) -> Result<Client<'_>, Error> {
        let url = self.server()?;
        let identity = match self.explicit_token()? {
            Some(token) => Identity::Token(token),
            None => match self.credentials() {
                Ok(store) => match store.load()?.server(&url) {
                    Some(server) => {
                        let access = tokio::sync::Mutex::new(server.access_token.clone().into());
                        Identity::SignedIn { store, access }
                    }
                    None => Identity::Nobody,
                },
                Err(_) => Identity::Nobody,
            },
        };
        self.client_as(url, identity)
    }

    pub(crate) fn client_as(&self, url: Url, identity: Identity) -> Result<Client<'_>, Error> {
        Client::new(url, identity, self.globals.timeout.unwrap_or(REQUEST_TIMEOUT), &self.printer)
    }

    /// Asks `question [y/N]`; without a terminal it fails with the command that does not ask.
    pub(crate) fn agree(&self, question: &str) -> Result<(), Error> {
        if self.globals.yes {
            return Ok(());
        }
        self.may_ask(question, "Add --yes to go on without asking.")?;
        self.printer.ask(&format!("{question} [y/N] "));
        match self.read_line()?.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Error::Interrupted),
        }
    }

    /// For what cannot be undone: the name has to be typed, or given with `--confirm`.
    pub(crate) fn agree_by_name(&self, what: &str, name: &str) -> Result<(), Error> {
        let question = format!("This deletes `{name}` ({what}) and cannot be undone.");
        if let Some(given) = &self.globals.confirm {
            let mismatch = || {
                Error::usage(
                    format!("--confirm says `{given}`, but this deletes `{name}`"),
                    "Nothing was deleted.",
                )
            };
            return if given == name { Ok(()) } else { Err(mismatch()) };
        }
        self.may_ask(&question, &format!("Add --confirm {name} to go on without asking."))?;
        self.printer.ask(&format!("{question} Type its name to go on: "));
        if self.read_line()? == name { Ok(()) } else { Err(Error::Interrupted) }
    }

    pub(crate) fn may_ask(&self, question: &str, instead: &str) -> Result<(), Error> {
        if self.printer.can_ask() && !self.globals.no_input {
            return Ok(());
        }
        Err(Error::usage(question, instead))
    }

    /// A line that the person types.
    pub(crate) fn read_line(&self) -> Result<String, Error> {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        match read {
            Ok(0) | Err(_) => Err(Error::Interrupted),
            Ok(_) => Ok(line.trim().to_owned()),
        }
    }

    /// Something that the person types without seeing it.
    pub(crate) fn read_secret(&self, prompt: &str) -> Result<SecretString, Error> {
        self.printer.ask(prompt);
        let typed = console::Term::stderr().read_secure_line();
        typed.map(SecretString::from).map_err(|_| Error::Interrupted)
    }

    /// A path relative to the folder that the command is about.
    pub(crate) fn path(&self, given: &Path) -> PathBuf {
        self.folder.join(given)
    }
}

fn parse_server(text: &str) -> Result<Url, Error> {
    let refused = || {
        Error::usage(
            format!("`{text}` is not a server's address"),
            "Write for example https://pierhead.example.com",
        )
    };
    let url = Url::parse(text).map_err(|_| refused())?;
    let plain =
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    if plain && url.query().is_none() && url.fragment().is_none() { Ok(url) } else { Err(refused()) }
}

/// Only some fields of a document, or of each item of a list.
fn select(document: &Value, fields: &str) -> Value {
    if fields.is_empty() {
        return document.clone();
    }
    if let Some(Value::Array(items)) = document.get("items") {
        return Value::Array(items.iter().map(|item| select(item, fields)).collect());
    }
    let chosen = fields
        .split(',')
        .map(str::trim)
        .map(|field| (field.to_owned(), document.get(field).cloned().unwrap_or(Value::Null)));
    Value::Object(chosen.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_chosen_from_documents_and_items() {
        assert_eq!(select(&json!({"a": 1, "b": 2}), "a,c"), json!({"a": 1, "c": null}));
        assert_eq!(select(&json!({"items": [{"a": 1, "b": 2}]}), "a"), json!([{"a": 1}]));
        assert_eq!(select(&json!({"a": 1}), ""), json!({"a": 1}));
    }

    #[test]
    fn a_server_is_a_plain_address() {
        for bad in ["", "localhost:8400", "ftp://x", "http://u:p@x", "http://x?y", "file:///x"] {
            assert!(parse_server(bad).is_err(), "{bad}");
        }
        assert!(parse_server("https://pierhead.example.com/sub/").is_ok());
    }
}
