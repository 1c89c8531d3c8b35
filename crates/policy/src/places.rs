//! Which patterns of the configuration a path, a host or a recipient matches.

use crate::load::Error;
use crate::settings::{Settings, TierWord, WebMode};
use crate::{Places, settings::Glob};
use domain::Tier;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

/// Where the sandbox lets every command look: the system, read-only and harmless.
#[rustfmt::skip]
const SYSTEM: [&str; 9] = [
    "/usr/**", "/bin/**", "/lib/**", "/lib64/**", "/etc/os-release", "/etc/debian_version", "/proc/**",
    "/tmp/**", "/dev/null",
];

/// Folders and files whose content runs later, by their name: changing one is no ordinary change of a workspace.
static RUNS_LATER: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    // The names that a sandbox keeps as they are, each with its reason, and whole folders that this asks about.
    let names = include_str!("../../sandbox/src/protected/names.txt").lines();
    let names = names.filter_map(|line| line.split_once(": ")).map(|(name, _reason)| name);
    names
        .filter(|name| !name.contains('/'))
        .chain([".config", ".ssh", ".github", ".kshrc", ".zlogout"])
        .collect()
});

/// Paths of the highest tier unless `[tiers]` says otherwise: keys, finance, medical, legal, tax.
const HIGH_PATHS: [&str; 18] = [
    "~/.ssh/**",
    "~/.aws/**",
    "~/.gnupg/**",
    "~/.kube/**",
    "~/.docker/config.json",
    "~/.netrc",
    "~/.password-store/**",
    "~/.config/gcloud/**",
    "~/.azure/**",
    "**/.env",
    "**/*.pem",
    "**/*.key",
    "**/{tax,Tax,taxes,Taxes}/**",
    "**/{medical,Medical,health,Health}/**",
    "**/{legal,Legal}/**",
    "**/{finance,Finance,financial,Financial}/**",
    "**/{bank,Bank,banking,Banking}/**",
    "**/{clients,Clients}/**",
];

/// The patterns of one configuration, compiled.
#[derive(Debug)]
pub(crate) struct Patterns {
    places: Places,
    paths: Groups,
    path_tiers: Vec<(GlobSet, Tier)>,
    settings: Settings,
}

/// Globs in named groups.
#[derive(Debug)]
struct Groups {
    set: GlobSet,
    names: Vec<(&'static str, String)>,
}

/// What is known of a path before anybody touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathMatch {
    pub path: String,
    pub tier: Tier,
    pub groups: BTreeSet<String>,
    pub in_workspace: bool,
    pub own_file: bool,
    pub runs_later: bool,
}

impl PathMatch {
    /// A path that is Hardshell's own, or no path at all: out of reach.
    pub(crate) fn out_of_reach(path: &str) -> Self {
        let (in_workspace, runs_later) = (false, false);
        Self {
            path: path.to_string(),
            tier: Tier::High,
            groups: BTreeSet::new(),
            in_workspace,
            own_file: true,
            runs_later,
        }
    }
}

impl Patterns {
    pub(crate) fn compile(settings: &Settings, places: &Places) -> Result<Self, Error> {
        let mut globs = Vec::new();
        let lists = [
            ("allowed_paths", &settings.files.allowed_paths),
            ("readable_paths", &settings.files.readable_paths),
            ("denied_paths", &settings.files.denied_paths),
        ];
        for (group, list) in lists {
            globs.extend(list.iter().map(|glob| (group, glob.clone())));
        }
        globs.extend(SYSTEM.iter().map(|glob| ("system", (*glob).to_string())));
        let high: BTreeMap<Glob, TierWord> =
            HIGH_PATHS.iter().map(|glob| ((*glob).to_string(), TierWord::High)).collect();
        let own = settings.tiers.paths.iter();
        let tier = |(glob, word): (&Glob, &TierWord)| {
            Ok((glob_set("tiers.paths", glob, places)?, Tier::from(*word)))
        };
        let path_tiers =
            high.iter().filter(|(glob, _)| !settings.tiers.paths.contains_key(*glob)).chain(own).map(tier);
        Ok(Self {
            paths: Groups::compile(globs, places)?,
            path_tiers: path_tiers.collect::<Result<_, Error>>()?,
            places: places.clone(),
            settings: settings.clone(),
        })
    }

