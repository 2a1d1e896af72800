//! Runtimes: the base images that projects are built and run on, made on this node from Debian packages and the npm registry.
//! No registry of images is needed, ever.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use pierhead_engine::image::{ImageConfig, ImportOptions};
use pierhead_engine::{Engine, Error as EngineError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::options::{RuntimeError, RuntimeImage, RuntimeImages, Say};

const BUILD_SCRIPT: &str = include_str!("../../../runtimes/build.sh");
const ENTRY_SCRIPT: &str = include_str!("../../../runtimes/entry.sh");
const PACKAGE_MANAGER: &str = include_str!("../../../runtimes/package-manager.js");
/// Changes when an image that exists must be made anew.
const REVISION: &str = "3";

/// The runtimes and the versions that can be made, the default one first.
const RUNTIMES: [(&str, &[&str]); 4] = [
    ("node", &["22", "24", "20", "18", "23", "21", "25"]),
    ("python", &["3.11", "3.13"]),
    ("php", &["8.2", "8.4"]),
    ("plugin", &["12"]),
];

/// The runtime images of one engine.
#[derive(Debug)]
pub struct RuntimeBuilder {
    engine: Arc<dyn Engine>,
    folder: PathBuf,
    /// One at a time: each uses all the network and a core or two.
    making: Mutex<()>,
}

impl RuntimeBuilder {
    /// `folder` keeps what is downloaded.
    pub fn new(engine: Arc<dyn Engine>, folder: PathBuf) -> Self {
        Self { engine, folder, making: Mutex::default() }
    }

    /// Every runtime and version, and the image's id where it is there.
    pub async fn list(&self) -> Result<Vec<(String, String, Option<String>)>, RuntimeError> {
        let mut found = Vec::new();
        for (runtime, versions) in RUNTIMES {
            for version in versions {
                let id = self.image(runtime, version).await?;
                found.push((runtime.to_owned(), (*version).to_owned(), id));
            }
        }
        Ok(found)
    }

    /// The id of the image, if the engine holds it.
    async fn image(&self, runtime: &str, version: &str) -> Result<Option<String>, RuntimeError> {
        match self.engine.image_inspect(&reference(runtime, version)).await {
            Ok(image) => Ok(Some(image.id.as_str().to_owned())),
            Err(EngineError::NotFound { .. } | EngineError::NoSuchImage { .. }) => Ok(None),
            Err(source) => Err(engine_error(runtime, version, source)),
        }
    }

    /// The image by the name that a Dockerfile may use: without the revision, which changes with Pierhead.
    async fn name_for_people(&self, runtime: &str, version: &str, id: &str) -> Result<(), RuntimeError> {
        let name = format!("pierhead/{runtime}:{version}");
        if self.engine.image_inspect(&name).await.is_ok_and(|image| image.id.as_str() == id) {
            return Ok(());
        }
        let tagged = self.engine.image_tag(&reference(runtime, version), &name).await;
        tagged.map_err(|source| engine_error(runtime, version, source))
    }

    async fn make(&self, runtime: &str, version: &str, say: &Say<'_>) -> Result<(), RuntimeError> {
        let failed = |reason: String| RuntimeError::Failed {
            runtime: runtime.into(),
            version: version.into(),
            reason,
        };
        let io = |error: std::io::Error| failed(error.to_string());
        let scripts = self.folder.join("scripts");
        fs_err::create_dir_all(&scripts).map_err(io)?;
        fs_err::write(scripts.join("build.sh"), BUILD_SCRIPT).map_err(io)?;
        fs_err::write(scripts.join("entry.sh"), ENTRY_SCRIPT).map_err(io)?;
        fs_err::write(scripts.join("package-manager.js"), PACKAGE_MANAGER).map_err(io)?;
        let output = self.folder.join(format!("{runtime}-{version}.tar"));
        let mut building = Command::new("sh")
            .arg(scripts.join("build.sh"))
            .args([runtime, version])
            .arg(&output)
            .arg(self.folder.join("downloads"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(io)?;
        let mut last = String::new();
        if let Some(stderr) = building.stderr.take() {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                say(&line);
                last = line;
            }
        }
        if !building.wait().await.map_err(io)?.success() {
            let hint = "it needs mmdebstrap, root, and for node also npm";
            return Err(failed(format!("{last} ({hint})")));
        }
        let imported = self.import(runtime, version, &output).await;
        let _ = fs_err::remove_file(&output);
        imported
    }

    async fn import(&self, runtime: &str, version: &str, tar: &Path) -> Result<(), RuntimeError> {
        let failed = |error: std::io::Error| RuntimeError::Failed {
            runtime: runtime.into(),
            version: version.into(),
            reason: error.to_string(),
        };
        let file = fs_err::tokio::File::open(tar).await.map_err(failed)?;
        let pieces = futures::stream::unfold(file, |mut file| async move {
            let mut buffer = vec![0; 1 << 20];
            match file.read(&mut buffer).await {
                Ok(0) => None,
                Ok(count) => {
                    buffer.truncate(count);
                    Some((Ok(Bytes::from(buffer)), file))
                }
                Err(error) => Some((Err(error), file)),
            }
        });
        let env = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/home/app"),
            ("LANG", "C.UTF-8"),
        ];
        let options = ImportOptions {
            tag: reference(runtime, version),
            labels: [
                ("org.opencontainers.image.title".to_owned(), runtime.to_owned()),
                ("org.opencontainers.image.version".to_owned(), version.to_owned()),
            ]
            .into(),
            config: ImageConfig {
                entrypoint: vec!["/usr/local/bin/pierhead-entry".to_owned()],
                env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                working_dir: Some("/app".to_owned()),
                user: Some("10001:10001".to_owned()),
                ..ImageConfig::default()
            },
        };
        let imported = self.engine.image_import(pieces.boxed(), &options).await;
        imported.map(drop).map_err(|source| engine_error(runtime, version, source))
    }
}

#[async_trait]
impl RuntimeImages for RuntimeBuilder {
    fn reference(&self, runtime: &str, version: Option<&str>) -> Result<String, RuntimeError> {
        Ok(reference(runtime, &choose(runtime, version)?))
    }

    /// Makes the image first when it is missing.
    async fn ensure(
        &self,
        runtime: &str,
        version: Option<&str>,
        say: &Say<'_>,
    ) -> Result<RuntimeImage, RuntimeError> {
        let version = choose(runtime, version)?;
        let _only_one = self.making.lock().await;
        let id = match self.image(runtime, &version).await? {
            Some(id) => id,
            None => {
                say(&format!(
                    "making the runtime {runtime} {version}; this is done once and takes about a minute"
                ));
                self.make(runtime, &version, say).await?;
                self.image(runtime, &version).await?.unwrap_or_default()
            }
        };
        self.name_for_people(runtime, &version, &id).await?;
        Ok(RuntimeImage { reference: reference(runtime, &version), id, version })
    }
}

fn engine_error(runtime: &str, version: &str, source: EngineError) -> RuntimeError {
    RuntimeError::Engine { runtime: runtime.to_owned(), version: version.to_owned(), source }
}

/// The version that is made for what a project asks for: the one it names, or the default.
fn choose(runtime: &str, wanted: Option<&str>) -> Result<String, RuntimeError> {
    let (_, versions) = RUNTIMES
        .iter()
        .find(|(name, _)| *name == runtime)
        .ok_or_else(|| RuntimeError::UnknownRuntime(runtime.to_owned()))?;
    let Some(wanted) = wanted else { return Ok(versions.first().copied().unwrap_or_default().to_owned()) };
    let of_wanted = |version: &&&str| {
        wanted == **version || wanted.strip_prefix(**version).is_some_and(|rest| rest.starts_with('.'))
    };
    let same_line = |version: &&&str| version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    let found = versions.iter().find(of_wanted).or_else(|| versions.iter().find(same_line));
    found.map(|version| (*version).to_owned()).ok_or_else(|| RuntimeError::UnknownVersion {
        runtime: runtime.to_owned(),
        version: wanted.to_owned(),
        available: versions.join(", "),
    })
}

fn reference(runtime: &str, version: &str) -> String {
    format!("pierhead/{runtime}:{version}-{REVISION}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_fits() {
        assert_eq!(choose("node", None).unwrap(), "22");
        assert_eq!(choose("node", Some("20.11.1")).unwrap(), "20");
        assert_eq!(choose("python", Some("3.11")).unwrap(), "3.11");
        assert_eq!(choose("python", Some("3")).unwrap(), "3.11");
        assert!(matches!(choose("node", Some("16")), Err(RuntimeError::UnknownVersion { .. })));
        assert!(matches!(choose("node", Some("2")), Err(RuntimeError::UnknownVersion { .. })));
        assert!(matches!(choose("../x", None), Err(RuntimeError::UnknownRuntime(_))));
    }
}
