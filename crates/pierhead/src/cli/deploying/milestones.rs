//! What there is to say about a deployment, as a function of the deployment alone.
//!
//! States can be skipped between two looks, so everything is derived from what is recorded, each thing under a key by which a
//! reporter knows what it said already.

use pierhead_model::plan::{BuildPlan, Kind, Runtime};

use crate::cli::client::types::{Deployment, Step};
use crate::output::humane::{between, duration, seconds};
use pierhead_model::deployment::State;

/// One line for a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Milestone {
    pub(super) key: String,
    pub(super) text: String,
}

/// One finished phase for a terminal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) label: String,
    pub(super) detail: String,
}

/// Everything that has begun, in the words of a log.
pub(super) fn begun(deployment: &Deployment) -> Vec<Milestone> {
    let mut lines = Vec::new();
    let mut say = |key: &str, text: String| lines.push(Milestone { key: key.to_owned(), text });
    say("queued", format!("queued {}", deployment.id));
    let (before_plan, after_plan): (Vec<&Step>, Vec<&Step>) =
        deployment.steps.iter().partition(|step| step.name == "clone");
    for step in before_plan {
        say(&step.name, "cloning".to_owned());
    }
    if let Some(plan) = &deployment.plan {
        say("detected", format!("detected {}", plan_words(&plan.framework, plan, ", ", false)));
    }
    for step in after_plan {
        if let Some(what) = work(step, deployment.plan.as_ref()) {
            say(&format!("step {}", step.name), format!("building {what}"));
        }
    }
    let Some(timings) = &deployment.timings else { return lines };
    if timings.provisioning_at.is_some() {
        say("provisioning", "provisioning".to_owned());
    }
    if let (State::Production, Some(live)) = (deployment.state, timings.production_at) {
        let took = seconds(between(timings.queued_at, live));
        say("live", format!("{} {} {took}", deployment.slot, deployment.url));
    }
    lines
}

/// Every phase that has ended, in the words of a terminal.
pub(super) fn ended(deployment: &Deployment) -> Vec<Phase> {
    let mut phases = Vec::new();
    let mut say = |label: &str, detail: String| phases.push(Phase { label: label.to_owned(), detail });
    let Some(timings) = &deployment.timings else { return phases };
    if let Some(placed) = timings.building_at.or(timings.provisioning_at) {
        say("Queued", duration(between(timings.queued_at, placed)));
    }
    if let Some(plan) = &deployment.plan {
        say("Detected", plan_words(&plan.name, plan, " · ", true));
    }
    if let (Some(from), Some(to)) = (timings.building_at, timings.provisioning_at) {
        let notes = deployment.steps.iter().filter_map(|step| step.note.clone());
        let words: Vec<String> = std::iter::once(duration(between(from, to))).chain(notes).collect();
        say("Built", words.join(" · "));
    }
    if let (Some(from), Some(to)) = (timings.provisioning_at, timings.production_at) {
        let is_site = deployment.plan.as_ref().is_some_and(|plan| plan.kind == Kind::Site);
        let what = if is_site { "published in" } else { "healthy after" };
        say("Provisioned", format!("{what} {}", duration(between(from, to))));
    }
    if let (State::Production, Some(live)) = (deployment.state, timings.production_at) {
        let label = if deployment.slot == "production" { "Production" } else { "Live" };
        let took = duration(between(timings.queued_at, live));
        say(label, format!("{}  {} · {took}", deployment.url, deployment.version()));
    }
    phases
}

/// What goes on right now.
pub(super) fn current(deployment: &Deployment) -> Option<Phase> {
    let phase = |label: &str, detail: String| Some(Phase { label: label.to_owned(), detail });
    match deployment.state {
        State::Queued => phase("Queued", waits(deployment)),
        State::Building => {
            let running = deployment.steps.iter().rev().find(|step| step.finished_at.is_none());
            phase(
                "Building",
                running.and_then(|step| work(step, deployment.plan.as_ref())).unwrap_or_default(),
            )
        }
        State::Provisioning => phase("Provisioning", "until it answers well".to_owned()),
        State::Production | State::Inactive | State::Failed => None,
    }
}

