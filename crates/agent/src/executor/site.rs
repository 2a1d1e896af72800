//! A site: the files of the output folder, as a visitor may see them.
//!
//! What a build left is a stranger's: a link that leads out of the output, a device, a name that cannot be stored is
//! refused by name, and nothing outside is read. A link inside is published as a copy of what it leads to. Files that
//! begin with a dot are not published (`.git`, `.env`), `.well-known` excepted.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pierhead_model::deployment::Reason;
use pierhead_model::digest::Digest;
use pierhead_model::plan::BuildPlan;
use pierhead_model::release::{SiteFile, SiteManifest, SiteRelease, SiteRouting};

use super::compile::Built;
use super::release::refuse;
use super::{Run, StepError, root_of, variants};
use crate::layers::store_files;
use crate::overlay::{Folder, Merged, Node, ResolveError, hash_file};

/// Files of one site.
const MAX_FILES: usize = 100_000;
/// Bytes of one site.
const MAX_BYTES: u64 = 4 << 30;
const MAX_DEPTH: usize = 64;

/// A file to publish.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    size: u64,
}

/// What there is to publish.
#[derive(Debug, Default)]
struct Collected {
    files: BTreeMap<String, Found>,
    bytes: u64,
    hidden: usize,
}

pub(super) async fn release(run: &Run, plan: &BuildPlan, built: &Built) -> Result<SiteRelease, StepError> {
    let merged = built.merged();
    let output = output_folder(run, plan, built, &merged)?;
    let collecting = merged.clone();
    let at = output.clone();
    let collected = tokio::task::spawn_blocking(move || collect(&collecting, &at)).await;
    let collected =
        collected.map_err(|error| StepError::disk("reading the output")(std::io::Error::other(error)))??;
    if collected.hidden > 0 {
        run.log
            .say("release", &format!("{} entries that begin with a dot are not published", collected.hidden));
    }
    if collected.files.is_empty() {
        let detail = format!("the output folder `{}` is empty: check the build command", shown(&output));
        return Err(StepError::failed(Reason::BuildFailed { exit_code: None }, detail));
    }
    store(run, plan, collected).await
}

async fn store(run: &Run, plan: &BuildPlan, collected: Collected) -> Result<SiteRelease, StepError> {
    const DOING: &str = "storing the release";
    let (files, bytes) = (collected.files.len() as u64, collected.bytes);
    let (hashed, paths) = run
        .blocking("reading the output", move || {
            let (mut hashed, mut paths) = (BTreeMap::new(), HashMap::new());
            for (name, found) in collected.files {
                let digest = hash_file(&found.path)?;
                paths.entry(digest).or_insert(found.path);
                hashed.insert(name, (digest, found.size));
            }
            Ok((hashed, paths))
        })
        .await?;
    let blobs = run.node.blobs.as_ref();
    let blob = |error| StepError::Layers { doing: DOING, error: crate::layers::LayersError::Blob(error) };
    let new = store_files(blobs, &paths).await.map_err(blob)?;
    let variants = variants::of(run, &hashed, &paths).await.map_err(blob)?;
    let file = |(name, (digest, size)): (String, (Digest, u64))| {
        let variants = variants.get(&digest).cloned().unwrap_or_default();
        (name, SiteFile { digest, size, variants })
    };
    let routing = SiteRouting { single_page: plan.single_page };
    let manifest = SiteManifest { files: hashed.into_iter().map(file).collect(), routing };
    let content = serde_json::to_vec(&manifest).map_err(|error| StepError::disk(DOING)(error.into()))?;
    let digest = Digest::of(&content);
    blobs.put(digest, content.into()).await.map_err(blob)?;
    run.log.say("release", &format!("{files} files, {} KiB; {new} of them are new", bytes >> 10));
    Ok(SiteRelease { manifest: digest, files, bytes })
}

