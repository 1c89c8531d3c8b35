use super::*;
use proptest::prelude::*;

fn plain(text: &str) -> Result<Vec<Pipeline>, String> {
    match parse(text).map_err(|error| error.to_string())?.form {
        CommandForm::Plain(pipelines) => Ok(pipelines),
        CommandForm::Unfamiliar { because } => Err(because),
    }
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}

#[test]
fn literal_words_are_read_as_a_shell_reads_them() {
    for (text, words) in [
        ("ls -la", &["ls", "-la"][..]),
        ("  ls\t-la \n", &["ls", "-la"]),
        ("echo 'a b' \"c d\" e\\ f", &["echo", "a b", "c d", "e f"]),
        ("echo '' \"\"", &["echo", "", ""]),
        ("echo a'b'\"c\"d", &["echo", "abcd"]),
        (r#"echo "a\"b\\c\d\$e""#, &["echo", r#"a"b\c\d$e"#]),
        (r"grep 'foo$' x", &["grep", "foo$", "x"]),
        ("grep \"foo$\" x$ $", &["grep", "foo$", "x$", "$"]),
        ("find . -name '*.rs' -exec cat {} \\;", &["find", ".", "-name", "*.rs", "-exec", "cat", "{}", ";"]),
        ("git show stash@{0} HEAD~3 HEAD^", &["git", "show", "stash@{0}", "HEAD~3", "HEAD^"]),
        ("sh -c 'rm -rf $HOME; id'", &["sh", "-c", "rm -rf $HOME; id"]),
        ("make CC=gcc", &["make", "CC=gcc"]),
        ("'if' x", &["if", "x"]),
        ("echo if then # ", &["echo", "if", "then"]),
        ("echo a#b é ü", &["echo", "a#b", "é", "ü"]),
        ("printf 'a\nb'", &["printf", "a\nb"]),
        ("echo !", &["echo", "!"]),
    ] {
        if text.contains(" # ") {
            assert_eq!(plain(text), Err("a comment".to_string()));
            continue;
        }
        assert_eq!(
            plain(text),
            Ok(vec![Pipeline { connector: Connector::Always, commands: vec![argv(words)] }]),
            "{text}"
        );
    }
}

#[test]
fn lists_and_pipelines_keep_their_order() {
    let pipeline = |connector, commands: &[&[&str]]| Pipeline {
        connector,
        commands: commands.iter().map(|words| argv(words)).collect(),
    };
    assert_eq!(
        plain("a 1|b && c||d; e ;"),
        Ok(vec![
            pipeline(Connector::Always, &[&["a", "1"], &["b"]]),
            pipeline(Connector::OnSuccess, &[&["c"]]),
            pipeline(Connector::OnFailure, &[&["d"]]),
            pipeline(Connector::Always, &[&["e"]]),
        ])
    );
}

#[test]
fn whatever_a_shell_would_change_is_unfamiliar() {
    for (text, because) in [
        ("echo $HOME", "a variable"),
        ("echo \"$HOME\"", "a variable"),
        ("echo ${HOME}", "a variable"),
        ("echo $(id)", "command substitution"),
        ("echo \"$(id)\"", "command substitution"),
        ("echo `id`", "command substitution"),
        ("echo \"`id`\"", "command substitution"),
        ("echo $((1+1))", "command substitution"),
        ("echo $'a\\nb'", "a quote that a shell rewrites"),
        ("cat < a", "redirection"),
        ("cat > a", "redirection"),
        ("cat 2>&1", "redirection"),
        ("cat << EOF", "redirection"),
        ("cat &> a", "redirection"),
        ("a |& b", "redirection"),
        ("diff <(a) <(b)", "redirection"),
        ("sleep 1 &", "a command in the background"),
        ("(id)", "a subshell or function"),
        ("f() { id; }", "a subshell or function"),
        ("{ id; }", "braces"),
        ("ls *.rs", "a file name pattern"),
        ("ls ?", "a file name pattern"),
        ("ls [ab]", "a file name pattern"),
        ("[ -f x ]", "a file name pattern"),
        ("ls {a,b}", "braces"),
        ("ls {1..3}", "braces"),
        ("ls ~", "`~`, which stands for a home folder"),
        ("ls ~/x", "`~`, which stands for a home folder"),
        ("make p=~/x", "`~`, which stands for a home folder"),
        ("A=1 env", "an assignment before the command"),
        ("PATH+=x env", "an assignment before the command"),
        ("ls | A=1 env", "an assignment before the command"),
        ("! true", "the shell's word `!`"),
        ("if true", "the shell's word `if`"),
        ("true; while true", "the shell's word `while`"),
        ("cd /tmp && ls", "`cd`, which only a shell can do"),
        ("'eval' id", "`eval`, which only a shell can do"),
        ("e\\val id", "`eval`, which only a shell can do"),
        (". ./x", "`.`, which only a shell can do"),
        ("ls # -la", "a comment"),
        ("ls\nid", "more than one line"),
        ("ls \\\n-la", "more than one line"),
        ("echo \"a\\\nb\"", "more than one line"),
        ("ls\rid", "control characters"),
        ("ls\u{1b}[2K", "control characters"),
        ("case x in esac", "the shell's word `case`"),
        ("a ;; b", "`;;`"),
    ] {
        assert_eq!(plain(text), Err(because.to_string()), "{text}");
    }
}

#[test]
fn what_is_no_command_line_is_an_error() {
    for (text, error) in [
        ("", ShellError::Empty),
        (" \t\n", ShellError::Empty),
        ("ls \0", ShellError::Nul),
        ("ls 'a", ShellError::Unclosed { quote: "single" }),
        ("ls \"a", ShellError::Unclosed { quote: "double" }),
        ("ls \"a\\", ShellError::Unclosed { quote: "double" }),
        ("ls \\", ShellError::LooseBackslash),
        ("| ls", ShellError::LooseOperator { place: "before", operator: "|" }),
        ("ls && && ls", ShellError::LooseOperator { place: "before", operator: "&&" }),
        ("ls |", ShellError::LooseOperator { place: "after", operator: "|" }),
        ("ls ||", ShellError::LooseOperator { place: "after", operator: "||" }),
        ("; ls", ShellError::LooseOperator { place: "before", operator: ";" }),
        ("'' x", ShellError::NoProgram),
        (&format!("echo {}", "a ".repeat(3000)), ShellError::TooLong),
        (&"a|".repeat(100), ShellError::TooLong),
    ] {
        assert_eq!(parse(text), Err(error), "{text:.40}");
    }
    assert!(matches!(parse(&"$(".repeat(100_000)).unwrap().form, CommandForm::Unfamiliar { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn words_that_were_quoted_are_read_back(words in prop::collection::vec("[ -~\u{e9}\u{200b}\n\t]{0,12}", 1..6)) {
        prop_assume!(!words[0].is_empty() && !BUILTINS.contains(&words[0].as_str()));
        let line = quote(&words);
        prop_assert_eq!(plain(&line), Ok(vec![Pipeline { connector: Connector::Always, commands: vec![words] }]));
    }
}
