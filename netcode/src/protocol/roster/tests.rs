//! What the membership does by itself, proposal by proposal.

use super::*;
use crate::protocol::ids::SessionId;

/// Members 1 to `count` in epoch 0.
pub fn roster_of(count: u32) -> Roster {
    Roster::new(&genesis(count))
}

fn genesis(count: u32) -> Genesis {
    let founder =
        |player| Founder { player: Player(player), key: PeerKey([player as u8; 32]), role: 1, address: vec![] };
    Genesis {
        rules: Rules::usual(SessionId([0; 16]), 90, 3),
        founders: (1..=count).map(founder).collect(),
        known: Vec::new(),
        scenario: Vec::new(),
        start: None,
    }
}

fn join(key: u8, life: u64, invite: Option<u8>) -> Proposal {
    Proposal::Join { key: PeerKey([key; 32]), life, role: 1, invite: invite.map(|i| [i; 16]), address: vec![] }
}

fn players(roster: &Roster) -> Vec<u32> {
    roster.members.iter().map(|m| m.player.0).collect()
}

#[test]
fn a_join_takes_effect_after_the_window_and_keeps_its_number() {
    let rules = genesis(2).rules;
    let window = u64::from(rules.window_turns);
    let mut roster = roster_of(2);
    assert_eq!(roster.settle(&rules, Turn(10), Player(1), &join(9, 5, None)), None);
    assert_eq!(roster.start_turn(Turn(9 + window), None), None);
    let (mut roster, changes) = roster.start_turn(Turn(10 + window), None).expect("a new epoch");
    assert_eq!((roster.epoch, players(&roster)), (1, vec![1, 2, 3]));
    assert_eq!(changes, [Change::Join { player: Player(3), role: 1 }]);

    roster.settle(&rules, Turn(100), Player(3), &Proposal::Leave);
    let (mut roster, _) = roster.start_turn(Turn(100 + window), None).expect("a new epoch");
    assert_eq!(players(&roster), [1, 2]);
    roster.settle(&rules, Turn(200), Player(2), &join(9, 6, None));
    let (roster, _) = roster.start_turn(Turn(200 + window), None).expect("a new epoch");
    assert_eq!(players(&roster), [1, 2, 3]);
    assert_eq!(roster.member(Player(3)).map(|m| m.incarnation), Some(2));
}

#[test]
fn a_one_time_invite_is_spent_by_the_first_in_the_log() {
    let rules = genesis(2).rules;
    let mut roster = roster_of(2);
    assert_eq!(roster.settle(&rules, Turn(1), Player(1), &join(8, 1, Some(4))), None);
    assert_eq!(roster.settle(&rules, Turn(1), Player(2), &join(8, 1, Some(4))), None, "the same wish again");
    let second = roster.settle(&rules, Turn(1), Player(2), &join(9, 1, Some(4)));
    assert_eq!(second.map(|r| r.why), Some(Refusal::InviteSpent));
    assert_eq!(roster.joining().count(), 1);
}

#[test]
fn a_full_session_refuses_and_returning_life_replaces_the_old_one() {
    let rules = Rules { members_max: 2, ..genesis(2).rules };
    let mut roster = roster_of(2);
    let refused = roster.settle(&rules, Turn(1), Player(1), &join(9, 1, None));
    assert_eq!(refused.map(|r| r.why), Some(Refusal::Full));
    assert_eq!(roster.settle(&rules, Turn(1), Player(1), &join(2, 77, None)), None);
    let at = Turn(1 + u64::from(rules.window_turns));
    let (roster, changes) = roster.start_turn(at, None).expect("a new epoch");
    assert_eq!(players(&roster), [1, 2]);
    assert_eq!(roster.member(Player(2)).map(|m| m.incarnation), Some(2));
    assert_eq!(changes[0], Change::Leave { player: Player(2), why: Departure::Replaced });
}

#[test]
fn a_quorum_of_votes_kicks_for_good() {
    let rules = genesis(3).rules;
    let mut roster = roster_of(3);
    let kick = Proposal::Kick { player: Player(3) };
    roster.settle(&rules, Turn(1), Player(1), &kick);
    roster.settle(&rules, Turn(2), Player(1), &kick);
    assert!(roster.pending.is_empty(), "one vote each");
    roster.settle(&rules, Turn(3), Player(2), &kick);
    let (mut roster, _) = roster.start_turn(roster.pending[0].at, None).expect("a new epoch");
    assert_eq!(players(&roster), [1, 2]);
    let back = roster.settle(&rules, Turn(99), Player(1), &join(3, 9, None));
    assert_eq!(back.map(|r| r.why), Some(Refusal::Banned));
}

