//! The shape of a rule: how a JavaScript framework is recognised, built and served.

use pierhead_model::plan::Kind;

/// What kind of thing a framework is; it decides who wins when several match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Renders pages and may serve them: beats everything below.
    Meta,
    /// Answers requests; needs a start script or an entry file that uses it, since half of all front ends depend on one.
    Server,
    /// Makes a site from documents.
    Generator,
    /// Bundles a front end.
    Tool,
    /// Says little about the project: only when nothing else matches.
    Weak,
}

/// One row of the tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    /// One of these packages is a dependency.
    pub(crate) any: &'static [&'static str],
    /// And one of these.
    pub(crate) also: &'static [&'static str],
    /// And none of these.
    pub(crate) without: &'static [&'static str],
    /// Configuration files, with or without extension; enough alone, though weaker than a dependency.
    pub(crate) configs: &'static [&'static str],
    /// The framework's own build command, for projects without a `build` script; empty when there is none.
    pub(crate) build: &'static str,
    /// The production start command; empty when only the project knows it.
    pub(crate) start: &'static str,
    /// Where a site's files end up; empty for pure servers.
    pub(crate) output: &'static str,
    /// 0: none, a worker.
    pub(crate) port: u16,
    pub(crate) single_page: bool,
    pub(crate) caches: &'static [&'static str],
    pub(crate) variables: &'static [(&'static str, &'static str)],
    pub(crate) warning: &'static str,
}

impl Rule {
    const fn new(id: &'static str, name: &'static str, group: Group, any: &'static [&'static str]) -> Self {
        Self {
            id,
            name,
            group,
            any,
            also: &[],
            without: &[],
            configs: &[],
            build: "",
            start: "",
            output: "",
            port: 3000,
            single_page: false,
            caches: &[],
            variables: &[],
            warning: "",
        }
    }

    pub(crate) const fn meta(id: &'static str, name: &'static str, any: &'static [&'static str]) -> Self {
        Self::new(id, name, Group::Meta, any)
    }

    pub(crate) const fn server(id: &'static str, name: &'static str, any: &'static [&'static str]) -> Self {
        Self::new(id, name, Group::Server, any)
    }

    pub(crate) const fn generator(
        id: &'static str,
        name: &'static str,
        any: &'static [&'static str],
    ) -> Self {
        Self::new(id, name, Group::Generator, any)
    }

    pub(crate) const fn tool(id: &'static str, name: &'static str, any: &'static [&'static str]) -> Self {
        Self { single_page: true, ..Self::new(id, name, Group::Tool, any) }
    }

    pub(crate) const fn weak(id: &'static str, name: &'static str, any: &'static [&'static str]) -> Self {
        Self::new(id, name, Group::Weak, any)
    }

    pub(crate) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    pub(crate) const fn without(self, without: &'static [&'static str]) -> Self {
        Self { without, ..self }
    }

    pub(crate) const fn configs(self, configs: &'static [&'static str]) -> Self {
        Self { configs, ..self }
    }

    pub(crate) const fn build(self, build: &'static str) -> Self {
        Self { build, ..self }
    }

    pub(crate) const fn start(self, start: &'static str) -> Self {
        Self { start, ..self }
    }

    pub(crate) const fn output(self, output: &'static str) -> Self {
        Self { output, ..self }
    }

    pub(crate) const fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    pub(crate) const fn many_pages(self) -> Self {
        Self { single_page: false, ..self }
    }

    pub(crate) const fn caches(self, caches: &'static [&'static str]) -> Self {
        Self { caches, ..self }
    }

    pub(crate) const fn variables(self, variables: &'static [(&'static str, &'static str)]) -> Self {
        Self { variables, ..self }
    }

    pub(crate) const fn warning(self, warning: &'static str) -> Self {
        Self { warning, ..self }
    }

    /// Site or service when neither the configuration nor the scripts say otherwise.
    pub(crate) fn kind(&self) -> Kind {
        match self.group {
            Group::Server => Kind::Service,
            Group::Meta if !self.start.is_empty() => Kind::Service,
            Group::Meta | Group::Generator | Group::Tool | Group::Weak => Kind::Site,
        }
    }
}

/// All rules, likeliest first inside a group.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    super::meta::RULES
        .iter()
        .chain(super::servers::RULES)
        .chain(super::generators::RULES)
        .chain(super::tools::RULES)
}
