#!/bin/sh
# ft-load's command line and its exit statuses, on a device that needs neither hardware nor root and leads
# nowhere. What it counts is tested against servers, in tests/interop.
program=$1 name=ft-load
# shellcheck source=tests/unit/apps/expect.sh
. "$(dirname "$0")/expect.sh"
to='--to 10.9.0.2:7'

expect 0 '--tcp.ephemeral_ports' --help
expect 0 '--arrival WORD' --help
expect 0 'ft-load ' --version
# Mistakes that need no stack to be found.
expect 2 'expected --to ADDRESS:PORT'
expect 2 'expected ADDRESS:PORT' --to 10.9.0.2
expect 2 'expected an IPv4 address' --to localhost:7
expect 2 'expected a port from 1 to 65535' --to 10.9.0.2:65536
# shellcheck disable=SC2086 # several words
{
	for value in 0 -1 ten 17M 1.5G '' 0x10; do
		expect 2 'expected connections, from 1 to 16M' $to --connections "$value"
	done
	expect 2 'expected requests a second' $to --rate 0
	expect 2 'expected requests a second' $to --rate nan
	expect 2 'expected ping-pong, connect, bulk-send' $to --mode pong
	expect 2 'expected constant or poisson' $to --rate 1 --arrival regular
	expect 2 '--arrival: expected --rate' $to --arrival poisson
	expect 2 'expected a time with its unit' $to --duration 10
	expect 2 'expected a time with its unit' $to --timeout '0 s'
	expect 2 'expected bytes, from 0 to 64M' $to --size 65M
	expect 2 'No such file' $to --request /nowhere/request
	expect 2 'expected --mode connect' $to --size 0
	expect 2 'expected --mode ping-pong or connect' $to --mode bulk-send --rate 5
	expect 2 'expected --mode ping-pong or connect' $to --mode bulk-send --answer 5
	expect 2 'no more than there are connections' $to --connections 5 --outstanding 6
	expect 2 'the schedule decides' $to --connections 5 --rate 1 --outstanding 2
	expect 2 '65507 bytes at most' $to --udp --size 64K
	expect 2 'expected --mode ping-pong, bulk-send' $to --udp --mode connect
	expect 2 'expected --mode connect, or --udp' $to --answer any
	expect 1 'no address' $to --nic.device=net_ring0

	expect 2 'unrecognized option' $stack $to --conections 5
	expect 2 'expected an option' $stack $to seven
	expect 2 'requires an argument' $stack $to --connections
	expect 2 '64513 connections to 1 destination need 2 addresses of our own, and there is 1: an address has 64512' \
		$stack $to --connections 64513
	expect 2 '200000 connections to 2 destinations need 2 addresses' $stack $to --to 10.9.0.2:8 \
		--connections 200k
	expect 2 '21 connections to 1 destination need 3 addresses of our own, and there are 2: an address has 10' \
		$stack --ip.address1=10.9.0.3/24 --tcp.ephemeral_ports 2000-2009 $to --connections 21
	expect 2 '70000 connections to 2 destinations need 2 addresses' $stack $to --to 10.9.0.2:8 --udp \
		--connections 70k
	expect 2 '65010 connections (those in TIME-WAIT for a second included)' $stack $to --mode connect \
		--connections 10 --rate 65k
	expect 1 'refused             3' $stack $to --connections 3 # ourselves, and nobody listens
	expect 1 'No such file' $stack $to --json /nowhere/results.json
}
exit $failed
