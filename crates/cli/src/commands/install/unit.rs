//! The systemd unit, made from a template.

use std::path::{Path, PathBuf};

/// Whose service it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// The machine's: the assistant runs as this system user.
    System {
        /// Its name.
        user: &'static str,
    },
    /// An ordinary user's own.
    User,
}

/// What the unit starts.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Whose it is.
    pub manager: Manager,
    /// The folder with the two programs.
    pub library: PathBuf,
    /// The home.
    pub home: PathBuf,
    /// The port, when it is not the configured one.
    pub port: Option<u16>,
}

const SYSTEM: &str = include_str!("system.service");
const USER: &str = include_str!("user.service");
/// Where systemd keeps what services own.
const STATE: &str = "/var/lib";

impl Unit {
    /// Its text.
    pub fn text(&self) -> String {
        let (template, user) = match self.manager {
            Manager::System { user } => (SYSTEM, user),
            Manager::User => (USER, ""),
        };
        let arguments = self.port.map(|port| format!(" --port {port}")).unwrap_or_default();
        template
            .replace("@PROGRAM@", &quoted(&self.library.join("hardshell")))
            .replace("@LIBRARY@", &self.library.display().to_string().replace('%', "%%").replace(' ', "%%20"))
            .replace("@HOME@", &quoted(&self.home))
            .replace("@USER@", user)
            .replace("@STATE@", &self.state())
            .replace("@ARGUMENTS@", &arguments)
    }

    /// A home below `/var/lib` is made by systemd with its mode; another one is only opened.
    fn state(&self) -> String {
        match self.home.strip_prefix(STATE) {
            Ok(name) if name.components().count() == 1 => {
                format!("StateDirectory={}\nStateDirectoryMode=0700", escaped(name))
            }
            Ok(_) | Err(_) => format!("ReadWritePaths={}", quoted(&self.home)),
        }
    }
}

/// A path as one word of a unit (systemd.service(5), "COMMAND LINES"; systemd.unit(5), "SPECIFIERS").
fn quoted(path: &Path) -> String {
    let text = escaped(path);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:%$".contains(c);
    if text.chars().all(plain) { text } else { format!("\"{text}\"") }
}

fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for c in path.display().to_string().chars() {
        match c {
            '%' => text.push_str("%%"),
            '$' => text.push_str("$$"),
            '"' | '\\' => text.extend(['\\', c]),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(home: &str) -> Unit {
        Unit {
            manager: Manager::System { user: "hardshell" },
            library: PathBuf::from("/usr/local/lib/hardshell"),
            home: PathBuf::from(home),
            port: Some(18800),
        }
    }

    #[test]
    fn nothing_of_a_template_is_left_and_the_home_is_the_only_place_that_is_written() {
        let system = unit("/var/lib/hardshell").text();
        let is_filled =
            |text: &str| !text.split('@').skip(1).any(|word| word.starts_with(char::is_uppercase));
        assert!(is_filled(&system), "{system}");
        for line in [
            "ExecStart=/usr/local/lib/hardshell/hardshell up --home /var/lib/hardshell --no-link --port 18800",
            "User=hardshell",
            "StateDirectory=hardshell",
            "ProtectSystem=strict",
            "Delegate=cpu memory pids",
        ] {
            assert!(system.lines().any(|found| found == line), "{line} is not in {system}");
        }
        let elsewhere = unit("/srv/hardshell").text();
        assert!(elsewhere.contains("\nReadWritePaths=/srv/hardshell\n"), "{elsewhere}");
        let user = Unit { manager: Manager::User, ..unit("/home/ann/.hardshell") }.text();
        assert!(is_filled(&user) && !user.contains("User="), "{user}");
    }

    #[test]
    fn a_path_stays_one_word_and_means_itself() {
        for (path, word) in [
            ("/srv/hardshell", "/srv/hardshell"),
            ("/srv/my home", "\"/srv/my home\""),
            ("/srv/100%", "/srv/100%%"),
            ("/srv/$HOME", "/srv/$$HOME"),
            ("/srv/a\"b\\c", "\"/srv/a\\\"b\\\\c\""),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
