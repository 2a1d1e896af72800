//! Volumes: plain directories, and overlays of host directories through the engine's local driver.

use bollard::{
    models::VolumeCreateRequest,
    query_parameters::{ListVolumesOptions, RemoveVolumeOptions},
};

use super::{
    DockerEngine,
    call::{Call, classify, label_filter, path_part},
};
use crate::{
    error::{Error, Object, Result},
    labels,
    spec::{Labels, VolumeSpec},
    state::Volume,
};

impl DockerEngine {
    pub(super) async fn volume_make(&self, spec: &VolumeSpec) -> Result<()> {
        spec.validate()?;
        let call = Call::on("creating a volume", Object::Volume, &spec.name);
        let mut labels: std::collections::HashMap<_, _> = spec.labels.clone().into_iter().collect();
        labels.insert(labels::SPEC.to_owned(), spec.hash());
        let driver_opts = spec.overlay_options()?.map(|options| {
            [("type", "overlay"), ("device", "overlay"), ("o", options.as_str())]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        });
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            driver: Some("local".to_owned()),
            driver_opts,
            labels: Some(labels),
            cluster_volume_spec: None,
        };
        // The engine answers with an existing volume of that name as if it had made it, so its label decides.
        let made = match self.docker.create_volume(request).await.map_err(|error| classify(error, call)) {
            Ok(made) => made,
            Err(Error::Conflict { object, name, .. }) => return Err(Error::NameTaken { object, name }),
            Err(error) => return Err(error),
        };
        if made.labels.get(labels::SPEC) == Some(&spec.hash()) {
            Ok(())
        } else {
            Err(Error::NameTaken { object: Object::Volume, name: spec.name.clone() })
        }
    }

    pub(super) async fn volume_delete(&self, name: &str) -> Result<()> {
        let call = Call::on("removing a volume", Object::Volume, name);
        let removed =
            self.docker.remove_volume(path_part(Object::Volume, name)?, None::<RemoveVolumeOptions>).await;
        match removed.map_err(|error| classify(error, call)) {
            Err(Error::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    pub(super) async fn volumes_with(&self, labels: &Labels) -> Result<Vec<Volume>> {
        let options = ListVolumesOptions { filters: label_filter(labels) };
        let found = self.docker.list_volumes(Some(options)).await;
        let found = found.map_err(|error| classify(error, Call::plain("listing volumes")))?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|one| Volume { name: one.name, labels: one.labels.into_iter().collect() })
            .collect())
    }
}
