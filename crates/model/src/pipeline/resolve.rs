//! References into values, at the last moment, by whoever is allowed to know them.
//!
//! A value that holds a secret, or that a secret went into, is tainted: it does not print. Whoever hands it to a container
//! calls [`Resolved::expose`], and a reviewer finds every such place by that word.

use serde_json::{Map, Value};

use super::reference::{Part, Reference, Template};

/// Knows what references stand for in one run.
pub trait Resolver {
    fn resolve(&self, reference: &Reference) -> Result<Resolved, Unresolved>;
}

/// Why a reference has no value. The text never holds another value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("`{0}`: that step has not succeeded, so it has no outputs")]
    NotYet(Reference),
    #[error("`{0}`: the step succeeded, but left no output of that name")]
    NoSuchOutput(Reference),
    #[error("`{0}`: there is no public service or site of that name")]
    NoSuchService(Reference),
    #[error("`{0}`: there is no such secret here; add it to the project, or correct the name")]
    NoSuchSecret(Reference),
    #[error("`{0}`: there is no such variable here; add it to the project, or correct the name")]
    NoSuchVariable(Reference),
    #[error("`{0}`: no value was given for this parameter, and it has no default")]
    NoSuchParameter(Reference),
}

/// A value that may be secret. It has no `Display`, and `Debug` shows nothing of a secret one.
#[derive(Clone, PartialEq)]
pub struct Resolved {
    value: Value,
    secret: bool,
}

impl Resolved {
    /// A value that everybody who sees the run may see.
    pub fn public(value: impl Into<Value>) -> Self {
        Self { value: value.into(), secret: false }
    }

    /// A value that is never shown.
    pub fn secret(value: impl Into<Value>) -> Self {
        Self { value: value.into(), secret: true }
    }

    /// Whether a secret is in it.
    pub const fn is_secret(&self) -> bool {
        self.secret
    }

    /// The value itself, for handing it to a workload. Never for a log, an error or an answer.
    pub const fn expose(&self) -> &Value {
        &self.value
    }

    /// The value as text, as a variable holds it.
    pub fn expose_text(&self) -> String {
        as_text(&self.value)
    }
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.secret { f.write_str("[secret]") } else { write!(f, "{}", self.value) }
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Template {
    /// The text with every reference replaced; secret when any of them is.
    pub fn resolve(&self, resolver: &dyn Resolver) -> Result<Resolved, Unresolved> {
        let mut text = String::new();
        let mut secret = false;
        for part in self.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Reference(reference) => {
                    let resolved = resolver.resolve(reference)?;
                    secret |= resolved.secret || reference.is_secret();
                    text.push_str(&as_text(&resolved.value));
                }
            }
        }
        Ok(Resolved { value: Value::String(text), secret })
    }

    /// Like [`Self::resolve`], but a template that is one reference keeps the type of its value: a port stays a number.
    pub fn resolve_value(&self, resolver: &dyn Resolver) -> Result<Resolved, Unresolved> {
        match self.as_reference() {
            Some(reference) => {
                let resolved = resolver.resolve(reference)?;
                Ok(Resolved { secret: resolved.secret || reference.is_secret(), ..resolved })
            }
            None => self.resolve(resolver),
        }
    }
}

/// Why the parameters of a plugin cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct UnresolvedParameter {
    /// Below the parameters: `connection.url`.
    pub path: String,
    pub why: Unresolved,
}

/// The parameters of a plugin with every reference in them replaced; secret when any of them is. Everything that cannot be
/// resolved is told at once.
pub fn resolve_parameters(
    parameters: &Map<String, Value>,
    resolver: &dyn Resolver,
) -> Result<Resolved, Vec<UnresolvedParameter>> {
    let mut problems = Vec::new();
    let mut secret = false;
    let mut replaced = Map::new();
    for (name, value) in parameters {
        let value = replace(name, value, resolver, &mut secret, &mut problems);
        replaced.insert(name.clone(), value);
    }
    if problems.is_empty() {
        return Ok(Resolved { value: Value::Object(replaced), secret });
    }
    Err(problems)
}

