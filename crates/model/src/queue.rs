//! Who builds next: a free place goes to the project that holds the fewest, and among those to whoever waited longest. So a
//! project that was pushed to a thousand times delays another by one build at most.

use std::collections::HashMap;
use std::hash::Hash;

/// The next of those that wait, in the order of their arrival; `held` says how many places a project has.
pub fn next<P>(waiting: &[P], held: impl Fn(&P) -> usize) -> Option<usize> {
    (0..waiting.len()).min_by_key(|&index| held(&waiting[index]))
}

/// In which order those that wait will be let in, if none of those that build ends before: indexes of `waiting`.
pub fn order<P: Eq + Hash + Clone>(building: &[P], waiting: &[P]) -> Vec<usize> {
    let mut held: HashMap<P, usize> = HashMap::new();
    for project in building {
        *held.entry(project.clone()).or_default() += 1;
    }
    let (mut left, mut order): (Vec<usize>, _) = ((0..waiting.len()).collect(), Vec::new());
    while let Some(at) = next(&left, |&index| held.get(&waiting[index]).copied().unwrap_or(0)) {
        let index = left.remove(at);
        *held.entry(waiting[index].clone()).or_default() += 1;
        order.push(index);
    }
    order
}

#[cfg(test)]
mod tests {
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
            let of = |text: &str| text.chars().collect::<Vec<char>>();
            assert_eq!(order(&of(building), &of(waiting)), expected, "{building} {waiting}");
        }
    }

    proptest! {
        #[test]
        fn everybody_is_let_in_once_and_each_project_in_its_own_order(
            building in prop::collection::vec(0_u8..4, 0..6),
            waiting in prop::collection::vec(0_u8..4, 0..30),
        ) {
            let order = order(&building, &waiting);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..waiting.len()).collect::<Vec<_>>());
            for project in 0..4 {
                let own: Vec<usize> = order.iter().copied().filter(|&it| waiting[it] == project).collect();
                prop_assert!(own.is_sorted());
            }
        }
    }
}
