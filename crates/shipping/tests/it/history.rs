//! A log that is not what it was: put back to an older state, or without its oldest part.

use crate::house::{House, caught_up, numbers, read, state, to_file};
use audit::Retention;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_put_back_is_sent_again_from_where_it_still_is_what_it_was() {
    let house = House::new();
    let out = house.path("copy.jsonl");
    let shipping = house.start(&[to_file(&out)]);
    house.write(200).await;
    caught_up(&house, &shipping).await;
    shipping.stop().await;
    house.log.close();
    let kept = house.path("kept");
    copy(house.log.folder(), &kept);
    let house = house.again();
    let shipping = house.start(&[to_file(&out)]);
    house.write(100).await;
    caught_up(&house, &shipping).await;
    shipping.stop().await;
    house.log.close();
    let folder = house.log.folder().to_path_buf();
    std::fs::remove_dir_all(&folder).unwrap();
    copy(&kept, &folder);
    let before = read(&out).lines().count();
    let house = house.again();
    let shipping = house.start(&[to_file(&out)]);
    house.note("after the restore").await;
    caught_up(&house, &shipping).await;
    let told = house.told("shipping.copy");
    assert!(told[0].contains("it was put back or is another"), "{told:?}");
    // Everything that the log is now, the receiver has: the same bytes at the same numbers.
    let text = read(&out);
    let lines: std::collections::BTreeSet<&str> = text.lines().collect();
    let news = house.news();
    for record in house.records().iter().filter(|record| news.contains(&record.seq().0)) {
        assert!(lines.contains(record.json()), "{}", record.seq());
    }
    // And it did not begin at the beginning.
    let again: Vec<u64> = numbers(&text.lines().skip(before).collect::<Vec<_>>().join("\n"));
    assert!(again.first() > Some(&1), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_pruned_before_they_were_sent_are_told_to_be_missing() {
    let house = House::new();
    let out = house.path("copy.jsonl");
    // Two segments: the first is closed by opening the log on the next day.
    house.write(30).await;
    house.log.close();
    let home = std::sync::Arc::clone(&house.home);
    drop(house);
    let day = std::time::Duration::from_secs(2 * 86_400);
    {
        let key = audit::KeySource::File(home.path().join("audit.key"));
        let folder = home.path().join("audit");
        let later = crate::house::NOW.after(day);
        let (log, _) =
            audit::Log::open(&folder, &key, std::sync::Arc::new(audit::NothingSecret), later).unwrap();
        let retention = Retention { age: Some(std::time::Duration::from_secs(3600)), bytes: None };
        let tidied = tokio::task::spawn_blocking(move || {
            let tidied = log.tidy(retention, later.after(day));
            log.close();
            tidied
        });
        assert!(tidied.await.unwrap().unwrap().removed > 0);
    }
    let house = House::at(home);
    let shipping = house.start(&[to_file(&out)]);
    caught_up(&house, &shipping).await;
    let first = house.records()[0].seq().0;
    assert!(first > 30);
    let told: serde_json::Value = serde_json::from_str(read(&out).lines().next().unwrap()).unwrap();
    assert_eq!((&told["kind"], &told["to"]), (&"gap".into(), &(first - 1).into()), "{told}");
    assert_eq!(state(&shipping).skipped, first - 1);
    assert!(house.told("shipping.copy")[0].contains("they are not in the log any more"));
}
