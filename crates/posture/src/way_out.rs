//! Tries to reach what nothing may reach: this machine, and the address that hands out a cloud's credentials.

use crate::{Proof, State};
use egress::{Egress, Error, Limits, Request, Rule, Rules, Scope, Url};
use std::sync::Arc;

/// A port that nobody needs to answer on: what counts is whether the way there is open.
const PORT: u16 = 9;

/// One try: what it goes for, and the part of the way out that must stop it.
struct Try {
    name: &'static str,
    url: &'static str,
    opened: Opened,
    stopped_by: &'static str,
}

/// The rules a try is made with: as open as can be short of the wall it is after.
#[derive(Clone, Copy)]
enum Opened {
    Nothing,
    TheWeb,
    /// A rule that names the very host, as public.
    Named,
    /// A rule that names the very host as one of the owner's own.
    NamedPrivate,
}

/// What stops everything while the stop switch is on.
const LOCKDOWN: &str = "egress.lockdown";

const ADDRESS_FORM: &str = "the address's form";

/// What a page could send a model to. A try that something else stops shows nothing about the wall it is after.
const TRIES: [Try; 6] = [
    Try {
        name: "egress.unnamed",
        url: "http://example.invalid:9/",
        opened: Opened::Nothing,
        stopped_by: "egress.host",
    },
    Try {
        name: "egress.loopback",
        url: "http://localhost:9/",
        opened: Opened::TheWeb,
        stopped_by: "egress.address",
    },
    Try {
        name: "egress.metadata",
        url: "http://169.254.169.254:9/latest/meta-data/",
        opened: Opened::NamedPrivate,
        stopped_by: "egress.metadata",
    },
    Try {
        name: "egress.disguised",
        url: "http://[::ffff:127.0.0.1]:9/",
        opened: Opened::Named,
        stopped_by: "egress.address",
    },
    Try {
        name: "egress.link-local",
        url: "http://169.254.10.10:9/",
        opened: Opened::NamedPrivate,
        stopped_by: "egress.address",
    },
    Try {
        name: "egress.number-form",
        url: "http://0x7f.1:9/",
        opened: Opened::TheWeb,
        stopped_by: ADDRESS_FORM,
    },
];

/// Makes each try. `localhost` is also tried with a rule that names it, as the owner may: then it is not the guard that
/// stops it, which shows that the canary can get past.
pub async fn the_way_out_refuses(egress: &Egress) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for one in &TRIES {
        let rules = rules(one);
        let answer = ask(egress, one.url, rules).await;
        proofs.push(judged(one, answer));
    }
    proofs.push(can_succeed(egress).await);
    proofs
}

fn rules(one: &Try) -> Rules {
    let destination = one.url.parse::<Url>().ok().map(|url| url.destination);
    match (one.opened, destination) {
        (Opened::TheWeb, _) => Rules::new().with(Rule::anywhere(PORT)),
        (Opened::Named, Some(destination)) => Rules::new().with(Rule::host(destination, PORT)),
        (Opened::NamedPrivate, Some(destination)) => Rules::new().with(Rule::private(destination, PORT)),
        (Opened::Nothing | Opened::Named | Opened::NamedPrivate, _) => Rules::new(),
    }
}

/// The last cause of an error, which says what is the matter.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}

fn judged(one: &Try, answer: Result<(), Error>) -> Proof {
    let Try { name, url, opened: _, stopped_by } = *one;
    let (by, why) = match answer {
        Err(Error::Refused(refusal)) if refusal.rule == LOCKDOWN => return untried(name),
        Err(Error::Refused(refusal)) => (refusal.rule, refusal.to_string()),
        Err(Error::Url(error)) => (ADDRESS_FORM, format!("refused before any look-up: {}", cause(&error))),
        // Without an address there was nothing for the guard to judge.
        Err(error @ Error::Resolve { .. }) => {
            let detail = format!("tried {url}, which came to nothing: could not {error}");
            return Proof::new(name, State::NotShown, detail);
        }
        Err(other) => {
            let detail = format!("tried {url}, and the guard let it through: {other}");
            return Proof::new(name, State::Failed, detail);
        }
        Ok(()) => return Proof::new(name, State::Failed, format!("{url} was reached")),
    };
    if by == stopped_by {
        Proof::new(name, State::Holds, format!("tried {url}: {why}"))
    } else {
        let detail = format!("tried {url}: stopped by {by}, which shows nothing about {stopped_by}: {why}");
        Proof::new(name, State::Failed, detail)
    }
}

/// In lockdown nothing leaves, and nothing is shown of the walls behind it. Each is tried when it is released.
fn untried(name: &str) -> Proof {
    let why = "not tried: lockdown is on and stops whatever would leave; tried when it is released";
    Proof::new(name, State::Off, why.to_string())
}

async fn can_succeed(egress: &Egress) -> Proof {
    let name = "egress.canary";
    let Ok(destination) = "localhost".parse() else {
        return Proof::new(name, State::Failed, "`localhost` is no host".to_string());
    };
    match ask(egress, "http://localhost:9/", Rules::new().with(Rule::private(destination, PORT))).await {
        Err(Error::Refused(refusal)) if refusal.rule == LOCKDOWN => untried(name),
        Err(Error::Refused(refusal)) => Proof::new(
            name,
            State::Failed,
            format!("the canary is refused even where it is allowed: {refusal}"),
        ),
        Ok(()) | Err(_) => Proof::new(
            name,
            State::Holds,
            "with a rule that names it, localhost is tried: the guard is what stops it".to_string(),
        ),
    }
}

async fn ask(egress: &Egress, url: &str, rules: Rules) -> Result<(), Error> {
    let url: Url = url.parse()?;
    let scope = Scope { who: "proof".to_string(), rules: Arc::new(rules), limits: Limits::default() };
    egress.request(Request::get(url), &scope).await.map(|_answer| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use egress::Refusal;

    fn refused_by(rule: &'static str) -> Error {
        Error::Refused(Refusal { rule, destination: "x:9".to_string(), why: "because".to_string() })
    }

    #[test]
    fn a_try_counts_only_where_the_wall_that_it_is_after_stops_it() {
        for one in &TRIES {
            assert_eq!(judged(one, Ok(())).state, State::Failed, "{}: it got through", one.name);
            let nowhere =
                Error::Resolve { host: "x".to_string(), source: std::io::ErrorKind::NotFound.into() };
            assert_eq!(judged(one, Err(nowhere)).state, State::NotShown, "{}: it was not tried", one.name);
            assert_eq!(judged(one, Err(refused_by("egress.port"))).state, State::Failed, "{}", one.name);
            assert_eq!(
                judged(one, Err(refused_by(LOCKDOWN))).state,
                State::Off,
                "{}: it was not tried",
                one.name
            );
            if one.stopped_by != ADDRESS_FORM {
                assert_eq!(judged(one, Err(refused_by(one.stopped_by))).state, State::Holds, "{}", one.name);
            }
        }
    }
}
