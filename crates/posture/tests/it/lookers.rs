//! What the list of programs lets through without a question only looks: each such line is run for real, in a sandbox,
//! in a folder that is out to get it, and watched from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use policy::{Judged, Programs};
use sandbox::{Access, Caps, Grant, Helper, Level, Sandbox, Spec, Workspace, resolve_program};
use tempfile::TempDir;

use crate::tricks::TRICKS;

/// A folder in which everything that a program could be led by leads astray.
struct Trap {
    base: TempDir,
}

impl Trap {
    fn new() -> Self {
        let trap = Self { base: TempDir::new().unwrap() };
        for folder in ["workspace/secret", "workspace/folder", "workspace/.jq", "outside", "watcher"] {
            std::fs::create_dir_all(trap.base.path().join(folder)).unwrap();
        }
        trap.outside();
        trap.files();
        trap.repository();
        trap.impostors();
        trap
    }

    fn workspace(&self) -> PathBuf {
        self.base.path().join("workspace")
    }

    fn put(&self, name: &str, content: &str) {
        std::fs::write(self.workspace().join(name), content).unwrap();
    }

    fn program(&self, name: &str) {
        // What it would do is to leave a trace of itself, wherever it can.
        self.put(name, "#!/bin/sh\necho started >> started; printf MIS%s LED; cat secret/inner.txt\n");
        let path = self.workspace().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn outside(&self) {
        std::fs::write(self.base.path().join("outside/decoy"), "MARK-outside\n").unwrap();
    }

    /// Plain files with a mark each, and the files of settings that programs look for where they stand.
    fn files(&self) {
        for (name, mark) in [
            ("a.txt", "MARK-a"),
            ("b.txt", "MARK-b"),
            ("folder/c.txt", "MARK-c"),
            ("secret/inner.txt", "MARK-secret"),
        ] {
            self.put(name, &format!("{mark} one\n{mark} two\n"));
        }
        self.put("data.json", "{\"mark\": \"MARK-json\", \"list\": [1, 2]}\n");
        self.put("names", "secret/inner.txt\n");
        self.put(
            "sums",
            "0000000000000000000000000000000000000000000000000000000000000000  secret/inner.txt\n",
        );
        std::fs::write(self.workspace().join("names0"), "secret/inner.txt\0").unwrap();
        self.put("module.jq", "def leak: \"MIS\" + \"LED\";");
        self.put(".jq/leak.jq", "def leak: \"MIS\" + \"LED\";");
        self.put("script", "r secret/inner.txt\n");
        self.put("program.awk", "BEGIN { system(\"./mark\") }\n");
        self.put("magic", "0 string MAR\\x4b MISLED\n");
        self.put(".magic", "0 string MAR\\x4b MISLED\n");
        self.put(".wgetrc", "use_askpass = ./mark\noutput_document = started\n");
        self.put(".curlrc", "output = started\nurl = file:///etc/passwd\n");
        self.put(".ripgreprc", "--pre=./mark\n");
        self.put(".rgignore", "a.txt\n");
        self.put(".inputrc", "$include secret/inner.txt\n");
        self.put(".mailmap", "Mapped Name <mapped@example.org> <a@example.org>\n");
        for name in ["--compress-program=mark", "-exec", "--pre=mark", "-o", "--checkpoint-action=exec=mark"]
        {
            self.put(name, "an option by its name\n");
        }
        let link = |target: &Path, name: &str| symlink(target, self.workspace().join(name)).unwrap();
        link(&self.base.path().join("outside/decoy"), "out");
        link(Path::new("../secret/inner.txt"), "folder/in");
        link(Path::new("../secret"), "folder/linked");
    }

    /// A repository whose every setting that can start something does.
    fn repository(&self) {
        let line = "git init -q . && git add a.txt data.json && \
            git -c user.name=A -c user.email=a@example.org commit -qm 'MARK-history one' && \
            echo more >> a.txt && git -c user.name=A -c user.email=a@example.org commit -qam 'MARK-history two'";
        self.outside_command(line);
        // A commit that claims a signature, so that whoever checks it starts the checker.
        let signed = "{ git cat-file commit HEAD | sed '/^$/,$d'; printf 'gpgsig -----BEGIN PGP SIGNATURE-----\\n \\n \
            -----END PGP SIGNATURE-----\\n\\nMARK-history signed\\n'; } > ../watcher/commit && \
            git update-ref HEAD $(git hash-object -t commit -w ../watcher/commit)";
        self.outside_command(signed);
        let outside = self.base.path().join("outside/decoy").display().to_string();
        let config = format!(
            "[core]\n\tfsmonitor = ./mark\n\tpager = ./mark\n\tsshCommand = ./mark\n\teditor = ./mark\n\
             \thooksPath = hooks\n\talternateRefsCommand = ./mark\n\taskPass = ./mark\n\tgitProxy = ./mark\n\
             \tattributesFile = secret/inner.txt\n\texcludesFile = {outside}\n\
             [format]\n\tpretty = %G? %h\n[pretty]\n\tconfig = format:%G? %h\n\tevil = format:%G?\n\
             [pager]\n\tlog = ./mark\n\trev-parse = ./mark\n\tversion = ./mark\n\
             [diff]\n\texternal = ./mark\n\torderFile = secret/inner.txt\n[diff \"x\"]\n\ttextconv = ./mark\n\tcommand = ./mark\n\
             [filter \"x\"]\n\tclean = ./mark\n\tsmudge = ./mark\n\tprocess = ./mark\n\trequired = true\n\
             [gpg]\n\tprogram = ./mark\n[gpg \"ssh\"]\n\tprogram = ./mark\n[gpg \"x509\"]\n\tprogram = ./mark\n\
             [log]\n\tshowSignature = true\n\tmailmap = true\n[mailmap]\n\tfile = secret/inner.txt\n\
             [alias]\n\tlog = !./mark\n\trev-parse = !./mark\n\tversion = !./mark\n\tx = !./mark\n\
             [credential]\n\thelper = !./mark\n[interactive]\n\tdiffFilter = ./mark\n[sequence]\n\teditor = ./mark\n\
             [trailer \"x\"]\n\tcommand = ./mark\n\tcmd = ./mark\n[difftool \"x\"]\n\tcmd = ./mark\n\
             [extensions]\n\tpartialClone = origin\n[remote \"origin\"]\n\turl = ext::./mark\n\tpromisor = true\n\
             \tuploadpack = ./mark\n[protocol]\n\tallow = always\n[include]\n\tpath = ../module.config\n"
        );
        let path = self.workspace().join(".git/config");
        let before = std::fs::read_to_string(&path).unwrap().replace("version = 0", "version = 1");
        std::fs::write(path, format!("{before}{config}")).unwrap();
        self.put("module.config", "[core]\n\tpager = ./mark\n");
        self.put(".gitattributes", "* diff=x filter=x\n");
        for hook in ["post-checkout", "pre-commit", "post-index-change", "reference-transaction"] {
            std::fs::create_dir_all(self.workspace().join("hooks")).unwrap();
            self.program(&format!("hooks/{hook}"));
        }
    }

    /// Programs by the names of others, where a careless search would find them.
    fn impostors(&self) {
        self.program("mark");
        for name in ["sh", "git", "less", "cat", "gpg", "ssh", "pr", "gzip", "diff"] {
            self.program(name);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the owner's own git makes the repository")]
    fn outside_command(&self, line: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.workspace()).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.env("HOME", self.base.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Everything there is, with what it holds.
    fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.workspace(), self.base.path().join("outside")];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let kind = std::fs::symlink_metadata(&path).unwrap();
                if kind.is_dir() {
                    waiting.push(path.clone());
                }
                let content = if kind.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
                found.insert(path, content);
            }
        }
        found
    }

