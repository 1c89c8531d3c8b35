//! Each limit stops what it is for, and names itself.

use std::time::Duration;

use sandbox::{Ending, Input, Level, LimitHit, Report, Spec};

use crate::house::{at_level, best, run, shell, spec};

const LEVELS: [Level; 2] = [Level::Full, Level::FullSoft];

/// Python that takes `megabytes` in each of `processes`, all at once, and then says so.
fn memory(processes: u32, megabytes: u32) -> Spec {
    let script = format!(
        "import os, time\n\
         for _ in range({processes} - 1):\n    if os.fork() == 0: break\n\
         data = b'x' * ({megabytes} << 20)\n\
         time.sleep(1)\n\
         print('taken')\n"
    );
    let mut spec = spec(&["python3", "-c", &script]);
    spec.limits.wall = Duration::from_secs(30);
    spec.limits.memory_bytes = 200 << 20;
    spec
}

#[tokio::test]
async fn one_process_that_takes_too_much_memory_is_stopped() {
    for level in LEVELS {
        let report = run(&at_level(level).await, memory(1, 400)).await;
        assert_ne!(report.ending, Ending::Exited(0), "{level}: {report:?}");
        assert!(!report.stdout.text().contains("taken"), "{level}: {report:?}");
    }
}

#[tokio::test]
async fn a_memory_bomb_made_of_many_processes_is_stopped() {
    for level in LEVELS {
        let report = run(&at_level(level).await, memory(12, 50)).await;
        assert_eq!(report.limit_hit, Some(LimitHit::Memory), "{level}: {report:?}");
        assert!(report.stdout.text().lines().count() < 12, "{level}: {report:?}");
    }
}

#[tokio::test]
async fn memory_shared_by_a_fork_counts_once() {
    let script = "import os, time\ndata = b'x' * (60 << 20)\n\
                  children = []\n\
                  for _ in range(8):\n    child = os.fork()\n    if child == 0:\n        time.sleep(0.5)\n        os._exit(0)\n    children.append(child)\n\
                  [os.waitpid(child, 0) for child in children]\nprint('taken')\n";
    for level in LEVELS {
        let mut spec = spec(&["python3", "-c", script]);
        spec.limits.memory_bytes = 200 << 20;
        let report = run(&at_level(level).await, spec).await;
        assert_eq!(
            (report.ending, report.stdout.text().as_str()),
            (Ending::Exited(0), "taken\n"),
            "{level}: {report:?}"
        );
    }
}

/// What holds memory that no size of a process shows; each says so when it has 600 MB of it.
const HIDDEN_MEMORY: [(&str, &str); 4] = [
    (
        "shared memory that is no longer in the page tables",
        "import mmap, time\nheld = []\nfor _ in range(38):\n    held.append(mmap.mmap(-1, 16 << 20))\n    \
         held[-1].write(b'x' * (16 << 20))\n    held[-1].madvise(mmap.MADV_DONTNEED)\n    time.sleep(0.01)\n",
    ),
    (
        "shared memory of which one page is still mapped",
        "import ctypes, mmap, time\nunmap = ctypes.CDLL(None).munmap\nheld = []\nfor _ in range(38):\n    \
         area = mmap.mmap(-1, 16 << 20)\n    area.write(b'x' * (16 << 20))\n    held.append(area)\n    \
         start = ctypes.addressof(ctypes.c_char.from_buffer(area))\n    \
         unmap(ctypes.c_void_p(start + 4096), ctypes.c_size_t((16 << 20) - 4096))\n    time.sleep(0.01)\n",
    ),
    (
        "shared memory of the device of zeros",
        "import mmap, time\nheld = []\nfile = open('/dev/zero', 'r+b', buffering=0)\nfor _ in range(38):\n    \
         held.append(mmap.mmap(file.fileno(), 16 << 20))\n    held[-1].write(b'x' * (16 << 20))\n    \
         held[-1].madvise(mmap.MADV_DONTNEED)\n    time.sleep(0.01)\n",
    ),
    (
        "page tables",
        "import mmap, time\nheld = []\nsize = 16 << 30\nfor _ in range(19):\n    \
         area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=mmap.PROT_READ)\n    \
         area.madvise(15)\n    sum(area[place] for place in range(0, size, 2 << 20))\n    held.append(area)\n    time.sleep(0.01)\n",
    ),
];

