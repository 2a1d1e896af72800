//! Small values that many answers hold: times, and the domain's enums as the API spells them.

use std::borrow::Cow;

use pierhead_model::{Timestamp, deployment, log, variable};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// A time: RFC 3339, UTC, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, with milliseconds."))
            .examples(["2026-03-01T12:00:00.000Z"])
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}

/// Declares an enum of the API with the same variants as one of the domain, and both conversions.
macro_rules! mirrored {
    ($($(#[$meta:meta])* $name:ident = $domain:ty { $($variant:ident),* })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        $(#[$meta])*
        pub(crate) enum $name { $($variant),* }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),* }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => <$domain>::$variant),* }
            }
        }
    )*};
}
pub(crate) use mirrored;

mirrored! {
    /// Where a deployment is in its life. PRODUCTION is live; FAILED and INACTIVE are ends.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    State = deployment::State { Queued, Building, Provisioning, Production, Inactive, Failed }

    /// Who said a line: the program (`stdout`, `stderr`) or Pierhead itself (`system`).
    #[serde(rename_all = "snake_case")]
    Stream = log::LogStream { Stdout, Stderr, System }

    /// When a variable is there.
    #[serde(rename_all = "snake_case")]
    Exposure = variable::Exposure { Build, Runtime, Plugin, All }

    /// What somebody is in a team.
    #[serde(rename_all = "snake_case")]
    Role = pierhead_model::access::Role { Owner, Admin, Developer, Viewer }

    /// What a token may do.
    #[serde(rename_all = "snake_case")]
    Scope = pierhead_control::Scope { Read, Write, Delete }
}
