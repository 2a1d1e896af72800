//! Images: imported, tagged, saved, loaded, removed. (What a Dockerfile does is Docker's own test.)

use futures::{StreamExt as _, TryStreamExt as _};
use pierhead_engine::{
    ByteSource, Error,
    image::{ImageConfig, ImportOptions},
    state::Removal,
};

use super::Lab;

/// A root file system with one file in it.
pub(crate) fn small_root() -> ByteSource {
    tar_of(&[("hello", b"hello")])
}

pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> ByteSource {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, path, *bytes).expect("appended");
    }
    let bytes = tar.into_inner().expect("finished");
    futures::stream::iter([Ok(bytes.into())]).boxed()
}

pub(crate) async fn imported_with_its_configuration(lab: &Lab) {
    let tag = format!("{}/image:1", lab.prefix);
    let mut labels = lab.labels.clone();
    labels.insert("odd".into(), r#"a "quoted" $HOME \ and = more"#.into());
    let config = ImageConfig {
        entrypoint: vec!["/bin/server".into(), "--flag=a b".into()],
        command: vec!["one \"two\"".into()],
        env: vec![("PATH".into(), "/bin".into()), ("ODD".into(), r#"a "b" $c \d"#.into())],
        working_dir: Some("/srv/app".into()),
        user: Some("1000:1000".into()),
        exposed_tcp: vec![80, 8080],
        stop_signal: None,
    };
    let options = ImportOptions { tag: tag.clone(), labels: labels.clone(), config: config.clone() };
    let id = lab.engine.image_import(small_root(), &options).await.expect("imported");
    let image = lab.engine.image_inspect(&tag).await.expect("inspected");
    assert_eq!((&image.id, &image.labels, &image.config), (&id, &labels, &config));
    assert_eq!(image.tags, std::slice::from_ref(&tag));
    let listed = lab.engine.image_list(&lab.labels).await.expect("listed");
    assert!(listed.iter().any(|one| one.id == id && one.tags == image.tags), "{listed:?}");

    let config = ImageConfig { stop_signal: Some("SIGINT".into()), ..config };
    let refused = ImportOptions { config, ..options };
    let error = lab.engine.image_import(small_root(), &refused).await.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");

    let other = format!("{}/image:2", lab.prefix);
    lab.engine.image_tag(&tag, &other).await.expect("tagged");
    lab.engine.image_remove(&tag, Removal::OnlyUnused).await.expect("untagged");
    assert_eq!(lab.engine.image_inspect(&other).await.expect("inspected").id, id);
    for _ in 0..2 {
        lab.engine.image_remove(&other, Removal::OnlyUnused).await.expect("removed");
    }
    assert!(lab.engine.image_inspect(&other).await.expect_err("gone").is_not_found());
}

pub(crate) async fn saved_and_loaded(lab: &Lab) {
    let tag = format!("{}/image:1", lab.prefix);
    let config = ImageConfig { command: vec!["/hello".into()], ..ImageConfig::default() };
    let options = ImportOptions { tag: tag.clone(), labels: lab.labels.clone(), config };
    let id = lab.engine.image_import(small_root(), &options).await.expect("imported");
    let saved = lab.engine.image_save(&[&tag]).await.expect("opened");
    let saved: Vec<_> = saved.try_collect().await.expect("saved");
    lab.engine.image_remove(&tag, Removal::OnlyUnused).await.expect("removed");
    let archive = futures::stream::iter(saved.into_iter().map(Ok)).boxed();
    lab.engine.image_load(archive).await.expect("loaded");
    let image = lab.engine.image_inspect(&tag).await.expect("inspected");
    assert_eq!((image.id, image.labels), (id, lab.labels.clone()));
    lab.engine.image_remove(&tag, Removal::OnlyUnused).await.expect("removed");
}
