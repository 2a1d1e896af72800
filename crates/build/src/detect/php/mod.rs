//! PHP projects: the framework, its document root, and what composer installs.
//!
//! The runtime image serves the document root with a fallback to its `index.php`, so there is no start command. Composer
//! installs without running the project's scripts, which need the source; the build writes the class map and runs them.

pub(crate) mod rules;

use pierhead_model::plan::{Kind, Runtime};
use serde_json::{Map, Value};

use self::rules::{Family, Rule};
use super::Context;
use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::facts::Facts;
use crate::source::path;
use crate::text;

/// The version of the runtime image that is always there.
const DEFAULT_VERSION: &str = "8.2";
const FILE: &str = "composer.json";

pub(crate) fn id(framework: &str) -> Option<&'static str> {
    rules::RULES
        .iter()
        .map(|rule| rule.id)
        .find(|id| *id == framework)
        .or((framework == "php").then_some("php"))
}

/// `composer.json`, or an empty one.
struct Composer {
    text: std::rc::Rc<str>,
    root: Map<String, Value>,
}

impl Composer {
    fn read(facts: &Facts<'_>) -> Result<Option<Self>, DetectError> {
        let Some(text) = facts.manifest(FILE)? else { return Ok(None) };
        let value: Value = serde_json::from_str(&text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
            DetectError::InvalidManifest { file: FILE.to_owned(), line, message }
        })?;
        match value {
            Value::Object(root) => Ok(Some(Self { text, root })),
            _ => {
                let message = "it must hold an object".to_owned();
                Err(DetectError::InvalidManifest { file: FILE.to_owned(), line: 1, message })
            }
        }
    }

    fn required(&self) -> impl Iterator<Item = (&str, &str)> {
        let packages = self.root.get("require").and_then(Value::as_object);
        packages
            .into_iter()
            .flatten()
            .map(|(name, range)| (name.as_str(), range.as_str().unwrap_or_default()))
    }

    /// A package by its name, or by its vendor when that ends in `/`.
    fn find(&self, package: &str) -> Option<(&str, &str)> {
        self.required()
            .find(|(name, _)| *name == package || (package.ends_with('/') && name.starts_with(package)))
    }

    fn pointer(&self, keys: &[&str]) -> Option<&str> {
        let mut value = self.root.get(*keys.first()?)?;
        for key in keys.iter().skip(1) {
            value = value.get(key)?;
        }
        value.as_str()
    }
}

pub(crate) fn detect(context: &Context<'_, '_>) -> Result<Option<Draft>, DetectError> {
    let facts = context.facts;
    let composer = Composer::read(facts)?;
    let pages = ["index.php", "public/index.php", "web/index.php", "htdocs/index.php"];
    let page = facts.first(&pages);
    if composer.is_none() && page.is_none() && !facts.has("wp-load.php") && context.forced.is_none() {
        return Ok(None);
    }
    let Some((rule, evidence)) = choose(context, composer.as_ref()) else {
        // Composer alone may only bring tools: something must be there to serve.
        let script = facts.with_extension(&["php"]).next();
        let Some(page) =
            page.or(script).filter(|page| pages.contains(page) || composer.is_none() || script.is_some())
        else {
            return Ok(None);
        };
        let evidence = Found::detected("php", format!("there is {page}")).at(page, None);
        return Ok(Some(plan(context, composer.as_ref(), None, evidence)));
    };
    Ok(Some(plan(context, composer.as_ref(), Some(rule), evidence.map(|()| rule.id))))
}

fn choose(context: &Context<'_, '_>, composer: Option<&Composer>) -> Option<(&'static Rule, Found<()>)> {
    let facts = context.facts;
    if let Some(forced) = context.forced {
        let rule = rules::RULES.iter().find(|rule| rule.id == forced)?;
        return Some((rule, Found::default((), "chosen explicitly")));
    }
    let by_package = |rule: &&'static Rule| {
        let composer = composer?;
        let (name, _) = rule.packages.iter().find_map(|package| composer.find(package))?;
        let line = text::json_line(&composer.text, "require", name);
        Some(Found::detected((), format!("`{name}` is required in {FILE}")).at(FILE, line))
    };
    let by_file = |rule: &&'static Rule| {
        let file = rule.files.iter().find(|file| facts.has(file))?;
        Some(Found::detected((), format!("there is {file}")).at(*file, None))
    };
    let found = |test: &dyn Fn(&&'static Rule) -> Option<Found<()>>| {
        rules::RULES.iter().find_map(|rule| Some((rule, test(&rule)?)))
    };
    let symfony = || {
        let composer = composer?;
        let is_project =
            composer.pointer(&["type"]) == Some("project") && composer.find("symfony/").is_some();
        let rule = rules::RULES.iter().find(|rule| rule.id == "symfony")?;
        (is_project && facts.has("bin/console"))
            .then(|| (rule, Found::detected((), "a project on Symfony's components").at(FILE, None)))
    };
    let drupal_7 = || {
        let rule = rules::RULES.iter().find(|rule| rule.id == "drupal")?;
        facts
            .contains("index.php", "drupal_bootstrap")
            .then(|| (rule, Found::detected((), "index.php boots Drupal").at("index.php", None)))
    };
    found(&by_package).or_else(|| found(&by_file)).or_else(symfony).or_else(drupal_7)
}

