//! Looks a home over, and says what could not be looked at.

use crate::config::{Config, FILE};
use crate::keys::Ask;
use egress::Redactor;
use posture::doctor::{Ailment, Patient, keys_in_git_history, of_the_vault};
use sandbox::Sandbox;
use std::path::Path;

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
            Ok(config) => match config.vault.open(root, ask) {
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

    /// Worst first.
    pub fn sort(&mut self) {
        self.ailments.sort_by_key(|ailment| std::cmp::Reverse(ailment.weight));
    }
}

fn patient(root: &Path, owner_home: &Path) -> Patient {
    Patient { home: root.to_path_buf(), owner_home: owner_home.to_path_buf() }
}
