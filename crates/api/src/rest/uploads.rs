//! Files that are deployed without a repository: announced, sent where they are missing, deployed.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Limited};
use pierhead_control::UploadView;
use pierhead_model::code::Code;
use pierhead_model::tree::{FileTree, TreeEntry};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use utoipa::ToSchema;

use crate::Shared;
use crate::access::Caller;
use crate::extract::{Path, read_value};
use crate::problem::Problem;

/// A list of a hundred thousand files is about so large.
const LARGEST_LIST: usize = 32 << 20;
/// Of one file.
const LARGEST_FILE: usize = 1 << 30;
/// Smaller files are kept in memory on their way.
const SMALL: usize = 1 << 20;

/// The files of a folder.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "files": { "index.html": { "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "size": 4 } } }))]
pub(crate) struct UploadRequest {
    /// By path, relative and `/`-separated.
    files: BTreeMap<String, Entry>,
}

/// A file by its digest, or a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// SHA-256, in hexadecimal.
    digest: Option<String>,
    /// In bytes.
    size: Option<u64>,
    #[serde(default)]
    executable: bool,
    /// Of a symbolic link, instead of a digest.
    target: Option<String>,
}

/// What has to be sent before it can be deployed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Upload {
    /// What a deployment names it by.
    upload: String,
    files: u64,
    /// Digests of the files that are not there yet.
    missing: Vec<String>,
}

impl From<UploadView> for Upload {
    fn from(view: UploadView) -> Self {
        Self {
            upload: view.upload.to_hex(),
            files: view.files as u64,
            missing: view.missing.iter().map(|digest| digest.to_hex()).collect(),
        }
    }
}

/// Announce the files of a folder
///
/// Answers which of them have to be sent; the others are there from earlier. Announcing again after a cut says what is still
/// missing. Then deploy the project with `upload`.
#[utoipa::path(post, path = "/projects/{project}/uploads", operation_id = "upload_begin", tag = "sources",
    request_body = UploadRequest, responses((status = 200, description = "Announced", body = Upload)))]
pub(crate) async fn begin(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    request: Request,
) -> Result<Answer<Upload>, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge, "A list of files is at most 32 MiB.");
    let body = Limited::new(request.into_body(), LARGEST_LIST).collect().await.map_err(|_| too_large())?;
    let value = serde_json::from_slice(&body.to_bytes())
        .map_err(|error| Problem::new(Code::Malformed, format!("The body is not JSON: {error}.")))?;
    let UploadRequest { files } = read_value(value)?;
    let mut tree = FileTree::default();
    for (path, entry) in files {
        let pointer = || format!("/files/{}", path.replace('~', "~0").replace('/', "~1"));
        let entry = match (entry.digest, entry.target) {
            (Some(digest), None) => TreeEntry::File {
                digest: digest.parse().map_err(|_| {
                    Problem::invalid(pointer(), "must have a SHA-256 in hexadecimal as `digest`")
                })?,
                size: entry.size.unwrap_or(0),
                executable: entry.executable,
            },
            (None, Some(target)) => TreeEntry::Link { target },
            _ => return Err(Problem::invalid(pointer(), "must have either a `digest` or a `target`")),
        };
        tree.files.insert(path, entry);
    }
    Ok(Answer(app.services.uploads.begin(&caller.principal, &project, tree).await?.into()))
}

/// Send a file
///
/// The body is the file's content as it is, at most 1 GiB. Sending what is there already is fine.
#[utoipa::path(put, path = "/projects/{project}/uploads/files/{digest}", operation_id = "upload_put", tag = "sources",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204, description = "Stored")))]
pub(crate) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, digest)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (uploads, principal) = (&app.services.uploads, &caller.principal);
    uploads.expect(principal, &project, &digest).await?;
    let mut body = Limited::new(request.into_body(), LARGEST_FILE);
    let mut held = bytes::BytesMut::new();
    while held.len() <= SMALL {
        let Some(piece) = next(&mut body).await? else {
            uploads.put(principal, &project, &digest, held.freeze()).await?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        };
        held.extend_from_slice(&piece);
    }
    let full = |error: std::io::Error| {
        tracing::error!(%error, "an upload cannot be written down");
        Problem::new(
            Code::Unavailable,
            "The file cannot be written down: the disk may be full. Try again later.",
        )
    };
    let file = tempfile::NamedTempFile::new().map_err(full)?;
    let mut writer = fs_err::tokio::File::create(file.path()).await.map_err(full)?;
    writer.write_all(&held).await.map_err(full)?;
    drop(held);
    while let Some(piece) = next(&mut body).await? {
        writer.write_all(&piece).await.map_err(full)?;
    }
    writer.flush().await.map_err(full)?;
    uploads.put_file(principal, &project, &digest, file.path()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn next(body: &mut Limited<Body>) -> Result<Option<bytes::Bytes>, Problem> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            // Trailers say nothing here.
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
            Some(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Problem::new(Code::BodyTooLarge, "A file is at most 1 GiB."));
            }
            Some(Err(_)) => {
                return Err(Problem::new(
                    Code::Malformed,
                    "The file broke off before its end: send it again.",
                ));
            }
        }
    }
}