    /// What is known of `written`, relative to the workspace where it is relative.
    pub(crate) fn path(&self, written: &str) -> PathMatch {
        let Some(path) = self.absolute(written) else {
            return PathMatch::out_of_reach(written);
        };
        self.canonical(&path)
    }

    /// What is known of a canonical path.
    pub(crate) fn canonical(&self, path: &Path) -> PathMatch {
        let in_workspace = path.starts_with(&self.places.workspace);
        let own_file = (path.starts_with(&self.places.home) && !in_workspace)
            || self.places.programs.iter().any(|program| path.starts_with(program));
        let mut groups = self.paths.matching(path);
        if in_workspace {
            groups.insert("workspace".to_string());
        }
        let below = path.strip_prefix(&self.places.workspace).unwrap_or(path);
        let runs_later = below
            .components()
            .filter_map(|part| part.as_os_str().to_str())
            .any(|name| RUNS_LATER.contains(name));
        PathMatch {
            path: path.to_string_lossy().into_owned(),
            tier: self.tier_of_path(path),
            groups,
            in_workspace,
            own_file,
            runs_later,
        }
    }

    /// The absolute form of what was written, without looking at the disk; nothing where the text holds a
    /// NUL.
    pub(crate) fn absolute(&self, written: &str) -> Option<PathBuf> {
        if written.contains('\0') {
            return None;
        }
        let expanded = match written.strip_prefix('~') {
            Some("") => self.places.owner_home.clone(),
            Some(rest) if rest.starts_with('/') => self.places.owner_home.join(rest.trim_start_matches('/')),
            Some(_) | None => self.places.workspace.join(written),
        };
        let mut found = PathBuf::new();
        for part in expanded.components() {
            match part {
                Component::Prefix(_) | Component::RootDir => found.push("/"),
                Component::CurDir => {}
                // Above the root is the root, as for the kernel.
                Component::ParentDir => drop(found.pop()),
                Component::Normal(name) => found.push(name),
            }
        }
        Some(found)
    }

    /// How confidential what stands at a path is, at least.
    pub(crate) fn tier_of_path(&self, path: &Path) -> Tier {
        let named =
            self.path_tiers.iter().filter(|(set, _tier)| set.is_match(path)).map(|(_set, tier)| *tier).max();
        named.unwrap_or(Tier::Medium)
    }

    /// How confidential the files are that a command may read: the workspace, and what `[files]` opens.
    pub(crate) fn tier_of_opened(&self) -> Tier {
        let files = &self.settings.files;
        let opened = files.allowed_paths.iter().chain(&files.readable_paths);
        let folder = |glob: &Glob| self.absolute(glob.trim_end_matches(['*', '/']));
        let tiers = opened.map(|glob| folder(glob).map_or(Tier::High, |path| self.tier_of_path(&path)));
        tiers.max().unwrap_or(Tier::Medium).max(Tier::Medium)
    }

    /// Which lists of `[web]` name `host`.
    pub(crate) fn host(&self, host: &str) -> BTreeSet<String> {
        let web = &self.settings.web;
        let named = |list: &[String]| {
            list.iter().filter(|pattern| host_matches(pattern, host)).cloned().collect::<Vec<_>>()
        };
        let (allowed, denied) = (named(&web.allowed_hosts), named(&web.denied_hosts));
        let mut groups: BTreeSet<String> = allowed.iter().chain(&denied).cloned().collect();
        if !denied.is_empty() {
            groups.insert("denied_hosts".to_string());
        }
        match (web.mode, allowed.is_empty()) {
            (WebMode::Open | WebMode::Ask | WebMode::Allowlist, false) => {
                groups.insert("allowed_hosts".to_string())
            }
            (WebMode::Allowlist, true) => groups.insert("unlisted".to_string()),
            (WebMode::Ask, true) => groups.insert("unlisted_asks".to_string()),
            (WebMode::Open, true) => false,
        };
        groups
    }

