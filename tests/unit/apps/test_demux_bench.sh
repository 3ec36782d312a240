#!/bin/sh
# ft-demux-bench in a quick form: that it measures and writes what it says, and refuses what it can't
# do. Nothing is judged by time.
program=$1 name=ft-demux-bench
# shellcheck source=tests/unit/apps/expect.sh
. "$(dirname "$0")/expect.sh"
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory" "$log"' EXIT

quick="--lookups 1k --repeat 2"
expect 0 '--connections' --help
expect 0 'ft-demux-bench ' --version
expect 2 'uniform, zipf, sweep or hot' --pattern often
expect 2 'a burst of 1 to 64' --burst 65
expect 2 'from 1 to 100M' --connections 0
expect 2 'from 1 to 100M' --connections 1x
expect 2 'a percentage' --misses 101
expect 2 'kernel, rte_hash or floor' --against everyone
expect 2 'expected an option' now
expect 1 'No such file or directory' --connections 100 --lookups 1k --repeat 1 --json /nowhere/file
expect 1 'is the disk full' --connections 100,1k --lookups 1k --repeat 1 --plot /dev/full
# shellcheck disable=SC2086 # $quick is several words
{
	expect 1 'must be 2000 at least' --growth --connections 100
	expect 0 'buckets moved by one insertion' --growth --connections 20k --json "$directory/growth"
	expect 0 '99.99 % of 60000 in use' --ports --repeat 1 --json "$directory/ports"
	expect 0 'every lookup found what it should' --connections 100,5k --burst 1,33,64 \
		--pattern uniform,zipf,sweep,hot --misses 0,30 --pages huge,small $quick \
		--against rte_hash,floor --json "$directory/json" --csv "$directory/csv"
}
# 2 x 3 x 4 x 2 x 2, for three subjects, and the title.
[ "$(wc -l <"$directory/csv")" -eq 289 ] || fail 'rows of CSV'
python3 - "$directory" >"$log" 2>&1 <<-END || fail 'JSON or CSV'
	import csv, json, sys
	data = json.load(open(sys.argv[1] + "/json"))
	assert set(data) == {"machine", "results"} and len(data["results"]) == 288
	for row in data["results"]:
	    assert row["subject"] in ("fourtuple", "rte_hash", "floor")
	    assert row["connections"] in (100, 5000) and row["burst"] in (1, 33, 64)
	    assert row["pattern"] in ("uniform", "zipf", "sweep", "hot") and row["includes"]
	    assert row["miss_percent"] in (0, 30)
	    assert 0 < row["ns_min"] <= row["ns_per_lookup"] <= row["ns_max"]
	    assert row["p50_ns"] <= row["p99_ns"] <= row["p999_ns"]
	rows = list(csv.DictReader(open(sys.argv[1] + "/csv")))
	assert [row["includes"] for row in rows] == [row["includes"] for row in data["results"]]
	for mode in "growth", "ports":
	    results = json.load(open(f"{sys.argv[1]}/{mode}"))["results"]
	    assert results and all(row["includes"] for row in results), mode
END

# A signal ends it soon, with that signal's status.
"$program" --repeat 1000 >"$log" 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
status=$?
[ $status -eq 143 ] || fail "exit status $status after SIGTERM"
exit $failed
