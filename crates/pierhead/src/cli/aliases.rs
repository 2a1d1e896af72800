//! What people type out of habit from Heroku, Vercel, Fly, Railway, Dokku and Kamal, and what runs.
//!
//! The table is explicit and read by people: no abbreviations are guessed. The pre-pass splits `noun:verb`, finds the longest
//! row that matches the first words, and puts the canonical words there; flags and further words stay. Synonyms of a flag
//! (`logs --tail`) and of a verb (`ls`, `rm`) are aliases of the parser itself, beside their definitions.

use super::arguments;

/// One row.
#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) typed: &'static str,
    pub(crate) runs: Runs,
}

#[derive(Debug)]
pub(crate) enum Runs {
    Words(&'static str),
    /// The last word is a flag that takes the next word, or else this.
    WordsOr(&'static str, &'static str),
    /// Depends on whether this folder belongs to a project.
    ByFolder {
        linked: &'static str,
        otherwise: &'static str,
    },
    /// Nothing: it is not done that way here.
    Hint(&'static str),
}

const fn words(typed: &'static str, runs: &'static str) -> Alias {
    Alias { typed, runs: Runs::Words(runs) }
}

const fn hint(typed: &'static str, text: &'static str) -> Alias {
    Alias { typed, runs: Runs::Hint(text) }
}

pub(crate) const TABLE: &[Alias] = &[
    // Heroku, Dokku
    words("create", "projects create"),
    words("apps", "projects"),
    words("config", "env"),
    words("releases", "deployments list"),
    words("releases info", "deployments show"),
    words("releases rollback", "rollback"),
    words("builds cancel", "cancel"),
    words("builds output", "logs --build"),
    // Vercel, Netlify
    Alias { typed: "ls", runs: Runs::ByFolder { linked: "deployments list", otherwise: "projects list" } },
    Alias { typed: "list", runs: Runs::ByFolder { linked: "deployments list", otherwise: "projects list" } },
    words("inspect", "deployments show"),
    words("env add", "env set"),
    Alias { typed: "env pull", runs: Runs::WordsOr("env export --format dotenv --output", ".env.local") },
    hint("alias set", "A slot's address follows what is live in it: see pierhead rollback"),
    // Fly
    hint("launch", "That is two steps here: pierhead init, then pierhead deploy"),
    words("secrets", "env"),
    words("secrets set", "env set --secret"),
    words("secrets import", "env import --secret -"),
    words("dashboard", "open --console"),
    // Railway
    words("variables", "env"),
    words("variable", "env"),
    // Kamal
    words("app logs", "logs"),
    words("details", "status"),
    hint("lock status", "There is no lock: deployments of a slot queue, and the newest one wins"),
    words("app exec", "exec"),
    // Fly, Railway, Dokku
    words("ssh", "exec"),
    words("ssh console", "exec"),
    words("enter", "exec"),
    // Everybody
    words("auth login", "login"),
    words("auth logout", "logout"),
    words("auth whoami", "whoami"),
];

/// Flags of other tools that have no meaning here.
const FLAG_HINTS: &[(&str, &str)] = &[
    ("--remote-only", "Builds always run on a node: leave --remote-only out"),
    ("--local-only", "Builds always run on a node: leave --local-only out"),
    ("--build-local", "Builds always run on a node: leave --build-local out"),
];

/// What the pre-pass made of the arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rewritten {
    /// Arguments for the parser, and the canonical form when it was another one.
    Arguments {
        arguments: Vec<String>,
        canonical: Option<String>,
    },
    Hint {
        typed: String,
        text: &'static str,
    },
}

/// Replaces an accepted form by the canonical one. `arguments` begins with the program's name.
pub(crate) fn rewrite(arguments: Vec<String>, folder_is_linked: bool) -> Rewritten {
    let unchanged = |arguments| Rewritten::Arguments { arguments, canonical: None };
    let Some(start) = first_word(&arguments) else { return unchanged(arguments) };
    let mut given = arguments.clone();
    let split = given[start].split_once(':').filter(|(noun, verb)| !noun.is_empty() && is_word(verb));
    if let Some((noun, verb)) = split.map(|(noun, verb)| (noun.to_owned(), verb.to_owned())) {
        given.splice(start..=start, [noun, verb]);
    }
    if given[start] == "deploy"
        && let Some((flag, text)) = FLAG_HINTS.iter().find(|(flag, _)| given.iter().any(|word| word == flag))
    {
        return Rewritten::Hint { typed: format!("deploy {flag}"), text };
    }
    let matching = TABLE.iter().filter(|row| {
        row.typed
            .split(' ')
            .enumerate()
            .all(|(index, word)| given.get(start + index).is_some_and(|given| given == word))
    });
    let Some(row) = matching.max_by_key(|row| row.typed.split(' ').count()) else {
        let canonical = (given != arguments).then(|| given[start..start + 2].join(" "));
        return Rewritten::Arguments { arguments: given, canonical };
    };
    let end = start + row.typed.split(' ').count();
    let mut fallback = None;
    let canonical = match row.runs {
        Runs::Words(words) => words,
        Runs::WordsOr(words, or) => {
            fallback = given.get(end).is_none_or(|next| next.starts_with('-')).then_some(or);
            words
        }
        Runs::ByFolder { linked, .. } if folder_is_linked => linked,
        Runs::ByFolder { otherwise, .. } => otherwise,
        Runs::Hint(text) => return Rewritten::Hint { typed: row.typed.to_owned(), text },
    };
    given.splice(start..end, canonical.split(' ').chain(fallback).map(str::to_owned));
    Rewritten::Arguments { arguments: given, canonical: Some(canonical.to_owned()) }
}

/// Where the command begins: after the global flags and their values.
fn first_word(arguments: &[String]) -> Option<usize> {
    let takes_next = arguments::flags_that_take_the_next_word();
    let mut index = 1;
    while let Some(argument) = arguments.get(index) {
        if argument == "--" {
            return None;
        }
        if !argument.starts_with('-') {
            return Some(index);
        }
        index += if takes_next.contains(argument) { 2 } else { 1 };
    }
    None
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(typed: &str, linked: bool) -> String {
        let arguments = std::iter::once("pierhead").chain(typed.split(' ')).map(str::to_owned).collect();
        match rewrite(arguments, linked) {
            Rewritten::Arguments { arguments, .. } => arguments[1..].join(" "),
            Rewritten::Hint { text, .. } => format!("hint: {text}"),
        }
    }

    #[test]
    fn what_people_type() {
        for (typed, runs) in [
            ("config:set A=1", "env set A=1"),
            ("config", "env"),
            ("config:get A -p shop", "env get A -p shop"),
            ("-a shop config:unset A", "-a shop env unset A"),
            ("--project=shop config", "--project=shop env"),
            ("-v releases:rollback v12", "-v rollback v12"),
            ("secrets set K=V", "env set --secret K=V"),
            ("variable set K=V", "env set K=V"),
            ("env pull", "env export --format dotenv --output .env.local"),
            ("env pull .env", "env export --format dotenv --output .env"),
            ("apps:create shop", "projects create shop"),
            ("builds:output", "logs --build"),
            ("dashboard", "open --console"),
            ("auth login", "login"),
            ("deploy https://example.com/a.git", "deploy https://example.com/a.git"),
            ("deploy -- config", "deploy -- config"),
            ("-p config deploy", "-p config deploy"),
            ("projects:list", "projects list"),
        ] {
            assert_eq!(run(typed, false), runs, "{typed}");
        }
        assert_eq!(run("ls", true), "deployments list");
        assert_eq!(run("ls", false), "projects list");
        assert!(run("lock status", false).starts_with("hint: "));
        assert!(run("deploy --remote-only", false).starts_with("hint: "));
    }

    #[test]
    fn every_row_runs_a_command_that_exists() {
        for row in TABLE {
            let targets = match row.runs {
                Runs::Words(words) => vec![words.to_owned()],
                Runs::WordsOr(words, or) => vec![format!("{words} {or}")],
                Runs::ByFolder { linked, otherwise } => vec![linked.to_owned(), otherwise.to_owned()],
                Runs::Hint(_) => vec![],
            };
            for target in targets {
                let mut command = &arguments::command();
                for word in target.split(' ').take_while(|word| !word.starts_with('-')) {
                    command =
                        command.find_subcommand(word).unwrap_or_else(|| panic!("{}: no `{word}`", row.typed));
                }
            }
        }
    }
}