/// Where the output is: the planned folder, or the one folder the build made that looks like a site.
fn output_folder(
    run: &Run,
    plan: &BuildPlan,
    built: &Built,
    merged: &Merged,
) -> Result<Vec<OsString>, StepError> {
    let root = root_of(plan);
    let planned = plan.output_directory.as_deref().unwrap_or(".");
    let within: Vec<OsString> = Path::new(root).iter().map(OsString::from).collect();
    match merged.resolve(&within, &Path::new(root).join(planned)) {
        Ok((at, Node::Folder(_))) => return Ok(at),
        Err(ResolveError::Escapes) => {
            return Err(refuse(format!(
                "the output folder `{planned}` leads out of the project: use a folder inside it"
            )));
        }
        Ok(_) | Err(ResolveError::Missing | ResolveError::Circular) => {}
        Err(ResolveError::Unreadable(error)) => return Err(StepError::disk("reading the output")(error)),
    }
    let created = created_folders(built, root).map_err(StepError::disk("reading the output"))?;
    let sites: Vec<_> = created.iter().filter(|(_, has_index)| *has_index).map(|(name, _)| name).collect();
    if let [only] = sites[..] {
        run.log.say(
            "release",
            &format!("warning: there is no `{planned}`; publishing `{only}`, which the build made"),
        );
        let mut at = within;
        at.push(only.into());
        return Ok(at);
    }
    let made: Vec<_> = created.iter().map(|(name, _)| format!("`{name}`")).collect();
    let made = if made.is_empty() { "no folder at all".to_owned() } else { made.join(", ") };
    let detail =
        format!("the build made no `{planned}`; it made {made}. Set `output_directory` to where the site is");
    Err(StepError::failed(Reason::BuildFailed { exit_code: None }, detail))
}

/// Folders that the build made beside the sources, and whether they hold an `index.html`.
fn created_folders(built: &Built, root: &str) -> std::io::Result<Vec<(String, bool)>> {
    let Some(written) = &built.written else { return Ok(Vec::new()) };
    let written = Merged::new(vec![written.clone()]);
    let Ok((_, Node::Folder(folder))) = written.resolve(&[], Path::new(root)) else { return Ok(Vec::new()) };
    let mut created = Vec::new();
    for (name, node) in folder.children()? {
        if let (Node::Folder(folder), Some(name)) = (node, name.to_str())
            && !name.starts_with('.')
            && name != "node_modules"
        {
            let index = matches!(folder.child("index.html".as_ref())?, Some(Node::File { .. }));
            created.push((name.to_owned(), index));
        }
    }
    Ok(created)
}

fn collect(merged: &Merged, output: &[OsString]) -> Result<Collected, StepError> {
    let unreadable = StepError::disk("reading the output");
    let Ok((_, Node::Folder(folder))) = merged.resolve(&[], &output.iter().collect::<PathBuf>()) else {
        return Err(unreadable(std::io::ErrorKind::NotFound.into()));
    };
    let mut walk = Walk { merged, output, collected: Collected::default() };
    walk.folder(&folder, "", output, 0)?;
    Ok(walk.collected)
}

struct Walk<'w> {
    merged: &'w Merged,
    output: &'w [OsString],
    collected: Collected,
}

