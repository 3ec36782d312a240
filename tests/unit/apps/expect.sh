# shellcheck shell=sh disable=SC2034,SC2154 # variables of who sources it
# What the command-line tests of programs share; they source it with $program and $name set. $stack is a
# device that needs neither hardware nor root.
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
stack='--nic.device=net_ring0 --ip.address=10.9.0.2/24 --memory.packets=4096 --log.level=error'
failed=0

fail()
{
	echo "FAILED: $1; it said:"
	cat "$log"
	failed=1
}

# expect STATUS TEXT ARGUMENT...: runs it to its end.
expect()
{
	status=$1 text=$2
	shift 2
	"$program" "$@" >"$log" 2>&1
	got=$?
	[ $got -eq "$status" ] || fail "$name $*: exit status $got, expected $status"
	grep -qF -- "$text" "$log" || fail "$name $*: no '$text'"
}

# wait_for TEXT: until the program that was started says so; ten seconds at most.
wait_for()
{
	for _ in $(seq 100); do
		grep -q -- "$1" "$log" && return
		sleep 0.1
	done
	fail "no '$1'"
}

# expect_end PID SIGNAL: it ends by itself, and well.
expect_end()
{
	kill -"$2" "$1"
	wait "$1"
	status=$?
	[ $status -eq 0 ] || fail "exit status $status after SIG$2"
}
