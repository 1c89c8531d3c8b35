//! How often the owner is asked, by which rules, and which standing rule would have spared the most questions.

use crate::house::{FrontDoor, failed};
use domain::Timestamp;
use gateway::{Caller, HouseError, wire};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{Answer, Question};

/// How many questions are counted at most: a year of a busy house.
const QUESTIONS_MAX: u32 = 20_000;
/// How many rules and standing rules are told.
const TOLD_MAX: usize = 20;
const DAY: Duration = Duration::from_secs(24 * 3600);

impl FrontDoor {
    pub(crate) async fn count_approvals(
        &self,
        caller: &Caller,
        days: u32,
    ) -> Result<wire::ApprovalStats, HouseError> {
        if caller.principal().role != domain::Role::Owner {
            return Err(HouseError::NotFound { what: "statistics", id: "approvals".to_string() });
        }
        let until = (self.clock)();
        let since = Timestamp(until.0.saturating_sub(u64::from(days).saturating_mul(86_400_000)));
        let asked = self.store.run(move |tx| tx.questions_since(since, QUESTIONS_MAX));
        let asked = asked.await.map_err(|error| failed(&error))?;
        Ok(stats(&asked, since, until))
    }
}

/// Counts `questions`, oldest first, all asked from `since` to `until`.
fn stats(questions: &[Question], since: Timestamp, until: Timestamp) -> wire::ApprovalStats {
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    let mut rules: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut spared: BTreeMap<String, Spared> = BTreeMap::new();
    let (mut approved, mut denied, mut expired, mut waiting) = (0_u64, 0_u64, 0_u64, 0_u64);
    for question in questions {
        add(days.entry(day(question.asked)).or_default());
        let each: BTreeSet<(String, String)> =
            question.rules.iter().map(|hit| (hit.id.clone(), hit.why.clone())).collect();
        each.into_iter().for_each(|rule| add(rules.entry(rule).or_default()));
        let said_yes = match &question.answer {
            None if until <= question.expires => {
                add(&mut waiting);
                false
            }
            None | Some((Answer::Expired, _, _)) => {
                add(&mut expired);
                false
            }
            Some((Answer::Approve | Answer::Always, _, _)) => {
                add(&mut approved);
                true
            }
            Some((Answer::Deny, _, _)) => {
                add(&mut denied);
                false
            }
        };
        if let Some(rule) = &question.standing {
            let counted = spared.entry(rule.clone()).or_default();
            add(&mut counted.questions);
            counted.all_approved = (counted.questions == 1 || counted.all_approved) && said_yes;
        }
    }
    wire::ApprovalStats {
        since: since.0,
        until: until.0,
        questions: u64::try_from(questions.len()).unwrap_or(u64::MAX),
        approved,
        denied,
        expired,
        waiting,
        per_day: per_day(questions.len(), since, until),
        days: days.into_iter().map(|(day, questions)| wire::DayCount { day, questions }).collect(),
        rules: most(rules).map(|((id, why), questions)| wire::RuleCount { id, why, questions }).collect(),
        standing: standing(spared),
    }
}

/// What a standing rule would have done.
#[derive(Clone, Copy, Default)]
struct Spared {
    questions: u64,
    all_approved: bool,
}

/// The rules that would have spared a question, the best first: of what the owner always said yes to, all but the first.
fn standing(spared: BTreeMap<String, Spared>) -> Vec<wire::StandingCount> {
    let mut found: Vec<wire::StandingCount> = spared
        .into_iter()
        .filter(|(_, counted)| counted.all_approved && counted.questions > 1)
        .map(|(rule, counted)| wire::StandingCount { rule, spares: counted.questions.saturating_sub(1) })
        .collect();
    found.sort_by(|left, right| right.spares.cmp(&left.spares).then_with(|| left.rule.cmp(&right.rule)));
    found.truncate(TOLD_MAX);
    found
}

