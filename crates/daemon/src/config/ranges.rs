//! The numbers and addresses of a configuration that would switch something off or mean nothing.

use super::Config;
use super::faults::Fault;
use std::ops::RangeInclusive;

/// More memory than any machine has, in MiB: a slip of units.
const MEMORY_MIB_MAX: u64 = 1 << 20;
/// More disk than any machine has, in MiB.
const DISK_MIB_MAX: u64 = 1 << 30;
/// A week, in seconds: nobody waits longer for a command.
const COMMAND_SECONDS_MAX: u64 = 7 * 24 * 3600;
/// A week, in minutes.
const TASK_MINUTES_MAX: u64 = 7 * 24 * 60;
/// The most of anything that is counted; above, it is a slip.
const COUNT_MAX: u64 = 1 << 40;

impl Config {
    /// The limits that nothing can be done under, or that limit nothing.
    pub(super) fn limits_that_mean_nothing(&self) -> Vec<Fault> {
        let (agent, sandbox, limits) = (&self.agent, &self.sandbox, &self.limits);
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let rows: [(&str, u64, RangeInclusive<u64>); 17] = [
            ("agent.steps", agent.steps.into(), 1..=10_000),
            ("agent.calls_per_step", wide(agent.calls_per_step), 1..=10_000),
            ("agent.tokens", agent.tokens, 1..=COUNT_MAX),
            ("agent.minutes", agent.minutes.into(), 1..=TASK_MINUTES_MAX),
            ("sandbox.memory_mib", sandbox.memory_mib, 1..=MEMORY_MIB_MAX),
            ("sandbox.processes", sandbox.processes.into(), 1..=1 << 22),
            ("sandbox.cpu_percent", sandbox.cpu_percent.into(), 1..=1_000_000),
            ("sandbox.seconds", sandbox.seconds, 1..=COMMAND_SECONDS_MAX),
            ("sandbox.output_kib", wide(sandbox.output_kib), 1..=MEMORY_MIB_MAX),
            ("sandbox.open_files", sandbox.open_files.into(), 1..=1 << 30),
            ("sandbox.file_mib", sandbox.file_mib, 1..=DISK_MIB_MAX),
            ("sandbox.tmp_mib", sandbox.tmp_mib, 1..=MEMORY_MIB_MAX),
            ("sandbox.tmp_files", sandbox.tmp_files, 1..=COUNT_MAX),
            ("sandbox.disk_mib", sandbox.disk_mib, 1..=DISK_MIB_MAX),
            // Of the limits of the policy, zero of those that ask is strict, and zero of these stops everything.
            ("limits.prompts_per_hour", limits.prompts_per_hour.into(), 1..=COUNT_MAX),
            ("limits.tokens_per_day", limits.tokens_per_day, 1..=u64::MAX),
            ("limits.refusals_per_ten_minutes", limits.refusals_per_ten_minutes.into(), 1..=COUNT_MAX),
        ];
        let wrong = rows.into_iter().filter(|(_, number, range)| !range.contains(number));
        wrong
            .map(|(key, number, range)| {
                let (least, most) = range.into_inner();
                Fault::new(key, format!("{number} is not between {least} and {most}"))
                    .with_hint("take the line out for the default; `hardshell config show` prints it")
            })
            .collect()
    }

    /// The recipients that no mail can have.
    pub(super) fn recipients_that_are_none(&self) -> Vec<Fault> {
        let lists = [
            ("mail.allowed_recipients", &self.mail.allowed_recipients),
            ("mail.denied_recipients", &self.mail.denied_recipients),
        ];
        let each =
            lists.into_iter().flat_map(|(key, list)| list.iter().enumerate().map(move |one| (key, one)));
        each.filter(|(_, (_, text))| !is_recipient(text))
            .map(|(key, (at, text))| {
                let what = format!("`{text}` is neither an address nor `@` and a domain, and matches nobody");
                let mut fault = Fault::new(key, what).with_hint(
                    "write `anna@example.org`, or `@example.org` for everybody there; without the line nobody is ruled out",
                );
                fault.way.push(at.into());
                fault
            })
            .collect()
    }
}

/// `anna@example.org`, or `@example.org`.
fn is_recipient(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '*' | ',' | ';' | '<' | '>');
    let text = text.trim();
    text.chars().all(plain)
        && text.rsplit_once('@').is_some_and(|(name, domain)| !name.contains('@') && !domain.is_empty())
}
