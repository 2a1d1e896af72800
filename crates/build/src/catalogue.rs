//! All rules as rows, the way a page of documentation wants them.

use crate::detect::{generator, node, php, python, toolchain};

/// One framework that is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub ecosystem: &'static str,
    pub id: &'static str,
    pub name: &'static str,
    /// What shows it: packages, then files.
    pub recognised_by: Vec<String>,
    pub build: String,
    pub start: String,
    /// Output directory of a site, document root of a PHP project.
    pub output: String,
    pub port: Option<u16>,
}

/// The whole table, in the order in which rules are asked inside an ecosystem.
pub fn rows() -> Vec<Row> {
    let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
    let port = |port: u16| (port != 0).then_some(port);
    let mut rows = Vec::new();
    for rule in node::rule::all() {
        rows.push(Row {
            ecosystem: "JavaScript",
            id: rule.id,
            name: rule.name,
            recognised_by: owned(&[rule.any, rule.configs].concat()),
            build: rule.build.to_owned(),
            start: rule.start.to_owned(),
            output: rule.output.to_owned(),
            port: port(rule.port).filter(|_| rule.kind() == pierhead_model::plan::Kind::Service),
        });
    }
    for rule in python::rules::RULES {
        rows.push(Row {
            ecosystem: "Python",
            id: rule.id,
            name: rule.name,
            recognised_by: owned(&[rule.packages, rule.configs].concat()),
            build: rule.build.to_owned(),
            start: format!("{:?}", rule.server).to_lowercase(),
            output: rule.output.to_owned(),
            port: port(rule.port),
        });
    }
    for rule in php::rules::RULES {
        rows.push(Row {
            ecosystem: "PHP",
            id: rule.id,
            name: rule.name,
            recognised_by: owned(&[rule.packages, rule.files].concat()),
            build: rule.build.to_owned(),
            start: String::new(),
            output: rule.root.to_owned(),
            port: Some(8080).filter(|_| rule.family != php::rules::Family::Site),
        });
    }
    for rule in generator::CERTAIN.iter().chain(generator::LIKELY) {
        rows.push(Row {
            ecosystem: "Site generators",
            id: rule.id,
            name: rule.name,
            recognised_by: rule.configs.iter().map(|(file, _)| (*file).to_owned()).collect(),
            build: rule.build.to_owned(),
            start: String::new(),
            output: rule.output.to_owned(),
            port: None,
        });
    }
    for rule in toolchain::all() {
        rows.push(Row {
            ecosystem: "Needs a Dockerfile",
            id: rule.id,
            name: rule.name,
            recognised_by: owned(&[rule.manifests, rule.contains].concat()),
            build: rule.build.to_owned(),
            start: rule.start.to_owned(),
            output: String::new(),
            port: port(rule.port),
        });
    }
    for (id, name, file) in [
        ("node", "Node.js", "package.json"),
        ("meteor", "Meteor", ".meteor/"),
        ("python", "Python", "requirements.txt"),
        ("php", "PHP", "index.php"),
        ("static", "Static files", "index.html"),
        ("shell", "Shell script", "start.sh"),
        ("dockerfile", "Dockerfile", "Dockerfile"),
    ] {
        rows.push(Row {
            ecosystem: "General",
            id,
            name,
            recognised_by: vec![file.to_owned()],
            build: String::new(),
            start: String::new(),
            output: String::new(),
            port: None,
        });
    }
    rows
}
