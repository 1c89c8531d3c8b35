//! Tries to reach what nothing may reach: this machine, and the address that hands out a cloud's credentials.

use crate::{Proof, State};
use egress::{Egress, Error, Limits, Request, Rule, Rules, Scope, Url};
use std::sync::Arc;

/// What is tried: its name, and a URL that a page could send a model to.
const TRIES: [(&str, &str); 3] = [
    ("egress.loopback", "http://localhost:9/"),
    ("egress.metadata", "http://169.254.169.254/latest/meta-data/"),
    ("egress.disguised", "http://0x7f.1:9/"),
];

/// Tries each with rules that open the whole web. `localhost` is also tried with a rule that names it, as the owner may:
/// then it is not the guard that stops it, which shows that the canary can get past.
pub async fn the_way_out_refuses(egress: &Egress) -> Vec<Proof> {
    let web = Rules::new().with(Rule::anywhere(80)).with(Rule::anywhere(9));
    let mut proofs = Vec::new();
    for (name, url) in TRIES {
        proofs.push(match ask(egress, url, web.clone()).await {
            Err(Error::Refused(refusal)) => Proof::new(name, State::Holds, format!("tried {url}: {refusal}")),
            Err(Error::Url(error)) => Proof::new(name, State::Holds, format!("tried {url}: {error}")),
            Err(other) => {
                Proof::new(name, State::Failed, format!("tried {url}, and the guard let it through: {other}"))
            }
            Ok(()) => Proof::new(name, State::Failed, format!("{url} was reached")),
        });
    }
    proofs.push(can_succeed(egress).await);
    proofs
}

async fn can_succeed(egress: &Egress) -> Proof {
    let name = "egress.canary";
    let Ok(destination) = "localhost".parse() else {
        return Proof::new(name, State::Failed, "`localhost` is no host".to_string());
    };
    match ask(egress, "http://localhost:9/", Rules::new().with(Rule::private(destination, 9))).await {
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