impl Walk<'_> {
    /// `real` is where the folder is, which differs from `prefix` below a link.
    fn folder(
        &mut self,
        folder: &Folder,
        prefix: &str,
        real: &[OsString],
        depth: usize,
    ) -> Result<(), StepError> {
        if depth > MAX_DEPTH {
            return Err(refuse(format!("`{prefix}` is nested deeper than {MAX_DEPTH} folders")));
        }
        for (name, node) in folder.children().map_err(StepError::disk("reading the output"))? {
            let Some(name) =
                name.to_str().filter(|name| !name.contains(|c: char| c.is_control() || c == '\\'))
            else {
                return Err(refuse(format!(
                    "`{prefix}{}` is not a name that can be published",
                    name.display()
                )));
            };
            let hidden = name.starts_with('.') && name != ".well-known";
            if hidden || (depth == 0 && name == "node_modules") {
                self.collected.hidden += 1;
                continue;
            }
            let path = format!("{prefix}{name}");
            let mut real = real.to_vec();
            real.push(name.into());
            self.node(node, path, &real, depth)?;
        }
        Ok(())
    }

    fn node(&mut self, node: Node, path: String, real: &[OsString], depth: usize) -> Result<(), StepError> {
        match node {
            Node::Folder(folder) => self.folder(&folder, &format!("{path}/"), real, depth + 1),
            Node::File { path: file, size, .. } => self.file(path, file, size),
            Node::Special(what) => {
                Err(refuse(format!("`{path}` is {what}, which cannot be published: remove it")))
            }
            Node::Symlink { target } => {
                let target = target.display().to_string();
                let leads = self.merged.resolve(self.output, &real.iter().collect::<PathBuf>());
                let (at, node) = leads.map_err(|error| {
                    refuse(format!("`{path}` is a link to `{target}`, which cannot be published: {error}"))
                })?;
                if matches!(node, Node::Folder(_)) && real.starts_with(&at) {
                    return Err(refuse(format!("`{path}` is a link to `{target}`, a folder that it is in")));
                }
                self.node(node, path, &at, depth)
            }
        }
    }

    fn file(&mut self, name: String, path: PathBuf, size: u64) -> Result<(), StepError> {
        self.collected.bytes += size;
        self.collected.files.insert(name, Found { path, size });
        if self.collected.files.len() > MAX_FILES || self.collected.bytes > MAX_BYTES {
            let detail = format!("the output has more than {MAX_FILES} files or {} GiB", MAX_BYTES >> 30);
            return Err(refuse(detail));
        }
        Ok(())
    }
}

fn shown(path: &[OsString]) -> String {
    if path.is_empty() { ".".to_owned() } else { path.iter().collect::<PathBuf>().display().to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn site(make: impl FnOnce(&Path)) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("app/dist")).unwrap();
        fs_err::write(folder.path().join("secret"), "no").unwrap();
        fs_err::write(folder.path().join("app/source"), "no").unwrap();
        make(&folder.path().join("app/dist"));
        let merged = Merged::new(vec![folder.path().join("app")]);
        let collected = collect(&merged, &["dist".into()]).map_err(|error| error.to_string())?;
        Ok(collected.files.into_keys().collect())
    }

    #[test]
    fn files_and_links_inside_are_published_and_dot_files_are_not() {
        let files = site(|dist| {
            for name in ["index.html", "a b.txt", ".env", "_redirects"] {
                fs_err::write(dist.join(name), "x").unwrap();
            }
            for folder in [".git", ".well-known", "assets", "node_modules"] {
                fs_err::create_dir(dist.join(folder)).unwrap();
                fs_err::write(dist.join(folder).join("config"), "x").unwrap();
            }
            symlink("index.html", dist.join("home.html")).unwrap();
            symlink("assets", dist.join("static")).unwrap();
        });
        assert_eq!(
            files.unwrap(),
            [
                ".well-known/config",
                "_redirects",
                "a b.txt",
                "assets/config",
                "home.html",
                "index.html",
                "static/config"
            ]
        );
    }

    #[test]
    fn what_leads_out_or_in_circles_is_refused_by_name() {
        for (name, target) in [
            ("abs", "/etc/passwd"),
            ("up", "../../secret"),
            ("source", "../source"),
            ("self", "self"),
            ("dir", "."),
            ("parent", ".."),
            ("none", "missing"),
        ] {
            let refused = site(|dist| symlink(target, dist.join(name)).unwrap()).unwrap_err();
            assert!(refused.contains(&format!("`{name}`")), "{refused}");
        }
        let refused = site(|dist| {
            fs_err::create_dir(dist.join("a")).unwrap();
            symlink("../a", dist.join("a/b")).unwrap();
        });
        assert!(refused.unwrap_err().contains("`a/b`"));
        let refused = site(|dist| {
            rustix::fs::mknodat(
                rustix::fs::CWD,
                dist.join("pipe"),
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR,
                0,
            )
            .unwrap();
        });
        assert!(refused.unwrap_err().contains("`pipe` is a named pipe"));
    }
}
