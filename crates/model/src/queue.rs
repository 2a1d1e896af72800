//! Who builds next: a free place goes to the project that holds the fewest, among those to the one whose last build began
//! longest ago, and among its own to whoever waited longest.
//!
//! So however often a project is pushed to, it delays another by one build at most, and what is pushed to one branch is built
//! in the order of the pushes.

use std::collections::HashMap;
use std::hash::Hash;

/// What projects hold, and whose turn it was when. As many entries as there are projects that were built.
#[derive(Debug, Clone)]
pub struct Turns<P> {
    held: HashMap<P, usize>,
    /// Counts up with each build that begins.
    begun: u64,
    last: HashMap<P, u64>,
}

impl<P> Default for Turns<P> {
    fn default() -> Self {
        Self { held: HashMap::new(), begun: 0, last: HashMap::new() }
    }
}

impl<P: Eq + Hash + Clone> Turns<P> {
    /// Nobody had a turn yet; `building` has a project for each place that it holds.
    pub fn of(building: impl IntoIterator<Item = P>) -> Self {
        let mut turns = Self::default();
        turns.hold(building);
        turns
    }

    /// Those that build, as was found out otherwise.
    pub fn hold(&mut self, building: impl IntoIterator<Item = P>) {
        self.held.clear();
        for project in building {
            *self.held.entry(project).or_default() += 1;
        }
    }

    /// A build of the project begins.
    pub fn begin(&mut self, project: &P) {
        self.begun += 1;
        self.last.insert(project.clone(), self.begun);
        *self.held.entry(project.clone()).or_default() += 1;
    }

    /// A build of the project is over.
    pub fn end(&mut self, project: &P) {
        if let Some(held) = self.held.get_mut(project) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(project);
            }
        }
    }

    /// How many build.
    pub fn building(&self) -> usize {
        self.held.values().sum()
    }

    /// The next of those that wait, in the order of their arrival.
    pub fn next<'a, T>(&self, waiting: &'a [T], project: impl Fn(&'a T) -> &'a P) -> Option<usize>
    where
        P: 'a,
    {
        (0..waiting.len()).min_by_key(|&index| {
            let project = project(&waiting[index]);
            let held = self.held.get(project).copied().unwrap_or(0);
            (held, self.last.get(project).copied().unwrap_or(0))
        })
    }

    /// In which order those that wait will be let in, if none of those that build ends before: indexes of `waiting`.
    pub fn order(&self, waiting: &[P]) -> Vec<usize> {
        let mut turns = self.clone();
        let (mut left, mut order): (Vec<usize>, _) = ((0..waiting.len()).collect(), Vec::new());
        while let Some(at) = turns.next(&left, |&index| &waiting[index]) {
            let index = left.remove(at);
            turns.begin(&waiting[index]);
            order.push(index);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_busy_project_delays_another_by_one_build_at_most() {
        for (building, waiting, expected) in [
            ("", "", vec![]),
            ("", "aab", vec![0, 2, 1]),
            ("a", "aab", vec![2, 0, 1]),
            ("ab", "aabbc", vec![4, 0, 2, 1, 3]),
            ("aa", "aaaaab", vec![5, 0, 1, 2, 3, 4]),
        ] {
            let waiting: Vec<char> = waiting.chars().collect();
            assert_eq!(Turns::of(building.chars()).order(&waiting), expected, "{building} {waiting:?}");
        }
    }

    #[test]
    fn at_a_single_place_projects_take_turns_too() {
        let (mut turns, mut waiting) = (Turns::default(), "aaabab".chars().collect::<Vec<_>>());
        let mut built = String::new();
        while let Some(at) = turns.next(&waiting, |project| project) {
            let project = waiting.remove(at);
            turns.begin(&project);
            turns.end(&project);
            built.push(project);
        }
        assert_eq!(built, "ababaa");
    }

    #[derive(Debug, Clone, Copy)]
    enum Happens {
        /// A push to a branch of a project.
        Push(u8, u8),
        /// One of those that build ends.
        End(usize),
        /// What was remembered is lost, as in a restart; who builds is found out again.
        Restart,
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            6 => (0_u8..5, 0_u8..3).prop_map(|(project, branch)| Happens::Push(project, branch)),
            5 => any::<usize>().prop_map(Happens::End),
            1 => Just(Happens::Restart),
        ]
    }

    proptest! {
        #[test]
        fn everybody_is_let_in_once_and_each_project_in_its_own_order(
            building in prop::collection::vec(0_u8..4, 0..6),
            waiting in prop::collection::vec(0_u8..4, 0..30),
        ) {
            let order = Turns::of(building).order(&waiting);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..waiting.len()).collect::<Vec<_>>());
            for project in 0..4 {
                let own: Vec<usize> = order.iter().copied().filter(|&it| waiting[it] == project).collect();
                prop_assert!(own.is_sorted());
            }
        }

        /// Never more than the limit; no place is free while somebody waits; nobody who holds nothing sees another go twice;
        /// branches keep their order.
        #[test]
        fn nobody_starves(limit in 1_usize..4, events in prop::collection::vec(happens(), 1..200)) {
            let (mut turns, mut building) = (Turns::default(), Vec::<u8>::new());
            let mut waiting: Vec<(u8, u8, usize)> = Vec::new();
            let mut newest: HashMap<(u8, u8), usize> = HashMap::new();
            // Whom each project that waits and holds nothing has seen go.
            let mut seen: HashMap<u8, HashSet<u8>> = HashMap::new();
            for (number, event) in events.into_iter().enumerate() {
                match event {
                    Happens::Push(project, branch) => waiting.push((project, branch, number)),
                    Happens::End(_) if building.is_empty() => {}
                    Happens::End(which) => {
                        let project = building.swap_remove(which % building.len());
                        turns.end(&project);
                    }
                    Happens::Restart => {
                        turns = Turns::of(building.iter().copied());
                        seen.clear();
                    }
                }
                while turns.building() < limit {
                    let Some(at) = turns.next(&waiting, |it| &it.0) else { break };
                    let (project, branch, number) = waiting.remove(at);
                    let earlier = newest.insert((project, branch), number);
                    prop_assert!(earlier.is_none_or(|earlier| earlier < number), "a branch keeps its order");
                    let patient: HashSet<u8> = waiting.iter().map(|it| it.0).collect();
                    for patient in patient.into_iter().filter(|it| *it != project && !building.contains(it)) {
                        let first = seen.entry(patient).or_default().insert(project);
                        prop_assert!(first, "{} went twice while {} waited", project, patient);
                    }
                    seen.remove(&project);
                    turns.begin(&project);
                    building.push(project);
                }
                seen.retain(|patient, _| !building.contains(patient) && waiting.iter().any(|it| it.0 == *patient));
                prop_assert!(building.len() <= limit);
                prop_assert_eq!(building.len(), turns.building());
                prop_assert!(building.len() == limit || waiting.is_empty(), "a place is free and somebody waits");
            }
        }
    }
}