fn replace(
    path: &str,
    value: &Value,
    resolver: &dyn Resolver,
    secret: &mut bool,
    problems: &mut Vec<UnresolvedParameter>,
) -> Value {
    match value {
        // A text that is no template was refused when the pipeline was saved; here it is what it says.
        Value::String(text) => match Template::parse(text).map(|template| template.resolve_value(resolver)) {
            Ok(Ok(resolved)) => {
                *secret |= resolved.secret;
                resolved.value
            }
            Ok(Err(why)) => {
                problems.push(UnresolvedParameter { path: path.to_owned(), why });
                Value::Null
            }
            Err(_) => value.clone(),
        },
        Value::Array(items) => (items.iter().enumerate())
            .map(|(at, item)| replace(&format!("{path}[{at}]"), item, resolver, secret, problems))
            .collect(),
        Value::Object(map) => (map.iter())
            .map(|(key, item)| {
                (key.clone(), replace(&format!("{path}.{key}"), item, resolver, secret, problems))
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Known;

    impl Resolver for Known {
        fn resolve(&self, reference: &Reference) -> Result<Resolved, Unresolved> {
            match reference.to_string().as_str() {
                "secrets.KEY" => Ok(Resolved::public("hunter2")),
                "steps.db.outputs.port" => Ok(Resolved::public(5432)),
                "steps.db.outputs.url" => Ok(Resolved::secret("postgres://u:hunter2@db")),
                "parameters.tricky" => Ok(Resolved::public("${{ secrets.KEY }}")),
                "slot.name" => Ok(Resolved::public("pr-1")),
                _ => Err(Unresolved::NotYet(reference.clone())),
            }
        }
    }

    fn resolve(text: &str) -> Resolved {
        Template::parse(text).unwrap().resolve(&Known).unwrap()
    }

    #[test]
    fn what_a_secret_went_into_is_secret_and_does_not_print() {
        let public = resolve("http://${{ slot.name }}:${{ steps.db.outputs.port }}");
        assert_eq!((public.expose_text().as_str(), public.is_secret()), ("http://pr-1:5432", false));
        assert_eq!(format!("{public:?}"), "\"http://pr-1:5432\"");
        for text in ["x${{ secrets.KEY }}", "${{ secrets.KEY }}", "${{ steps.db.outputs.url }}?a=1"] {
            let secret = resolve(text);
            assert!(secret.is_secret() && secret.expose_text().contains("hunter2"), "{text}");
            assert_eq!(format!("{secret:?}"), "[secret]");
        }
    }

    #[test]
    fn a_value_is_not_searched_for_references() {
        let resolved = resolve("${{ parameters.tricky }}");
        assert_eq!((resolved.expose_text().as_str(), resolved.is_secret()), ("${{ secrets.KEY }}", false));
    }

    #[test]
    fn parameters_keep_their_types_and_tell_every_problem() {
        let json = json!({
            "port": "${{ steps.db.outputs.port }}", "text": "p${{ steps.db.outputs.port }}", "n": 1,
            "list": [true, {"key": "${{ secrets.KEY }}"}],
        });
        let resolved = resolve_parameters(json.as_object().unwrap(), &Known).unwrap();
        let expected = json!({"port": 5432, "text": "p5432", "n": 1, "list": [true, {"key": "hunter2"}]});
        assert_eq!(resolved.expose(), &expected);
        assert_eq!(format!("{resolved:?}"), "[secret]");
        let bad = json!({"a": "${{ steps.x.outputs.y }}", "b": ["${{ vars.Z }}"]});
        let problems = resolve_parameters(bad.as_object().unwrap(), &Known).unwrap_err();
        assert_eq!(problems.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(), ["a", "b[0]"]);
    }
}