    /// A helper that `strace` follows from outside.
    fn watched(&self) -> Helper {
        let own = Helper::find().unwrap();
        let log = self.log();
        let script = self.base.path().join("watcher/helper");
        let line = format!(
            "#!/bin/sh\nexec strace -D -f -q -y -s 4096 -e trace=execve,execveat,open,openat,creat,seccomp -o {} {} \"$@\"\n",
            log.display(),
            own.path().display()
        );
        std::fs::write(&script, line).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        Helper::at(&script)
    }

    fn log(&self) -> PathBuf {
        self.base.path().join("watcher/log")
    }

    /// What the tracer wrote, once every process has ended.
    fn whole_log(&self) -> String {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let processes: BTreeSet<&str> = log.lines().filter_map(|line| line.split(' ').next()).collect();
            let ended = log.lines().filter(|line| line.contains("+++ exited") || line.contains("+++ killed"));
            if !processes.is_empty() && ended.count() >= processes.len() {
                std::fs::remove_file(self.log()).unwrap();
                return log;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the tracer does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a command did once its filter was in force: programs started after itself, files of the trap opened.
struct Done {
    started: Vec<String>,
    opened: Vec<Opened>,
}

/// A file as it was asked for, and where that led.
#[derive(Debug)]
struct Opened {
    asked: PathBuf,
    found: PathBuf,
}

fn done(log: &str, workspace: &Path) -> Done {
    let begun = log.lines().position(|line| line.contains(" seccomp(SECCOMP_SET_MODE_FILTER")).unwrap();
    let after = || log.lines().skip(begun.saturating_add(1));
    let worked = |line: &&str| !line.contains(" = -1 ") && !line.contains("+++ ");
    let starts =
        after().filter(worked).filter(|line| line.contains(" execve(") || line.contains(" execveat("));
    let started: Vec<String> = starts.skip(1).map(str::to_owned).collect();
    let opened = after()
        .filter(worked)
        .filter_map(opened)
        .filter(|opened| opened.found.starts_with(workspace) && opened.found.is_file());
    Done { started, opened: opened.collect() }
}

/// `openat(AT_FDCWD</folder>, "name", …) = 3</folder/name>`, as the tracer writes it.
fn opened(line: &str) -> Option<Opened> {
    let between = |text: &str, left: &str, right: &str| -> Option<String> {
        Some(text.split_once(left)?.1.split_once(right)?.0.to_owned())
    };
    let (call, answer) = line.rsplit_once(" = ")?;
    let found = between(answer, "<", ">")?;
    let name = between(call, "\"", "\"")?;
    let folder = between(call.split('"').next()?, "<", ">").unwrap_or_default();
    Some(Opened { asked: Path::new(&folder).join(name), found: PathBuf::from(found) })
}

/// Whether the line named it, by its own name or by a folder above it. A repository and what its settings include is
/// what `git` is for, and `rg` asks files of their own which others to leave out; neither shows them.
fn is_named(opened: &Opened, paths: &[String], argv: &[String], workspace: &Path) -> bool {
    let relative = opened.found.strip_prefix(workspace).unwrap();
    let first = relative.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let first = first.unwrap_or_default();
    let history = match argv.first().map(String::as_str) {
        Some("git") => first.starts_with(".git") || first == "module.config",
        Some("rg") => first == ".git" || first == ".rgignore",
        _ => false,
    };
    let named: Vec<PathBuf> =
        paths.iter().map(|named| workspace.join(named).components().collect()).collect();
    history || named.iter().any(|named| opened.asked == *named || opened.found.starts_with(named))
}

#[tokio::test]
async fn what_is_let_through_starts_nothing_writes_nothing_and_reads_what_it_names() {
    let trap = Trap::new();
    let sandbox = Sandbox::probe_with(trap.watched(), Caps::default()).await.unwrap();
    assert!(sandbox.isolation().level >= Level::FullSoft, "{:?}", sandbox.isolation());
    let programs = Programs::built_in().unwrap();
    let mut lines: BTreeSet<Vec<String>> = BTreeSet::new();
    for (_, program) in programs.iter() {
        lines.extend(program.example.iter().map(|example| example.argv.clone()));
    }
    lines.extend(
        TRICKS.iter().map(|trick| trick.split(' ').map(|word| word.replace('\u{2423}', " ")).collect()),
    );
    let unseen: Vec<&String> = programs
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !TRICKS.iter().any(|trick| trick.split(' ').next() == Some(name)))
        .collect();
    assert!(unseen.is_empty(), "no trick is tried with {unseen:?}");
    let before = trap.everything();
    let (mut wrong, mut ran) = (Vec::new(), 0);
    for argv in &lines {
        let Judged::Familiar { paths } = programs.judge(argv) else { continue };
        ran += 1;
        let shown = argv.join(" ");
        let program = resolve_program(&argv[0]).unwrap();
        let mut spec = Spec::new(program, argv.iter().map(Into::into).collect());
        let workspace = Workspace::new(Grant::resolve(&trap.workspace(), Access::Write).unwrap());
        spec.folder = Some(workspace.grant.path().to_owned());
        spec.workspace = Some(workspace);
        spec.limits.wall = Duration::from_secs(60);
        let _earlier = std::fs::remove_file(trap.log());
        let report = sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await.unwrap();
        let done = done(&trap.whole_log(), &trap.workspace());
        if !done.started.is_empty() {
            wrong.push(format!("{shown}: started {:?}", done.started));
        }
        let unseen: Vec<_> =
            done.opened.iter().filter(|opened| !is_named(opened, &paths, argv, &trap.workspace())).collect();
        if !unseen.is_empty() {
            wrong.push(format!("{shown}: read {unseen:?}, and named {paths:?}"));
        }
        let said = format!("{}{}", report.stdout.text(), report.stderr.text());
        for mark in ["MISLED", "MARK-outside", "Mapped Name"] {
            if said.contains(mark) {
                wrong.push(format!("{shown}: said {mark}"));
            }
        }
        if trap.everything() != before {
            wrong.push(format!("{shown}: changed something"));
            break;
        }
    }
    assert!(ran > 120 && lines.len() > 300, "{ran} of {} lines were let through", lines.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The watching itself can see: a line that is not let through starts the mark and is caught.
#[tokio::test]
async fn a_line_that_asks_is_seen_to_do_what_it_asks_for() {
    let trap = Trap::new();
    let sandbox = Sandbox::probe_with(trap.watched(), Caps::default()).await.unwrap();
    let line = ["git", "log", "-1", "--format=%G?"];
    let argv: Vec<String> = line.map(String::from).into();
    assert!(matches!(Programs::built_in().unwrap().judge(&argv), Judged::Unfamiliar { .. }));
    let mut spec = Spec::new(resolve_program("git").unwrap(), argv.iter().map(Into::into).collect());
    spec.environment.set("GIT_CONFIG_COUNT", "1").unwrap();
    spec.environment.set("GIT_CONFIG_KEY_0", "safe.directory").unwrap();
    spec.environment.set("GIT_CONFIG_VALUE_0", "*").unwrap();
    let workspace = Workspace::new(Grant::resolve(&trap.workspace(), Access::Write).unwrap());
    spec.folder = Some(workspace.grant.path().to_owned());
    spec.workspace = Some(workspace);
    let _earlier = std::fs::remove_file(trap.log());
    let report = sandbox.run(spec, std::future::pending(), &mut |_, _| {}).await.unwrap();
    let done = done(&trap.whole_log(), &trap.workspace());
    assert!(done.started.iter().any(|start| start.contains("mark")), "{:?} {report:?}", done.started);
    assert!(trap.workspace().join("started").exists(), "{report:?}");
}
