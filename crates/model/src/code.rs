//! Every error a person can meet in the API, by a stable code with a page of its own.
//!
//! The page is compiled in: what it means, likely causes, what to do. A test fails when a code has none.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::EnumIter)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// For programs that switch on text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One line for people, the same every time.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The page, in Markdown.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../../../docs/errors/", $code, ".md")),)* }
            }
        }
    };
}

codes! {
    Malformed = "malformed", 400, "The request cannot be read";
    InvalidCursor = "invalid_cursor", 400, "The cursor does not belong to this list";
    Unauthenticated = "unauthenticated", 401, "Sign in first";
    TokenExpired = "token_expired", 401, "The token has expired";
    Forbidden = "forbidden", 403, "You may see this, but not do this";
    NotFound = "not_found", 404, "There is no such thing, or you may not see it";
    Conflict = "conflict", 409, "Something else changed it first";
    NameTaken = "name_taken", 409, "The name is taken";
    DeploymentState = "deployment_state", 409, "The deployment's state does not allow this";
    PreconditionFailed = "precondition_failed", 412, "It was changed since you read it";
    BodyTooLarge = "body_too_large", 413, "The request is too large";
    Validation = "validation", 422, "Some values cannot be used";
    IdempotencyReuse = "idempotency_reuse", 422, "The idempotency key was used for another request";
    DetectionFailed = "detection_failed", 422, "Nothing that can be built was recognised";
    CloneFailed = "clone_failed", 422, "The repository cannot be read";
    RateLimited = "rate_limited", 429, "Too many requests";
    RegistryFailed = "registry_failed", 502, "The registry did not answer as hoped";
    Unavailable = "unavailable", 503, "Pierhead cannot do this at the moment";
    NoCapacity = "no_capacity", 503, "No node has room";
    Internal = "internal", 500, "Something went wrong inside Pierhead";
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_code_has_a_page_that_says_what_why_and_what_to_do() {
        for code in Code::iter() {
            for part in ["# ", "## Causes", "## What to do"] {
                assert!(code.page().contains(part), "{} lacks `{part}`", code.as_str());
            }
        }
    }
}
