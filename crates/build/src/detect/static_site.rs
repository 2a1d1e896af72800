//! A plain folder: an `index.html` and nothing to build.

use pierhead_model::plan::{Kind, Runtime};

use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;

use super::Context;

const FOLDERS: &[&str] =
    &[".", "public", "dist", "www", "site", "html", "static", "docs", "build", "_site", "out"];

pub(crate) fn id(framework: &str) -> Option<&'static str> {
    ["static", "none"].into_iter().find(|id| *id == framework)
}

pub(crate) fn detect(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    let facts = context.facts;
    if let Some((folder, page)) = folder_with_page(facts) {
        return Ok(Some(draft(folder, Found::detected((), format!("there is {page}")).at(page, None))));
    }
    if facts.has("Staticfile") {
        return Ok(Some(draft(".", Found::detected((), "there is a Staticfile").at("Staticfile", None))));
    }
    // Pages without an index are still a site; the front page will be missing, and that is said.
    let page = facts.with_extension(&["html", "htm"]).next().map(str::to_owned);
    Ok(page.map(|page| {
        let mut draft = draft(".", Found::detected((), format!("there is {page}")).at(&*page, None));
        draft.warn(format!("there is no index.html: the front page will not be found, but /{page} will"));
        draft
    }))
}

/// The folder as it is, whatever it holds.
pub(crate) fn plain(facts: &Facts<'_>) -> Draft {
    let (folder, because) = match folder_with_page(facts) {
        Some((folder, page)) => (folder, format!("there is {page}")),
        None => (".", "a plain folder".to_owned()),
    };
    draft(folder, Found::default((), because))
}

fn folder_with_page(facts: &Facts<'_>) -> Option<(&'static str, String)> {
    FOLDERS.iter().find_map(|folder| {
        let page = crate::source::path::join(folder, "index.html");
        facts.exists(&page).then_some((*folder, page))
    })
}

fn draft(folder: &str, found: Found<()>) -> Draft {
    let evidence = found.clone().map(|()| "static");
    let mut draft = Draft::new(evidence, "Static files", Kind::Site, Runtime::Static);
    draft.kind(&Found::detected(Kind::Site, "files are served as they are"));
    draft.output(found.map(|()| folder.to_owned()));
    draft
}
