//! The files of the first-party plugins, from `plugins/` of the repository.

/// One plugin.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) manifest: &'static str,
    /// What its image is built from.
    pub(super) dockerfile: &'static str,
    /// Files beside the Dockerfile, by name.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// The package of a program in Rust; its binary, of the plugin's name, lies beside the Dockerfile as well.
    pub(super) package: &'static [(&'static str, &'static str)],
}

macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../../plugins/", $path))
    };
}

const SHELL: (&str, &str) = ("contract.sh", file!("lib/contract.sh"));
const POSTGRES: (&str, &str) = ("postgres.sh", file!("lib/postgres.sh"));
const PYTHON: (&str, &str) = ("contract.py", file!("lib/contract.py"));
const HTTP: (&str, &str) = ("http_client.py", file!("lib/http_client.py"));

/// All of them. The one that needs a compiler comes last: the others are there when it is missing.
pub(super) const ALL: [Source; 6] = [
    Source {
        name: "postgres-database",
        manifest: file!("postgres-database/plugin.yaml"),
        dockerfile: file!("postgres-database/Dockerfile"),
        files: &[SHELL, POSTGRES, ("postgres-database.sh", file!("postgres-database/postgres-database.sh"))],
        package: &[],
    },
    Source {
        name: "run-sql",
        manifest: file!("run-sql/plugin.yaml"),
        dockerfile: file!("run-sql/Dockerfile"),
        files: &[SHELL, POSTGRES, ("run-sql.sh", file!("run-sql/run-sql.sh"))],
        package: &[],
    },
    Source {
        name: "http-request",
        manifest: file!("http-request/plugin.yaml"),
        dockerfile: file!("http-request/Dockerfile"),
        files: &[PYTHON, HTTP, ("http_request.py", file!("http-request/http_request.py"))],
        package: &[],
    },
    Source {
        name: "keycloak-user",
        manifest: file!("keycloak-user/plugin.yaml"),
        dockerfile: file!("keycloak-user/Dockerfile"),
        files: &[PYTHON, HTTP, ("keycloak_user.py", file!("keycloak-user/keycloak_user.py"))],
        package: &[],
    },
    Source {
        name: "seed-files",
        manifest: file!("seed-files/plugin.yaml"),
        dockerfile: file!("seed-files/Dockerfile"),
        files: &[SHELL, ("seed-files.sh", file!("seed-files/seed-files.sh"))],
        package: &[],
    },
    Source {
        name: "wait-for",
        manifest: file!("wait-for/plugin.yaml"),
        dockerfile: file!("wait-for/Dockerfile"),
        files: &[],
        package: &[
            ("Cargo.toml", file!("wait-for/Cargo.toml")),
            ("Cargo.lock", file!("wait-for/Cargo.lock")),
            ("src/main.rs", file!("wait-for/src/main.rs")),
            ("src/contract.rs", file!("wait-for/src/contract.rs")),
            ("src/probe.rs", file!("wait-for/src/probe.rs")),
            ("src/target.rs", file!("wait-for/src/target.rs")),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::plugins::Manifest;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).filter(|name| !name.starts_with('.')).collect()
    }

    #[test]
    fn no_file_of_a_plugin_is_left_out() {
        let mut known: BTreeSet<_> = ALL.iter().map(|source| source.name.to_owned()).collect();
        known.insert("lib".to_owned());
        assert_eq!(names(&folder()), known);
        for source in &ALL {
            let here = folder().join(source.name);
            let mut known: BTreeSet<String> = ["plugin.yaml", "Dockerfile"].map(str::to_owned).into();
            let shared = names(&folder().join("lib"));
            known.extend(
                source.files.iter().map(|(name, _)| (*name).to_owned()).filter(|name| !shared.contains(name)),
            );
            known.extend(
                source.package.iter().map(|(name, _)| name.split('/').next().unwrap_or(name).to_owned()),
            );
            let mut there = names(&here);
            // What a compiler leaves.
            there.remove("target");
            assert_eq!(there, known, "{}", source.name);
            if !source.package.is_empty() {
                let modules = source.package.iter().filter_map(|(name, _)| name.strip_prefix("src/"));
                assert_eq!(names(&here.join("src")), modules.map(str::to_owned).collect(), "{}", source.name);
            }
            for (name, _) in source.files {
                assert!(source.dockerfile.contains(name), "{name} is not copied into {}", source.name);
            }
        }
    }

    #[test]
    fn every_manifest_says_everything_that_a_form_needs() {
        for source in &ALL {
            let manifest =
                Manifest::parse(source.manifest).unwrap_or_else(|error| panic!("{}: {error}", source.name));
            assert_eq!(manifest.name, source.name);
            assert_eq!(manifest.image, format!("pierhead/plugin-{}:{}", source.name, manifest.version));
            assert!(manifest.description.ends_with('.'), "{}", source.name);
            let schema = &manifest.parameters;
            assert_eq!(schema["additionalProperties"], Value::Bool(false), "{}", source.name);
            let properties = schema["properties"].as_object().unwrap();
            for (name, property) in properties {
                let description = property["description"].as_str().unwrap_or_default();
                assert!(description.ends_with('.'), "{}: {name} is not described", source.name);
                if name.contains("password") {
                    assert_eq!(
                        (&property["format"], &property["writeOnly"]),
                        (&"password".into(), &true.into())
                    );
                }
            }
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(properties.contains_key(required.as_str().unwrap()), "{}: {required}", source.name);
            }
        }
    }
}
