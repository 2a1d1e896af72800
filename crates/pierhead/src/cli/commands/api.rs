//! `api`: any call of the REST API, with the sign-in of the command line.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use crate::cli::context::Context;
use crate::cli::error::Error;

/// Largest request body, in bytes.
const MAX_BODY_BYTES: u64 = 16 << 20;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pierhead api GET projects\n  pierhead api PATCH projects/shop -f sleep_after_s=0\n  pierhead api PUT projects/shop/variables/A --input a.json"
)]
pub(crate) struct ApiArgs {
    /// GET, POST, PUT, PATCH or DELETE
    method: String,
    /// Below /api/v1, such as projects/shop
    path: String,
    /// A field of the body; the value is JSON where it can be, text otherwise
    #[arg(short, long = "field", value_name = "KEY=VALUE", conflicts_with = "input")]
    field: Vec<String>,
    /// The body, from a file or - for stdin
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Follow `next_cursor` and print all items
    #[arg(long)]
    paginate: bool,
}

pub(crate) async fn run(context: &Context, args: &ApiArgs) -> Result<(), Error> {
    let client = context.client()?;
    let method = Method::from_bytes(args.method.to_uppercase().as_bytes()).map_err(|_| {
        Error::usage(format!("`{}` is not a method", args.method), "Use GET, POST, PUT, PATCH or DELETE.")
    })?;
    let url = address(client.base(), &args.path)?;
    let mut request = client.request_to(method.clone(), url.clone());
    if let Some(body) = body(args)? {
        request = request.body(&body);
    }
    if !args.paginate {
        let raw = client.call_raw(&request).await?;
        return if raw.is_null() { Ok(()) } else { context.print_json(&raw) };
    }
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = client.request_to(method.clone(), url.clone()).query("cursor", cursor.as_deref());
        let raw = client.call_raw(&page).await?;
        items.extend(raw.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
        cursor = raw.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return context.print_json(&json!({ "items": items, "next_cursor": null }));
        }
    }
}

/// The path on this server, and never another one: the token goes with it.
fn address(base: &Url, path: &str) -> Result<Url, Error> {
    let refused = || {
        Error::usage(
            format!("`{path}` is not a path of the API"),
            "Write for example: pierhead api GET projects",
        )
    };
    if path.contains("://") || path.starts_with("//") || path.contains('\\') {
        return Err(refused());
    }
    let below = path.trim_start_matches('/');
    let below = if below.starts_with("api/") { below.to_owned() } else { format!("api/v1/{below}") };
    let whole = format!("{}/{below}", base.as_str().trim_end_matches('/'));
    let url = Url::parse(&whole).map_err(|_| refused())?;
    if url.origin() == base.origin() { Ok(url) } else { Err(refused()) }
}

fn body(args: &ApiArgs) -> Result<Option<Value>, Error> {
    if let Some(path) = &args.input {
        let mut text = String::new();
        let read = if path.as_os_str() == "-" {
            std::io::stdin().lock().take(MAX_BODY_BYTES).read_to_string(&mut text)
        } else {
            fs_err::File::open(path).and_then(|file| file.take(MAX_BODY_BYTES).read_to_string(&mut text))
        };
        read.map_err(|error| {
            Error::local("the body cannot be read", error, "Check the path after --input.")
        })?;
        let parsed = serde_json::from_str(&text);
        return parsed
            .map(Some)
            .map_err(|error| Error::local("the body is not JSON", error, "Check the file after --input."));
    }
    let mut fields = Map::new();
    for field in &args.field {
        let (key, value) = field.split_once('=').ok_or_else(|| {
            Error::usage(format!("`{field}` is not KEY=VALUE"), "Write for example: -f name=shop")
        })?;
        fields.insert(key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into()));
    }
    Ok((!fields.is_empty()).then_some(Value::Object(fields)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leaves_the_server() {
        let base = Url::parse("http://ph.example.com/sub/").unwrap();
        let to = |path| address(&base, path).map(|url| url.to_string()).ok();
        assert_eq!(
            to("projects?limit=1").as_deref(),
            Some("http://ph.example.com/sub/api/v1/projects?limit=1")
        );
        assert_eq!(to("/api/v1/me").as_deref(), Some("http://ph.example.com/sub/api/v1/me"));
        for bad in ["http://evil/x", "//evil/x", "\\\\evil\\x"] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }
}
