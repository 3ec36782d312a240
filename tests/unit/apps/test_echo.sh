#!/bin/sh
# ft-echo's command line, its signals and its exit statuses, on a device that needs neither hardware nor
# root. What it answers on a wire is tested with the kernel as client, in tests/interop.
echo=$1
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
	"$echo" "$@" >"$log" 2>&1
	got=$?
	[ $got -eq "$status" ] || fail "ft-echo $*: exit status $got, expected $status"
	grep -qF -- "$text" "$log" || fail "ft-echo $*: no '$text'"
}

expect 0 '--tcp.ephemeral_ports' --help
expect 0 '--trace WORDS' --help
expect 0 'ft-echo ' --version
expect 1 'no address' --nic.device=net_ring0
expect 1 'no device' --ip.address=10.9.0.2/24
expect 1 'needs a server at socket=PATH' --nic.device=net_memif0,socket=/nowhere/memif \
	--ip.address=10.9.0.2/24
expect 1 'No such file' --config /nowhere/fourtuple.conf
# shellcheck disable=SC2086 # $stack is several words
{
	expect 1 'ft-echo: tcp port 7777: Address already in use' $stack --tcp 7777 --tcp 7777
	expect 1 'ft-echo: udp port 7777: Address already in use' \
		$stack --tcp 7777 --udp 7777 --udp 7777
	expect 1 'no subsystem "magic" to trace' $stack --trace magic
	expect 2 'expected a port from 1 to 65535' $stack --tcp 65536
	expect 2 'expected a port from 1 to 65535' $stack --udp seven
	expect 2 'expected an option' $stack seven
	expect 2 'unrecognized option' $stack --tpc 7777

	"$echo" $stack --tcp 7777 --tcp 7778 --udp 7777 >"$log" 2>&1 &
}
pid=$!
for _ in $(seq 100); do
	grep -q listening "$log" && break
	sleep 0.1
done
grep -qx 'ft-echo: listening on 10.9.0.2 tcp 7777 tcp 7778 udp 7777' "$log" || fail 'ready line'
kill -USR1 $pid
for _ in $(seq 100); do
	grep -q accepted "$log" && break
	sleep 0.1
done
kill -TERM $pid
wait $pid
status=$?
[ $status -eq 0 ] || fail "exit status $status after SIGTERM"
[ "$(grep -c '^ft-echo: tcp 0 accepted, 0 open' "$log")" -eq 2 ] || fail 'statistics, asked for and at exit'
exit $failed
