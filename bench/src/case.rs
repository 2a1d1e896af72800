//! What is measured.

/// Hostnames that are proxied to the upstream.
pub(crate) const HOSTS: usize = 1000;

/// The files of the site, by name and size in bytes.
pub(crate) const FILES: [(&str, usize); 3] =
    [("1k.txt", 1 << 10), ("10k.txt", 10 << 10), ("1m.txt", 1 << 20)];

/// One kind of request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// 0: the site.
    pub(crate) hosts: usize,
    /// Asks whether the file has changed; it has not.
    pub(crate) conditional: bool,
}

pub(crate) const CASES: [Case; 5] = [
    Case { name: "proxy, 1,000 hosts", path: "/", hosts: HOSTS, conditional: false },
    Case { name: "file, 1 KB", path: "/1k.txt", hosts: 0, conditional: false },
    Case { name: "file, 10 KB", path: "/10k.txt", hosts: 0, conditional: false },
    Case { name: "file, 1 MB", path: "/1m.txt", hosts: 0, conditional: false },
    Case { name: "file, 304", path: "/10k.txt", hosts: 0, conditional: true },
];

/// A table as large as one machine's has to be, beside a small one; and how often the large one changes.
pub(crate) const FEW_ROUTES: usize = 10;
pub(crate) const MANY_ROUTES: usize = 50_000;
pub(crate) const CHANGES_PER_SECOND: u32 = 20;
/// Hostnames that are visited of each.
const VISITED: usize = 10;

pub(crate) const LARGE_TABLE: Case =
    Case { name: "50,000 routes", path: "/", hosts: VISITED, conditional: false };
pub(crate) const CHANGING_TABLE: Case =
    Case { name: "… that change", path: "/", hosts: VISITED, conditional: false };
