//! What a replay plays with: manifests, mandates, the owner's own addresses, the policy's settings.

use crate::error::Error;
use crate::suite::{Suite, SuiteTool};
use domain::{Address, Label, ToolName};
use policy::{Extension, Grant, Mandate, Places, Plan, Policy, RuleFile, Settings};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tools::{Catalog, Manifest};

/// The most files of one folder of manifests or mandates.
const FILES_MAX: usize = 4_096;

/// Who writes the mandates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planner {
    /// The mandates of the files: an honest planner that understood the owner's words.
    #[default]
    Oracle,
    /// None: every mandate is empty.
    Empty,
    /// Each task has the mandate of the next task of its suite.
    Wrong,
}

/// How far the members of the owner's own chat are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Regime {
    /// As anybody.
    #[default]
    Untrusted,
    /// Their messages are facts of the house.
    Internal,
}

/// How a replay is played.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The policy's sections.
    pub settings: Settings,
    /// Who plans.
    pub planner: Planner,
    /// How far members are believed.
    pub regime: Regime,
    /// Whether the adaptive attacker plays too; it makes most of the decisions.
    pub adaptive: Adaptive,
    /// Rule files of the owner, unsigned: they can forbid and ask.
    pub rules: Vec<RuleFile>,
}

/// Whether the adaptive attacker plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adaptive {
    /// It does.
    #[default]
    Play,
    /// It does not; residual and payload authority are not known then, and counted as none.
    Skip,
}

/// Manifests, mandates and what the owner's configuration says.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The manifests, by tool.
    pub catalog: Catalog,
    /// The mandates, by suite and task.
    pub mandates: BTreeMap<(String, String), Vec<Grant>>,
    /// Per suite.
    pub owners: BTreeMap<String, OwnerOfSuite>,
}

/// What the owner's configuration says in one suite.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerOfSuite {
    /// The owner's own addresses and accounts.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Tools whose free text the owner's own people write, for [`Regime::Internal`].
    #[serde(default)]
    pub internal: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MandateFile {
    version: u32,
    #[serde(default)]
    mandate: Vec<MandateOfTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MandateOfTask {
    suite: String,
    task: String,
    why: String,
    #[serde(default)]
    grants: Vec<toml::Table>,
}

#[derive(Deserialize)]
struct OwnerFile {
    version: u32,
    #[serde(flatten)]
    suites: BTreeMap<String, OwnerOfSuite>,
}

/// One suite, ready to be played.
pub(crate) struct Scene<'a> {
    pub suite: &'a Suite,
    pub policy: &'a Policy,
    pub catalog: Catalog,
    pub manifests: BTreeMap<String, Arc<Manifest>>,
    pub owner: Vec<Address>,
    pub internal: BTreeSet<String>,
    pub mandates: BTreeMap<String, Mandate>,
}

impl Setup {
    /// Reads every manifest of a folder (files ending in `.toml`), every mandate of a file or folder, and the owner
    /// file; any of them may be left out.
    ///
    /// # Errors
    ///
    /// [`Error`] naming the first file that cannot be read.
    pub fn read(
        manifests: Option<&Path>,
        mandates: Option<&Path>,
        owner: Option<&Path>,
    ) -> Result<Self, Error> {
        let mut setup = Self::default();
        for path in manifests.map(files).transpose()?.unwrap_or_default() {
            setup.add_manifests(&path.display().to_string(), &read(&path)?)?;
        }
        for path in mandates.map(files).transpose()?.unwrap_or_default() {
            setup.add_mandates(&path.display().to_string(), &read(&path)?)?;
        }
        if let Some(path) = owner {
            setup.add_owners(&path.display().to_string(), &read(path)?)?;
        }
        Ok(setup)
    }

