//! `hardshell install`: as a service, of the machine or of an ordinary user.

mod steps;
mod unit;

use crate::arguments::{Common, Install};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show::{self, SERVICE_HOME, SERVICE_USER};
use std::path::{Path, PathBuf};
use steps::{Systemd, io};
use unit::{Manager, Unit};

/// Where root puts the programs: where the system user can run them and nobody but root can change them.
const LIBRARY: &str = "/usr/local/lib/hardshell";
/// How people find the program.
const COMMAND: &str = "/usr/local/bin/hardshell";
/// Where the machine's own units are (systemd.unit(5)).
const SYSTEM_UNITS: &str = "/etc/systemd/system";
/// The name of the unit.
const UNIT: &str = "hardshell.service";
/// What the unit hides from the service, so that no home can be there.
const HIDDEN: [&str; 4] = ["/home", "/root", "/run/user", "/tmp"];

/// Installs, writes the unit only, or removes.
pub fn run(common: &Common, arguments: &Install) -> Result<Exit, Problem> {
    let plan = Plan::of(common, arguments)?;
    if let Some(folder) = &arguments.out {
        let path = folder.join(UNIT);
        steps::write(&path, plan.unit.text().as_bytes(), 0o644)?;
        return Ok(say(
            common,
            &plan,
            Some(&path),
            "written",
            &[format!("The unit is in {}.", path.display())],
        ));
    }
    if arguments.dry_run {
        let mut lines = if arguments.remove { plan.removal() } else { plan.in_words() };
        lines.insert(0, "Nothing is changed. It would:".to_string());
        if !arguments.remove {
            lines.push(String::new());
            lines.push(plan.unit.text());
        }
        return Ok(say(common, &plan, None, "dry-run", &lines));
    }
    if arguments.remove { remove(common, &plan) } else { install(common, &plan) }
}

/// What is put where.
struct Plan {
    unit: Unit,
    unit_path: PathBuf,
    systemd: Systemd,
    /// The system user, when root installs.
    user: Option<&'static str>,
}

impl Plan {
    fn of(common: &Common, arguments: &Install) -> Result<Self, Problem> {
        let home = std::path::absolute(show::home(common)?).map_err(io("find the home"))?;
        if sandbox::is_root() {
            if let Some(hidden) = HIDDEN.iter().find(|hidden| home.starts_with(hidden)) {
                return Err(Problem::Other {
                    what: format!(
                        "install with the home {}: the service does not see {hidden}",
                        home.display()
                    ),
                    hint: Some(format!("hardshell install --home {SERVICE_HOME}")),
                });
            }
            let manager = Manager::System { user: SERVICE_USER };
            let unit = Unit { manager, library: LIBRARY.into(), home, port: arguments.port };
            let unit_path = Path::new(SYSTEM_UNITS).join(UNIT);
            return Ok(Self { unit, unit_path, systemd: Systemd::System, user: Some(SERVICE_USER) });
        }
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let own = set("HOME").ok_or_else(|| Problem::Other {
            what: "install: `HOME` does not say where your folder is".to_string(),
            hint: None,
        })?;
        let config = set("XDG_CONFIG_HOME").unwrap_or_else(|| own.join(".config"));
        let library = own.join(".local/lib/hardshell");
        let unit = Unit { manager: Manager::User, library, home, port: arguments.port };
        let unit_path = config.join("systemd/user").join(UNIT);
        Ok(Self { unit, unit_path, systemd: Systemd::User, user: None })
    }

    fn in_words(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(user) = self.user {
            lines.push(format!("  make the system user `{user}`, unless it is there"));
            lines.push(format!("  make {} for that user alone", self.unit.home.display()));
            lines.push(format!("  let {COMMAND} lead to the program"));
        }
        lines.push(format!("  put hardshell and hardshell-sandbox into {}", self.unit.library.display()));
        lines.push(format!("  write {}", self.unit_path.display()));
        lines.push(format!("  run {}", self.systemd.start_line()));
        lines
    }

    fn removal(&self) -> Vec<String> {
        let mut lines = vec![
            format!("  run {}", self.systemd.stop_line()),
            format!("  remove {}", self.unit_path.display()),
            format!("  remove {}", self.unit.library.display()),
        ];
        if self.user.is_some() {
            lines.push(format!("  remove {COMMAND}, if it leads there"));
        }
        lines.push(format!("  leave {} as it is", self.unit.home.display()));
        lines
    }
}

fn install(common: &Common, plan: &Plan) -> Result<Exit, Problem> {
    if let Some(user) = plan.user {
        let account = steps::user(user, &plan.unit.home)?;
        crate::root::give(&plan.unit.home, &account).map_err(|source| Problem::Io {
            step: format!("give {} to `{user}`", plan.unit.home.display()),
            source,
        })?;
    }
    show::note(&format!("putting the program into {}", plan.unit.library.display()));
    steps::programs(&plan.unit.library)?;
    if plan.user.is_some() {
        steps::link(Path::new(COMMAND), &plan.unit.library.join("hardshell"))?;
    }
    steps::write(&plan.unit_path, plan.unit.text().as_bytes(), 0o644)?;
    if !plan.systemd.is_here() {
        say(common, plan, Some(&plan.unit_path), "written", &[]);
        return Err(Problem::Other {
            what: format!(
                "start the service: {}; everything is in place, the unit is {}",
                plan.systemd.why_not(),
                plan.unit_path.display()
            ),
            hint: Some(format!("where systemd runs: {}", plan.systemd.start_line())),
        });
    }
    show::note("starting it, proofs included");
    plan.systemd.start()?;
    let mut lines = vec![
        format!("Hardshell runs as a service, with its home in {}.", plan.unit.home.display()),
        "A link for your browser: `hardshell sign-in`. How it is: `hardshell status`.".to_string(),
    ];
    if plan.user.is_none() {
        lines.push("It stops when you sign out; `loginctl enable-linger` keeps it running.".to_string());
    }
    Ok(say(common, plan, Some(&plan.unit_path), "running", &lines))
}

fn remove(common: &Common, plan: &Plan) -> Result<Exit, Problem> {
    if plan.systemd.is_here() && plan.unit_path.exists() {
        plan.systemd.stop()?;
    }
    steps::remove_file(&plan.unit_path)?;
    if plan.user.is_some() {
        steps::remove_link(Path::new(COMMAND), &plan.unit.library.join("hardshell"))?;
    }
    for name in steps::PROGRAMS {
        steps::remove_file(&plan.unit.library.join(name))?;
    }
    steps::remove_empty(&plan.unit.library)?;
    if plan.systemd.is_here() {
        plan.systemd.reload()?;
    }
    let lines = [
        "The service and its program are gone.".to_string(),
        format!("Its home is still there: {}.", plan.unit.home.display()),
    ];
    Ok(say(common, plan, None, "removed", &lines))
}

fn say(common: &Common, plan: &Plan, written: Option<&Path>, state: &str, lines: &[String]) -> Exit {
    if common.json {
        show::json(&serde_json::json!({
            "state": state,
            "unit": written,
            "home": plan.unit.home,
            "program": plan.unit.library.join("hardshell"),
            "user": plan.user,
            "start": plan.systemd.start_line(),
            "text": plan.unit.text(),
        }));
    } else {
        lines.iter().for_each(|line| show::line(line));
    }
    Exit::Done
}
