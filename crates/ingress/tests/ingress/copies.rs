//! The table on disk: a restart serves without the control plane, and nothing worse than what was served is taken.

use pierhead_ingress::{Ingress, Options};
use pierhead_wire::link::memory;
use pierhead_wire::{ControlToIngress, IngressToControl};

use crate::client::Visitor;
use crate::support::{TestIngress, eventually, service};
use crate::upstream::App;

#[tokio::test]
async fn a_restart_serves_by_the_kept_table_and_takes_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes");
    let (old, new) = (App::start("old").await, App::start("new").await);
    let mut ingress = TestIngress::start_with(|options| options.table_copy = Some(path.clone())).await;
    let mut routes: Vec<_> =
        (0..20).map(|n| service(&format!("h{n}.test"), "1aaaaaaaaa", &[old.address])).collect();
    ingress.table(routes.clone()).await;
    ingress.change(vec![service("x.test", "1aaaaaaaaa", &[old.address])], vec![]).await;
    let kept = || fs_err::read_to_string(&path).is_ok_and(|text| text.starts_with("pierhead-routes-1 1 2 "));
    eventually("the table is kept", kept).await;
    drop(ingress);

    // Nobody is at the other end of this link.
    let mut options = Options::new(([127, 0, 0, 1], 0).into());
    options.table_copy = Some(path.clone());
    let (mut control, link) = memory();
    let blobs = std::sync::Arc::new(crate::support::Blobs::default());
    let handle = Ingress::start(options, blobs, link).await.unwrap();
    let ask = async |host: &str| Visitor::connect(handle.local_addr()).await.get(host, "/", &[]).await;
    assert_eq!(ask("x.test").await.text(), "old");
    assert_eq!(ask("h7.test").await.text(), "old");

    // Older, and from a control plane that has lost almost everything: refused.
    routes.truncate(3);
    for (epoch, generation, routes) in [(1, 1, routes.clone()), (2, 1, routes.clone()), (2, 2, Vec::new())] {
        control.send(ControlToIngress::Table { epoch, generation, routes }).await.unwrap();
    }
    // A newer one is taken, and answered for; that the others were not shows in what is said.
    let routes: Vec<_> =
        (0..20).map(|n| service(&format!("h{n}.test"), "2bbbbbbbbb", &[new.address])).collect();
    control.send(ControlToIngress::Table { epoch: 2, generation: 3, routes }).await.unwrap();
    let applied = loop {
        match control.receive().await.unwrap() {
            IngressToControl::Applied { epoch, generation } => break (epoch, generation),
            IngressToControl::WantTable
            | IngressToControl::Active { .. }
            | IngressToControl::Counted { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(applied, (2, 3));
    assert_eq!(ask("h7.test").await.text(), "new");
    assert_eq!(ask("x.test").await.status, 404);
}
