//! Who comes back from a provider → what happens. One table, asked once.

use pierhead_model::id::UserId;

use super::Refusal;

/// What is known of somebody who comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'k> {
    /// Who is signed in here and asked to link.
    pub(crate) linking: Option<&'k UserId>,
    /// Whose account it is linked to already.
    pub(crate) linked: Option<Account<'k>>,
    /// Whether the provider says that the address is theirs.
    pub(crate) is_verified: bool,
    /// Who has the address here.
    pub(crate) by_address: Option<Account<'k>>,
    /// Whether an account may be made for the address: by the policy, or because it was invited.
    pub(crate) may_join: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Account<'k> {
    pub(crate) id: &'k UserId,
    /// Whether it is known here that the address is theirs.
    pub(crate) is_verified: bool,
    pub(crate) is_disabled: bool,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    SignIn(UserId),
    /// Is linked from now on; and signed in, unless they are.
    Link(UserId),
    /// Gets an account, linked from the start.
    Join,
    Refuse(Refusal),
}

pub(crate) fn decide(known: Known<'_>) -> Verdict {
    match (known.linking, known.linked) {
        (Some(me), Some(linked)) if linked.id != me => Verdict::Refuse(Refusal::LinkedElsewhere),
        (_, Some(linked)) if linked.is_disabled => Verdict::Refuse(Refusal::Disabled),
        (_, Some(linked)) => Verdict::SignIn(linked.id.clone()),
        // They proved here and there who they are: the address does not matter.
        (Some(me), None) => Verdict::Link(me.clone()),
        (None, None) if !known.is_verified => Verdict::Refuse(Refusal::Unverified),
        (None, None) => match known.by_address {
            Some(account) if account.is_disabled => Verdict::Refuse(Refusal::Disabled),
            // Somebody may have made it with an address that is not theirs, to wait for its owner with a password they know.
            Some(account) if !account.is_verified => Verdict::Refuse(Refusal::AccountUnverified),
            Some(account) => Verdict::Link(account.id.clone()),
            None if known.may_join => Verdict::Join,
            None => Verdict::Refuse(Refusal::NoAccount),
        },
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    #[test]
    fn the_table() {
        let (ada, bob) = (UserId::new(Timestamp::UNIX_EPOCH, 1), UserId::new(Timestamp::UNIX_EPOCH, 2));
        let of = |id| Account { id, is_verified: true, is_disabled: false };
        let unproven = Account { is_verified: false, ..of(&ada) };
        let disabled = Account { is_disabled: true, ..of(&ada) };
        let (a, b) = (of(&ada), of(&bob));
        let refuse = Verdict::Refuse;
        for (linking, linked, is_verified, by_address, may_join, expected) in [
            // Known already: neither the address nor the policy is asked.
            (None, Some(a), false, None, false, Verdict::SignIn(ada.clone())),
            (None, Some(a), true, Some(b), true, Verdict::SignIn(ada.clone())),
            (None, Some(disabled), true, Some(a), true, refuse(Refusal::Disabled)),
            // By address: only a verified one, there and here.
            (None, None, true, Some(a), false, Verdict::Link(ada.clone())),
            (None, None, false, Some(a), true, refuse(Refusal::Unverified)),
            (None, None, true, Some(unproven), true, refuse(Refusal::AccountUnverified)),
            (None, None, true, Some(disabled), true, refuse(Refusal::Disabled)),
            // Nobody yet.
            (None, None, true, None, true, Verdict::Join),
            (None, None, true, None, false, refuse(Refusal::NoAccount)),
            (None, None, false, None, true, refuse(Refusal::Unverified)),
            // Who is signed in links what they like, if nobody else has it.
            (Some(&ada), None, false, Some(b), false, Verdict::Link(ada.clone())),
            (Some(&ada), Some(a), true, None, false, Verdict::SignIn(ada.clone())),
            (Some(&ada), Some(b), true, Some(a), true, refuse(Refusal::LinkedElsewhere)),
        ] {
            let known = Known { linking, linked, is_verified, by_address, may_join };
            assert_eq!(decide(known), expected, "{known:?}");
        }
    }
}
