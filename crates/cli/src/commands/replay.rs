//! `hardshell replay`: benchmarks through the policy that ships.

use crate::arguments::Common;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::show;
use clap::{Args, ValueEnum};
use policy::{RuleFile, Settings};
use replay::{Adaptive, Far, Material, Options, Planner, Regime, Report, Request, Row};
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// The profiles that are printed beside each other.
const PROFILES: [&str; 3] = ["unless-granted", "shipped", "strict"];

/// `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Suites (JSON); with `--runs`, recorded runs (JSON lines) too.
    #[arg(required_unless_present = "runs", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Play recorded runs of other agents, call by call; suites then say which calls a task asks for.
    #[arg(long, value_name = "FILE", num_args = 0..)]
    pub runs: Option<Vec<PathBuf>>,
    /// Manifests of tools, over the built-in ones: a folder or a file.
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<PathBuf>,
    /// Mandates of tasks, over the built-in ones: a folder or a file.
    #[arg(long, value_name = "FILE")]
    pub mandates: Option<PathBuf>,
    /// Who makes the calls: a clean model alone, or a hijacked one and an adaptive attacker as well.
    #[arg(long, value_enum, default_value = "hijacked")]
    pub model: Model,
    /// Who writes the mandates: the files (`oracle`), nobody, or somebody who mistakes each task for the next.
    #[arg(long, value_enum, default_value = "oracle")]
    pub planner: Plans,
    /// The profile of `[actions]`.
    #[arg(long, value_name = "PROFILE", default_value = "unless-granted", value_parser = PROFILES, conflicts_with = "policy")]
    pub profile: String,
    /// Play under these sections (TOML, such as a hardshell.toml) or with these rules (Cedar); several are compared.
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// How far the members of the owner's own chat are believed.
    #[arg(long, value_enum, default_value = "untrusted")]
    pub members: Members,
    /// Say what was decided in this task, step by step: `user_task_3`, or `banking/user_task_3`.
    #[arg(long, value_name = "TASK")]
    pub explain: Option<String>,
}

/// Who makes the calls.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Model {
    /// Obeys every injection.
    Hijacked,
    /// Makes the reference calls.
    Clean,
}

/// Who writes the mandates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plans {
    /// The files.
    Oracle,
    /// Nobody.
    Empty,
    /// Somebody who mistakes each task for the next.
    Wrong,
}

/// How far members are believed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Members {
    /// As anybody.
    Untrusted,
    /// As the owner's own people.
    Internal,
}

/// Plays it.
pub fn run(common: &Common, arguments: &Replay) -> Result<Exit, Problem> {
    let request = Request {
        files: arguments.files.iter().chain(arguments.runs.iter().flatten()).cloned().collect(),
        runs: arguments.runs.is_some(),
        manifests: arguments.manifests.clone(),
        mandates: arguments.mandates.clone(),
        model: match arguments.model {
            Model::Hijacked => replay::Model::Hijacked,
            Model::Clean => replay::Model::Clean,
        },
    };
    let material = Material::read(&request).map_err(failed)?;
    let ways = ways(arguments)?;
    if let Some(task) = &arguments.explain {
        return explain(common, &material, &ways, task);
    }
    if common.json {
        let [(_name, options)] = ways.as_slice() else {
            return Err(Problem::Other {
                what: "print several policies as one document".to_string(),
                hint: Some("name one --policy with --json".to_string()),
            });
        };
        let report = play(&material, options)?;
        show::line(&report.to_json());
        return Ok(Exit::Done);
    }
    for (name, options) in &ways {
        let report = play(&material, options)?;
        show::line(&format!("{name}, planner {}\n", word(options.planner)));
        show::line(&replay::table(&report));
    }
    beside(&material, arguments, &ways)?;
    Ok(Exit::Done)
}

/// The policies that were asked for, each with its name.
fn ways(arguments: &Replay) -> Result<Vec<(String, Options)>, Problem> {
    if arguments.policy.is_empty() {
        let name = format!("profile {}", arguments.profile);
        return Ok(vec![(name, options(arguments, profile(&arguments.profile)?, Vec::new()))]);
    }
    let mut ways = Vec::new();
    for path in &arguments.policy {
        let text = std::fs::read_to_string(path).map_err(|source| Problem::Other {
            what: format!("read the policy {}: {source}", path.display()),
            hint: Some("name a TOML file, such as a hardshell.toml, or a `.cedar` file".to_string()),
        })?;
        let options = if path.extension().is_some_and(|ending| ending == "cedar") {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let rules = vec![RuleFile { name, text, signature: None }];
            options(arguments, profile(&arguments.profile)?, rules)
        } else {
            options(arguments, daemon::config::Config::parse(&text, path)?.policy(), Vec::new())
        };
        ways.push((path.display().to_string(), options));
    }
    Ok(ways)
}

