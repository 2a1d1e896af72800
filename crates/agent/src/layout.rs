//! Where things lie below the data directory. Every name is an id that Pierhead made, never a stranger's text.
//!
//! ```text
//! agent/identity.json              whose node this is, and the highest epoch seen
//! agent/assignments/<id>.json      what should be, without secrets
//! agent/reports/<id>.json          what was reported last
//! agent/logs/<id>/<first>.log      lines that are not stored elsewhere yet
//! agent/mirrors/<project>.git      one bare repository for each project
//! agent/work/<id>/                 a run's own: checkout, overlay directories; removed with it
//! agent/layers/<digest>/           a released layer, mounted by services
//! agent/dependencies/<key>/        what an install made, mounted by builds
//! agent/caches/<project>/<hash>/   a framework's cache between two builds
//! agent/images/                    layers of images on their way
//! agent/runs/<id>.json             how far the run of a pipeline has come
//! agent/programs/                  what is mounted into containers of others
//! agent/variants/                  which compressed variants are known
//! ```

use std::path::{Path, PathBuf};

use pierhead_model::id::{DeploymentId, ProjectId};

/// Paths below the data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the folders that everything else relies on.
    pub(crate) fn create(data_dir: &Path) -> std::io::Result<Self> {
        let layout = Self { root: data_dir.join("agent") };
        for folder in [
            "assignments",
            "reports",
            "logs",
            "mirrors",
            "work",
            "layers",
            "dependencies",
            "caches",
            "images",
            "runs",
            "variants",
        ] {
            fs_err::create_dir_all(layout.root.join(folder))?;
        }
        // What was made beside and not renamed before a crash.
        for folder in ["assignments", "reports", "mirrors", "layers", "dependencies", "images", "runs"] {
            remove_unfinished(&layout.root.join(folder))?;
        }
        // Git's HOME: nobody's configuration.
        fs_err::create_dir_all(layout.empty_home())?;
        Ok(layout)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.root.join("identity.json")
    }

    pub(crate) fn assignments(&self) -> PathBuf {
        self.root.join("assignments")
    }

    pub(crate) fn reports(&self) -> PathBuf {
        self.root.join("reports")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn mirrors(&self) -> PathBuf {
        self.root.join("mirrors")
    }

    pub(crate) fn empty_home(&self) -> PathBuf {
        self.root.join("empty")
    }

    pub(crate) fn all_work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(crate) fn work(&self, deployment: &DeploymentId) -> PathBuf {
        self.all_work().join(deployment.as_str())
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn dependencies(&self) -> PathBuf {
        self.root.join("dependencies")
    }

    pub(crate) fn caches(&self, project: &ProjectId) -> PathBuf {
        self.root.join("caches").join(project.as_ref())
    }

    pub(crate) fn all_caches(&self) -> PathBuf {
        self.root.join("caches")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    pub(crate) fn programs(&self) -> PathBuf {
        self.root.join("programs")
    }

    pub(crate) fn variants(&self) -> PathBuf {
        self.root.join("variants")
    }
}

/// Temporary files and folders begin like this, and ids do not.
fn remove_unfinished(folder: &Path) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".tmp") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs_err::remove_dir_all(entry.path())?;
        } else {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}