fn plan(
    context: &Context<'_, '_>,
    composer: Option<&Composer>,
    rule: Option<&'static Rule>,
    evidence: Found<&'static str>,
) -> Draft {
    let facts = context.facts;
    let name = rule.map_or("PHP", |rule| rule.name);
    let version = rule.and_then(|rule| {
        let (_, range) = rule.packages.iter().find_map(|package| composer?.find(package))?;
        let digits = range.trim_start_matches(['^', '~', '>', '=', ' ', 'v']);
        let major: String = digits.chars().take_while(char::is_ascii_digit).collect();
        (!major.is_empty() && major.len() < 5).then_some(major)
    });
    let name = version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"));
    let mut draft = Draft::new(evidence, name, Kind::Service, Runtime::Php);
    draft.kind(&Found::detected(Kind::Service, "PHP answers requests"));
    php_version(context, composer, &mut draft);
    draft.document_root(document_root(facts, composer, rule));
    draft.port(Found::default(8080, "the PHP image's usual port, handed over in PORT"));
    draft.note("start_command", &Found::default((), "the PHP image serves the document root"));
    if let Some(composer) = composer {
        install(facts, composer, &mut draft);
    }
    if let Some(rule) = rule {
        family(rule, facts, composer, &mut draft);
    }
    super::with_assets(facts, &mut draft);
    draft
}

fn php_version(context: &Context<'_, '_>, composer: Option<&Composer>, draft: &mut Draft) {
    if let Some(chosen) = context.choices.version("php") {
        draft.runtime_version(chosen.clone());
        return;
    }
    let numbered = |text: &str| text::captured(text, r"(\d+\.\d+)").map(|found| found.value);
    let from = |keys: &[&str], what: &str| {
        let composer = composer?;
        let range = composer.pointer(keys)?;
        let line = text::json_line(&composer.text, keys.first()?, "php");
        let wanted = numbered(range)?;
        // A caret or a lower bound allows the image's own version when that is newer within the same major.
        let version = if range.starts_with(['^', '>']) && newer(DEFAULT_VERSION, &wanted) {
            DEFAULT_VERSION.to_owned()
        } else {
            wanted
        };
        Some(Found::detected(version, format!("`{what}` is `{range}` in {FILE}")).at(FILE, line))
    };
    let pinned = [".php-version"].iter().find_map(|file| {
        let version = numbered(&facts_text(context.facts, file)?)?;
        Some(Found::detected(version, format!("{file} pins it")).at(*file, Some(1)))
    });
    let found = pinned
        .or_else(|| from(&["config", "platform", "php"], "config.platform.php"))
        .or_else(|| from(&["require", "php"], "require.php"));
    draft
        .runtime_version(found.unwrap_or_else(|| {
            Found::default(DEFAULT_VERSION.to_owned(), "the project asks for no version")
        }));
}

fn facts_text(facts: &Facts<'_>, file: &str) -> Option<String> {
    facts.text(file).map(|text| text.to_string())
}

