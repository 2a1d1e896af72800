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
    /// The deployment itself.
    pub inside: String,
}

impl Networks {
    #[must_use]
    pub fn of(place: &Place) -> Self {
        let outside = format!("ph-{}", place.deployment);
        Self { inside: format!("{outside}-inside"), outside }
    }
}

/// Makes both, on subnets of the pool that are free. Those that are there are taken.
pub async fn prepare(context: &Context, place: &Place, pool: Ipv4Net) -> Result<Networks, StepError> {
    let names = Networks::of(place);
    for (name, internal) in [(&names.outside, false), (&names.inside, true)] {
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