fn waits(deployment: &Deployment) -> String {
    match (&deployment.waiting, deployment.queue_position) {
        (Some(waiting), Some(position)) => format!("number {position} in line. {}", waiting.detail),
        (Some(waiting), None) => waiting.detail.clone(),
        (None, _) => "waits for a node".to_owned(),
    }
}

/// The phase that a failed deployment ended in.
pub(super) fn failed_in(deployment: &Deployment) -> &'static str {
    match deployment.timings.as_ref().map(|timings| (timings.building_at, timings.provisioning_at)) {
        Some((_, Some(_))) => "Provisioning",
        Some((Some(_), None)) => "Building",
        Some((None, None)) | None => "Queued",
    }
}

/// What a step does, in the words of the project: its command.
fn work(step: &Step, plan: Option<&BuildPlan>) -> Option<String> {
    let command = match step.name.as_str() {
        "clone" => Some("the clone"),
        "install" => plan.and_then(|plan| plan.install_command.as_deref()),
        "build" => plan.and_then(|plan| plan.build_command.as_deref()),
        "release" => Some("the release"),
        "service" => return None,
        _ => None,
    };
    Some(command.unwrap_or(&step.name).to_owned())
}

fn plan_words(name: &str, plan: &BuildPlan, separator: &str, capital: bool) -> String {
    let runtime = match (&plan.runtime, capital) {
        (Runtime::Static | Runtime::Docker, _) => None,
        (Runtime::Node, true) => Some("Node"),
        (Runtime::Python, true) => Some("Python"),
        (Runtime::Php, true) => Some("PHP"),
        (runtime, _) => Some(runtime.as_str()),
    };
    let runtime = runtime.map(|runtime| match &plan.runtime_version {
        Some(version) => format!("{runtime} {version}"),
        None => runtime.to_owned(),
    });
    let words = [Some(name.to_owned()), plan.package_manager.clone(), runtime];
    words.into_iter().flatten().collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(state: &str, change: &serde_json::Value) -> Deployment {
        let mut document = json!({
            "id": "3x9mq2p7ab", "number": 18, "project": "shop", "slot": "production", "state": state, "url": "https://shop.example.com",
            "timings": {"queued_at": "2026-11-20T10:00:00Z", "building_at": null, "provisioning_at": null, "production_at": null, "ended_at": null},
        });
        for (path, value) in change.as_object().unwrap() {
            match path.strip_prefix("timings.") {
                Some(name) => document["timings"][name] = value.clone(),
                None => document[path] = value.clone(),
            }
        }
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn nothing_but_queued_at_first() {
        let queued = deployment("QUEUED", &json!({}));
        assert_eq!(begun(&queued), [Milestone { key: "queued".into(), text: "queued 3x9mq2p7ab".into() }]);
        assert_eq!(ended(&queued), []);
        assert_eq!(current(&queued).unwrap().label, "Queued");
    }

    #[test]
    fn skipped_states_are_told_all_the_same() {
        let live = deployment(
            "PRODUCTION",
            &json!({"timings.building_at": "2026-11-20T10:00:00.1Z", "timings.provisioning_at": "2026-11-20T10:00:40Z", "timings.production_at": "2026-11-20T10:00:46Z"}),
        );
        let texts: Vec<String> = begun(&live).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["queued 3x9mq2p7ab", "provisioning", "production https://shop.example.com 46.0s"]);
        let phases: Vec<String> =
            ended(&live).into_iter().map(|phase| format!("{} {}", phase.label, phase.detail)).collect();
        assert_eq!(
            phases,
            [
                "Queued 0.1 s",
                "Built 39 s",
                "Provisioned healthy after 6.0 s",
                "Production https://shop.example.com  v18 · 46 s"
            ]
        );
        assert_eq!(current(&live), None);
    }

    #[test]
    fn the_phase_of_a_failure() {
        assert_eq!(failed_in(&deployment("FAILED", &json!({}))), "Queued");
        assert_eq!(
            failed_in(&deployment("FAILED", &json!({"timings.building_at": "2026-11-20T10:00:01Z"}))),
            "Building"
        );
        assert_eq!(
            failed_in(&deployment("FAILED", &json!({"timings.provisioning_at": "2026-11-20T10:00:01Z"}))),
            "Provisioning"
        );
    }
}
