//! Whatever is done to a finished log is found, and the first bad record is named.

use crate::NOW;
use crate::house::{House, copy, lines, note, segments, verify};
use audit::{Against, Checkpoint, PublicKey, Record, Report, Seq, Wrong};
use domain::Timestamp;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(25 * 3600);

/// A finished log of three segments with 400 records in the last one, made once.
struct Finished {
    house: House,
    key: PublicKey,
    checkpoint: Checkpoint,
}

fn finished() -> &'static Finished {
    static LOG: OnceLock<Finished> = OnceLock::new();
    LOG.get_or_init(|| {
        let house = House::new();
        let (log, _) = house.open(NOW);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let checkpoint = runtime.block_on(async {
            for day in 0..3 {
                let now = NOW.after(DAY * day);
                let count = if day == 2 { 400 } else { 5 };
                for number in 0..count {
                    note(&log, &format!("command {day}.{number}"), now).await;
                }
            }
            log.checkpoint().await.unwrap()
        });
        let key = log.public_key();
        log.close();
        Finished { house, key, checkpoint }
    })
}

fn spoiled(segment: usize, spoil: impl FnOnce(&mut Vec<Vec<u8>>)) -> Report {
    let finished = finished();
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("audit");
    copy(&finished.house.folder(), &folder);
    let path = segments(&folder)[segment].clone();
    let mut all = lines(&path);
    spoil(&mut all);
    fs::write(&path, all.concat()).unwrap();
    verify(
        &folder,
        finished.key,
        Against { elsewhere: std::slice::from_ref(&finished.checkpoint), since: None },
    )
}

fn seq(line: &[u8]) -> Seq {
    Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap().seq()
}

/// Writes the digest of a line anew, as somebody without the key would.
pub fn rehash(line: &[u8], change: impl FnOnce(String) -> String) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).unwrap();
    let body = change(text.split(",\"hash\":\"").next().unwrap().to_string());
    let key = blake3::derive_key("hardshell audit record v1", b"");
    format!("{body},\"hash\":\"{}\"}}\n", blake3::keyed_hash(&key, body.as_bytes()).to_hex()).into_bytes()
}

/// Writes every line from `from` on anew, each chained to the one before.
fn rewrite(all: &mut [Vec<u8>], from: usize) {
    for at in from..all.len() {
        let prev = if at == 0 { None } else { Record::parse(all[at - 1].strip_suffix(b"\n").unwrap()).ok() };
        all[at] = rehash(&all[at], |body| match prev {
            Some(prev) => format!(
                "{}{}{}",
                &body[..body.find("\"prev\":\"").unwrap() + 8],
                prev.hash(),
                &body[body.find("\",\"kind\"").unwrap()..]
            ),
            None => body,
        });
    }
}

