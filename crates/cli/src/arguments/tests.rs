use super::*;
use clap::CommandFactory as _;

fn without_an_example(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let path = format!("{path} {}", command.get_name());
    let says = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // An example is a whole line that can be typed; it begins with the program's name or ends in a pipe to it.
    let shows = says.lines().any(|line| line.starts_with("  ") && line.contains(path.trim()));
    if !shows && command.get_subcommands().next().is_none() {
        found.push(path.clone());
    }
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        without_an_example(below, &path, found);
    }
}

#[test]
fn every_command_shows_how_it_is_typed() {
    let mut found = Vec::new();
    without_an_example(&Arguments::command(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn walls_that_the_help_names_can_be_left_out() {
    let mut all = Arguments::command();
    let help = all.find_subcommand_mut("demo").map(|demo| demo.render_long_help().to_string());
    for wall in demo::Wall::ALL {
        assert!(help.as_deref().is_some_and(|help| help.contains(&format!("--without {}", wall.as_str()))));
    }
}
