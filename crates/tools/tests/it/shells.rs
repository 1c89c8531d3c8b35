//! A line that is called plain means to two real shells what its argument vectors say.

use domain::{CommandForm, Connector, Pipeline};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::process::{Command, Stdio};

const SHELLS: [&str; 2] = ["/bin/dash", "/bin/bash"];

#[expect(clippy::disallowed_methods, reason = "the shell is the oracle of this test")]
fn run(shell: &str, script: &str) -> String {
    let output = Command::new(shell)
        .args(["-c", script])
        .env_clear()
        .env("PATH", "/nonexistent")
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("start {shell}: {error}"));
    assert!(output.stderr.is_empty(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn plain(line: &str) -> Option<Vec<Pipeline>> {
    match tools::shell::parse(line).ok()?.form {
        CommandForm::Plain(pipelines) => Some(pipelines),
        CommandForm::Unfamiliar { .. } => None,
    }
}

fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

fn samples<S: Strategy<Value = String>>(strategy: &S, count: usize) -> Vec<String> {
    let mut runner = runner();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[test]
fn the_words_of_a_plain_line_are_the_words_a_shell_passes() {
    let strategy =
        prop::string::string_regex("[ab '\"\\\\$`~!#%&;|(){}\\[\\]<>*?=:@^,.\\-\n\t0é]{0,14}").unwrap();
    let mut script = String::from("show() { printf '<%s' \"$#\" \"$@\"; printf '>\\n'; }\n");
    let mut wanted = String::new();
    let mut tried = 0;
    for rest in samples(&strategy, 60_000) {
        let line = format!("show {rest}");
        let Some([Pipeline { connector: Connector::Always, commands }]) =
            plain(&line).as_deref().map(<[_]>::to_vec).and_then(|all| <[Pipeline; 1]>::try_from(all).ok())
        else {
            continue;
        };
        let [argv] = commands.as_slice() else { continue };
        tried += 1;
        script.push_str(&line);
        script.push('\n');
        wanted.push_str(&format!("<{}", argv.len() - 1));
        argv.iter().skip(1).for_each(|word| wanted.push_str(&format!("<{word}")));
        wanted.push_str(">\n");
    }
    assert!(tried > 1_000, "only {tried} lines were plain");
    for shell in SHELLS {
        assert_eq!(run(shell, &script), wanted, "{shell}");
    }
}

#[test]
fn pipelines_follow_each_other_as_in_a_shell() {
    let strategy = prop::string::string_regex(
        "(yes|no)( [|] (yes|no))?((;| && |[|][|]) ?(yes|no)( [|] (yes|no))?){0,6};?",
    )
    .unwrap();
    for line in samples(&strategy, 150) {
        let mut place = 0;
        let numbered: Vec<String> = line
            .split_inclusive(' ')
            .flat_map(|part| part.split_inclusive(['|', ';', '&']))
            .map(str::to_string)
            .collect();
        let line: String = numbered
            .into_iter()
            .map(|part| {
                let word = part.trim_end_matches([' ', '|', ';', '&']);
                if word.is_empty() {
                    return part;
                }
                place += 1;
                part.replacen(word, &format!("{word} {place}"), 1)
            })
            .collect();
        let pipelines = plain(&line).unwrap_or_else(|| panic!("{line}"));
        let script = format!(
            "yes() {{ printf 'y%s ' \"$1\" >&3; return 0; }}\nno() {{ printf 'n%s ' \"$1\" >&3; return 1; }}\nexec 3>&1\n{line}\nexit 0"
        );
        for shell in SHELLS {
            let mut ran: Vec<String> = run(shell, &script).split_whitespace().map(str::to_string).collect();
            ran.sort();
            assert_eq!(ran, carried_out(&pipelines), "{shell}: {line}");
        }
    }
}

/// Which commands run when `yes` succeeds and `no` fails.
fn carried_out(pipelines: &[Pipeline]) -> Vec<String> {
    let mut worked = true;
    let mut ran = Vec::new();
    for pipeline in pipelines {
        let runs = match pipeline.connector {
            Connector::Always => true,
            Connector::OnSuccess => worked,
            Connector::OnFailure => !worked,
        };
        if runs {
            ran.extend(pipeline.commands.iter().map(|argv| format!("{}{}", &argv[0][..1], argv[1])));
            worked = pipeline.commands.last().is_some_and(|argv| argv[0] == "yes");
        }
    }
    ran.sort();
    ran
}

#[test]
fn quoted_words_are_the_same_words_to_a_shell() {
    let strategy = prop::string::string_regex("[\\x01-\\x7fé\u{200b}]{0,12}").unwrap();
    let words = samples(&strategy, 3_000);
    let mut script = String::from("show() { printf '<%s>' \"$@\"; }\n");
    let mut wanted = String::new();
    for word in words {
        script.push_str(&format!("show {}\n", tools::shell::quote(std::slice::from_ref(&word))));
        wanted.push_str(&format!("<{word}>"));
    }
    for shell in SHELLS {
        assert_eq!(run(shell, &script), wanted, "{shell}");
    }
}
