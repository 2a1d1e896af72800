//! Images of services and plugins: from this node, from another one, or from their registry.

use pierhead_engine::image::RegistryLogin;
use pierhead_model::assignment::RunKeys;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::pipeline::image::ImageReference;
use url::Url;

use crate::executor::Run;

/// Images of Pierhead's own, which are made on nodes and are in no registry.
const OWN: &str = "pierhead/";
/// What was built for deployments; nobody else's to name.
const BUILT: &str = "pierhead-app";
/// Where an image is that names no registry.
const DEFAULT_REGISTRY: &str = "docker.io";
/// A tag that moves.
const MOVING: &str = "latest";

/// Has the image on this node, and says by which name it is run. A tag that moves is asked for again each time.
pub(crate) async fn ensure(run: &Run, image: &ImageReference) -> Result<String, Failure> {
    let reference = canonical(image);
    let failed = |why: String| {
        Failure::new(Reason::ImagePullFailed, format!("the image {reference} could not be had: {why}"))
    };
    let images = &run.node.images;
    if is_built_here(&reference) {
        return Err(failed("this name is for images that Pierhead built for other deployments".to_owned()));
    }
    if image.repository().starts_with(OWN) {
        let known = images.ensure_if_known(&reference).await.map_err(|error| failed(error.to_string()))?;
        if !known {
            make(run, &reference).await.map_err(failed)?;
        }
        return Ok(reference);
    }
    let here = images.has(&reference).await.map_err(|error| failed(error.to_string()))?;
    let moves = image.digest().is_none() && image.tag().is_none_or(|tag| tag == MOVING);
    if here && !moves {
        return Ok(reference);
    }
    match pull(run, image).await {
        Ok(()) => Ok(reference),
        // What is here is as good as it gets while its registry is away.
        Err(why) if here => {
            run.log.say(
                "images",
                &format!("{reference} could not be looked for again ({why}); the one that is here is used"),
            );
            Ok(reference)
        }
        Err(why) => Err(failed(why)),
    }
}

/// One of Pierhead's own plugins, made here.
async fn make(run: &Run, reference: &str) -> Result<(), String> {
    let known = crate::plugins::first_party().map_err(|error| error.to_string())?;
    let Some(plugin) = known.into_iter().find(|manifest| manifest.image == reference) else {
        return Err("no node has it, and it is not one that comes with this version".to_owned());
    };
    let say = |line: &str| run.log.say("images", line);
    run.node.plugins.ensure(&plugin.name, &say).await.map(drop).map_err(|error| {
        match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        }
    })
}

async fn pull(run: &Run, image: &ImageReference) -> Result<(), String> {
    let host = registry_of(image.repository());
    // The engine's own registry resolves to many addresses of others; what an admin's allow list is about are private ones.
    if host != DEFAULT_REGISTRY {
        let url = Url::parse(&format!("https://{host}/")).map_err(|error| error.to_string())?;
        run.node.addresses.resolve(&url).await.map_err(|error| error.to_string())?;
    }
    let reference = canonical(image);
    run.log.say("images", &format!("fetching {reference}"));
    let login = run.held.assignment.work.keys.as_ref().and_then(|keys| login_for(keys, host));
    let pulled = run.node.engine.image_pull(&reference, login.as_ref()).await;
    pulled.map_err(|error| {
        let mut told = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            told = format!("{told}: {source}");
        }
        told
    })
}

fn login_for(keys: &RunKeys, host: &str) -> Option<RegistryLogin> {
    let login = keys.registries.iter().find(|login| login.host == host)?;
    Some(RegistryLogin {
        host: login.host.clone(),
        username: login.username.clone(),
        password: login.password.clone(),
    })
}

/// The whole name, with its registry. Engines take a short name for the beginning of an image's id as well (`sha256:…`, hex
/// digits), and so for an image that somebody else built; a whole name they take for nothing but a name.
fn canonical(image: &ImageReference) -> String {
    let text = image.to_string();
    if text.starts_with(OWN) {
        return text;
    }
    let (host, rest) = match image.repository().split_once('/') {
        Some((host, _)) if registry_of(image.repository()) == host => {
            (host, text.get(host.len() + 1..).unwrap_or_default())
        }
        _ => (DEFAULT_REGISTRY, text.as_str()),
    };
    let is_docker_hub = [DEFAULT_REGISTRY, "index.docker.io"].contains(&host);
    match (is_docker_hub, rest.contains('/')) {
        (true, false) => format!("{DEFAULT_REGISTRY}/library/{rest}"),
        (true, true) => format!("{DEFAULT_REGISTRY}/{rest}"),
        (false, _) => format!("{host}/{rest}"),
    }
}

/// Whether a whole name is one of those under which builds are kept.
fn is_built_here(canonical: &str) -> bool {
    let path = canonical.strip_prefix(DEFAULT_REGISTRY).and_then(|rest| rest.strip_prefix("/library/"));
    let name = path.and_then(|rest| rest.split([':', '@']).next());
    name == Some(BUILT)
}

/// The host in a repository's name: what comes before the first slash, when it looks like one.
fn registry_of(repository: &str) -> &str {
    match repository.split_once('/') {
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => first,
        _ => DEFAULT_REGISTRY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_writing_it_names_an_image_that_was_built_for_somebody_else() {
        let id = "b".repeat(64);
        for (written, whole) in [
            ("postgres:16", "docker.io/library/postgres:16"),
            ("acme/api:v1", "docker.io/acme/api:v1"),
            ("ghcr.io/acme/api:v1", "ghcr.io/acme/api:v1"),
            ("127.0.0.1:5000/api:v1", "127.0.0.1:5000/api:v1"),
            ("pierhead/node:22", "pierhead/node:22"),
            ("sha256:abcdef", "docker.io/library/sha256:abcdef"),
            ("fd7b1c09d482", "docker.io/library/fd7b1c09d482"),
        ] {
            let canonical = canonical(&ImageReference::parse(written).unwrap());
            assert_eq!(canonical, whole);
            assert!(!is_built_here(&canonical), "{written}");
        }
        for written in [
            "pierhead-app:3x9mq2p7ab".to_owned(),
            "docker.io/pierhead-app:3x9mq2p7ab".to_owned(),
            "docker.io/library/pierhead-app:3x9mq2p7ab".to_owned(),
            "index.docker.io/library/pierhead-app:3x9mq2p7ab".to_owned(),
            "library/pierhead-app".to_owned(),
            format!("pierhead-app@sha256:{id}"),
        ] {
            let canonical = canonical(&ImageReference::parse(&written).unwrap());
            assert!(is_built_here(&canonical), "{written}: {canonical}");
        }
    }

    #[test]
    fn the_registry_is_named_before_the_first_slash() {
        for (repository, host) in [
            ("postgres", "docker.io"),
            ("acme/api", "docker.io"),
            ("ghcr.io/acme/api", "ghcr.io"),
            ("localhost/api", "localhost"),
            ("127.0.0.1:5000/api", "127.0.0.1:5000"),
        ] {
            assert_eq!(registry_of(repository), host);
        }
    }
}