fn demote(roster: &mut Roster, rules: &Rules, turn: u64, by: u32, about: u32) {
    roster.settle(rules, Turn(turn), Player(by), &Proposal::Demote { player: Player(about) });
}

fn leaving(roster: &Roster) -> Vec<(u32, Departure)> {
    let of = |p: &Pending| match p.what {
        PendingChange::Leave { player, why } => Some((player.0, why)),
        PendingChange::Join(_) => None,
    };
    roster.pending.iter().filter_map(of).collect()
}

#[test]
fn a_demotion_takes_a_quorum_of_fresh_votes_or_ones_own_word() {
    let rules = genesis(4).rules;
    let mut roster = roster_of(4);
    demote(&mut roster, &rules, 1, 1, 4);
    demote(&mut roster, &rules, 2, 1, 4);
    let late = 2 + DEMOTION_VOTE_US / rules.turn_us() + 1;
    demote(&mut roster, &rules, late, 2, 4);
    demote(&mut roster, &rules, late, 3, 4);
    assert_eq!(leaving(&roster), [], "the first vote is too old, and two of four without the lowest are no quorum");
    demote(&mut roster, &rules, late + 1, 1, 4);
    demote(&mut roster, &rules, late + 2, 3, 3);
    assert_eq!(leaving(&roster), [(4, Departure::Demoted), (3, Departure::Demoted)]);
}

#[test]
fn half_of_the_members_stay_whatever_is_voted() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (16, 8)] {
        let rules = genesis(count).rules;
        let mut roster = roster_of(count);
        (1..=count).for_each(|player| demote(&mut roster, &rules, 1, player, player));
        assert_eq!(leaving(&roster).len(), most, "{count}");
    }
    let rules = genesis(3).rules;
    let mut roster = roster_of(3);
    roster.settle(&rules, Turn(1), Player(1), &Proposal::Leave);
    demote(&mut roster, &rules, 2, 2, 2);
    assert_eq!(leaving(&roster), [(1, Departure::Left)], "who leaves does not stay");
}

#[test]
fn a_kick_overtakes_a_demotion_and_nobody_kicks_itself() {
    let rules = genesis(3).rules;
    let mut roster = roster_of(3);
    demote(&mut roster, &rules, 1, 3, 3);
    for by in [3, 1, 2] {
        roster.settle(&rules, Turn(2), Player(by), &Proposal::Kick { player: Player(3) });
    }
    roster.settle(&rules, Turn(2), Player(1), &Proposal::Kick { player: Player(1) });
    assert_eq!(leaving(&roster), [(3, Departure::Kicked)]);
}

#[test]
fn a_fork_begins_with_one_member_and_tells_that_the_others_have_left() {
    for mine in [1, 3] {
        let fork = roster_of(3).forked(Player(mine), 77, Turn(50));
        let (fork, changes) = fork.start_turn(Turn(50), None).expect("a new epoch");
        let me = fork.member(Player(mine)).map(|m| (m.incarnation, m.life, m.first));
        assert_eq!((fork.epoch, players(&fork), me), (1, vec![mine], Some((2, 77, Turn(50)))));
        let left = |player| Change::Leave { player: Player(player), why: Departure::Forked };
        let others = [1, 2, 3].into_iter().filter(|other| *other != mine).map(left);
        let again = [
            Change::Leave { player: Player(mine), why: Departure::Replaced },
            Change::Join { player: Player(mine), role: 1 },
        ];
        assert_eq!(changes, others.chain(again).collect::<Vec<_>>());
    }
}

#[test]
fn who_is_kicked_is_not_let_in_again_before_it_has_left() {
    let rules = genesis(3).rules;
    let mut roster = roster_of(3);
    let kick = Proposal::Kick { player: Player(3) };
    roster.settle(&rules, Turn(1), Player(1), &kick);
    roster.settle(&rules, Turn(1), Player(2), &kick);
    let rejected = roster.settle(&rules, Turn(5), Player(1), &join(3, 9, None));
    assert_eq!(rejected.map(|r| r.why), Some(Refusal::Banned));
    let window = u64::from(rules.window_turns);
    let (roster, _) = roster.start_turn(Turn(1 + window), None).expect("a new epoch");
    assert_eq!((players(&roster), roster.joining().count()), (vec![1, 2], 0));
    assert!(roster.start_turn(Turn(5 + window), None).is_none());
}

