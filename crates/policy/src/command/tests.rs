use super::*;
use proptest::prelude::*;

#[test]
fn every_example_of_the_list_is_judged_as_it_says() {
    let programs = Programs::built_in().unwrap();
    let mut count = 0;
    for (name, program) in programs.iter() {
        assert!(
            program.example.iter().any(|example| example.verdict == ExampleVerdict::Familiar),
            "{name} shows none that runs"
        );
        assert!(
            program.example.iter().any(|example| example.verdict == ExampleVerdict::Asks)
                || name == "echo"
                || name == "printf",
            "{name} shows none that asks"
        );
        for example in &program.example {
            let found = programs.judge(&example.argv);
            let familiar = matches!(found, Judged::Familiar { .. });
            assert_eq!(
                familiar,
                example.verdict == ExampleVerdict::Familiar,
                "{:?} ({}): {found:?}",
                example.argv,
                example.why
            );
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// Lines from the advisories and from the public lists of programs that can be made to start others.
#[test]
fn what_starts_something_else_asks() {
    let programs = Programs::built_in().unwrap();
    for line in [
        "env -S id",
        "env id",
        "xargs id",
        "busybox sh",
        "sh -c id",
        "bash -c id",
        "python3 -c 1",
        "perl -e 1",
        "node -e 1",
        "tar tf a.tar",
        "tar cf x --checkpoint=1 --checkpoint-action=exec=id a",
        "tar tf a --to-command=id",
        "tar tf host:a",
        "nice id",
        "timeout 1 id",
        "nohup id",
        "setsid id",
        "stdbuf -o0 id",
        "ssh host id",
        "scp a b",
        "rsync -e id a b",
        "vi a",
        "less a",
        "more a",
        "man ls",
        "make",
        "cargo run",
        "npm test",
        "docker ps",
        "sudo id",
        "su -c id",
        "crontab -l",
        "curl example.org",
        "wget example.org",
        "nc -l 1",
        "dd if=a of=b",
        "cp a b",
        "mv a b",
        "rm a",
        "ln -s a b",
        "chmod 777 a",
        "tee x",
        "split a",
        "csplit a 1",
        "install a b",
        "zip -T a b",
        "unzip a",
        "gzip a",
        "zcat a",
        "ed a",
        "gdb a",
        "strace id",
        "find . -exec id ;",
        "sort --compress-p=id a",
        "sort -S 1 -T /x a",
        "rg --pre=id x",
        "./ls",
        "/tmp/ls",
        "LS",
        "l\u{200b}s",
        "awk BEGIN{system(\"id\")}",
        "sed 1e a",
        "jq env",
        "git grep -Oid x",
        "git bisect run id",
        "git submodule foreach id",
    ] {
        let argv: Vec<String> = line.split(' ').map(str::to_string).collect();
        assert!(matches!(programs.judge(&argv), Judged::Unfamiliar { .. }), "{line}");
    }
}

#[test]
fn the_paths_of_a_command_are_known() {
    let programs = Programs::built_in().unwrap();
    for (line, expected) in [
        ("cat a /etc/shadow", vec!["a", "/etc/shadow"]),
        ("grep -rn x src", vec!["src"]),
        ("head -n 5 -- -x", vec!["-x"]),
        ("find a b -newer c -name d", vec!["a", "b", "c"]),
        ("cat - a", vec!["a"]),
        ("ls -la", vec![]),
    ] {
        let argv: Vec<String> = line.split(' ').map(str::to_string).collect();
        let found = match programs.judge(&argv) {
            Judged::Familiar { mut paths } => {
                paths.sort_unstable();
                paths
            }
            Judged::Unfamiliar { because } => panic!("{line}: {because}"),
        };
        let mut expected: Vec<String> = expected.into_iter().map(str::to_string).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{line}");
    }
}

proptest! {
    /// Every word of a known line is an option on the list, the value of one, or a word whose meaning is known: so a
    /// path that is not reported is nowhere among the words.
    #[test]
    fn no_absolute_path_goes_unseen(words in proptest::collection::vec("(-[a-zA-Z]|--[a-z]{2,8}|[a-z]{1,3}|/etc/shadow)", 0..5), name in "(cat|head|tail|wc|ls|stat|sort|uniq|cut|diff|du|df)") {
        let programs = Programs::built_in().unwrap();
        let mut argv = vec![name];
        argv.extend(words.iter().cloned());
        if let Judged::Familiar { paths } = programs.judge(&argv) {
            let texts = ["-t", "-k", "-I", "-d", "-f", "-c", "-b", "-x", "-B", "--format", "--key", "--exclude", "--ignore"];
            for (place, word) in words.iter().enumerate().filter(|(_place, word)| *word == "/etc/shadow") {
                let value = place.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|before| {
                    texts.iter().any(|text| before == text) || before.starts_with("--")
                });
                prop_assert!(value || paths.contains(word), "{argv:?} {place}");
            }
        }
    }
}
