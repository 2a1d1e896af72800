//! Volumes, read-only places, and copying out.

use futures::TryStreamExt as _;
use pierhead_engine::{
    Error,
    error::Object,
    simulated::Act,
    spec::{Mount, VolumeKind, VolumeSpec},
    state::Removal,
};

use super::{Lab, MIB};

fn write(path: &str, text: &str) -> Act {
    Act::Write { path: path.to_owned(), text: text.to_owned() }
}

fn read(path: &str) -> Act {
    Act::Read { path: path.to_owned() }
}

fn volume(lab: &Lab, name: &str, kind: VolumeKind) -> VolumeSpec {
    VolumeSpec { name: format!("{}-{name}", lab.prefix), labels: lab.labels.clone(), kind }
}

fn at(volume: &VolumeSpec, target: &str) -> Mount {
    Mount::Volume { name: volume.name.clone(), target: target.to_owned(), read_only: false, filled: false }
}

pub(crate) async fn a_volume_outlives_its_containers(lab: &Lab) {
    let volume = volume(lab, "data", VolumeKind::Plain);
    lab.engine.volume_create(&volume).await.expect("created");
    lab.engine.volume_create(&volume).await.expect("the same again");
    let mut other = volume.clone();
    other.labels.insert("colour".into(), "red".into());
    let error = lab.engine.volume_create(&other).await.expect_err("another spec");
    assert!(matches!(error, Error::NameTaken { object: Object::Volume, .. }), "{error:?}");

    let mut writer = lab.spec("writer", &[write("/data/f", "kept")]);
    writer.mounts.push(at(&volume, "/data"));
    let id = lab.start(&writer).await;
    assert_eq!(lab.wait(&id).await.code, 0);
    let error = lab.engine.volume_remove(&volume.name).await.expect_err("in use");
    assert!(matches!(error, Error::Conflict { object: Object::Volume, .. }), "{error:?}");
    lab.engine.remove(&id, Removal::OnlyUnused).await.expect("removed");

    let mut reader = lab.spec("reader", &[read("/data/f")]);
    reader.mounts.push(at(&volume, "/data"));
    let id = lab.start(&reader).await;
    assert_eq!(lab.wait(&id).await.code, 0);
    assert_eq!(super::text(&lab.log(&id, Default::default()).await), "kept\n");
    lab.engine.remove(&id, Removal::OnlyUnused).await.expect("removed");
    lab.engine.volume_remove(&volume.name).await.expect("removed");
    assert!(lab.engine.volume_list(&lab.labels).await.expect("listed").is_empty());
}

pub(crate) async fn an_overlay_shows_lower_and_writes_upper(lab: &Lab) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let dirs = ["top", "bottom", "upper", "work"].map(|name| dir.path().join(name));
    dirs.iter().for_each(|dir| fs_err::create_dir(dir).expect("directory"));
    let [top, bottom, upper, work] = dirs;
    fs_err::write(bottom.join("both"), "bottom").expect("written");
    fs_err::write(bottom.join("low"), "low").expect("written");
    fs_err::write(top.join("both"), "top").expect("written");
    let kind = VolumeKind::Overlay { lower: vec![top.clone(), bottom], upper: upper.clone(), work };
    let volume = volume(lab, "layers", kind);
    lab.engine.volume_create(&volume).await.expect("created");
    let acts = [
        read("/w/both"),
        read("/w/low"),
        write("/w/both", "changed"),
        write("/w/new", "new"),
        read("/w/both"),
    ];
    let mut spec = lab.spec("one", &acts);
    spec.mounts.push(at(&volume, "/w"));
    let (exit, said) = lab.run(&spec).await;
    assert_eq!((exit.code, said.as_str()), (0, "top\nlow\nchanged\n"));
    let text = |path: std::path::PathBuf| fs_err::read_to_string(path).expect("read");
    assert_eq!(text(upper.join("both")), "changed");
    assert_eq!(text(upper.join("new")), "new");
    assert_eq!(text(top.join("both")), "top", "lower directories stay as they are");
    // The mount must be gone before the directories are.
    lab.sweep().await;
}

pub(crate) async fn read_only_places(lab: &Lab) {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs_err::write(dir.path().join("f"), "given").expect("written");
    let bind = Mount::Bind { source: dir.path().to_owned(), target: "/given".to_owned(), read_only: true };
    for (name, acts, code) in [
        ("root", vec![write("/f", "x")], 1),
        ("bind", vec![write("/given/f", "x")], 1),
        ("fine", vec![read("/given/f"), write("/scratch/f", "x"), read("/scratch/f")], 0),
    ] {
        let mut spec = lab.spec(name, &acts);
        spec.read_only_root = true;
        spec.mounts.push(bind.clone());
        spec.mounts.push(Mount::Tmpfs { target: "/scratch".to_owned(), size_bytes: MIB });
        let (exit, said) = lab.run(&spec).await;
        assert_eq!(exit.code, code, "{name}: {said}");
    }
    assert_eq!(fs_err::read_to_string(dir.path().join("f")).expect("read"), "given");
}

pub(crate) async fn copied_out_as_tar(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &[write("/result", "bytes")])).await;
    assert_eq!(lab.wait(&id).await.code, 0);
    let stream = lab.engine.copy_out(&id, "/result").await.expect("opened");
    let bytes: Vec<_> = stream.try_collect().await.expect("read");
    let bytes = bytes.concat();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut entries = archive.entries().expect("an archive");
    let mut entry = entries.next().expect("an entry").expect("readable");
    assert_eq!(entry.path().expect("a path").to_str(), Some("result"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry, &mut text).expect("text");
    assert_eq!(text, "bytes");
    let error = lab.engine.copy_out(&id, "/nowhere").await.map(drop).expect_err("absent");
    assert!(matches!(error, Error::NotFound { object: Object::Path, .. }), "{error:?}");
}
