//! Bodies, query strings and paths; what cannot be read is refused with a problem document that says where.
//!
//! - JSON that is not JSON is `malformed` (400); JSON that does not fit is `validation` (422) with a JSON pointer.
//! - A [`Document`] is JSON or YAML and is read further in, where its mistakes are told with their lines.
//! - An object is an object: derived readers would also take a list with the fields in their order.
//! - An empty body is an empty object, so that a call whose fields are all optional needs no body.
//! - A query parameter that nobody knows is refused: that is how typing errors would hide.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use pierhead_model::code::Code;
use pierhead_model::pipeline::Format;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_path_to_error::{Path as Place, Segment};

use crate::problem::Problem;

/// A JSON body; what `T` is made of are objects.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let says_json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(|error| unread(&error))?;
        if body.is_empty() {
            return read(b"{}").map(Self);
        }
        if !says_json {
            let detail = "The body must be JSON: send `Content-Type: application/json`.";
            return Err(Problem::new(Code::Malformed, detail).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        read(&body).map(Self)
    }
}

/// A document in a notation for people: JSON, or YAML with its own media type. It stays text, so that problems can name lines.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) format: Format,
}

impl<S: Send + Sync> FromRequest<S> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let format = if is_json(request.headers()) { Some(Format::Json) } else { yaml(request.headers()) };
        let body = Bytes::from_request(request, state).await.map_err(|error| unread(&error))?;
        let malformed = |detail: String| Problem::new(Code::Malformed, detail);
        if body.is_empty() {
            return Err(malformed("The body is empty: send the document.".to_owned()));
        }
        let format = format.ok_or_else(|| {
            let detail =
                "The body must be JSON or YAML: send `Content-Type: application/json` or `application/yaml`.";
            malformed(detail.to_owned()).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        })?;
        let text = String::from_utf8(body.into())
            .map_err(|_| malformed("The body is not UTF-8 text.".to_owned()))?;
        if format == Format::Json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text)
        {
            return Err(malformed(format!("The body is not JSON: {error}.")));
        }
        Ok(Self { text, format })
    }
}

/// What RFC 9512 registers, and what was used before it.
fn yaml(headers: &HeaderMap) -> Option<Format> {
    let said = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];
    known.contains(&kind.as_str()).then_some(Format::Yaml)
}

/// `application/json`, or a type whose name ends in `+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Problem::new(Code::Malformed, "The body broke off before its end.")
    }
}

pub(crate) fn too_large() -> Problem {
    Problem::new(Code::BodyTooLarge, "The body is larger than this server reads (1 MiB unless configured).")
}

/// Reads JSON text as a `T`.
fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let inner = error.inner();
        match inner.classify() {
            Category::Data => Problem::invalid(pointer(error.path()), sentence(inner)),
            Category::Syntax | Category::Eof | Category::Io => {
                Problem::new(Code::Malformed, format!("The body is not JSON: {inner}."))
            }
        }
    })?;
    json.end().map_err(|error| Problem::new(Code::Malformed, format!("The body is not JSON: {error}.")))?;
    Ok(value)
}

/// Reads a JSON value as a `T`.
pub(crate) fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Problem::invalid(pointer(error.path()), sentence(error.inner())))
}

/// A `T` that was an object in the JSON.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// For `#[serde(deserialize_with)]` on a field that is an object.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// For `#[serde(default, deserialize_with)]` on a field that is an object or `null`.
pub(crate) fn maybe_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(deserializer).map(|found| found.map(|Object(value)| value))
}

/// What the reader says, without its position (the pointer is better) and not longer than a person reads.
fn sentence(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    text.chars().take(300).collect()
}

/// RFC 6901.
fn pointer(place: &Place) -> String {
    let mut pointer = String::new();
    for segment in place {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

/// A query string.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        serde_html_form::from_str(query).map(Self).map_err(|error| {
            let error: String = error.to_string().chars().take(300).collect();
            Problem::new(Code::Malformed, format!("The query string cannot be used: {error}."))
        })
    }
}

/// Parts of the path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(path)| Self(path)).map_err(|error| {
            Problem::new(Code::Malformed, format!("The path cannot be read: {}.", error.body_text()))
        })
    }
}