#[tokio::test]
async fn memory_that_no_size_of_a_process_shows_is_counted() {
    for level in [Level::Full, Level::FullSoft, Level::Landlock] {
        let sandbox = at_level(level).await;
        for (what, script) in HIDDEN_MEMORY {
            let script = format!("{script}time.sleep(1)\nprint('taken')\n");
            let mut asked = spec(&["python3", "-c", &script]);
            asked.limits.memory_bytes = 200 << 20;
            let report = run(&sandbox, asked).await;
            assert_eq!(report.limit_hit, Some(LimitHit::Memory), "{level}, {what}: {report:?}");
            assert_eq!(report.stdout.text(), "", "{level}, {what}: {report:?}");
        }
        // Within the limit it is used as it is anywhere, by many. In this test, since what others share counts too.
        let script = "import mmap, os, time\narea = mmap.mmap(-1, 60 << 20)\narea.write(b'x' * (60 << 20))\n\
                      for _ in range(4):\n    if os.fork() == 0:\n        area[5]\n        time.sleep(0.3)\n        os._exit(0)\n\
                      for _ in range(4): os.wait()\n";
        let mut asked = spec(&["python3", "-c", script]);
        asked.limits.memory_bytes = 200 << 20;
        let report = run(&sandbox, asked).await;
        assert_eq!((report.ending, report.limit_hit), (Ending::Exited(0), None), "{level}: {report:?}");
    }
}

#[tokio::test]
async fn files_in_memory_count() {
    let mut spec = shell(
        "dd if=/dev/zero of=/dev/shm/a bs=1M count=400 2>/dev/null; echo $?; dd if=/dev/zero of=/tmp/b bs=1M count=400 2>/dev/null; echo $?",
    );
    spec.limits.tmp_bytes = 32 << 20;
    let report = run(&best().await, spec).await;
    assert_eq!(report.stdout.text(), "1\n1\n", "{report:?}");
    assert_eq!(report.limit_hit, Some(LimitHit::Tmp), "{report:?}");
}

#[tokio::test]
async fn small_files_without_end_are_stopped() {
    let mut spec = shell("cd /tmp; i=0; while touch f$i 2>/dev/null; do i=$((i+1)); done; echo $i");
    spec.limits.tmp_inodes = 500;
    let report = run(&best().await, spec).await;
    let made: u32 = report.stdout.text().trim().parse().unwrap_or(0);
    assert!((1..500).contains(&made), "{report:?}");
    assert_eq!(report.limit_hit, Some(LimitHit::Tmp), "{report:?}");
}

#[tokio::test]
async fn a_file_that_grows_too_large_is_stopped() {
    let mut spec = spec(&["dd", "if=/dev/zero", "of=/tmp/a", "bs=1M", "count=64"]);
    spec.limits.file_bytes = 8 << 20;
    let report = run(&best().await, spec).await;
    assert_eq!(report.limit_hit, Some(LimitHit::FileSize), "{report:?}");
}

#[tokio::test]
async fn a_fork_bomb_is_stopped() {
    for level in LEVELS {
        let mut spec = shell("bomb() { bomb | bomb & }; bomb; sleep 60");
        spec.limits.pids = 40;
        spec.limits.wall = Duration::from_secs(2);
        let report = run(&at_level(level).await, spec).await;
        assert!(
            matches!(report.ending, Ending::TimedOut | Ending::LimitReached | Ending::Exited(_)),
            "{level}: {report:?}"
        );
        assert!(report.wall < Duration::from_secs(8), "{level}: {report:?}");
    }
}

