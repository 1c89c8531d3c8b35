//! How many texts of labelled corpora raise suspicion: `cargo run -p guard --example corpora -- FILE.jsonl…`.
#![expect(clippy::print_stdout, reason = "its answer goes to stdout")]

use std::collections::BTreeMap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<44} {:>16} {:>16}", "corpus", "attacks noticed", "benign noticed");
    let mut all = BTreeMap::from([(0_i64, (0_u64, 0_u64)), (1, (0, 0))]);
    for path in std::env::args().skip(1) {
        let mut found = BTreeMap::from([(0_i64, (0_u64, 0_u64)), (1, (0, 0))]);
        for line in std::fs::read_to_string(&path)?.lines().filter(|line| !line.trim().is_empty()) {
            let row: serde_json::Value = serde_json::from_str(line)?;
            let label =
                row.get("label").and_then(serde_json::Value::as_i64).ok_or("a line without a label")?;
            let text = row.get("text").and_then(serde_json::Value::as_str).ok_or("a line without a text")?;
            let noticed = u64::from(guard::look(text).is_suspicious());
            for counts in [&mut found, &mut all] {
                let (yes, of) = counts.entry(label).or_default();
                *yes = yes.saturating_add(noticed);
                *of = of.saturating_add(1);
            }
        }
        print(&path, &found);
    }
    print("all", &all);
    Ok(())
}

fn print(name: &str, found: &BTreeMap<i64, (u64, u64)>) {
    let shown = |label: i64| {
        let (yes, of) = found.get(&label).copied().unwrap_or_default();
        format!("{yes} of {of}")
    };
    let name = name.rsplit('/').next().unwrap_or(name);
    println!("{name:<44} {:>16} {:>16}", shown(1), shown(0));
}
