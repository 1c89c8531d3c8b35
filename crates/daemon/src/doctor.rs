//! Looks a home over, and says what could not be looked at.

use crate::config::{Config, FILE};
use crate::keys::Ask;
use egress::Redactor;
use posture::doctor::{Ailment, FixError, Machine, OpenPort, Patient, keys_in_git_history, of_the_vault};
use sandbox::Sandbox;
use std::path::Path;

pub use posture::doctor::Fix;

/// What the doctor saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What is not as it should be, worst first.
    pub ailments: Vec<Ailment>,
    /// What could not be looked at, and why.
    pub left_out: Vec<String>,
}

impl Examined {
    /// Looks at what lies about as files: of the home at `root`, and of its owner.
    #[must_use]
    pub fn of_files(root: &Path, owner_home: &Path) -> Self {
        let ailments = patient(root, owner_home).look(&Redactor::shapes_only());
        Self { ailments, left_out: Vec::new() }
    }

    /// Looks at what needs more than reading: the vault, whose secrets are then looked for too, and the histories of
    /// git.
    pub async fn look_inside(&mut self, root: &Path, owner_home: &Path, ask: Ask) {
        let now = crate::now();
        let redactor = match Config::load(&root.join(FILE)) {
            Err(error) => Err(crate::chain(&error)),
            Ok(config) => match config.open_vault(root, ask, crate::Begin::GoingOn) {
                Err(error) => Err(crate::chain(&error)),
                Ok(vault) => {
                    self.ailments.extend(of_the_vault(&vault, now));
                    Redactor::of_vault(&vault).map_err(|error| crate::chain(&error))
                }
            },
        };
        match crate::sending::ailments(root, now) {
            Ok(found) => self.ailments.extend(found),
            Err(error) => {
                self.left_out.push(format!("the receivers of the audit log: {}", crate::chain(&error)))
            }
        }
        let patient = patient(root, owner_home);
        let redactor = match redactor {
            Ok(redactor) => {
                for ailment in patient.look(&redactor) {
                    if !self.ailments.contains(&ailment) {
                        self.ailments.push(ailment);
                    }
                }
                redactor
            }
            Err(why) => {
                self.left_out.push(format!("the vault, and its secrets lying about: {why}"));
                Redactor::shapes_only()
            }
        };
        let repositories = patient.repositories();
        if repositories.is_empty() {
            return;
        }
        let sandbox = match Sandbox::probe().await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                return self.left_out.push(format!("the histories of git: {}", crate::chain(&error)));
            }
        };
        for repository in repositories {
            match keys_in_git_history(&sandbox, &repository, &redactor).await {
                Ok(found) => self.ailments.extend(found),
                Err(error) => {
                    let place = repository.display();
                    self.left_out.push(format!("the history of {place}: {}", crate::chain(&error)));
                }
            }
        }
    }

    /// Looks at the machine whose files are below `root`: what listens, who can log in, whether it keeps itself up to
    /// date.
    pub fn look_at_machine(&mut self, root: &Path) {
        let ports = match connectors::host::Machine::at(root).ports() {
            Ok(found) => open_ports(&found.fields),
            Err(error) => {
                self.left_out.push(format!("the ports of this machine: {}", crate::chain(&error)));
                Vec::new()
            }
        };
        self.ailments.extend(Machine { root: root.to_path_buf() }.look(&ports));
    }

    /// Mends what can be mended without risk, as far as `agrees` says yes to it, and gives what was done. What is
    /// mended is no finding any more.
    ///
    /// # Errors
    ///
    /// [`FixError`] of the first that could not be mended; those before it are.
    pub fn mend(&mut self, mut agrees: impl FnMut(&Fix) -> bool) -> Result<Vec<Ailment>, FixError> {
        let mut mended = Vec::new();
        let (all, mut left) = (std::mem::take(&mut self.ailments), Vec::new());
        let mut failed = None;
        for ailment in all {
            match &ailment.fix {
                Some(fix) if failed.is_none() && agrees(fix) => match fix.apply() {
                    Ok(()) => mended.push(ailment),
                    Err(error) => {
                        failed = Some(error);
                        left.push(ailment);
                    }
                },
                Some(_) | None => left.push(ailment),
            }
        }
        self.ailments = left;
        failed.map_or(Ok(mended), Err)
    }

    /// Worst first.
    pub fn sort(&mut self) {
        self.ailments.sort_by_key(|ailment| std::cmp::Reverse(ailment.weight));
    }
}

fn open_ports(fields: &serde_json::Value) -> Vec<OpenPort> {
    let ports = fields["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |port: &serde_json::Value| {
        Some(OpenPort {
            protocol: port["protocol"].as_str()?.to_string(),
            address: port["address"].as_str()?.parse().ok()?,
            port: port["port"].as_u64()?.try_into().ok()?,
            program: port["process"].as_str().map(str::to_string),
        })
    };
    ports.iter().filter_map(read).collect()
}

fn patient(root: &Path, owner_home: &Path) -> Patient {
    Patient { home: root.to_path_buf(), owner_home: owner_home.to_path_buf() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// 0100007F is 127.0.0.1; 0A means that it listens (proc_pid_net(5)).
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        \x20  0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0\n\
        \x20  1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0\n\
        \x20  2: 00000000:01BB 0200000A:1111 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0\n";

    #[test]
    fn a_port_that_answers_to_others_is_named_with_who_listens_and_one_of_loopback_is_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("proc/net")).unwrap();
        fs::write(folder.path().join("proc/net/tcp"), TCP).unwrap();
        fs::create_dir_all(folder.path().join("proc/77/fd")).unwrap();
        fs::write(folder.path().join("proc/77/comm"), "caddy\n").unwrap();
        std::os::unix::fs::symlink("socket:[12]", folder.path().join("proc/77/fd/3")).unwrap();
        let mut examined = Examined::default();
        examined.look_at_machine(folder.path());
        let what: Vec<&str> = examined.ailments.iter().map(|ailment| ailment.what.as_str()).collect();
        assert_eq!(what.len(), 2, "{what:?}");
        assert!(what[0].ends_with("80/tcp (caddy)") && !what[0].contains("5432"), "{what:?}");
        assert_eq!(examined.left_out, Vec::<String>::new());
    }
}