    /// Which lists of `[mail]` name `recipient`.
    pub(crate) fn recipient(&self, recipient: &str) -> BTreeSet<String> {
        let mail = &self.settings.mail;
        let named = |list: &[String]| {
            list.iter().filter(|pattern| recipient_matches(pattern, recipient)).cloned().collect::<Vec<_>>()
        };
        let (allowed, denied) = (named(&mail.allowed_recipients), named(&mail.denied_recipients));
        let mut groups: BTreeSet<String> = allowed.iter().chain(&denied).cloned().collect();
        if !denied.is_empty() {
            groups.insert("denied_recipients".to_string());
        }
        if !allowed.is_empty() {
            groups.insert("allowed_recipients".to_string());
        } else if !mail.allowed_recipients.is_empty() {
            groups.insert("unlisted".to_string());
        }
        let domain = recipient.rsplit_once('@').map(|(_name, domain)| domain.to_lowercase());
        if domain.is_some_and(|domain| {
            mail.own_domains.iter().any(|own| own.trim_start_matches('@').eq_ignore_ascii_case(&domain))
        }) {
            groups.insert("own_domains".to_string());
        }
        groups
    }
}

impl Groups {
    fn compile(globs: Vec<(&'static str, Glob)>, places: &Places) -> Result<Self, Error> {
        let mut builder = GlobSetBuilder::new();
        let mut names = Vec::new();
        for (group, glob) in globs {
            for pattern in expand(&glob, places) {
                builder.add(compile(group, &glob, &pattern)?);
                names.push((group, glob.clone()));
            }
        }
        Ok(Self { set: builder.build().map_err(|error| bad("files", "", &error))?, names })
    }

    fn matching(&self, path: &Path) -> BTreeSet<String> {
        let named = self.set.matches(path).into_iter().filter_map(|at| self.names.get(at));
        named.flat_map(|(group, glob)| [(*group).to_string(), glob.clone()]).collect()
    }
}

/// A pattern and, for one that names a folder alone, everything in it.
fn expand(glob: &str, places: &Places) -> Vec<String> {
    let home = places.owner_home.to_string_lossy();
    let workspace = places.workspace.to_string_lossy();
    let whole = match glob.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", globset::escape(&home)),
        None if glob == "~" => globset::escape(&home),
        None => match glob.strip_prefix("workspace") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", globset::escape(&workspace))
            }
            Some(_) | None => glob.to_string(),
        },
    };
    let whole = if whole.len() > 1 { whole.trim_end_matches('/').to_string() } else { whole };
    match whole.strip_suffix("/**") {
        Some(folder) if !folder.is_empty() => vec![whole.clone(), folder.to_string()],
        Some(_) => vec![whole],
        None => vec![format!("{}/**", whole.trim_end_matches('/')), whole],
    }
}

fn glob_set(key: &'static str, glob: &str, places: &Places) -> Result<GlobSet, Error> {
    let mut builder = GlobSetBuilder::new();
    for pattern in expand(glob, places) {
        builder.add(compile(key, glob, &pattern)?);
    }
    builder.build().map_err(|error| bad(key, glob, &error))
}

fn compile(key: &str, glob: &str, pattern: &str) -> Result<globset::Glob, Error> {
    if glob.is_empty() {
        return Err(Error::Setting {
            key: key.to_string(),
            value: String::new(),
            reason: "is empty, which would mean everything".into(),
        });
    }
    if !pattern.starts_with('/') && !pattern.starts_with("**/") {
        let reason = "starts with `/`, `~/`, `**/` or `workspace`; anything else is no place".to_string();
        return Err(Error::Setting { key: key.to_string(), value: glob.to_string(), reason });
    }
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| bad(key, glob, &error))
}

fn bad(key: &str, glob: &str, error: &globset::Error) -> Error {
    Error::Setting {
        key: key.to_string(),
        value: glob.to_string(),
        reason: format!("is no pattern: {error}"),
    }
}