#[test]
fn a_settled_kick_outlasts_the_life_that_it_is_about() {
    let rules = genesis(4).rules;
    let kick = Proposal::Kick { player: Player(4) };
    let all = |roster: &mut Roster, turn: u64| {
        let rejected = (1..=3).filter_map(|by| roster.settle(&rules, Turn(turn), Player(by), &kick)).count();
        assert_eq!(rejected, 0);
    };
    let mut silent = roster_of(4);
    all(&mut silent, 1);
    let removed = vec![(Player(4), Departure::Silent)];
    let cut = Cut { next: Turn(3), chain: crate::protocol::Hash::default(), removed, proofs: Vec::new() };
    let (mut silent, _) = silent.start_turn(Turn(3), Some(&cut)).expect("a new epoch");
    let back = silent.settle(&rules, Turn(9), Player(1), &join(4, 9, None));
    assert_eq!(back.map(|r| r.why), Some(Refusal::Banned), "cut before it left");

    let mut replaced = roster_of(4);
    replaced.settle(&rules, Turn(1), Player(1), &join(4, 9, None));
    all(&mut replaced, 2);
    assert_eq!(replaced.joining().count(), 0, "its new life is not let in");
}

#[test]
fn votes_to_remove_a_player_outlast_its_life_and_others_do_not() {
    let rules = genesis(5).rules;
    let mut roster = roster_of(5);
    let kick = Proposal::Kick { player: Player(5) };
    roster.settle(&rules, Turn(1), Player(1), &kick);
    roster.settle(&rules, Turn(1), Player(2), &kick);
    demote(&mut roster, &rules, 1, 1, 5);
    demote(&mut roster, &rules, 1, 2, 5);
    roster.settle(&rules, Turn(1), Player(1), &join(5, 9, None));
    let at = Turn(1 + u64::from(rules.window_turns));
    let (mut roster, _) = roster.start_turn(at, None).expect("a new epoch");
    demote(&mut roster, &rules, at.0, 3, 5);
    assert_eq!(leaving(&roster), [], "the new life has to be slow itself");
    roster.settle(&rules, at, Player(3), &kick);
    assert_eq!(leaving(&roster), [(5, Departure::Kicked)]);
}

#[test]
fn the_delay_is_the_greatest_wish() {
    let rules = genesis(2).rules;
    let mut roster = roster_of(2);
    roster.settle(&rules, Turn(1), Player(1), &Proposal::Delay { turns: 9 });
    assert_eq!(roster.delay, 9);
    roster.settle(&rules, Turn(2), Player(1), &Proposal::Delay { turns: 1_000_000 });
    assert_eq!(roster.delay, rules.delay_turns_max);
    roster.settle(&rules, Turn(3), Player(1), &Proposal::Delay { turns: 3 });
    assert_eq!(roster.delay, 3);
}

#[test]
fn who_is_alone_has_no_delay_until_somebody_is_about_to_come() {
    let rules = genesis(1).rules;
    let mut roster = roster_of(1);
    assert_eq!(roster.delay, 0, "from the first turn on");
    roster.settle(&rules, Turn(1), Player(1), &Proposal::Delay { turns: 9 });
    assert_eq!(roster.delay, 0, "whatever it wishes for");
    roster.settle(&rules, Turn(2), Player(1), &join(2, 1, None));
    assert_eq!(roster.delay, 9, "as soon as the join is settled, which is before it takes effect");
    let (mut roster, _) = roster.start_turn(Turn(2 + u64::from(rules.window_turns)), None).expect("a new epoch");
    assert_eq!((roster.members.len(), roster.delay), (2, 9));
    assert_eq!(roster.members[1].wish, 9, "the newcomer begins with what is in force");
    roster.settle(&rules, Turn(100), Player(2), &Proposal::Leave);
    assert_eq!(roster.delay, 9, "until the other is gone");
    let (roster, _) = roster.start_turn(Turn(100 + u64::from(rules.window_turns)), None).expect("a new epoch");
    assert_eq!((roster.members.len(), roster.delay), (1, 0));
}

#[test]
fn a_cut_removes_and_settled_changes_stay() {
    let rules = genesis(3).rules;
    let mut roster = roster_of(3);
    roster.settle(&rules, Turn(5), Player(1), &join(9, 1, None));
    let removed = vec![(Player(2), Departure::Silent)];
    let cut = Cut { next: Turn(7), chain: crate::protocol::Hash::default(), removed, proofs: Vec::new() };
    let (roster, changes) = roster.start_turn(Turn(7), Some(&cut)).expect("a new epoch");
    assert_eq!((players(&roster), changes.len(), roster.joining().count()), (vec![1, 3], 1, 1));
}