fn add(count: &mut u64) {
    *count = count.saturating_add(1);
}

fn most<K: Ord>(counts: BTreeMap<K, u64>) -> impl Iterator<Item = (K, u64)> {
    let mut counts: Vec<(K, u64)> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    counts.into_iter().take(TOLD_MAX)
}

/// The date of a moment in this machine's time: `2026-11-27`.
fn day(at: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::system();
    let shown = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    shown.map_or_else(String::new, |at| at.to_zoned(zone).strftime("%Y-%m-%d").to_string())
}

/// Questions a day, over whole days, to one decimal.
fn per_day(questions: usize, since: Timestamp, until: Timestamp) -> f64 {
    let days = (until.since(since).as_secs_f64() / DAY.as_secs_f64()).max(1.0);
    let questions = u32::try_from(questions).map_or(f64::MAX, f64::from);
    (questions / days * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Principal, RuleHit, Verdict};

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn question(number: u32, rules: &[&str], standing: Option<&str>, answer: Option<Answer>) -> Question {
        let asked = START.after(Duration::from_secs(u64::from(number) * 3600));
        let hit = |id: &&str| RuleHit { verdict: Verdict::Ask, id: (*id).into(), why: "why".into() };
        Question {
            id: format!("q-{number}").parse().unwrap(),
            key: "t-1.3.0".parse().unwrap(),
            session: "s-1".parse().unwrap(),
            task: "t-1".parse().unwrap(),
            call_id: "c".into(),
            tool: "mail.send".parse().unwrap(),
            effect: domain::Effect::Send,
            arguments: "{}".into(),
            digest: domain::ActionDigest::from_bytes([0; 32]),
            title: "t".into(),
            text: "t".into(),
            rules: rules.iter().map(hit).collect(),
            source: String::new(),
            standing: standing.map(str::to_string),
            asked,
            expires: asked.after(DAY),
            answer: answer.map(|answer| (answer, Principal::owner(), asked)),
            used: None,
        }
    }

    #[test]
    fn the_rule_that_asks_most_and_the_standing_rule_that_spares_most_come_first() {
        let yes = Some(Answer::Approve);
        let questions = [
            question(0, &["confirm.send", "integrity.untrusted"], Some("mail to Anna"), yes),
            question(1, &["confirm.send"], Some("mail to Anna"), yes),
            question(2, &["confirm.send"], Some("mail to Anna"), Some(Answer::Always)),
            question(3, &["confirm.send"], Some("mail to Bob"), yes),
            question(4, &["confirm.send"], Some("mail to Bob"), Some(Answer::Deny)),
            question(5, &["confirm.spend"], None, Some(Answer::Expired)),
            question(47, &["confirm.spend"], None, None),
        ];
        let until = START.after(DAY * 2);
        let found = stats(&questions, START, until);
        assert_eq!(
            (found.questions, found.approved, found.denied, found.expired, found.waiting),
            (7, 4, 1, 1, 1)
        );
        assert_eq!(found.per_day, 3.5);
        assert_eq!(found.days.iter().map(|day| day.questions).sum::<u64>(), 7);
        let rules: Vec<(&str, u64)> =
            found.rules.iter().map(|rule| (rule.id.as_str(), rule.questions)).collect();
        assert_eq!(rules, [("confirm.send", 5), ("confirm.spend", 2), ("integrity.untrusted", 1)]);
        let standing: Vec<(&str, u64)> =
            found.standing.iter().map(|rule| (rule.rule.as_str(), rule.spares)).collect();
        assert_eq!(standing, [("mail to Anna", 2)], "nobody is told to allow what was refused once");
    }

    #[test]
    fn a_house_that_asked_nothing_has_nothing_to_say() {
        let found = stats(&[], START, START.after(DAY));
        assert_eq!((found.questions, found.per_day, found.rules.len(), found.standing.len()), (0, 0.0, 0, 0));
    }
}