#[test]
fn a_finished_log_is_intact_and_wholly_signed() {
    let finished = finished();
    let report = finished.house.verify(finished.key);
    assert_eq!(report.fault, None);
    assert_eq!((report.segments, report.unsigned, report.open_tear, report.pruned), (3, 0, None, None));
    assert_eq!(report.first, Some(Seq(1)));
    assert!(report.last >= Some(finished.checkpoint.seq));
    let sum: u64 =
        segments(&finished.house.folder()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(report.bytes, sum);
}

#[test]
fn a_check_can_start_from_a_checkpoint() {
    let finished = finished();
    let against = Against { elsewhere: &[], since: Some(&finished.checkpoint) };
    let report = verify(&finished.house.folder(), finished.key, against);
    assert_eq!(report.fault, None);
    assert_eq!(report.segments, 1);
    let other = Checkpoint { hash: audit::Hash([7; 32]), ..finished.checkpoint.clone() };
    let report =
        verify(&finished.house.folder(), finished.key, Against { elsewhere: &[], since: Some(&other) });
    assert_eq!(
        report.fault.map(|fault| (fault.seq, fault.what)),
        Some((finished.checkpoint.seq, Wrong::OtherHistory))
    );
}

#[test]
fn a_log_of_another_key_is_not_vouched_for() {
    let finished = finished();
    let other = House::new();
    let key = other.open(NOW).0.public_key();
    assert_eq!(finished.house.verify(key).fault.unwrap().what, Wrong::OtherKey);
}

#[test]
fn missing_segments_are_named() {
    let finished = finished();
    for (gone, what) in [(0, Wrong::StartMissing), (1, Wrong::SegmentMissing { number: 2 }), (2, Wrong::Cut)]
    {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("audit");
        copy(&finished.house.folder(), &folder);
        let paths: Vec<PathBuf> = segments(&folder);
        let first = seq(&lines(&paths[gone])[0]);
        fs::remove_file(&paths[gone]).unwrap();
        let elsewhere = std::slice::from_ref(&finished.checkpoint);
        let fault = verify(&folder, finished.key, Against { elsewhere, since: None }).fault.unwrap();
        let named = if gone == 0 { seq(&lines(&paths[1])[0]) } else { first };
        assert_eq!((fault.seq, fault.what), (named, what));
    }
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let finished = finished();
    for other in [
        Checkpoint { log: "0".repeat(32), ..finished.checkpoint.clone() },
        Checkpoint { time: Timestamp(1), ..finished.checkpoint.clone() },
    ] {
        let against = Against { elsewhere: std::slice::from_ref(&other), since: None };
        let report = verify(&finished.house.folder(), finished.key, against);
        assert_eq!(report.fault.map(|fault| fault.what), Some(Wrong::OtherHistory));
    }
}

#[test]
fn a_checkpoint_is_read_back_from_its_line() {
    let checkpoint = &finished().checkpoint;
    assert_eq!(checkpoint.to_string().parse::<Checkpoint>().as_ref(), Ok(checkpoint));
    let text = checkpoint.to_string();
    for bad in
        ["", "hardshell-checkpoint v2", &text[..text.len() - 1], &format!("{text} x"), &text.to_uppercase()]
    {
        assert!(bad.parse::<Checkpoint>().is_err(), "{bad}");
    }
}

/// What can be done to the lines of a segment.
#[derive(Clone, Debug)]
enum Spoil {
    /// One byte of one line is another.
    Byte(usize, usize, u8),
    /// A line is gone.
    Remove(usize),
    /// Everything from a line on is gone.
    Cut(usize),
    /// Two lines have changed places.
    Swap(usize, usize),
    /// A line stands again behind another.
    Repeat(usize, usize),
    /// A line says something else, with a digest that fits it.
    Rewrite(usize),
    /// A line is made up, and chained to the one before.
    Insert(usize),
    /// A line says something else, and everything behind it was chained anew.
    RewriteAll(usize),
}

fn spoil() -> impl Strategy<Value = (usize, Spoil)> {
    let at = any::<prop::sample::Index>;
    let segment = 0_usize..3;
    (segment, 0_u8..8, at(), at(), any::<u8>()).prop_map(|(segment, what, one, two, byte)| {
        let count = lines(&segments(&finished().house.folder())[segment]).len();
        // The last line of the log is a signature over everything before; what was cut from it is told by nobody.
        let count = if segment == 2 { count - 1 } else { count };
        let (first, second) = (one.index(count), two.index(count));
        let spoil = match what {
            0 => Spoil::Byte(first, two.index(70), byte),
            1 => Spoil::Remove(first),
            2 => Spoil::Cut(first),
            3 => Spoil::Swap(first.min(second), first.max(second)),
            4 => Spoil::Repeat(first, second),
            5 => Spoil::Rewrite(first),
            6 => Spoil::Insert(first),
            _ => Spoil::RewriteAll(first),
        };
        (segment, spoil)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_a_line_is_found_and_named((segment, spoil) in spoil()) {
        let mut expected = Seq(0);
        let mut untouched = false;
        let mut since = None;
        let report = spoiled(segment, |all| match spoil {
            Spoil::Byte(line, at, byte) => {
                expected = seq(&all[line]);
                let at = at * all[line].len() / 70;
                untouched = all[line][at] == byte;
                all[line][at] = byte;
            }
            Spoil::Remove(line) => {
                expected = seq(&all[line]);
                all.remove(line);
            }
            Spoil::Cut(line) => {
                expected = seq(&all[line]);
                all.truncate(line);
            }
            Spoil::Swap(first, second) => {
                expected = seq(&all[first]);
                untouched = first == second;
                all.swap(first, second);
            }
            Spoil::Repeat(line, behind) => {
                // Of two records in one place nobody can say which was there first: the place is named.
                let doubled = line == behind || line == behind + 1;
                expected = if doubled { seq(&all[line]) } else { Seq(seq(&all[behind]).0 + 1) };
                all.insert(behind + 1, all[line].clone());
            }
            Spoil::Rewrite(line) => {
                expected = seq(&all[line]);
                all[line] = rehash(&all[line], |body| body.replace("\"kind\"", "\"kind\" "));
                if Record::parse(all[line].strip_suffix(b"\n").unwrap()).is_err() {
                    all[line] = rehash(&all[line], |body| body.replace("\"kind\" ", "\"kind\"").replace("\"time\":17", "\"time\":16"));
                }
            }
            Spoil::Insert(line) => {
                expected = Seq(seq(&all[line]).0 + 1);
                let before = Record::parse(all[line].strip_suffix(b"\n").unwrap()).unwrap();
                let body = format!(
                    "{{\"v\":1,\"seq\":{expected},\"time\":1,\"prev\":\"{}\",\"kind\":\"lockdown\",\"act\":\"off\",\"detail\":\"\"",
                    before.hash()
                );
                let made_up = rehash(body.as_bytes(), |body| body);
                all.insert(line + 1, made_up);
            }
            Spoil::RewriteAll(line) => {
                since = Some(seq(&all[line]));
                all[line] = rehash(&all[line], |body| body.replace("\"time\":17", "\"time\":16"));
                rewrite(all, line + 1);
            }
        });
        if untouched {
            prop_assert_eq!(report.fault, None);
            return Ok(());
        }
        let fault = report.fault.expect("it is found");
        match since {
            // Named is the signature that no longer fits, the next header that does not follow, or a header that was rewritten.
            Some(since) => prop_assert!(fault.seq >= since && (fault.seq.0 <= since.0 + 258), "{} {since}", fault),
            None => prop_assert_eq!(fault.seq, expected, "{:?}", fault),
        }
    }
}
