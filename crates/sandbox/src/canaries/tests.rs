use super::*;

#[test]
fn only_a_canary_that_can_succeed_and_does_not_shows_a_wall() {
    let stopped = || Outcome::Stopped("a wall".to_owned());
    let not_tried = || Outcome::NotTried("no time".to_owned());
    let cases = [
        (stopped(), Outcome::Passed, Verdict::Holds),
        (stopped(), stopped(), Verdict::NotShown),
        (stopped(), not_tried(), Verdict::NotShown),
        (Outcome::Passed, Outcome::Passed, Verdict::Failed),
        (Outcome::Passed, stopped(), Verdict::Failed),
        (Outcome::Passed, not_tried(), Verdict::Failed),
        (not_tried(), Outcome::Passed, Verdict::NotShown),
        (not_tried(), stopped(), Verdict::NotShown),
        (not_tried(), not_tried(), Verdict::NotShown),
    ];
    for (inside, outside, verdict) in cases {
        let case = format!("{inside:?} {outside:?}");
        assert_eq!(judge(Canary::ReadKeys, inside, outside).verdict, verdict, "{case}");
    }
    assert_eq!(find(&[], Canary::ReadKeys), Outcome::NotTried("no answer came back".to_owned()));
}
