//! Looking at, importing, moving and removing images.

use bollard::{
    auth::DockerCredentials,
    body_try_stream,
    query_parameters::{
        CreateImageOptions, ImportImageOptions, ListImagesOptions, RemoveImageOptions, TagImageOptions,
    },
};
use futures::TryStreamExt as _;
use jiff::Timestamp;

use super::{
    DockerEngine,
    call::{Call, classify, label_filter, path_part},
    containers::moment,
};
use crate::{
    engine::{ByteSource, ByteStream},
    error::{Error, Object, Result},
    image::{Image, ImageConfig, ImageId, ImageSummary, ImportOptions, RegistryLogin},
    spec::Labels,
    state::Removal,
};

impl DockerEngine {
    pub(super) async fn image_get(&self, reference: &str) -> Result<Image> {
        let call = Call::on("inspecting an image", Object::Image, reference);
        let found = self.docker.inspect_image(path_part(Object::Image, reference)?).await;
        let found = found.map_err(|error| match classify(error, call) {
            Error::NoSuchImage { .. } => Error::not_found(Object::Image, reference),
            error => error,
        })?;
        let config = found.config.unwrap_or_default();
        Ok(Image {
            id: ImageId::new(found.id.unwrap_or_default()),
            tags: tags(found.repo_tags.unwrap_or_default()),
            labels: config.labels.clone().unwrap_or_default().into_iter().collect(),
            size_bytes: found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
            created_at: found.created.as_deref().and_then(moment).unwrap_or(Timestamp::UNIX_EPOCH),
            config: describe(config),
            layers: found.root_fs.and_then(|root| root.layers).unwrap_or_default(),
        })
    }

    pub(super) async fn images_with(&self, labels: &Labels) -> Result<Vec<ImageSummary>> {
        let options = ListImagesOptions { filters: label_filter(labels), ..Default::default() };
        let found = self.docker.list_images(Some(options)).await;
        let found = found.map_err(|error| classify(error, Call::plain("listing images")))?;
        Ok(found
            .into_iter()
            .map(|one| ImageSummary {
                id: ImageId::new(one.id),
                tags: tags(one.repo_tags),
                labels: one.labels.into_iter().collect(),
                size_bytes: u64::try_from(one.size).unwrap_or(0),
                created_at: Timestamp::from_second(one.created).unwrap_or(Timestamp::UNIX_EPOCH),
            })
            .collect())
    }

