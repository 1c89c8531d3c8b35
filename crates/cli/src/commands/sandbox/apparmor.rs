//! The AppArmor profile of the helper: it allows what AppArmor would keep from it, and nothing that the kernel's own
//! walls, which the helper then makes, do not take away again.

use super::problem::SandboxProblem;
use std::path::Path;

/// The profile for the helper at `path`. (apparmor.d(5); Ubuntu's own for bubblewrap-like programs have this form.)
pub fn profile(path: &Path) -> Result<String, SandboxProblem> {
    let name = path
        .to_str()
        .filter(|name| is_plain(name))
        .ok_or_else(|| SandboxProblem::ProfilePath { path: path.to_path_buf() })?;
    Ok(format!(
        "# Written by `hardshell sandbox apparmor`. Lets the sandbox's helper make user namespaces, which\n\
         # kernel.apparmor_restrict_unprivileged_userns=1 keeps from programs without a profile. Only the program at this\n\
         # path gets that; what it starts is confined by namespaces, Landlock and seccomp.\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\n\
         profile hardshell-sandbox {name} flags=(unconfined) {{\n  \
           userns,\n\n  \
           include if exists <local/hardshell-sandbox>\n\
         }}\n"
    ))
}

/// Whether AppArmor takes the path as it stands: no pattern, no variable, no space, no quote.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.chars().all(|c| c.is_ascii_alphanumeric() || ['/', '.', '-', '_', '+'].contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_for_that_very_path_and_a_pattern_is_refused() {
        let text = profile(Path::new("/usr/local/lib/hardshell/hardshell-sandbox")).unwrap();
        assert!(text.contains(
            "\nprofile hardshell-sandbox /usr/local/lib/hardshell/hardshell-sandbox flags=(unconfined) {\n  userns,\n"
        ), "{text}");
        for path in ["/home/*/hardshell-sandbox", "/home/a b/x", "relative", "/x,{y}", "/@{HOME}/x", "/\"x"] {
            assert!(profile(Path::new(path)).is_err(), "{path}");
        }
    }
}
