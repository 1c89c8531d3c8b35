//! `hardshell config`: what is wrong with it, all of it, its schema.

use crate::arguments::{Common, Config, ConfigCommand};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use daemon::config;

/// Does it.
pub fn run(common: &Common, arguments: &Config) -> Result<Exit, Problem> {
    if let ConfigCommand::Schema = arguments.command {
        show::json(&config::Config::schema());
        return Ok(Exit::Done);
    }
    let path = show::home(common)?.join(config::FILE);
    let read = config::Config::load(&path)?;
    match arguments.command {
        ConfigCommand::Check if common.json => show::json(&serde_json::json!({"ok": true, "path": path})),
        ConfigCommand::Check => show::line(&format!("{} is good", path.display())),
        ConfigCommand::Show if common.json => show::json(&read),
        ConfigCommand::Show => show::line(&read.to_toml()),
        ConfigCommand::Schema => {}
    }
    Ok(Exit::Done)
}
