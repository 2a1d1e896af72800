//! What a plugin's exit code says, beside that it failed: the codes of `sysexits.h`, as far as they mean something here.

/// The meaning of an exit code that is not 0, for people.
#[must_use]
pub const fn meaning(code: i64) -> Option<&'static str> {
    Some(match code {
        64 => "its input or parameters cannot be used",
        69 => "what it needs cannot be reached or did not answer in time",
        70 => "a mistake in the plugin",
        73 => "what it was to make exists already and belongs to somebody else",
        75 => "it may go well later",
        76 => "it got an answer that it does not understand",
        77 => "its credentials were refused, or may not do this",
        126 | 127 => "its command cannot be run",
        137 => "it was killed",
        139 => "it crashed",
        143 => "it was terminated",
        _ => return None,
    })
}
