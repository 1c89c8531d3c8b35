//! How busy the machine is.

use super::{HostError, Machine};
use crate::Finding;
use crate::finding::bytes_in_words;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;

impl Machine {
    /// Load, processors, memory, swap, pressure and time since start.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the kernel's tables cannot be read.
    pub fn load(&self) -> Result<Finding, HostError> {
        let loads = self.table("/proc/loadavg")?;
        let mut loads = loads.split_whitespace().map(str::parse::<f64>);
        let mut next = || loads.next().and_then(Result::ok).ok_or(HostError::Form { path: "/proc/loadavg" });
        let (one, five, fifteen) = (next()?, next()?, next()?);
        let memory = self.table("/proc/meminfo")?;
        let line = |name: &str| kibibytes(&memory, name).ok_or(HostError::Form { path: "/proc/meminfo" });
        let (total, available) = (line("MemTotal:")?, line("MemAvailable:")?);
        let swap_total = kibibytes(&memory, "SwapTotal:").unwrap_or(0);
        let swap_used = swap_total.saturating_sub(kibibytes(&memory, "SwapFree:").unwrap_or(0));
        let processors = self
            .table("/proc/stat")?
            .lines()
            .filter(|line| is_processor(line.split(' ').next().unwrap_or("")))
            .count();
        let uptime = self.table("/proc/uptime")?;
        let up: u64 = uptime
            .split('.')
            .next()
            .and_then(|seconds| seconds.parse().ok())
            .ok_or(HostError::Form { path: "/proc/uptime" })?;
        let used = total.saturating_sub(available);
        let mut text = format!(
            "Load {one:.2}, {five:.2}, {fifteen:.2} (1, 5, 15 minutes) on {processors} processors.\n\
             Memory: {} of {} used, {} available.\n",
            bytes_in_words(used),
            bytes_in_words(total),
            bytes_in_words(available),
        );
        if swap_total > 0 {
            let _ =
                writeln!(text, "Swap: {} of {} used.", bytes_in_words(swap_used), bytes_in_words(swap_total));
        }
        let _ = writeln!(
            text,
            "Up for {} days, {} hours and {} minutes.",
            up / 86_400,
            up / 3_600 % 24,
            up / 60 % 60
        );
        let pressure: Vec<(&str, Option<f64>)> =
            ["cpu", "memory", "io"].into_iter().map(|what| (what, self.pressure(what))).collect();
        for (what, stalled) in &pressure {
            if let Some(percent) = stalled.filter(|percent| *percent >= 5.0) {
                let _ = writeln!(text, "Something waited for {what} {percent:.0} % of the last minute.");
            }
        }
        let pressure: serde_json::Map<String, Json> =
            pressure.into_iter().map(|(what, stalled)| (what.to_string(), json!(stalled))).collect();
        let fields = json!({
            "load": {"one": one, "five": five, "fifteen": fifteen}, "processors": processors,
            "memory": {"bytes_total": total, "bytes_available": available, "bytes_used": used},
            "swap": {"bytes_total": swap_total, "bytes_used": swap_used}, "up_seconds": up, "pressure": pressure,
        });
        Ok(Finding { fields, text })
    }

    /// Percent of the last minute in which something waited; nothing where the kernel does not count it.
    fn pressure(&self, what: &str) -> Option<f64> {
        let table = self.table_if_there(&format!("/proc/pressure/{what}"))?;
        let line = table.lines().find(|line| line.starts_with("some "))?;
        line.split(' ').find_map(|word| word.strip_prefix("avg60=")?.parse().ok())
    }
}

fn is_processor(name: &str) -> bool {
    name.strip_prefix("cpu")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn kibibytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|number| number.saturating_mul(1024))
}