#[tokio::test]
async fn more_processes_than_allowed_are_refused() {
    for level in LEVELS {
        let script = "import os, time\nmade = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            time.sleep(30)\n            os._exit(0)\n        made += 1\nexcept OSError:\n    print(made)\n";
        let mut spec = spec(&["python3", "-c", script]);
        spec.limits.pids = 20;
        let report = run(&at_level(level).await, spec).await;
        let stopped = report.limit_hit == Some(LimitHit::Pids);
        let made: u32 = report.stdout.text().trim().parse().unwrap_or(0);
        assert!(made <= 20, "{level}: {report:?}");
        assert!(stopped || (1..=20).contains(&made), "{level}: {report:?}");
    }
}

#[tokio::test]
async fn descriptors_are_counted() {
    let mut spec = shell("ulimit -n; ulimit -Hn; ulimit -c");
    spec.limits.files = 77;
    let report = run(&best().await, spec).await;
    assert!(report.stdout.text().starts_with("77\n77\n"), "{report:?}");
}

#[tokio::test]
async fn running_out_of_open_files_is_named_at_every_level() {
    for level in [Level::Full, Level::FullSoft, Level::Landlock] {
        let script = "files = []\nwhile True: files.append(open('/dev/null'))\n";
        let mut asked = spec(&["python3", "-c", script]);
        asked.limits.files = 32;
        let report = run(&at_level(level).await, asked).await;
        assert_eq!(
            (report.ending, report.limit_hit),
            (Ending::Exited(1), Some(LimitHit::Files)),
            "{report:?}"
        );
        // The words alone are no limit that was met.
        let report = run(&at_level(level).await, shell("echo too many open files")).await;
        assert_eq!((report.ending, report.limit_hit), (Ending::Exited(0), None), "{report:?}");
    }
}

#[tokio::test]
async fn a_share_of_a_processor_is_kept_and_named_where_the_kernel_keeps_it() {
    let sandbox = best().await;
    let mut asked = shell("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done");
    asked.limits.cpu_percent = 10;
    let report = run(&sandbox, asked).await;
    let kept = sandbox.isolation().level == Level::Full;
    assert_eq!(
        (report.ending, report.limit_hit),
        (Ending::Exited(0), kept.then_some(LimitHit::Cpu)),
        "{report:?}"
    );
}

#[tokio::test]
async fn output_is_kept_up_to_its_limit_and_counted_beyond() {
    let mut spec = shell("head -c 300000 /dev/zero | tr '\\0' x; echo err >&2");
    spec.limits.output_bytes = 1000;
    let mut seen = 0;
    let report =
        best().await.run(spec, std::future::pending(), &mut |_, bytes| seen += bytes.len()).await.unwrap();
    let Report { stdout, stderr, limit_hit, ending, .. } = report;
    assert_eq!((stdout.bytes.len(), stdout.total_bytes, stdout.truncated()), (1000, 300_000, true));
    assert_eq!(
        (stderr.text().as_str(), limit_hit, ending),
        ("err\n", Some(LimitHit::Output), Ending::Exited(0))
    );
    assert_eq!(seen, 300_004);
}

#[tokio::test]
async fn input_is_passed_on_and_ends() {
    let sandbox = best().await;
    let mut spec = spec(&["wc", "-c"]);
    spec.input = Input::Bytes(vec![b'x'; 1_000_000]);
    assert_eq!(run(&sandbox, spec).await.stdout.text(), "1000000\n");
    let mut spec = crate::house::spec(&["cat"]);
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"from a file").unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    spec.input = Input::Descriptor(file.into());
    assert_eq!(run(&sandbox, spec).await.stdout.text(), "from a file");
    assert_eq!(run(&sandbox, crate::house::spec(&["cat"])).await.stdout.text(), "");
}
