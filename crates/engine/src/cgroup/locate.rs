//! Finding a container's directories: the process says its path per controller, the mounts say where that is.
//!
//! This holds for the cgroupfs and the systemd driver alike, and for mounts in unusual places.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Cgroup, Dir};

/// Where the kernel's views are; other places in tests only.
#[derive(Debug, Clone)]
pub struct Roots {
    pub proc: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into() }
    }
}

pub(super) fn find(roots: &Roots, pid: u32, id: &str) -> io::Result<Cgroup> {
    let paths = fs_err::read_to_string(roots.proc.join(pid.to_string()).join("cgroup"))?;
    let mounts = fs_err::read_to_string(roots.proc.join("self/mounts"))?;
    let dir = |controller: &str| {
        directory(&paths, &mounts, controller, id).ok_or_else(|| {
            let message = format!("process {pid} has no {controller} cgroup of container {id}");
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    };
    Ok(Cgroup { memory: dir("memory")?, cpu: dir("cpuacct")?, pids: dir("pids")?, freezer: dir("freezer")? })
}

fn directory(paths: &str, mounts: &str, controller: &str, id: &str) -> Option<Dir> {
    let v1 = path_of(paths, |controllers| controllers.split(',').any(|name| name == controller));
    if let Some(path) = v1 {
        let mount =
            mount_point(mounts, "cgroup", |options| options.split(',').any(|name| name == controller))?;
        return named(path, id).map(|path| Dir::V1(mount.join(path)));
    }
    let mount = mount_point(mounts, "cgroup2", |_| true)?;
    named(path_of(paths, str::is_empty)?, id).map(|path| Dir::V2(mount.join(path)))
}

/// From lines of `hierarchy:controllers:/path`, the path of the first line whose controllers fit.
fn path_of(paths: &str, fits: impl Fn(&str) -> bool) -> Option<&str> {
    paths.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        fits(controllers).then_some(path)
    })
}

fn named<'a>(path: &'a str, id: &str) -> Option<&'a Path> {
    (!id.is_empty() && path.contains(id)).then(|| Path::new(path.trim_start_matches('/')))
}

/// From lines of `device point type options …`.
fn mount_point(mounts: &str, kind: &str, fits: impl Fn(&str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, found, options) = (words.next()?, words.next()?, words.next()?);
        (found == kind && fits(options)).then(|| PathBuf::from(point))
    })
}
