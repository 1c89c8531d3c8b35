//! `hardshell doctor`: what is not as it should be, each with the command that mends it.

use crate::arguments::Common;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::{hidden, root, show};
use daemon::{AilmentWeight, Examined};
use serde_json::json;
use std::path::PathBuf;

/// Looks, and changes nothing.
pub async fn run(common: &Common) -> Result<Exit, Problem> {
    let home = show::home(common)?;
    let owner_home = std::env::var_os("HOME").map_or_else(|| home.clone(), PathBuf::from);
    // Root's own files are read while this is root; what is opened, is opened as the user that owns it.
    let mut examined = Examined::of_files(&home, &owner_home);
    root::leave(&home)?;
    examined.look_inside(&home, &owner_home, hidden::passphrase).await;
    examined.sort();
    let is_bad = examined.ailments.iter().any(|ailment| ailment.weight == AilmentWeight::Bad);
    if common.json {
        let ailments: Vec<_> = examined
            .ailments
            .iter()
            .map(|one| json!({"name": one.name, "weight": one.weight.as_str(), "what": one.what, "mend": one.mend}))
            .collect();
        show::json(&json!({"ailments": ailments, "left_out": examined.left_out}));
    } else {
        for ailment in &examined.ailments {
            show::line(&show::printable(&ailment.to_string()));
            show::line(&show::printable(&format!("    {}", ailment.mend)));
        }
        if examined.ailments.is_empty() {
            show::line(
                "Nothing was found: file modes, keys in the clear in configuration, workspace, histories of shells and git, and the age of secrets are as they should be.",
            );
        }
        for left_out in &examined.left_out {
            show::line(&show::printable(&format!("not looked at: {left_out}")));
        }
    }
    let unsure = !examined.left_out.is_empty();
    Ok(if is_bad || unsure { Exit::Failed } else { Exit::Done })
}