    /// The manifests, mandates and owners of `bench/agentdojo`, as they were when the program was built.
    ///
    /// # Errors
    ///
    /// [`Error`] when one of them is broken, which a test rules out.
    pub fn embedded() -> Result<Self, Error> {
        let mut setup = Self::default();
        for (file, text) in crate::embedded::MANIFESTS {
            setup.add_manifests(file, text)?;
        }
        for (file, text) in crate::embedded::MANDATES {
            setup.add_mandates(file, text)?;
        }
        setup.add_owners("owner.toml", crate::embedded::OWNER)?;
        Ok(setup)
    }

    /// These and what `manifests` (a folder or file) and `mandates` (a folder or file) say, which wins where both
    /// speak of one tool or task.
    ///
    /// # Errors
    ///
    /// [`Error`] naming the first file that cannot be read.
    pub fn overlaid(mut self, manifests: Option<&Path>, mandates: Option<&Path>) -> Result<Self, Error> {
        let found = Self::read(manifests, mandates, None)?;
        let kept =
            self.catalog.iter().filter(|manifest| found.catalog.manifest(manifest.name()).is_none()).cloned();
        let mut catalog = found.catalog.clone();
        for manifest in kept {
            let bad = |source| Error::Manifest { path: PathBuf::from("built in"), source: Box::new(source) };
            catalog = catalog.with_manifest(manifest).map_err(bad)?;
        }
        self.catalog = catalog;
        self.mandates.extend(found.mandates);
        Ok(self)
    }

    /// Adds the manifests of one file's text.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`].
    pub fn add_manifests(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let bad = |source| Error::Manifest { path: PathBuf::from(file), source: Box::new(source) };
        let found = Catalog::from_toml(text).map_err(bad)?;
        self.catalog = std::mem::take(&mut self.catalog).with(found).map_err(bad)?;
        Ok(())
    }

    /// Adds the mandates of one file's text.
    ///
    /// # Errors
    ///
    /// [`Error::Mandate`].
    pub fn add_mandates(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let bad = |reason: String| Error::Mandate { file: file.to_string(), reason };
        let found: MandateFile = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        if found.version != 1 {
            return Err(bad(format!("version {} is not known, 1 is", found.version)));
        }
        for of_task in found.mandate {
            if of_task.why.trim().is_empty() {
                return Err(bad(format!("{} {} does not say why", of_task.suite, of_task.task)));
            }
            let mut plan = toml::Table::new();
            plan.insert("version".into(), toml::Value::Integer(1));
            plan.insert(
                "grants".into(),
                toml::Value::Array(of_task.grants.into_iter().map(toml::Value::Table).collect()),
            );
            let text = toml::to_string(&plan).map_err(|error| bad(error.to_string()))?;
            let grants = Plan::from_toml(&text)
                .and_then(|plan| plan.grants(&Label::owner()))
                .map_err(|error| bad(error.to_string()))?;
            self.mandates.insert((of_task.suite, of_task.task), grants);
        }
        Ok(())
    }

    /// Adds what the owner's configuration says in each suite.
    ///
    /// # Errors
    ///
    /// [`Error::Mandate`].
    pub fn add_owners(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let bad = |reason: String| Error::Mandate { file: file.to_string(), reason };
        let found: OwnerFile = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        if found.version != 1 {
            return Err(bad(format!("version {} is not known, 1 is", found.version)));
        }
        self.owners.extend(found.suites);
        Ok(())
    }

    pub(crate) fn policy(&self, options: &Options) -> Result<Policy, Error> {
        let places = Places {
            home: "/home/owner/.hardshell".into(),
            workspace: "/home/owner/.hardshell/workspace".into(),
            owner_home: "/home/owner".into(),
            programs: Vec::new(),
        };
        Ok(Policy::load(&options.settings, &options.rules, &places, None)?)
    }

