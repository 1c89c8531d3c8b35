//! `hardshell install`: what it writes, what systemd says of it, and what a service manager is told.
#![expect(
    clippy::disallowed_methods,
    reason = "systemd's own tools judge the unit, and root's machine is a stand-in"
)]

use crate::place::{PATIENCE, Place};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

/// What systemd gives a service with as many holes as it has by default is 9.6; with none left 0.
const EXPOSURE_TENTHS_MAX: &str = "45";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_is_one_that_systemd_takes_and_finds_closed() {
    let place = Place::new();
    let out = place.path("out");
    fs::create_dir(&out).unwrap();
    let home = place.path("srv");
    let mut root = Command::new(place.path("hardshell"));
    root.args(["install", "--home", "/var/lib/hardshell", "--port", "18800", "--out", out.to_str().unwrap()]);
    root.env("HOME", &home);
    let ended = root.output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let unit = out.join("hardshell.service");
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains(" up --home /var/lib/hardshell --no-link --port 18800\n"), "{text}");
    // The program is not installed on this machine; the one of this test stands in its place.
    let program = place.path("hardshell").display().to_string();
    let line = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let (_, arguments) = line.split_once(" up ").unwrap();
    fs::write(&unit, text.replace(line, &format!("ExecStart={program} up {arguments}"))).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
    if rustix::process::geteuid().is_root() {
        let judged = Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager", "--threshold", EXPOSURE_TENTHS_MAX])
            .arg(&unit)
            .output()
            .unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_user_installs_for_themselves_and_is_told_what_is_missing() {
    let place = Place::new();
    let own = place.home("own", None);
    let unit = own.join(".config/systemd/user/hardshell.service");
    let program = own.join(".local/lib/hardshell/hardshell");
    let planned = place.run_as_user(&own, &["install", "--dry-run"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(
        planned.out.contains("Nothing is changed. It would:") && planned.out.contains("[Service]"),
        "{planned:?}"
    );
    assert!(!unit.exists());
    let said = place.run_as_user(&own, &["install", "--json"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&report["state"], &report["unit"]), (&"written".into(), &unit.to_str().unwrap().into()));
    assert!(said.err.contains("could not start the service: no systemd of yours runs here"), "{said:?}");
    assert!(said.err.contains("hint: where systemd runs: systemctl --user daemon-reload && "), "{said:?}");
    assert_eq!((mode(&program), mode(&program.with_file_name("hardshell-sandbox"))), (0o755, 0o755));
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains(&format!("ExecStart={} up --home ", program.display())), "{text}");
    let again = place.run_as_user(&own, &["install"]).await;
    assert_eq!(again.code, Some(1), "doing it twice is as doing it once: {again:?}");
    let removed = place.run_as_user(&own, &["install", "--remove"]).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(!unit.exists() && !program.exists(), "{removed:?}");
    assert!(removed.out.contains("Its home is still there"), "{removed:?}");
}

/// Root's machine, with nothing of the real one changed: what `install` writes to is a file system of its own, and the
/// stand-in for `systemctl` writes down how it was called.
const ROOTS_MACHINE: &str = r#"
set -e
out=$2
for folder in /usr/local /etc/systemd /var/lib /run; do mount -t tmpfs -o mode=0755 tmpfs $folder; done
mkdir -p /usr/local/bin /etc/systemd/system
set +e
"$1" install >"$out/absent" 2>&1; echo $? >"$out/absent.code"
mkdir -p /run/systemd/system
printf '#!/bin/sh\necho "$*" >>%s/called\n' "$out" >"$out/systemctl"; chmod 755 "$out/systemctl"
mount --bind "$out/systemctl" /usr/bin/systemctl
"$1" install --port 18800 >"$out/install" 2>&1; echo $? >"$out/install.code"
stat -c '%a %U %n' /var/lib/hardshell /usr/local/lib/hardshell/* /etc/systemd/system/hardshell.service >"$out/files"
readlink /usr/local/bin/hardshell >"$out/link"
/usr/local/bin/hardshell install --home /home/hardshell >"$out/hidden" 2>&1; echo $? >"$out/hidden.code"
printf '#!/bin/sh\n[ "$1" != restart ]\n' >"$out/failing"; printf '#!/bin/sh\necho port 18800 is taken\n' >"$out/journalctl"
chmod 755 "$out/failing" "$out/journalctl"
mount --bind "$out/failing" /usr/bin/systemctl; mount --bind "$out/journalctl" /usr/bin/journalctl
"$1" install --port 18800 >"$out/failed" 2>&1; echo $? >"$out/failed.code"
umount /usr/bin/systemctl
/usr/local/bin/hardshell install --remove >"$out/remove" 2>&1; echo $? >"$out/remove.code"
find /usr/local /etc/systemd/system -type f -o -type l >"$out/left"
test -d /var/lib/hardshell; echo $? >"$out/home.code"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn root_installs_for_the_machine_and_takes_it_away_again() {
    if !rustix::process::geteuid().is_root() {
        // The other half, for ordinary users, is the test above.
        return;
    }
    let place = Place::new();
    let out = place.home("out", None);
    let ended = Command::new("unshare")
        .args(["--mount", "sh", "-c", ROOTS_MACHINE, "sh"])
        .arg(place.path("hardshell"))
        .arg(&out)
        .output()
        .unwrap();
    let said = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    let code = |name: &str| said(name).trim().to_string();
    assert_eq!(code("absent.code"), "1", "{ended:?} {}", said("absent"));
    assert!(said("absent").contains("could not start the service: systemd does not run on this machine"));
    assert!(said("absent").contains("systemctl daemon-reload && systemctl enable --now hardshell.service"));
    assert_eq!(code("install.code"), "0", "{}", said("install"));
    assert_eq!(code("failed.code"), "1", "{}", said("failed"));
    assert!(
        said("failed").contains("  port 18800 is taken\n"),
        "why stands in the journal: {}",
        said("failed")
    );
    let called = said("called");
    assert!(
        called.starts_with("daemon-reload\nenable hardshell.service\nrestart hardshell.service\n"),
        "{called}"
    );
    assert_eq!(
        said("files"),
        "700 hardshell /var/lib/hardshell\n\
         755 root /usr/local/lib/hardshell/hardshell\n\
         755 root /usr/local/lib/hardshell/hardshell-sandbox\n\
         644 root /etc/systemd/system/hardshell.service\n"
    );
    assert_eq!(said("link"), "/usr/local/lib/hardshell/hardshell\n");
    assert_eq!(code("hidden.code"), "1");
    assert!(said("hidden").contains("the service does not see /home"), "{}", said("hidden"));
    assert_eq!(code("remove.code"), "0", "{}", said("remove"));
    assert!(called.contains("disable --now hardshell.service"), "{called}");
    assert_eq!((said("left").as_str(), code("home.code").as_str()), ("", "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told_when_it_is_ready_alive_and_stopping_and_gets_no_link() {
    let place = Place::new();
    let home = place.home("home", None);
    let path = place.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = |wanted: &'static str| {
        let socket = socket.try_clone().unwrap();
        tokio::task::spawn_blocking(move || {
            let mut message = [0_u8; 4096];
            loop {
                let length = socket.recv(&mut message).unwrap();
                if String::from_utf8_lossy(&message[..length]).lines().any(|line| line == wanted) {
                    return;
                }
            }
        })
    };
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "2000000")];
    let up = place.up_with(&home, &variables, &["--no-link"]).await;
    assert!(up.link.is_none(), "{:?}", up.link);
    heard("READY=1").await.unwrap();
    heard("WATCHDOG=1").await.unwrap();
    heard("WATCHDOG=1").await.unwrap();
    let stopping = heard("STOPPING=1");
    up.stop().await;
    stopping.await.unwrap();
    let log = fs::read_to_string(home.with_extension("log")).unwrap();
    assert!(!log.contains("/#"), "no link, whoever reads the journal: {log}");
}