/// `example.org` is that host; `*.example.org` every host below it.
pub(crate) fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_lowercase(), host.to_lowercase());
    match pattern.strip_prefix("*.") {
        Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => pattern == host,
    }
}

/// `anna@example.org` is that recipient; `@example.org` everyone of exactly that domain.
pub(crate) fn recipient_matches(pattern: &str, recipient: &str) -> bool {
    let (pattern, recipient) = (pattern.trim().to_lowercase(), recipient.to_lowercase());
    if pattern.starts_with('@') {
        recipient
            .rsplit_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && pattern.get(1..) == Some(domain))
    } else {
        pattern == recipient
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns() -> Patterns {
        let places = Places {
            home: "/home/u/.hardshell".into(),
            workspace: "/home/u/.hardshell/workspace".into(),
            owner_home: "/home/u".into(),
            programs: vec!["/usr/local/lib/hardshell".into()],
        };
        let mut settings = Settings::default();
        settings.files.allowed_paths = vec!["~/Documents".into(), "/srv/*.log".into()];
        settings.files.denied_paths = vec!["~/Documents/private/**".into()];
        Patterns::compile(&settings, &places).unwrap()
    }

    #[test]
    fn a_path_is_in_the_places_that_name_it() {
        for (written, group, inside) in [
            ("~/Documents/a.txt", "allowed_paths", true),
            ("~/Documents", "allowed_paths", true),
            ("~/Documents2/a.txt", "allowed_paths", false),
            ("~/Documents/private/x", "denied_paths", true),
            ("~/Documents/x/../private/x", "denied_paths", true),
            ("/srv/a.log", "allowed_paths", true),
            ("/srv/deep/a.log", "allowed_paths", false),
            ("notes.txt", "workspace", true),
            ("../vault.db", "workspace", false),
            ("../../.ssh/id_ed25519", "workspace", false),
            ("/usr/bin/env", "system", true),
            ("/etc/shadow", "system", false),
        ] {
            assert_eq!(patterns().path(written).groups.contains(group), inside, "{written} in {group}");
        }
    }

    #[test]
    fn hardshells_own_files_are_known_however_they_are_written() {
        for (written, own) in [
            ("notes.txt", false),
            ("../vault.db", true),
            ("~/.hardshell/hardshell.toml", true),
            ("~/.hardshell/workspace/../SOUL.md", true),
            ("/usr/local/lib/hardshell/hardshell", true),
            ("a\0b", true),
            ("../../../../../../../../etc/passwd", false),
        ] {
            assert_eq!(patterns().path(written).own_file, own, "{written}");
        }
    }

    #[test]
    fn keys_and_taxes_are_of_the_highest_tier() {
        for (path, tier) in [
            ("/home/u/.ssh/id_ed25519", Tier::High),
            ("/home/u/Documents/Tax/2025.pdf", Tier::High),
            ("/home/u/code/.env", Tier::High),
            ("/home/u/code/main.rs", Tier::Medium),
        ] {
            assert_eq!(patterns().tier_of_path(Path::new(path)), tier, "{path}");
        }
    }

    #[test]
    fn hosts_and_recipients_match_whole_parts() {
        assert!(host_matches("*.example.org", "api.example.org"));
        assert!(!host_matches("*.example.org", "example.org"));
        assert!(!host_matches("*.example.org", "badexample.org"));
        assert!(recipient_matches("@example.org", "anna@example.org"));
        assert!(!recipient_matches("@example.org", "anna@evil.example.org"));
        assert!(!recipient_matches("@example.org", "anna@example.org.evil.com"));
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused() {
        let places = Places {
            home: "/h".into(),
            workspace: "/h/w".into(),
            owner_home: "/home/u".into(),
            programs: vec![],
        };
        for glob in ["", "Documents", "~/a[", "*"] {
            let mut settings = Settings::default();
            settings.files.allowed_paths = vec![glob.into()];
            assert!(Patterns::compile(&settings, &places).is_err(), "{glob}");
        }
    }
}