fn options(arguments: &Replay, settings: Settings, rules: Vec<RuleFile>) -> Options {
    let planner = match arguments.planner {
        Plans::Oracle => Planner::Oracle,
        Plans::Empty => Planner::Empty,
        Plans::Wrong => Planner::Wrong,
    };
    let regime = match arguments.members {
        Members::Untrusted => Regime::Untrusted,
        Members::Internal => Regime::Internal,
    };
    Options { settings, planner, regime, adaptive: Adaptive::Play, rules }
}

fn profile(name: &str) -> Result<Settings, Problem> {
    let text = format!("[actions]\nprofile = \"{name}\"\n");
    Ok(daemon::config::Config::parse(&text, Path::new("the profile"))?.policy())
}

/// The other profiles and the other planners, without the adaptive attacker.
fn beside(material: &Material, arguments: &Replay, ways: &[(String, Options)]) -> Result<(), Problem> {
    let mut rows = Vec::new();
    let mut add = |name: String, options: Options| -> Result<(), Problem> {
        let report = play(material, &Options { adaptive: Adaptive::Skip, ..options })?;
        rows.push(Row { name, total: report.total });
        Ok(())
    };
    if arguments.policy.is_empty() {
        for name in PROFILES {
            add(
                format!("{name}, planner {}", word_of(arguments.planner)),
                options(arguments, profile(name)?, Vec::new()),
            )?;
        }
    } else {
        for (name, options) in ways {
            add(format!("{name}, planner {}", word(options.planner)), options.clone())?;
        }
    }
    if let Some((name, options)) = ways.first() {
        let others = [Planner::Oracle, Planner::Empty, Planner::Wrong];
        for planner in others.into_iter().filter(|planner| *planner != options.planner) {
            add(format!("{name}, planner {}", word(planner)), Options { planner, ..options.clone() })?;
        }
    }
    show::line("Beside each other, without the adaptive attacker:\n");
    show::line(&replay::beside_each_other("policy", &rows));
    Ok(())
}

fn explain(
    common: &Common,
    material: &Material,
    ways: &[(String, Options)],
    task: &str,
) -> Result<Exit, Problem> {
    let (suite, id) = task.split_once(['/', ':', ' ']).map_or((None, task), |(suite, id)| (Some(suite), id));
    let wanted: BTreeSet<(&str, &str)> =
        material.tasks().filter(|(of, task)| *task == id && suite.is_none_or(|suite| suite == *of)).collect();
    if wanted.is_empty() {
        let known: BTreeSet<String> =
            material.tasks().map(|(of, task)| format!("{of}/{task}")).take(5).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Problem::Other {
            what: format!("find the task `{task}`"),
            hint: Some(format!("tasks are called like {known}")),
        });
    }
    let only = material.only(&wanted);
    let mut explained = Vec::new();
    for (name, options) in ways {
        let report = play(&only, options)?;
        for text in explanations(&report) {
            if !common.json {
                show::line(&format!("{name}\n{}\n", show::printable(&text)));
            }
            explained.push(serde_json::json!({"policy": name, "text": text}));
        }
    }
    if common.json {
        show::json(&serde_json::json!({"explained": explained}));
    }
    Ok(Exit::Done)
}

fn explanations(report: &Report) -> Vec<String> {
    let named =
        report.tasks.iter().flat_map(|(suite, tasks)| tasks.iter().map(move |task| (suite, &task.task)));
    named.filter_map(|(suite, task)| report.explain(suite, task)).collect()
}

/// Plays once, and says on a terminal how far it is.
fn play(material: &Material, options: &Options) -> Result<Report, Problem> {
    let terminal = std::io::stderr().is_terminal();
    let tell = |far: Far<'_>| {
        if terminal {
            eprint!("\r\x1b[K{}: {} of {} tasks", show::printable(far.suite), far.done, far.tasks);
            // A terminal that went away needs no progress.
            let _ = std::io::stderr().flush();
        } else if far.done == far.tasks {
            show::note(&format!("{}: {} tasks played", show::printable(far.suite), far.tasks));
        }
    };
    let report = material.play(options, &tell);
    if terminal {
        eprint!("\r\x1b[K");
    }
    report.map_err(failed)
}

fn word(planner: Planner) -> &'static str {
    match planner {
        Planner::Oracle => "oracle",
        Planner::Empty => "empty",
        Planner::Wrong => "wrong",
    }
}

fn word_of(plans: Plans) -> &'static str {
    match plans {
        Plans::Oracle => "oracle",
        Plans::Empty => "empty",
        Plans::Wrong => "wrong",
    }
}

fn failed(error: replay::Error) -> Problem {
    Problem::Replay(Box::new(error))
}
