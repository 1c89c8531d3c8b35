//! The small languages that some programs take as an argument: whether a text in them only looks.
//!
//! Each answer is conservative: what is not understood does more than look.

/// A sed script of addresses with `p`, `d`, `q`, `=`, and `s` whose flags are only `g`, `i`, `I`, `p` and digits.
/// The commands `e`, `w`, `W`, `r`, `R` and the flags `e`, `w` start programs or touch files (GNU sed manual, "Commands
/// requiring a newline" and "Commands specific to GNU sed").
pub(super) fn sed_only_looks(script: &str) -> bool {
    script.split([';', '\n']).all(|command| sed_command(command.trim()))
}

fn sed_command(command: &str) -> bool {
    let rest = command
        .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '$' | '~' | '+' | '!' | ' '));
    match rest {
        "" | "p" | "d" | "q" | "=" | "n" | "N" | "D" | "P" => true,
        _ => rest.strip_prefix('s').is_some_and(sed_substitution) || sed_pattern_address(rest),
    }
}

/// `/pattern/p`: a pattern without a backslash, then a plain command.
fn sed_pattern_address(rest: &str) -> bool {
    let mut parts = rest.split('/');
    let (empty, pattern, command) = (parts.next(), parts.next(), parts.next());
    empty == Some("")
        && pattern.is_some_and(|pattern| !pattern.contains('\\'))
        && parts.next().is_none()
        && command
            .is_some_and(|command| matches!(command.trim().trim_start_matches('!'), "p" | "d" | "q" | "="))
}

fn sed_substitution(rest: &str) -> bool {
    let Some(delimiter) = rest.chars().next().filter(|c| matches!(c, '/' | '|' | ',' | '#' | ':')) else {
        return false;
    };
    if rest.contains('\\') {
        return false;
    }
    let parts: Vec<&str> = rest.split(delimiter).collect();
    parts.len() == 4
        && parts.last().is_some_and(|flags| {
            flags.chars().all(|c| matches!(c, 'g' | 'i' | 'I' | 'p') || c.is_ascii_digit())
        })
}

/// An awk program without anything that reaches out: `system`, pipes, redirections, `getline`, `@load`, `@include`,
/// `ARGV` (which names files to read), and indirect calls.
pub(super) fn awk_only_looks(program: &str) -> bool {
    const WORDS: [&str; 10] =
        ["system", "getline", "close", "fflush", "ARGV", "ARGC", "ENVIRON", "PROCINFO", "function", "func"];
    let words = program.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let reaches = words.into_iter().any(|word| WORDS.contains(&word));
    let writes = program.contains(['|', '>', '@', '`', '\\']) && !only_compares(program);
    !reaches && !writes
}

/// Whether every `>` is a comparison in a pattern before any `{`, and nothing else suspicious is there.
fn only_compares(program: &str) -> bool {
    let pattern = program.split('{').next().unwrap_or_default();
    let action = program.get(pattern.len()..).unwrap_or_default();
    let plain = |text: &str| !text.contains(['|', '@', '`', '\\']);
    plain(program) && !action.contains('>') && !pattern.contains("print")
}

/// A format of `git log` that git knows by name, or that holds only placeholders for what a commit says of itself: not
/// `%G`, which starts what checks signatures, not `%(describe)`, which starts git again, not `%aN` and its like, which
/// read a file that the repository names (git-log(1), "PRETTY FORMATS"). Any other name is the repository's to define.
pub(super) fn git_format_only_looks(format: &str) -> bool {
    const NAMES: [&str; 7] = ["oneline", "short", "medium", "full", "fuller", "reference", "raw"];
    const FACTS: [&str; 29] = [
        "%", "n", "H", "h", "T", "t", "P", "p", "an", "ae", "ad", "ar", "at", "ai", "aI", "as", "cn", "ce",
        "cd", "cr", "ct", "ci", "cI", "cs", "d", "D", "s", "b", "B",
    ];
    let text = format.strip_prefix("format:").or_else(|| format.strip_prefix("tformat:")).unwrap_or(format);
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let fact = FACTS.iter().filter_map(|fact| after.strip_prefix(fact)).min_by_key(|left| left.len());
        let Some(left) = fact else { return false };
        rest = left;
    }
    NAMES.contains(&format) || text.contains('%')
}

/// A jq filter without what reads files, modules or the environment, or never ends.
pub(super) fn jq_only_looks(filter: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: [&str; 14] = [
        "env", "ENV", "import", "include", "input", "inputs", "input_filename", "debug", "stderr",
        "halt_error", "modulemeta", "get_search_list", "repeat", "def",
    ];
    let words = filter.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    !words.into_iter().any(|word| WORDS.contains(&word)) && !filter.contains("$__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_reaches_out_is_not_one_that_looks() {
        for (script, looks) in [
            ("1,5p", true),
            ("$d", true),
            ("s/a/b/g", true),
            ("/error/p", true),
            ("s/a/b/e", false),
            ("s/a/b/w out", false),
            ("1e id", false),
            ("w out", false),
            ("r /etc/passwd", false),
            ("s/x/\\\n/e", false),
            ("p;e id", false),
            ("p\ne id", false),
            ("y/a/b/", false),
            ("{p;w x", false),
        ] {
            assert_eq!(sed_only_looks(script), looks, "sed {script:?}");
        }
        for (program, looks) in [
            ("{print $1}", true),
            ("NR > 3 {print $2}", true),
            ("/x/ {n++} END {print n}", true),
            ("{print $1 > \"out\"}", false),
            ("{print | \"sh\"}", false),
            ("BEGIN{system(\"id\")}", false),
            ("BEGIN{while((getline l < \"/etc/passwd\")>0) print l}", false),
            ("@load \"x\"", false),
            ("BEGIN{ARGV[1]=\"/etc/shadow\";ARGC=2}", false),
            ("BEGIN{f=\"system\"; @f(\"id\")}", false),
        ] {
            assert_eq!(awk_only_looks(program), looks, "awk {program:?}");
        }
        for (format, looks) in [
            ("oneline", true),
            ("%h %an, %ar : %s", true),
            ("format:%H%n%b", true),
            ("100%% %s", true),
            ("theirs", false),
            ("format:theirs", false),
            ("%G?", false),
            ("%h %GK", false),
            ("%(describe)", false),
            ("%aN", false),
            ("%%%G?", false),
            ("%", false),
        ] {
            assert_eq!(git_format_only_looks(format), looks, "git {format:?}");
        }
        for (filter, looks) in [
            (".a.b", true),
            (".[] | select(.x > 1) | .y", true),
            ("env", false),
            ("$ENV.PATH", false),
            ("input", false),
            ("import \"a\" as a; .", false),
        ] {
            assert_eq!(jq_only_looks(filter), looks, "jq {filter:?}");
        }
    }
}