/// Whether `version` is at least `wanted` within the same major version.
fn newer(version: &str, wanted: &str) -> bool {
    let parts = |text: &str| -> Option<(u32, u32)> {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    match (parts(version), parts(wanted)) {
        (Some(version), Some(wanted)) => version.0 == wanted.0 && version.1 >= wanted.1,
        _ => false,
    }
}

fn document_root(facts: &Facts<'_>, composer: Option<&Composer>, rule: Option<&Rule>) -> Found<String> {
    let drupal = composer
        .and_then(|composer| composer.pointer(&["extra", "drupal-scaffold", "locations", "web-root"]));
    if let Some(folder) = drupal.and_then(path::strict) {
        let because = "`extra.drupal-scaffold.locations.web-root`";
        return Found::detected(folder, format!("{because} in {FILE}")).at(FILE, None);
    }
    if let Some(rule) = rule {
        let usual = rule.root;
        // WordPress and its kind live in the root or below `web`, depending on how they were installed.
        let folder =
            if usual == "." && rule.id == "wordpress" && facts.has("web/index.php") { "web" } else { usual };
        return Found::detected(folder.to_owned(), format!("{}'s document root", rule.name));
    }
    let folder = ["public", "web", "htdocs", "."]
        .into_iter()
        .find(|folder| facts.has(&path::join(folder, "index.php")));
    let folder = folder.unwrap_or(".");
    Found::detected(folder.to_owned(), "the folder with index.php")
}

fn install(facts: &Facts<'_>, composer: &Composer, draft: &mut Draft) {
    let manager = Found::detected("composer".to_owned(), format!("there is {FILE}")).at(FILE, None);
    draft.package_manager(manager);
    draft.plan.dependency_inputs = [FILE, "composer.lock", "symfony.lock", "auth.json"]
        .iter()
        .filter(|file| facts.has(file))
        .map(|file| (*file).to_owned())
        .collect();
    let has_packages = composer.required().any(|(name, _)| name.contains('/'));
    if !has_packages && composer.root.get("autoload").is_none() {
        return;
    }
    let command = "composer install --no-dev --no-scripts --no-autoloader --no-interaction --prefer-dist";
    draft.install(
        Found::detected(command.to_owned(), "composer installs, without scripts that need the source")
            .at(FILE, None),
    );
    let command = "composer dump-autoload --no-dev --optimize --no-interaction";
    draft.build(
        Found::detected(command.to_owned(), "writes the class map and runs the project's own scripts")
            .at(FILE, None),
    );
    if !facts.has("composer.lock") {
        draft.warn("there is no composer.lock, so two builds of one commit can differ: commit one");
    }
    let extensions: Vec<&str> =
        composer.required().filter_map(|(name, _)| name.strip_prefix("ext-")).collect();
    if !extensions.is_empty() {
        draft.suggest(format!("PHP extensions that are required: {}", extensions.join(", ")));
    }
}

fn family(rule: &Rule, facts: &Facts<'_>, composer: Option<&Composer>, draft: &mut Draft) {
    match rule.family {
        Family::Laravel => {
            for (name, value) in
                [("APP_ENV", "production"), ("APP_DEBUG", "false"), ("LOG_CHANNEL", "stderr")]
            {
                draft.variable(name, value);
            }
            draft.suggest(
                "set APP_KEY (`base64:` and 32 random bytes): it must exist before the first request",
            );
            draft.suggest("set the release command to `php artisan migrate --force`");
            if composer.is_some_and(|composer| composer.find("laravel/horizon").is_some())
                || facts.has_folder("app/Jobs")
            {
                draft.suggest("there are queued jobs: add a worker with `php artisan queue:work`");
            }
        }
        Family::Symfony => {
            draft.variable("APP_ENV", "prod");
            draft.variable("APP_DEBUG", "0");
            if composer.is_some_and(|composer| composer.find("doctrine/doctrine-migrations-bundle").is_some())
            {
                draft.suggest("set the release command to `php bin/console doctrine:migrations:migrate -n`");
            }
        }
        Family::Drupal => draft.suggest("set the release command to `vendor/bin/drush deploy`"),
        Family::WordPress => {
            draft.suggest(
                "add a volume for wp-content/uploads: uploads are lost with the container otherwise",
            );
            draft.suggest("connect a MySQL database");
        }
        Family::Heavy => {
            draft.warn(format!(
                "{} needs more than PHP (search, queues, cron): a Dockerfile is the sturdier way",
                rule.name
            ));
        }
        Family::Site => {
            draft.kind(&Found::detected(Kind::Site, format!("{} writes pages ahead of time", rule.name)));
            draft.plan.document_root = None;
            draft.plan.port = None;
            draft
                .plan
                .reasons
                .retain(|reason| !matches!(&*reason.field, "document_root" | "port" | "start_command"));
            let own = draft.plan.build_command.take().map(|own| format!("{own} && ")).unwrap_or_default();
            draft.build(Found::detected(
                format!("{own}{}", rule.build),
                format!("{}'s build command", rule.name),
            ));
            draft.output(Found::detected(rule.root.to_owned(), format!("{} writes there", rule.name)));
        }
        Family::Plain => {}
    }
}
