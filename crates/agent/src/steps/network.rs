//! The networks of a deployment: one with a way out, on which its services and most plugins are, and one without, on which its
//! services are as well. A plugin that may reach its deployment and nothing else is only on the second.

use ipnet::Ipv4Net;

use super::place::Place;
use super::{Context, StepError};
use crate::networks::{self, NetworkError, Wanted};

/// What the objects are labelled as: no step of a pipeline is called like that, since it begins with a capital.
const STEP: &str = "Network";

/// What the engine calls the networks of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    /// As far out as deployments may.
    pub outside: String,
    /// The deployment itself. `None` for one that is a single service: nobody else is there.
    pub inside: Option<String>,
}

impl Networks {
    #[must_use]
    pub fn of(place: &Place) -> Self {
        let outside = format!("ph-{}", place.deployment);
        Self { inside: Some(format!("{outside}-inside")), outside }
    }

    /// Of a deployment that is a single service.
    #[must_use]
    pub fn of_app(place: &Place) -> Self {
        Self { inside: None, ..Self::of(place) }
    }
}

/// Makes both, on subnets of the pool that are free. Those that are there are taken.
pub async fn prepare(context: &Context, place: &Place, pool: Ipv4Net) -> Result<Networks, StepError> {
    let names = Networks::of(place);
    let inside = names.inside.as_ref().map(|name| (name, true));
    for (name, internal) in [(&names.outside, false)].into_iter().chain(inside) {
        let wanted = Wanted { name: name.clone(), labels: place.labels_of_step(STEP), internal };
        match networks::ensure(&context.engine, &context.settling, pool, wanted).await {
            Ok(()) => {}
            Err(NetworkError::Engine(error)) => {
                return Err(StepError::Engine { doing: "making the deployment's networks", error });
            }
            Err(NetworkError::Full { pool }) => return Err(StepError::NoSubnet { pool }),
        }
    }
    Ok(names)
}