    pub(crate) fn scene<'a>(
        &self,
        suite: &'a Suite,
        policy: &'a Policy,
        options: &Options,
    ) -> Result<Scene<'a>, Error> {
        let mut catalog = Catalog::default();
        for tool in &suite.tools {
            let manifest = self.manifest(tool)?;
            let bad = |error: tools::CatalogError| Error::Tool {
                tool: tool.name.clone(),
                reason: error.to_string(),
            };
            catalog = catalog.with_manifest(manifest).map_err(bad)?;
        }
        let manifests = catalog
            .iter()
            .map(|manifest| (manifest.name().to_string(), Arc::new(manifest.clone())))
            .collect();
        let owner = self.owners.get(&suite.suite).cloned().unwrap_or_default();
        let internal = match options.regime {
            Regime::Internal => owner.internal.iter().cloned().collect(),
            Regime::Untrusted => BTreeSet::new(),
        };
        Ok(Scene {
            suite,
            policy,
            manifests,
            catalog,
            owner: owner.addresses.iter().filter_map(|address| address.parse().ok()).collect(),
            internal,
            mandates: self.mandates_of(suite, options.planner),
        })
    }

    /// The tools that runs of an unknown suite use: those with a manifest, the others with what their calls show.
    pub(crate) fn suite_tools(&self, runs: &[&crate::runs::Run]) -> Vec<SuiteTool> {
        let mut seen: BTreeMap<String, serde_json::Map<String, serde_json::Value>> = BTreeMap::new();
        for step in runs.iter().flat_map(|run| &run.steps) {
            let properties = seen.entry(step.function.clone()).or_default();
            for name in step.args.keys() {
                properties.entry(name.clone()).or_insert_with(|| serde_json::json!({}));
            }
        }
        let tool = |(name, properties)| SuiteTool {
            name,
            description: String::new(),
            parameters: serde_json::json!({"type": "object", "properties": properties}),
        };
        seen.into_iter().map(tool).collect()
    }

    /// Gives tasks that only runs name their mandates.
    pub(crate) fn add_mandates_of(
        &self,
        runs: &[&crate::runs::Run],
        scene: &mut Scene<'_>,
        options: &Options,
    ) {
        for run in runs {
            let key = (run.suite.clone(), run.user_task.clone());
            let Some(grants) = self.mandates.get(&key).filter(|_grants| options.planner == Planner::Oracle)
            else {
                continue;
            };
            let mut mandate = Mandate::default();
            // A mandate that cannot be taken is an empty one, which only asks more.
            let _refused = mandate.extend(grants.clone(), Extension::Plan);
            scene.mandates.insert(run.user_task.clone(), mandate);
        }
    }

    fn manifest(&self, tool: &SuiteTool) -> Result<Manifest, Error> {
        let bad = |reason: String| Error::Tool { tool: tool.name.clone(), reason };
        let name: ToolName = tool.name.parse().map_err(|error: domain::IdError| bad(error.to_string()))?;
        match self.catalog.manifest(&name) {
            Some(manifest) => Ok(manifest.clone()),
            None => Manifest::worst_case(name, &tool.description, &tool.parameters)
                .map_err(|error| bad(error.to_string())),
        }
    }

    fn mandates_of(&self, suite: &Suite, planner: Planner) -> BTreeMap<String, Mandate> {
        let count = suite.user_tasks.len();
        let of = |place: usize, task: &str| {
            let from = match planner {
                Planner::Oracle => task,
                Planner::Empty => return Mandate::default(),
                Planner::Wrong => {
                    let next = place.saturating_add(1).checked_rem(count).unwrap_or(0);
                    suite.user_tasks.get(next).map_or(task, |task| task.id.as_str())
                }
            };
            let grants =
                self.mandates.get(&(suite.suite.clone(), from.to_string())).cloned().unwrap_or_default();
            let mut mandate = Mandate::default();
            // A mandate that cannot be taken is an empty one, which only asks more.
            let _refused = mandate.extend(grants, Extension::Plan);
            mandate
        };
        suite
            .user_tasks
            .iter()
            .enumerate()
            .map(|(place, task)| (task.id.clone(), of(place, &task.id)))
            .collect()
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)?.take(FILES_MAX) {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })
}
