//! Relative paths inside a project, as text: joined and normalised without ever touching a file system.

/// Removes `.` and resolves `..` inside; `None` when the path is absolute, leaves the folder, or holds characters that no
/// sane project path holds. The project folder itself is `.`.
pub fn normalise(path: &str) -> Option<String> {
    let path = path.trim();
    if path.starts_with('/') || path.contains(['\\', '\0']) || path.chars().any(char::is_control) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// Like [`normalise`], but refuses `..` even where it stays inside: what a person wrote is taken literally or not at all.
pub fn strict(path: &str) -> Option<String> {
    if path.split('/').any(|part| part == "..") { None } else { normalise(path) }
}

/// `folder/path`, both already normalised.
pub fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        (".", path) => path.to_owned(),
        (folder, ".") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// `path` as seen from `folder`, when it lies in it.
pub fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    if folder == "." { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// Whether a path may stand unquoted in a POSIX shell command.
pub fn is_shell_safe(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('-')
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "._-/@+:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_inside() {
        let table = [
            ("", Some(".")),
            (".", Some(".")),
            ("./dist/", Some("dist")),
            ("src/../dist", Some("dist")),
            ("../x", None),
            ("a/../../x", None),
            ("/etc", None),
            ("a\0b", None),
            ("a\nb", None),
            ("a\\..\\b", None),
        ];
        for (given, expected) in table {
            assert_eq!(normalise(given).as_deref(), expected, "{given:?}");
        }
        assert_eq!(strict("a/../b"), None);
        assert_eq!(below("apps", "apps/web"), Some("web"));
        assert_eq!(below("app", "apps/web"), None);
    }
}