    pub(super) async fn image_delete(&self, reference: &str, how: Removal) -> Result<()> {
        let call = Call::on("removing an image", Object::Image, reference);
        let name = path_part(Object::Image, reference)?;
        let options = RemoveImageOptions { force: how == Removal::Force, ..Default::default() };
        match self.docker.remove_image(name, Some(options), None).await.map_err(|error| classify(error, call))
        {
            Ok(_) | Err(Error::NotFound { .. } | Error::NoSuchImage { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn image_name(&self, reference: &str, tag: &str) -> Result<()> {
        let call = Call::on("tagging an image", Object::Image, reference);
        let (repo, version) = split_tag(tag)?;
        let options = TagImageOptions { repo: Some(repo), tag: Some(version) };
        let tagged = self.docker.tag_image(path_part(Object::Image, reference)?, Some(options)).await;
        tagged.map_err(|error| match classify(error, call) {
            Error::NoSuchImage { .. } => Error::not_found(Object::Image, reference),
            error => error,
        })
    }

    pub(super) async fn image_from_tar(&self, root: ByteSource, options: &ImportOptions) -> Result<ImageId> {
        options.validate()?;
        let call = Call::on("importing an image", Object::Image, &options.tag);
        let (repo, tag) = split_tag(&options.tag)?;
        let docker = super::build::with_query(&self.docker, &import_query(options)?);
        let request = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repo),
            tag: Some(tag),
            ..Default::default()
        };
        let progress = docker.create_image(Some(request), Some(body_try_stream(root)), None);
        progress.try_collect::<Vec<_>>().await.map_err(|error| classify(error, call))?;
        Ok(self.image_get(&options.tag).await?.id)
    }

    pub(super) async fn image_fetch(&self, reference: &str, login: Option<&RegistryLogin>) -> Result<()> {
        path_part(Object::Image, reference)?;
        let name = reference.rsplit_once('/').map_or(reference, |(_, name)| name);
        // Without a tag the engine would fetch every tag there is.
        let whole =
            if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") };
        let request = CreateImageOptions { from_image: Some(whole), ..Default::default() };
        let login = login.map(|login| DockerCredentials {
            username: Some(login.username.clone()),
            password: Some(login.password.clone()),
            serveraddress: Some(login.host.clone()),
            ..DockerCredentials::default()
        });
        let progress = self.docker.create_image(Some(request), None, login);
        let fetched = progress.try_collect::<Vec<_>>().await;
        fetched.map(drop).map_err(|error| not_fetched(error, reference))
    }

    pub(super) async fn images_export(&self, references: &[&str]) -> Result<ByteStream> {
        for reference in references {
            self.image_get(reference).await?;
        }
        let bytes = self.docker.export_images(references);
        Ok(Box::pin(bytes.map_err(|error| classify(error, Call::plain("saving images")))))
    }

    pub(super) async fn images_load(&self, archive: ByteSource) -> Result<()> {
        let options = ImportImageOptions { quiet: true, ..Default::default() };
        let loaded = self.docker.import_image_stream(options, archive, None).try_collect::<Vec<_>>().await;
        loaded.map(drop).map_err(|error| classify(error, Call::plain("loading images")))
    }
}

/// The engine tells in words, in the middle of its progress, why an image cannot be had.
fn not_fetched(error: bollard::errors::Error, reference: &str) -> Error {
    const MISSING: [&str; 4] = ["not found", "manifest unknown", "access denied", "unauthorized"];
    let said = error.to_string();
    if MISSING.iter().any(|word| said.contains(word)) {
        return Error::NoSuchImage { image: reference.to_owned() };
    }
    match classify(error, Call::on("fetching an image", Object::Image, reference)) {
        Error::NoSuchImage { image } => Error::NoSuchImage { image },
        Error::OutOfSpace { operation } => Error::OutOfSpace { operation },
        _ => Error::Unavailable {
            operation: "fetching an image",
            cause: Some(std::sync::Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(said))),
        },
    }
}

/// Untagged images are listed as `<none>`.
fn tags(tags: Vec<String>) -> Vec<String> {
    tags.into_iter().filter(|tag| !tag.contains("<none>")).collect()
}

/// `name:tag`; the colon of a registry's port is not the tag's.
fn split_tag(reference: &str) -> Result<(String, String)> {
    path_part(Object::Image, reference)?;
    match reference.rsplit_once(':') {
        Some((repo, tag)) if !repo.is_empty() && !tag.is_empty() && !tag.contains('/') => {
            Ok((repo.to_owned(), tag.to_owned()))
        }
        _ => Err(Error::refused(format!("`{reference}` names no tag; write it as `name:tag`"))),
    }
}

fn describe(config: bollard::models::ImageConfig) -> ImageConfig {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut exposed_tcp: Vec<u16> = config
        .exposed_ports
        .unwrap_or_default()
        .iter()
        .filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok())
        .collect();
    exposed_tcp.sort_unstable();
    ImageConfig {
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        env: config
            .env
            .unwrap_or_default()
            .into_iter()
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => (pair, String::new()),
            })
            .collect(),
        working_dir: some(config.working_dir),
        user: some(config.user),
        exposed_tcp,
        stop_signal: some(config.stop_signal),
    }
}

/// The `changes` of an import: Dockerfile instructions, one parameter each.
fn import_query(options: &ImportOptions) -> Result<Vec<(String, String)>> {
    let ImageConfig { entrypoint, command, env, working_dir, user, exposed_tcp, stop_signal: _ } =
        &options.config;
    let json = |words: &[String]| serde_json::to_string(words).unwrap_or_default();
    let mut changes = Vec::new();
    for (key, value) in &options.labels {
        changes.push(format!("LABEL {}={}", quoted(key)?, quoted(value)?));
    }
    for (key, value) in env {
        changes.push(format!("ENV {}={}", quoted(key)?, quoted(value)?));
    }
    // Setting an entry point clears the command, so it comes first.
    if !entrypoint.is_empty() {
        changes.push(format!("ENTRYPOINT {}", json(entrypoint)));
    }
    if !command.is_empty() {
        changes.push(format!("CMD {}", json(command)));
    }
    if let Some(dir) = working_dir {
        changes.push(format!("WORKDIR {}", quoted(dir)?));
    }
    if let Some(user) = user {
        changes.push(format!("USER {}", quoted(user)?));
    }
    for port in exposed_tcp {
        changes.push(format!("EXPOSE {port}/tcp"));
    }
    Ok(changes.into_iter().map(|change| ("changes".to_owned(), change)).collect())
}

/// A word of a Dockerfile instruction that stands for exactly this text: no expansion, no second word.
fn quoted(text: &str) -> Result<String> {
    if text.chars().any(char::is_control) {
        return Err(Error::refused(format!("`{}` has control characters in it", text.escape_debug())));
    }
    let mut word = String::from('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$') {
            word.push('\\');
        }
        word.push(c);
    }
    word.push('"');
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_split_after_the_name() {
        assert_eq!(split_tag("a:b").expect("valid"), ("a".into(), "b".into()));
        assert_eq!(split_tag("r:5000/a:b").expect("valid"), ("r:5000/a".into(), "b".into()));
        for bad in ["a", "r:5000/a", "a:", ":b", "a b:c"] {
            assert!(split_tag(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_cannot_leave_their_quotes() {
        assert_eq!(quoted(r#"a"b\c$d"#).expect("valid"), r#""a\"b\\c\$d""#);
        assert!(quoted("a\nUSER root").is_err());
    }
}
