//! The rules of access: the table of roles as people read it, and what must hold whatever the table says.

use std::fmt::Write as _;

use pierhead_model::access::{
    Kind, Permission, Rights, Role, Scope, Scopes, Standing, Tie, Verdict, rights_of,
};
use proptest::prelude::*;
use strum::IntoEnumIterator as _;

fn letters(rights: Rights, kind: Kind) -> String {
    let letter = |scope: Scope| {
        if rights.include(Permission(kind, scope)) { scope.to_string().remove(0) } else { '-' }
    };
    Scope::iter().map(letter).collect()
}

#[test]
fn the_table_of_roles() {
    let full = Tie::Granted { role: Role::Owner, scopes: Scopes::ALL };
    let read_only = Tie::Granted { role: Role::Owner, scopes: Scopes::READ };
    let developer = Tie::Granted { role: Role::Developer, scopes: Scopes::ALL };
    let columns =
        [Tie::Owner, Tie::Member(Role::Owner), Tie::Member(Role::Admin), Tie::Member(Role::Developer)];
    let columns =
        columns.into_iter().chain([Tie::Member(Role::Viewer), full, developer, read_only, Tie::Open]);
    let columns: Vec<Rights> = columns.map(|tie| rights_of(&[tie])).collect();
    let mut table = String::new();
    for kind in Kind::iter() {
        let cells: Vec<String> = columns.iter().map(|rights| letters(*rights, kind)).collect();
        writeln!(table, "{:11} {}", kind.to_string(), cells.join(" ")).unwrap();
    }
    // owner, then in the owning team: owner, admin, developer, viewer; then through a grant: everything to an owner of the
    // granted team, everything to a developer of it, reading; then what is open to everybody.
    assert_eq!(
        table,
        "\
project     rwd rwd rwd rw- r-- rwd rw- r-- ---
repository  rwd rwd rwd rw- r-- rwd rw- r-- ---
deployment  rwd rwd rwd rwd r-- rwd rwd r-- ---
links       rwd rwd rwd rw- r-- rwd rw- r-- ---
members     rwd rwd rwd r-- r-- r-- r-- r-- ---
team        rwd rwd rw- r-- r-- --- --- --- ---
environment rwd rwd rwd rw- r-- rwd rw- r-- rw-
ownership   rwd rwd --- --- --- --- --- --- ---
"
    );
}

#[test]
fn nobody_makes_somebody_mightier_than_themselves() {
    for (giver, given, may) in [
        (Role::Owner, Role::Owner, true),
        (Role::Owner, Role::Viewer, true),
        (Role::Admin, Role::Owner, false),
        (Role::Admin, Role::Admin, true),
        (Role::Admin, Role::Viewer, true),
        (Role::Developer, Role::Viewer, false),
        (Role::Viewer, Role::Viewer, false),
    ] {
        assert_eq!(giver.may_give(given), may, "{giver} gives {given}");
    }
}

fn a_tie() -> impl Strategy<Value = Tie> {
    let role = prop::sample::select(Role::iter().collect::<Vec<_>>());
    let scopes = prop::collection::vec(prop::sample::select(Scope::iter().collect::<Vec<_>>()), 0..4);
    prop_oneof![
        Just(Tie::Owner),
        Just(Tie::Open),
        role.clone().prop_map(Tie::Member),
        (role, scopes).prop_map(|(role, scopes)| Tie::Granted { role, scopes: scopes.into_iter().collect() }),
    ]
}

fn a_permission() -> impl Strategy<Value = Permission> {
    prop::sample::select(Permission::all().collect::<Vec<_>>())
}

fn scopes() -> impl Strategy<Value = Scopes> {
    prop::collection::vec(prop::sample::select(Scope::iter().collect::<Vec<_>>()), 0..4)
        .prop_map(|scopes| scopes.into_iter().collect())
}

proptest! {
    #[test]
    fn more_ties_never_take_away(ties in prop::collection::vec(a_tie(), 0..5), another in a_tie(), token in scopes(), needed in a_permission()) {
        let standing = Standing { admin: false, token };
        let before = standing.judge(rights_of(&ties), needed);
        let more: Vec<Tie> = ties.iter().copied().chain([another]).collect();
        prop_assert!(rights_of(&more).cover(rights_of(&ties)));
        let after = standing.judge(rights_of(&more), needed);
        prop_assert!(before != Verdict::Allowed || after == Verdict::Allowed);
        prop_assert!(before == Verdict::Hidden || after != Verdict::Hidden);
    }

    #[test]
    fn without_a_tie_nothing_is_there(token in scopes(), needed in a_permission()) {
        prop_assert_eq!(Standing { admin: false, token }.judge(rights_of(&[]), needed), Verdict::Hidden);
    }

    #[test]
    fn a_token_only_narrows(ties in prop::collection::vec(a_tie(), 0..5), admin: bool, token in scopes(), needed in a_permission()) {
        let rights = rights_of(&ties);
        let with_token = Standing { admin, token }.judge(rights, needed);
        let with_all = Standing { admin, token: Scopes::ALL }.judge(rights, needed);
        prop_assert!(with_token != Verdict::Allowed || with_all == Verdict::Allowed);
        prop_assert_eq!(with_token == Verdict::Hidden, with_all == Verdict::Hidden, "a token hides nothing");
        if with_token == Verdict::Allowed {
            prop_assert!(token.include(needed.1));
        }
    }

    #[test]
    fn a_grant_gives_nobody_the_right_to_grant_or_to_give_away(ties in prop::collection::vec(a_tie(), 0..5)) {
        let grants: Vec<Tie> = ties.into_iter().filter(|tie| matches!(tie, Tie::Granted { .. } | Tie::Open)).collect();
        let rights = rights_of(&grants);
        for forbidden in [Permission(Kind::Members, Scope::Write), Permission(Kind::Members, Scope::Delete), Permission(Kind::Ownership, Scope::Write)] {
            prop_assert!(!rights.include(forbidden));
        }
    }

    #[test]
    fn who_may_change_may_look(ties in prop::collection::vec(a_tie(), 0..5)) {
        let rights = rights_of(&ties);
        for kind in Kind::iter() {
            let changes = [Scope::Write, Scope::Delete].into_iter().any(|scope| rights.include(Permission(kind, scope)));
            prop_assert!(!changes || rights.include(Permission(kind, Scope::Read)), "{}", kind);
        }
    }
}
