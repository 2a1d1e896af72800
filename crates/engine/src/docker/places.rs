//! Networks and volumes.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptions};
use ipnet::Ipv4Net;

use super::{DockerEngine, convert, to_ordered};
use crate::{EngineError, Listed, NetworkSpec, Result, VolumeSpec};

impl DockerEngine {
    pub(super) async fn create_network(&self, spec: &NetworkSpec) -> Result<()> {
        // Docker allows two networks of one name; we do not.
        let there = self.list_networks(&BTreeMap::new()).await?;
        if let Some(found) = there.into_iter().find(|network| network.name == spec.name) {
            if spec.labels.iter().all(|(key, value)| found.labels.get(key) == Some(value)) {
                return Ok(());
            }
            return Err(EngineError::NameTaken { what: "network", name: spec.name.clone() });
        }
        let pool = IpamConfig { subnet: Some(spec.subnet.to_string()), ..IpamConfig::default() };
        let request = NetworkCreateRequest {
            name: spec.name.clone(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam { config: Some(vec![pool]), ..Ipam::default() }),
            labels: Some(spec.labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        let subnet = spec.subnet.to_string();
        Self::quick("creating a network", self.docker.create_network(request), "network", &subnet)
            .await
            .map(drop)
    }

    pub(super) async fn remove_network(&self, name: &str) -> Result<()> {
        match Self::quick("removing a network", self.docker.remove_network(name), "network", name).await {
            Err(EngineError::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    pub(super) async fn list_networks(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        let options = ListNetworksOptionsBuilder::new().filters(&convert::label_filter(labels)).build();
        let found =
            Self::quick("listing networks", self.docker.list_networks(Some(options)), "network", "").await?;
        let listed = |network: bollard::models::Network| Listed {
            name: network.name.unwrap_or_default(),
            labels: to_ordered(network.labels),
            running: false,
        };
        Ok(found.into_iter().map(listed).collect())
    }

    pub(super) async fn all_subnets(&self) -> Result<Vec<Ipv4Net>> {
        let found = Self::quick("listing networks", self.docker.list_networks(None), "network", "").await?;
        let pools = found.into_iter().filter_map(|network| network.ipam?.config).flatten();
        Ok(pools.filter_map(|pool| pool.subnet?.parse().ok()).collect())
    }

    pub(super) async fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        let overlay = spec.kind.overlay_options(&spec.name)?;
        let options = overlay.map(|options| {
            [("type", "overlay"), ("device", "overlay"), ("o", &options)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        });
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            driver: Some("local".to_owned()),
            driver_opts: options,
            labels: Some(spec.labels.clone().into_iter().collect::<HashMap<_, _>>()),
            cluster_volume_spec: None,
        };
        Self::quick("creating a volume", self.docker.create_volume(request), "volume", &spec.name)
            .await
            .map(drop)
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Result<()> {
        let call = self.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        match Self::quick("removing a volume", call, "volume", name).await {
            Err(EngineError::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    pub(super) async fn list_volumes(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Listed>> {
        let options = ListVolumesOptionsBuilder::new().filters(&convert::label_filter(labels)).build();
        let found =
            Self::quick("listing volumes", self.docker.list_volumes(Some(options)), "volume", "").await?;
        let listed = |volume: bollard::models::Volume| Listed {
            name: volume.name,
            labels: volume.labels.into_iter().collect(),
            running: false,
        };
        Ok(found.volumes.unwrap_or_default().into_iter().map(listed).collect())
    }
}
