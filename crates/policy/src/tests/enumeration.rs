//! Every effect × label × mandate × ground × role, and the one sentence that matters: nothing leads from untrusted
//! text to a consequential effect but a grant or the owner's answer.

use super::*;
use domain::{Argument, ArgumentRole, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Nothing,
    Grant,
    Approval,
    Typed,
}

/// A call of each effect, of a tool that is no built-in's, so that no other rule has a say.
fn call_of(effect: Effect) -> (Call, Arc<Manifest>) {
    let text = format!(
        "version = 1\n[[tool]]\nname = \"x.y\"\nabout = \"Does it.\"\neffect = \"{}\"\nsinks = [\"service x\"]\ndata_in = [\"to\"]\nsource = {{ tier = \"low\" }}\n\
         [[tool.argument]]\nname = \"to\"\nabout = \"Whom.\"\nrole = \"authority\"\ntype = \"address\"\n",
        effect.as_str()
    );
    let catalog = Catalog::from_toml(&text).unwrap();
    let mut call = catalog.parse("x.y", r#"{"to":"anna@example.org"}"#).unwrap();
    call.effect = effect;
    let manifest = catalog.manifest(&call.tool).cloned().unwrap();
    (call, Arc::new(manifest))
}

fn is_consequential(effect: Effect) -> bool {
    match effect {
        Effect::Read => false,
        Effect::Fetch
        | Effect::Write
        | Effect::Delete
        | Effect::Execute
        | Effect::Send
        | Effect::Spend
        | Effect::Configure => true,
    }
}

fn is_always_confirmed(effect: Effect) -> bool {
    match effect {
        Effect::Delete | Effect::Spend | Effect::Configure => true,
        Effect::Read | Effect::Fetch | Effect::Write | Effect::Execute | Effect::Send => false,
    }
}

/// What the design says of one cell, written apart from the rules.
fn expected(effect: Effect, integrity: Integrity, behind: Behind, grounded: bool, role: Role) -> Verdict {
    match role {
        Role::Owner => {}
        Role::Member | Role::House => match effect {
            Effect::Read | Effect::Fetch => {}
            Effect::Write
            | Effect::Delete
            | Effect::Execute
            | Effect::Send
            | Effect::Spend
            | Effect::Configure => return Verdict::Deny,
        },
        Role::Guest => return Verdict::Deny,
    }
    if behind == Behind::Approval {
        return Verdict::Allow;
    }
    if is_always_confirmed(effect) {
        return Verdict::Ask;
    }
    if behind == Behind::Grant && grounded {
        return Verdict::Allow;
    }
    let stranger = integrity == Integrity::Untrusted
        && match effect {
            // An address carries no data of a stranger's choosing where the owner wrote it.
            Effect::Fetch => !grounded,
            Effect::Read
            | Effect::Write
            | Effect::Delete
            | Effect::Execute
            | Effect::Send
            | Effect::Spend
            | Effect::Configure => is_consequential(effect),
        };
    let nowhere = effect == Effect::Send && !grounded;
    if stranger || nowhere { Verdict::Ask } else { Verdict::Allow }
}

#[test]
fn every_effect_meets_every_label_mandate_ground_and_role() {
    let policy = policy("");
    let mut cells = 0;
    for effect in Effect::ALL {
        for integrity in Integrity::ALL {
            for behind in [Behind::Nothing, Behind::Grant, Behind::Approval, Behind::Typed] {
                for grounded in [true, false] {
                    for role in [Role::Owner, Role::Member, Role::Guest, Role::House] {
                        let (call, manifest) = call_of(effect);
                        let label = Label::new(integrity, Tier::Low, Source::new(SourceKind::Web, "x"));
                        let mut facts = facts(if grounded { "to anna@example.org" } else { "do it" }, label);
                        facts.manifest = Some(manifest);
                        facts.principal = Principal { role, name: role.as_str().into() };
                        arrange(&mut facts, behind, &policy, &call);
                        let found = policy.decide(Action::Call(call), &facts);
                        let wanted = expected(effect, integrity, behind, grounded, role);
                        let cell =
                            format!("{effect:?} {integrity:?} {behind:?} grounded {grounded} {role:?}");
                        assert_eq!(found.verdict(), wanted, "{cell}: {:?}", found.hits());
                        cells += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cells, 8 * 3 * 4 * 2 * 4);
}

fn arrange(facts: &mut Facts, behind: Behind, policy: &Policy, call: &Call) {
    match behind {
        Behind::Nothing => {}
        Behind::Grant => {
            let plan = Plan::from_json(
                r#"{"version":1,"grants":[{"tool":"x.y","why":"asked","arguments":{"to":{"is":"anna@example.org"}}}]}"#,
            );
            let grants = plan.unwrap().grants(&Label::owner()).unwrap();
            facts.mandate.extend(grants, Extension::Plan).unwrap();
        }
        Behind::Approval => {
            let binding = policy.binding(&Action::Call(call.clone()), facts);
            facts.approvals = vec![Approval { binding, expires: NOW.after(Duration::from_secs(1)) }];
        }
        // A typed line that is about another tool grants nothing here.
        Behind::Typed => facts.typed = Some("/run ls".into()),
    }
}

/// Strongest form: whatever else is true, an untrusted session and a consequential effect are allowed only with a
/// grant that covers it or an approval that binds it, and the permit says which.
#[test]
fn no_path_leads_from_untrusted_to_allow_without_a_mandate_or_an_approval() {
    for settings in [
        "",
        "[actions]\nprofile=\"unless-granted\"",
        "[actions]\nprofile=\"strict\"",
        "[web]\nmode=\"ask\"\n[shell]\nmode=\"allowlist\"",
    ] {
        let policy = policy(settings);
        for effect in Effect::ALL.into_iter().filter(|effect| is_consequential(*effect)) {
            for tier in Tier::ALL {
                for suspicion in [Suspicion::Quiet, Suspicion::Raised] {
                    for channel in Channel::ALL {
                        for behind in [Behind::Nothing, Behind::Grant, Behind::Approval] {
                            let (call, manifest) = call_of(effect);
                            let label =
                                Label::new(Integrity::Untrusted, tier, Source::new(SourceKind::Mail, "x"));
                            let mut facts = facts("do it", label);
                            facts.manifest = Some(manifest);
                            facts.channel = channel;
                            facts.suspicion = suspicion;
                            facts.familiar_recipients = vec!["anna@example.org".parse().unwrap()];
                            if behind == Behind::Grant {
                                facts.provenance.note_text("to anna@example.org", &Label::owner());
                            }
                            arrange(&mut facts, behind, &policy, &call);
                            if let Decision::Allow { permit, .. } = policy.decide(Action::Call(call), &facts)
                            {
                                let uses = permit.uses();
                                let answered = uses.approval.is_some() || uses.grant.is_some();
                                assert!(
                                    answered || effect == Effect::Fetch && behind == Behind::Grant,
                                    "{effect:?} {tier:?} {behind:?}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn one_more_argument_is_one_more_question() {
    let policy = policy("[actions]\nprofile=\"unless-granted\"");
    let (mut call, manifest) = call_of(Effect::Send);
    let mut facts = facts("to anna@example.org", untrusted());
    facts.manifest = Some(manifest);
    arrange(&mut facts, Behind::Grant, &policy, &call);
    assert_eq!(policy.decide(Action::Call(call.clone()), &facts).verdict(), Verdict::Allow);
    let more = Value::Address("eve@evil.com".parse().unwrap());
    call.arguments.push(Argument { name: "cc".into(), role: ArgumentRole::Authority, value: more });
    assert_eq!(policy.decide(Action::Call(call), &facts).verdict(), Verdict::Ask);
}
