//! Networks: bridges with a subnet the caller chose.

use bollard::{
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::ListNetworksOptions,
};

use super::{
    DockerEngine,
    call::{Call, classify, label_filter, path_part},
};
use crate::{
    error::{Error, Object, Result},
    labels,
    spec::{Labels, NetworkSpec},
    state::{ContainerId, Network},
};

impl DockerEngine {
    pub(super) async fn network_make(&self, spec: &NetworkSpec) -> Result<()> {
        spec.validate()?;
        let _one_at_a_time = self.networks.lock().await;
        if self.network_is_made(spec).await? {
            return Ok(());
        }
        let call = Call::on("creating a network", Object::Network, &spec.name);
        match self.docker.create_network(request(spec)).await {
            Ok(_) => Ok(()),
            Err(error) if overlaps(&error) => {
                // Another process may have made this very network since we looked.
                if self.network_is_made(spec).await? {
                    return Ok(());
                }
                Err(Error::SubnetOverlap { subnet: spec.subnet })
            }
            Err(error) => Err(classify(error, call)),
        }
    }

    async fn network_is_made(&self, spec: &NetworkSpec) -> Result<bool> {
        match self.network_get(&spec.name).await {
            Ok(found) if found.labels.get(labels::SPEC) == Some(&spec.hash()) => Ok(true),
            Ok(_) => Err(Error::NameTaken { object: Object::Network, name: spec.name.clone() }),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn network_delete(&self, name: &str) -> Result<()> {
        let call = Call::on("removing a network", Object::Network, name);
        let removed = self.docker.remove_network(path_part(Object::Network, name)?).await;
        match removed.map_err(|error| classify(error, call)) {
            Err(Error::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    pub(super) async fn network_get(&self, name: &str) -> Result<Network> {
        let call = Call::on("inspecting a network", Object::Network, name);
        let found = self.docker.inspect_network(path_part(Object::Network, name)?, None).await;
        let found = found.map_err(|error| classify(error, call))?;
        let mut containers: Vec<_> =
            found.containers.unwrap_or_default().into_keys().map(ContainerId::new).collect();
        containers.sort();
        let network = describe(found.name, found.labels, found.ipam, found.internal, containers);
        // The engine also finds by the beginning of an id.
        if network.name == name { Ok(network) } else { Err(Error::not_found(Object::Network, name)) }
    }

    pub(super) async fn networks_with(&self, labels: &Labels) -> Result<Vec<Network>> {
        let options = ListNetworksOptions { filters: label_filter(labels) };
        let found = self.docker.list_networks(Some(options)).await;
        let found = found.map_err(|error| classify(error, Call::plain("listing networks")))?;
        Ok(found
            .into_iter()
            .map(|one| describe(one.name, one.labels, one.ipam, one.internal, Vec::new()))
            .collect())
    }
}

fn request(spec: &NetworkSpec) -> NetworkCreateRequest {
    let mut labels: std::collections::HashMap<_, _> = spec.labels.clone().into_iter().collect();
    labels.insert(labels::SPEC.to_owned(), spec.hash());
    NetworkCreateRequest {
        name: spec.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(spec.internal),
        attachable: Some(false),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            driver: Some("default".to_owned()),
            config: Some(vec![IpamConfig { subnet: Some(spec.subnet.to_string()), ..Default::default() }]),
            options: None,
        }),
        labels: Some(labels),
        ..Default::default()
    }
}

fn overlaps(error: &bollard::errors::Error) -> bool {
    matches!(error, bollard::errors::Error::DockerResponseServerError { message, .. }
        if message.to_lowercase().contains("overlap"))
}

fn describe(
    name: Option<String>,
    labels: Option<std::collections::HashMap<String, String>>,
    ipam: Option<Ipam>,
    internal: Option<bool>,
    containers: Vec<ContainerId>,
) -> Network {
    let config = ipam.and_then(|ipam| ipam.config).and_then(|configs| configs.into_iter().next());
    let config = config.unwrap_or_default();
    Network {
        name: name.unwrap_or_default(),
        labels: labels.unwrap_or_default().into_iter().collect(),
        subnet: config.subnet.and_then(|text| text.parse().ok()),
        gateway: config.gateway.and_then(|text| text.parse().ok()),
        internal: internal.unwrap_or(false),
        containers,
    }
}
