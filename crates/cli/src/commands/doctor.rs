//! `hardshell doctor`: what is not as it should be, each with the command that mends it.

use crate::arguments::Common;
use crate::arguments::doctor::{Doctor, DoctorWord};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{hidden, root, show};
use daemon::{Ailment, AilmentWeight, Examined, Fix};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Looks, and mends what it is asked to.
pub async fn run(common: &Common, arguments: &Doctor) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    let owner_home = std::env::var_os("HOME").map_or_else(|| home.clone(), PathBuf::from);
    let (of_home, of_machine) = match arguments.only {
        None => (true, true),
        Some(DoctorWord::Home) => (true, false),
        Some(DoctorWord::Machine) => (false, true),
    };
    let mut examined = Examined::default();
    // Root's own files are read while this is root; what is opened, is opened as the user that owns it.
    if of_machine {
        examined.look_at_machine(Path::new("/"));
    }
    if of_home {
        examined.ailments.extend(Examined::of_files(&home, &owner_home).ailments);
        root::leave(&home)?;
        examined.look_inside(&home, &owner_home, hidden::passphrase).await;
    }
    examined.sort();
    let mended = match (arguments.fix, arguments.yes) {
        (false, _) => Vec::new(),
        (true, false) => mend(&mut examined, agrees)?,
        (true, true) => mend(&mut examined, |_fix| true)?,
    };
    show_all(common, &examined, &mended);
    let is_bad = examined.ailments.iter().any(|ailment| ailment.weight == AilmentWeight::Bad);
    let unsure = !examined.left_out.is_empty();
    Ok(if is_bad || unsure { Exit::Failed } else { Exit::Done })
}

fn mend(examined: &mut Examined, agrees: impl FnMut(&Fix) -> bool) -> Result<Vec<Ailment>, Problem> {
    examined.mend(agrees).map_err(|error| Problem::Other { what: daemon::chain(&error), hint: None })
}

/// Asks at the terminal; where nobody sits, nothing is done.
fn agrees(fix: &Fix) -> bool {
    if !std::io::stdin().is_terminal() {
        show::note(&show::printable(&format!("not done without `--yes`: {fix}")));
        return false;
    }
    show::piece(&show::printable(&format!("{fix}? [y/N] ")));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok() && matches!(line.trim(), "y" | "yes")
}

fn in_json(one: &Ailment) -> Value {
    json!({
        "name": one.name, "weight": one.weight.as_str(), "what": one.what, "mend": one.mend,
        "can_fix": one.fix.is_some(),
    })
}

fn show_all(common: &Common, examined: &Examined, mended: &[Ailment]) {
    if common.json {
        let all = |ailments: &[Ailment]| ailments.iter().map(in_json).collect::<Vec<_>>();
        show::json(&json!({
            "ailments": all(&examined.ailments), "mended": all(mended), "left_out": examined.left_out,
        }));
    } else {
        for ailment in &examined.ailments {
            show::line(&show::printable(&ailment.to_string()));
            show::line(&show::printable(&format!("    {}", ailment.mend)));
        }
        for ailment in mended {
            show::line(&show::printable(&format!("mended {}: {}", ailment.name, ailment.mend)));
        }
        if examined.ailments.is_empty() {
            show::line("Nothing was found: what was looked at is as it should be.");
        }
        if examined.ailments.iter().any(|ailment| ailment.fix.is_some()) {
            show::note("hint: `hardshell doctor --fix` does what is without risk, asking before each");
        }
        for left_out in &examined.left_out {
            show::line(&show::printable(&format!("not looked at: {left_out}")));
        }
    }
}
