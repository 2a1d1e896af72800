//! What a release gives to the container that runs it.

use std::sync::Arc;

use pierhead_engine::Error as EngineError;
use pierhead_engine::spec::{Mount, VolumeKind, VolumeSpec};
use pierhead_model::deployment::Reason;
use pierhead_model::release::{ImageRelease, ServiceRelease};

use super::environment::{self, APP};
use super::network::name_of;
use super::{Run, StepError};
use crate::labels;
use crate::overlay::make_app_folder;
use crate::pipeline::Base;

/// Part of every runtime image: runs the command as the first process and passes signals on.
const ENTRY: &str = "/usr/local/bin/pierhead-entry";
const USER: &str = "10001:10001";

/// The user's command, run by a shell inside the container and nowhere else.
fn shell(command: &str) -> Vec<String> {
    vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()]
}

/// What runs an image that was built, or handed over.
pub(crate) async fn image_base(run: &Run, image: &ImageRelease) -> Result<Base, StepError> {
    let tag = super::image::tag_of(run);
    run.node.images.ensure(&image.image, &tag).await.map_err(StepError::image("fetching the image"))?;
    let start = &image.start;
    Ok(Base {
        port: Some(start.port),
        entrypoint: start.command.as_ref().map(|command| shell(command)),
        variables: environment::of_service(run, start),
        ..Base::of_image(image.image.clone())
    })
}

/// What runs a built service; its files are mounted under the name of the part of the run that it is.
pub(crate) async fn app_base(run: &Run, service: &ServiceRelease, part: &str) -> Result<Base, StepError> {
    let say = |line: &str| run.log.say(part, line);
    let version = Some(service.runtime_version.as_str());
    let image = run.node.runtime(&service.runtime, version, &say).await;
    let image = image.map_err(|error| StepError::failed(Reason::Internal, error.to_string()))?;
    let volume = format!("{}-{part}", name_of(run));
    mount_layers(run, service, part, &volume).await?;
    let start = &service.start;
    Ok(Base {
        image: image.reference,
        entrypoint: Some(vec![ENTRY.to_owned()]),
        command: start.command.as_ref().map(|command| shell(command)),
        working_directory: Some(environment::in_app(&start.working_directory)),
        user: Some(USER.to_owned()),
        variables: environment::of_service(run, start),
        mounts: vec![Mount::Volume { name: volume, target: APP.to_owned(), read_only: false, filled: false }],
        port: Some(start.port),
    })
}

/// The service's files: its layers as they lie, under a folder of its own that it may write in.
async fn mount_layers(
    run: &Run,
    service: &ServiceRelease,
    part: &str,
    volume: &str,
) -> Result<(), StepError> {
    let mut lower = Vec::new();
    for digest in service.layers.iter().rev() {
        lower.push(
            run.node.layers.folder(*digest).await.map_err(StepError::layers("making the service's files"))?,
        );
    }
    let folder = run.folder(part);
    let empty = lower.is_empty();
    let (upper, work, nothing) = (folder.join("upper"), folder.join("work"), folder.join("nothing"));
    if empty {
        lower.push(nothing.clone());
    }
    let folders = [upper.clone(), work.clone(), nothing];
    run.blocking("making the service's folders", move || {
        folders.iter().try_for_each(|path| make_app_folder(path))
    })
    .await?;
    let labels = labels::of_object(&run.identity, &run.held, part);
    let volume =
        VolumeSpec { name: volume.to_owned(), labels, kind: VolumeKind::Overlay { lower, upper, work } };
    let engine = Arc::clone(&run.node.engine);
    match run.settle("making the service's volume", async move { engine.volume_create(&volume).await }).await
    {
        // An earlier epoch made it, of the same layers: only its labels differ.
        Err(StepError::Engine { error: EngineError::NameTaken { .. }, .. }) => Ok(()),
        result => result,
    }
}
