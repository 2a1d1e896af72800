//! Images: made of a root file system, built of a Dockerfile, looked up, removed.
//!
//! Dockerfiles are built by the engine's classic builder. It needs no registry as long as the base image is on the node, and
//! unlike BuildKit it honours the limits on memory and processor per build.

use std::collections::BTreeMap;

use async_stream::try_stream;
use bollard::Docker;
use bollard::models::BuildInfo;
use bollard::query_parameters::{
    BuildImageOptionsBuilder, CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};

use super::{DockerEngine, convert};
use crate::{BuildOutput, BuildSpec, EngineError, ImageSpec, Listed, Result};

impl DockerEngine {
    pub(super) async fn image_id_of(&self, reference: &str) -> Result<Option<String>> {
        let call = self.docker.inspect_image(reference);
        match Self::quick("looking up an image", call, "image", reference).await {
            Ok(found) => Ok(found.id),
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn import(
        &self,
        spec: &ImageSpec,
        tar: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<String> {
        let (repository, tag) = spec.reference.rsplit_once(':').unwrap_or((&spec.reference, "latest"));
        let changes = spec.changes.clone();
        let options =
            CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).changes(changes).build();
        let body = bollard::body_try_stream(tar);
        let importing = self.docker.create_image(Some(options), Some(body), None);
        importing
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
            .map_err(|error| convert::error("importing an image", "image", &spec.reference, error))?;
        let id = self.image_id_of(&spec.reference).await?;
        id.ok_or_else(|| EngineError::NotFound { what: "image", name: spec.reference.clone() })
    }

    pub(super) async fn remove_image(&self, reference: &str) -> Result<()> {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        let call = self.docker.remove_image(reference, Some(options), None);
        match Self::quick("removing an image", call, "image", reference).await {
            Ok(_) | Err(EngineError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn list_images(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        let options = ListImagesOptionsBuilder::new().filters(&convert::label_filter(labels)).build();
        let found =
            Self::quick("listing images", self.docker.list_images(Some(options)), "image", "").await?;
        let listed = |image: bollard::models::ImageSummary| Listed {
            name: image.repo_tags.into_iter().next().unwrap_or(image.id),
            labels: image.labels.into_iter().collect(),
            running: false,
        };
        Ok(found.into_iter().map(listed).collect())
    }

    pub(super) async fn exposed_port(&self, reference: &str) -> Result<Option<u16>> {
        let found =
            Self::quick("looking up an image", self.docker.inspect_image(reference), "image", reference)
                .await?;
        let ports = found.config.and_then(|config| config.exposed_ports).unwrap_or_default();
        let mut ports: Vec<u16> =
            ports.iter().filter_map(|port| port.strip_suffix("/tcp")?.parse().ok()).collect();
        ports.sort_unstable();
        Ok(ports.first().copied())
    }
}

pub(super) fn build(
    docker: Docker,
    spec: BuildSpec,
    context: Bytes,
) -> BoxStream<'static, Result<BuildOutput>> {
    try_stream! {
        let options = options(&spec);
        let mut steps = docker.build_image(options, None, Some(bollard::body_full(context)));
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| failed(&spec, error))?;
            if let Some(text) = text(step)? {
                yield BuildOutput::Text(text);
            }
        }
        let found = docker.inspect_image(&spec.reference).await;
        let found = found.map_err(|error| convert::error("looking up an image", "image", &spec.reference, error))?;
        yield BuildOutput::Image(found.id.unwrap_or_default());
    }
    .boxed()
}

fn options(spec: &BuildSpec) -> bollard::query_parameters::BuildImageOptions {
    let memory = i32::try_from(spec.limits.memory_bytes).unwrap_or(i32::MAX);
    let period = 100_000;
    let quota = i32::try_from(u64::from(spec.limits.cpu_millis) * 100).unwrap_or(i32::MAX);
    BuildImageOptionsBuilder::new()
        .t(&spec.reference)
        .dockerfile(&spec.dockerfile)
        .buildargs(&spec.arguments.clone().into_iter().collect())
        .labels(&spec.labels.clone().into_iter().collect())
        .networkmode(&spec.network)
        .memory(memory)
        .memswap(memory)
        .cpuperiod(period)
        .cpuquota(quota)
        .nocache(spec.no_cache)
        .rm(true)
        .forcerm(true)
        .build()
}

fn text(step: BuildInfo) -> Result<Option<String>> {
    if let Some(detail) = step.error_detail {
        let message = detail.message.unwrap_or_default();
        return Err(EngineError::BuildFailed { message, exit_code: detail.code });
    }
    Ok(step.stream.or(step.status))
}

fn failed(spec: &BuildSpec, error: bollard::errors::Error) -> EngineError {
    match error {
        bollard::errors::Error::DockerStreamError { error } => {
            let code = error
                .rsplit_once("returned a non-zero code: ")
                .and_then(|(_, code)| code.trim().parse().ok());
            EngineError::BuildFailed { message: error, exit_code: code }
        }
        error => convert::error("building an image", "image", &spec.reference, error),
    }
}
