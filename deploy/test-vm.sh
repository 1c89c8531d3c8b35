#!/usr/bin/env bash
# The built program on a real Debian 12: its own kernel, systemd, control groups, an ordinary user. Makes a machine from
# Debian's packages, starts it under QEMU, lets it check itself, and says how each check came out. As root; some minutes,
# since the machine is emulated unless ACCEL=kvm says that KVM works here.
#
#   ./hardshell.sh build && deploy/test-vm.sh
set -euo pipefail
cd "$(dirname "$0")/.."

readonly patience=${PATIENCE:-1500}
readonly inside="systemd,systemd-sysv,dbus,udev,libpam-systemd,linux-image-cloud-amd64,ca-certificates,tzdata,procps,passwd,openssl"

fail() {
	printf 'could not %s\nhint: %s\n' "$1" "$2" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || fail "make a machine as an ordinary user" "run it as root"
[ -x target/release/hardshell ] || fail "find the built program" "./hardshell.sh build"
for program in qemu-system-x86_64 mmdebstrap mke2fs; do
	command -v "$program" >/dev/null ||
		fail "find $program" "apt-get install --no-install-recommends $(deploy/packages.sh vm)"
done

scratch=$(mktemp -d /var/tmp/hardshell-vm.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

printf '==> making a Debian 12\n' >&2
mmdebstrap --quiet --variant=minbase --include="$inside" bookworm "$root" >&2
chroot "$root" useradd --create-home --shell /bin/bash ada
# The manager of ada's own services runs without a login.
mkdir -p "$root/var/lib/systemd/linger" && touch "$root/var/lib/systemd/linger/ada"
install -D -m 0755 -t "$root/opt/hardshell" target/release/hardshell target/release/hardshell-sandbox deploy/vm-checks.sh
printf '/dev/vda / ext4 rw 0 1\n' >"$root/etc/fstab"
cat >"$root/etc/systemd/system/checks.service" <<'UNIT'
[Unit]
After=multi-user.target systemd-user-sessions.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/opt/hardshell/vm-checks.sh
ExecStopPost=/bin/systemctl poweroff --force
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl --quiet mask serial-getty@ttyS0.service
chroot "$root" systemctl --quiet enable checks.service
kernel=$(ls "$root"/boot/vmlinuz-*) && initrd=$(ls "$root"/boot/initrd.img-*)
truncate -s 4G "$scratch/disk" && mke2fs -q -t ext4 -d "$root" "$scratch/disk"

printf '==> starting it\n' >&2
timeout "$patience" qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -machine q35 -cpu max -smp 2 -m 2048 \
	-display none -nodefaults -no-reboot -kernel "$kernel" -initrd "$initrd" \
	-append "root=/dev/vda rw console=ttyS0 quiet loglevel=1 systemd.show_status=no" \
	-drive "file=$scratch/disk,format=raw,if=virtio" -nic none -serial "file:$scratch/console" </dev/null || true
tr -d '\r' <"$scratch/console" | grep -E '^(ok |FAILED |  )' || true
passed=$(grep -c '^ok ' "$scratch/console" || true)
failed=$(grep -c '^FAILED ' "$scratch/console" || true)
grep -q '^all checks were made' "$scratch/console" || {
	tail -n 40 "$scratch/console" >&2
	failed=$((failed + 1))
}
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
