#!/bin/bash
# What deploy/test-vm.sh lets its machine check, as root of it. Each line of the answer is `ok NAME` or `FAILED NAME`.
export LC_ALL=C.UTF-8 TERM=dumb
programs=/opt/hardshell

# check NAME COMMAND…: the command ends with 0.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		printf 'ok %s\n' "$name"
	else
		printf 'FAILED %s\n' "$name"
		printf '%s\n' "$said" | tail -n 12 | sed 's/^/  /'
	fi
}

as_ada() {
	setpriv --reuid ada --regid ada --init-groups env -i HOME=/home/ada USER=ada PATH=/usr/bin:/bin \
		XDG_RUNTIME_DIR="/run/user/$(id -u ada)" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$(id -u ada)/bus" "$@"
}

# ready [COMMAND…]: waits until `hardshell status` says that the house takes messages and that its walls are FULL.
ready() {
	local try
	for try in $(seq 120); do
		"$@" /usr/local/lib/hardshell/hardshell status 2>/dev/null | grep -q '^walls  *full$' && return 0
		sleep 1
	done
	"$@" /usr/local/lib/hardshell/hardshell status
	return 1
}

no_proof_failed() { ! hardshell status | grep -E '^  (FAILED|OFF) '; }
proves() { hardshell prove; }
runs_a_command() { hardshell chat -m '/run id' | grep -q 'uid=1000(user)'; }
said_full() { hardshell chat -m '/run id' | grep -q 'isolation full\]'; }
each_command_has_a_group() { systemd-cgls -u hardshell.service --no-pager | grep -q hardshell-itself; }

# The key file becomes a credential: the lines of docs/guide/secrets.md.
credential() {
	set -e
	echo 0123456789abcdef0123456789 | hardshell secret set kept --host example.org
	systemctl stop hardshell
	systemd-creds encrypt --name=hardshell-vault-key /var/lib/hardshell/vault.key /etc/hardshell-vault-key.cred
	mkdir -p /etc/systemd/system/hardshell.service.d
	printf '[Service]\nLoadCredentialEncrypted=hardshell-vault-key:/etc/hardshell-vault-key.cred\n' \
		>/etc/systemd/system/hardshell.service.d/vault.conf
	printf '\n[vault]\nkey = "credential"\n' >>/var/lib/hardshell/hardshell.toml
	systemctl daemon-reload
	systemctl start hardshell
	shred -u /var/lib/hardshell/vault.key
	systemctl restart hardshell
	hardshell secret list | grep '^kept '
}

main_process() { systemctl show -P MainPID hardshell; }
comes_back_after() {
	local before
	before=$(main_process)
	kill -"$1" "$before"
	for _ in $(seq 180); do
		[ "$(main_process)" != "$before" ] && [ "$(main_process)" != 0 ] && ready && return 0
		sleep 1
	done
	return 1
}

# How strong the walls are for a command that ada starts by hand.
level_of_ada() { as_ada "$@" $programs/hardshell sandbox run --explain -- true | head -n 1; }
plain_is_full_soft() { level_of_ada | grep '^isolation: full-soft '; }
scope_is_full() { level_of_ada systemd-run --user --scope -q -p Delegate=yes | grep '^isolation: full '; }
# `tail` keeps the line that it is given, 200 million bytes, and says how long it was only where it could.
memory_ends_it() {
	[ "$(as_ada "$@" $programs/hardshell sandbox run --memory 64M -- sh -c 'head -c 200M /dev/zero | tail | wc -c')" != 209715200 ]
}

user_service() {
	systemctl stop hardshell
	as_ada $programs/hardshell install
}
ada_runs_a_command() { as_ada /home/ada/.local/lib/hardshell/hardshell chat -m '/run id' | grep -q 'isolation full\]'; }

locked_down() {
	hardshell lockdown on && hardshell status >/dev/null
	[ $? = 6 ]
}

rm -f /etc/hosts
printf 'ok Linux %s, %s\n' "$(uname -r)" "$(systemctl --version | head -n 1)"
check "hardshell install: systemd says that it is ready" $programs/hardshell install
check "its walls are full" ready
check "no proof failed, without an /etc/hosts" no_proof_failed
check "a command runs" runs_a_command
check "behind full walls" said_full
check "the daemon stands in a group of its own" each_command_has_a_group
check "root proves every control again, beside the service" proves
check "a credential of systemd opens the vault" credential
check "it comes back after SIGKILL" comes_back_after KILL
check "it comes back after it hung" comes_back_after STOP
check "lockdown stops it" locked_down
check "ada, by hand: full-soft" plain_is_full_soft
check "ada, in a scope: full" scope_is_full
check "ada, by hand: what takes too much memory comes to nothing" memory_ends_it
check "ada, in a scope: the same" memory_ends_it systemd-run --user --scope -q -p Delegate=yes
check "ada installs a service of their own" user_service
check "ada's walls are full" ready as_ada env HARDSHELL_HOME=/home/ada/.hardshell
check "ada's command runs behind full walls" ada_runs_a_command
printf 'all checks were made\n'
# The machine is switched off next: the console gets the time to say it.
sleep 2
