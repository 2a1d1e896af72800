//! Networks: chosen subnets, names inside, nothing between.

use std::net::SocketAddr;

use pierhead_engine::{
    Error,
    error::Object,
    simulated::Act,
    spec::{Attachment, NetworkMode},
    state::{ContainerId, Removal},
};

use super::{Lab, on};

const PORT: u16 = 4000;

fn server() -> [Act; 3] {
    [Act::Listen { port: PORT }, Act::print("ready"), Act::Forever]
}

pub(crate) async fn chosen_subnet_and_overlap(lab: &Lab) {
    let spec = lab.network("one", 0);
    lab.engine.network_create(&spec).await.expect("created");
    lab.engine.network_create(&spec).await.expect("the same again");
    let mut other = spec.clone();
    other.internal = true;
    let error = lab.engine.network_create(&other).await.expect_err("another spec");
    assert!(matches!(error, Error::NameTaken { object: Object::Network, .. }), "{error:?}");
    let mut overlapping = lab.network("two", 0);
    overlapping.subnet = spec.subnet;
    let error = lab.engine.network_create(&overlapping).await.expect_err("overlaps");
    assert!(matches!(error, Error::SubnetOverlap { subnet } if subnet == spec.subnet), "{error:?}");

    let found = lab.engine.network_inspect(&spec.name).await.expect("inspected");
    assert_eq!((found.subnet, found.internal), (Some(spec.subnet), false));
    let mut container = lab.spec("holder", &[Act::Forever]);
    container.network = on(&spec, "holder");
    let id = lab.start(&container).await;
    let address = lab.engine.inspect(&id).await.expect("inspected").addresses[&spec.name];
    assert!(spec.subnet.contains(&address), "{address}");
    let found = lab.engine.network_inspect(&spec.name).await.expect("inspected");
    assert_eq!(found.containers, std::slice::from_ref(&id));
    let error = lab.engine.network_remove(&spec.name).await.expect_err("in use");
    assert!(matches!(error, Error::Conflict { object: Object::Network, .. }), "{error:?}");
    lab.engine.remove(&id, Removal::Force).await.expect("removed");
    lab.engine.network_remove(&spec.name).await.expect("removed");
    assert!(lab.engine.network_list(&lab.labels).await.expect("listed").is_empty());
}

pub(crate) async fn reach_by_alias_within_a_network_only(lab: &Lab) {
    let (here, there) = (lab.network("here", 16), lab.network("there", 32));
    lab.engine.network_create(&here).await.expect("created");
    lab.engine.network_create(&there).await.expect("created");
    let mut web = lab.spec("web", &server());
    web.network = on(&here, "web");
    let id = lab.start(&web).await;
    lab.until_it_says(&id, "ready").await;
    let address = lab.engine.inspect(&id).await.expect("inspected").addresses[&here.name].to_string();

    for (client, network, host, reaches) in [
        ("by-alias", on(&here, "a"), "web", true),
        ("by-name", on(&here, "b"), web.name.as_str(), true),
        ("by-address", on(&here, "c"), address.as_str(), true),
        ("outside-alias", on(&there, "d"), "web", false),
        ("outside-address", on(&there, "e"), address.as_str(), false),
        ("nowhere", NetworkMode::None, address.as_str(), false),
    ] {
        let mut spec = lab.spec(client, &[Act::Connect { host: host.to_owned(), port: PORT }]);
        spec.network = network;
        let id = lab.start(&spec).await;
        // A dropped packet is tried again for minutes; some seconds show that nothing answers.
        let waited = tokio::time::timeout(std::time::Duration::from_secs(6), lab.engine.wait(&id)).await;
        let connected = matches!(waited, Ok(Ok(exit)) if exit.code == 0);
        assert_eq!(connected, reaches, "{client}");
    }
}

pub(crate) async fn two_networks_at_once(lab: &Lab) {
    let (front, mut back) = (lab.network("front", 64), lab.network("back", 80));
    back.internal = true;
    lab.engine.network_create(&front).await.expect("created");
    let mut web = lab.spec("web", &server());
    web.network = on(&front, "web");
    web.also_on = vec![Attachment { network: back.name.clone(), aliases: vec!["inner".to_owned()] }];
    let error = lab.engine.create(&web).await.expect_err("the second is missing");
    assert!(matches!(error, Error::NotFound { object: Object::Network, .. }), "{error:?}");
    lab.engine.network_create(&back).await.expect("created");
    let first = lab.engine.create(&web).await.expect("created");
    assert_eq!(lab.engine.create(&web).await.expect("the same again").id, first.id);
    let id = lab.start(&web).await;
    lab.until_it_says(&id, "ready").await;
    let addresses = lab.engine.inspect(&id).await.expect("inspected").addresses;
    assert!(front.subnet.contains(&addresses[&front.name]) && back.subnet.contains(&addresses[&back.name]));

    for (client, network, host, reaches) in [
        ("in-front", &front, "web", true),
        ("in-back", &back, "inner", true),
        ("front-by-the-other-name", &front, "inner", false),
        ("back-by-the-other-address", &back, &addresses[&front.name].to_string(), false),
    ] {
        let mut spec = lab.spec(client, &[Act::Connect { host: host.to_owned(), port: PORT }]);
        spec.network = on(network, client);
        let id = lab.start(&spec).await;
        let waited = tokio::time::timeout(std::time::Duration::from_secs(6), lab.engine.wait(&id)).await;
        let connected = matches!(waited, Ok(Ok(exit)) if exit.code == 0);
        assert_eq!(connected, reaches, "{client}");
    }
    let error = lab.engine.network_remove(&back.name).await.expect_err("in use");
    assert!(matches!(error, Error::Conflict { object: Object::Network, .. }), "{error:?}");
}

pub(crate) async fn a_namespace_can_be_shared(lab: &Lab) {
    let network = lab.network("one", 48);
    lab.engine.network_create(&network).await.expect("created");
    let mut holder = lab.spec("holder", &[Act::Forever]);
    holder.network = on(&network, "app");
    let holder = lab.start(&holder).await;
    let nobody = ContainerId::new("0".repeat(64));
    let mut orphan = lab.spec("orphan", &server());
    orphan.network = NetworkMode::SharedWith { container: nobody.clone() };
    let error = lab.engine.create(&orphan).await.expect_err("nobody holds it");
    assert!(matches!(&error, Error::NotFound { name, .. } if name == nobody.as_str()), "{error:?}");
    let mut app = lab.spec("app", &server());
    app.network = NetworkMode::SharedWith { container: holder };
    let id = lab.start(&app).await;
    lab.until_it_says(&id, "ready").await;
    let mut client = lab.spec("client", &[Act::Connect { host: "app".to_owned(), port: PORT }]);
    client.network = on(&network, "client");
    assert_eq!(lab.run(&client).await.0.code, 0);
}

pub(crate) async fn listening_sockets(lab: &Lab) {
    let id = lab.start(&lab.spec("one", &server())).await;
    lab.until_it_says(&id, "ready").await;
    let listening = lab.engine.listening().expect("both drivers can");
    let expected: SocketAddr = ([0, 0, 0, 0], PORT).into();
    assert_eq!(listening.sockets(&id).await.expect("looked"), [expected]);
}
