#!/usr/bin/env python3
"""Turns measurements into benches/RESULTS.md. Standard library only; started by scripts/bench.

    results.py machine --out FILE          writes what the measurements that follow belong to: processor, commit, date
    results.py run OUT.json COMMAND...     runs a command that prints JSON, adds its peak memory, writes OUT.json
    results.py table --criterion DIR --measured DIR [--out FILE]     prints the page, and writes it too if asked
    results.py self-test

The rows are data, in ROWS below: a new benchmark is a new row. A row whose measurement is missing stays in the table as
"not measured"; a row is never dropped.

Where a value comes from:
    "tick/bench-1k"            criterion: median seconds per iteration of that benchmark
    "growth:A:B:RATIO"         exponent of the cost between two criterion benchmarks whose sizes differ by RATIO
    "FILE#key.key"             a number in MEASURED/FILE.json, such as "rebound#bodies_10_years_s"
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    ours: str
    peer: str = ""  # measured in the same run
    target: str = ""  # "<= 1.2 ms", ">= 8 x" (peer's value over ours), ">= 300 x real time", "<= 1.1", "<= 200 MB"
    scale: float = 1.0  # what the source counts in: seconds for times, else the unit of the target


ROWS = (
    Row("one tick, 1,000 ships", "tick/bench-1k"),
    Row("one tick, 10,000 ships", "tick/bench-10k", target="<= 1.2 ms"),
    Row("one tick, 100,000 ships", "tick/bench-100k", target="<= 11.1 ms"),
    Row("growth of a tick, 1,000 to 100,000 ships (exponent)", "growth:tick/bench-1k:tick/bench-100k:100", target="<= 1.1"),
    Row("gravity of 11 bodies on 10,000 particles, one step", "gravity/10k leapfrog step", "rebound#gravity_10k_ms", ">= 8 x"),
    Row("the forces of that step alone, wide, one thread", "gravity/10k wide", "rebound#gravity_10k_ms"),
    Row("the forces of that step alone, baseline, one thread", "gravity/10k baseline", "rebound#gravity_10k_ms"),
    Row("contact of 10,000 spheres (peer: rapier3d)", "contact_10k_cube/sim", "contact_10k_cube/rapier3d", ">= 8 x"),
    Row("the same on one thread", "contact_10k_cube/sim_one_thread", "contact_10k_cube/rapier3d"),
    Row("11 bodies, 10 years (peer: REBOUND, same terms)", "bodies/ten_years", "rebound#bodies_10_years_s", "<= 0.29 s"),
    Row("snapshot of 10,000 ships, save", "snapshot/save-10k", target="<= 0.5 ms"),
    Row("snapshot of 10,000 ships, restore", "snapshot/restore-10k", target="<= 0.5 ms"),
    Row("rollback ring, 10,000 ships, save", "rollback/save-10k"),
    Row("rollback ring, 10,000 ships, restore", "rollback/restore-10k"),
    Row("digest of 10,000 ships", "digest/10k"),
    Row("a scene of 10,000 ships from a frame view", "things/extract-10k"),
    Row("recording a frame of 10,000 things, all passes", "things/record-10k", target="<= 1 ms"),
    Row("drawing 10,000 things around the Earth, 2 x 512 x 512, preset low, lavapipe (peer: as many cubes alone)",
        "things/draw-10k", "things/cubes-10k", ">= 1 x"),
    Row("the same without the things", "things/draw-nothing"),
    Row("`replay verify`, 100 ships", "verify-hundred#realtime_factor", target=">= 300 x real time"),
    Row("recording of the demo's 4 pilots, without keyframes", "demo#log_bytes_per_s", target="<= 2000 B/s"),
    Row("lockstep (80 ± 20 ms, 5 % loss, 60 Hz; peer: ggrs in lockstep), 2 peers: frames missed",
        "lockstep#ours_2.missed_percent", "lockstep#ggrs_lockstep_2.missed_percent", "<= 0.5 %"),
    Row("4 peers: frames missed", "lockstep#ours_4.missed_percent", "lockstep#ggrs_lockstep_4.missed_percent", "<= 0.5 %"),
    Row("10 minutes of virtual time, 2 peers: frames missed", "lockstep#ours_virtual_2.missed_percent", target="<= 0.5 %"),
    Row("10 minutes of virtual time, 4 peers: frames missed", "lockstep#ours_virtual_4.missed_percent", target="<= 0.5 %"),
    Row("2 peers: payload per frame and link, sealed (peer: ggrs, open)",
        "lockstep#ours_2.bytes_per_frame_link", "lockstep#ggrs_rollback_2.bytes_per_frame_link", "<= 100 B"),
    Row("4 peers: payload per frame and link, sealed (peer: ggrs, open)",
        "lockstep#ours_4.bytes_per_frame_link", "lockstep#ggrs_rollback_4.bytes_per_frame_link", "<= 100 B"),
    Row("4 peers: from submission to arrival, median", "lockstep#ours_4.arrived_ms.p50", target="<= 95 ms", scale=1e-3),
    Row("4 peers: from submission to arrival, 99 %", "lockstep#ours_4.arrived_ms.p99", target="<= 130 ms", scale=1e-3),
    Row("4 peers: from submission to confirmed, median", "lockstep#ours_4.confirmed_ms.p50", scale=1e-3),
    Row("4 peers: from submission to confirmed, 99 %", "lockstep#ours_4.confirmed_ms.p99", scale=1e-3),
    Row("2 peers: CPU per frame with encryption and UDP (peer: ggrs over UDP, open)",
        "lockstep#ours_2.cpu_us_per_frame", "lockstep#ggrs_udp_rollback_2.cpu_us_per_frame", ">= 1 x", scale=1e-6),
    Row("4 peers: CPU per frame with encryption and UDP (peer: ggrs over UDP, open)",
        "lockstep#ours_4.cpu_us_per_frame", "lockstep#ggrs_udp_rollback_4.cpu_us_per_frame", ">= 1 x", scale=1e-6),
    Row("2 peers: the same (peer: ggrs in lockstep over UDP, open)",
        "lockstep#ours_2.cpu_us_per_frame", "lockstep#ggrs_udp_lockstep_2.cpu_us_per_frame", scale=1e-6),
    Row("4 peers: the same (peer: ggrs in lockstep over UDP, open)",
        "lockstep#ours_4.cpu_us_per_frame", "lockstep#ggrs_udp_lockstep_4.cpu_us_per_frame", scale=1e-6),
    Row("2 peers: CPU per frame, protocol alone",
        "lockstep#ours_protocol_2.cpu_us_per_frame", "lockstep#ggrs_rollback_2.cpu_us_per_frame", scale=1e-6),
    Row("4 peers: CPU per frame, protocol alone",
        "lockstep#ours_protocol_4.cpu_us_per_frame", "lockstep#ggrs_rollback_4.cpu_us_per_frame", scale=1e-6),
    Row("redb: player saves in groups of 500, two writers, durable", "store#redb.saves_per_s", target=">= 20000 /s"),
    Row("one player with 100 kinds of things, 99 %", "store#redb.save_ms.p99", scale=1e-3),
    Row("one player read, 99 %", "store#redb.get_ms.p99", scale=1e-3),
    Row("a world of 10,000 ships packed and stored, median", "store#redb.world_save_ms.p50", target="<= 100 ms", scale=1e-3),
    Row("the same loaded to a simulation, median", "store#redb.world_load_ms.p50", target="<= 500 ms", scale=1e-3),
    Row("PostgreSQL: the same saves in groups of 500", "store#postgres.saves_per_s", target=">= 10000 /s"),
    Row("such a group, 99 %", "store#postgres.group_ms.p99", target="<= 100 ms", scale=1e-3),
    Row("pgbench there: single upserts of eight clients", "store#postgres.pgbench_upserts_per_s", target=">= 0 /s"),
    Row("one player with 100 kinds of things, 99 %", "store#postgres.save_ms.p99", target="<= 50 ms", scale=1e-3),
    Row("one player read, 99 %", "store#postgres.get_ms.p99", target="<= 5 ms", scale=1e-3),
    Row("a world of 10,000 ships packed and stored, median", "store#postgres.world_save_ms.p50", scale=1e-3),
    Row("the same loaded to a simulation, median", "store#postgres.world_load_ms.p50", target="<= 500 ms", scale=1e-3),
    Row("from the start of a service, PostgreSQL just started and nothing cached, to the first tick of 100,000 ships, median",
        "store#first_tick_ms.p50", target="<= 2 s", scale=1e-3),
    Row("the slowest of five", "store#first_tick_ms.max", target="<= 2 s", scale=1e-3),
    Row("with a standby that each commit waits for: saves in groups", "store#postgres_synchronous.saves_per_s", target=">= 10000 /s"),
    Row("such a group, 99 %", "store#postgres_synchronous.group_ms.p99", target="<= 100 ms", scale=1e-3),
    Row("one player with 100 kinds of things, 99 %", "store#postgres_synchronous.save_ms.p99", target="<= 50 ms", scale=1e-3),
    Row("API on loopback, 50 connections: `GET /status`, share of the rate of a bare hyper server", "api#requests.status_to_bare",
        target=">= 60 %", scale=100),
    Row("the same, requests", "api#requests.status.per_s", target=">= 20000 /s"),
    Row("the same, median", "api#requests.status.p50_ms", target="<= 1 ms", scale=1e-3),
    Row("the same, 99 %", "api#requests.status.p99_ms", target="<= 5 ms", scale=1e-3),
    Row("`GET /health`, 99 %", "api#requests.health.p99_ms", target="<= 5 ms", scale=1e-3),
    Row("`POST /connect`, 99 %", "api#calls.connect_ms.p99", target="<= 20 ms", scale=1e-3),
    Row("`POST /execute/reload`, 99 %", "api#calls.reload_ms.p99", target="<= 50 ms", scale=1e-3),
    Row("`POST /connect` over 50 connections at once, 99 %", "api#calls.connect_at_once_ms.p99", target="<= 20 ms", scale=1e-3),
    Row("`POST /execute/reload` over 50 connections at once, 99 %", "api#calls.reload_at_once_ms.p99", target="<= 50 ms", scale=1e-3),
    Row("200 telemetry sockets at 10 Hz and the world: of one core", "api#sockets.core_share", target="<= 10 %", scale=100),
    Row("`run bench-10k`, median tick", "run-bench-10k#tick_ms.p50", target="<= 1.2 ms", scale=1e-3),
    Row("`run bench-100k`, median tick", "run-bench-100k#tick_ms.p50", target="<= 11.1 ms", scale=1e-3),
    Row("`run bench-100k`, peak memory of the process", "run-bench-100k#peak_memory_mb", target="<= 200 MB"),
)

# Keys of peers that are in no base unit.
PEER_SCALE = {
    "rebound#gravity_10k_ms": 1e-3,
    "lockstep#ggrs_rollback_2.cpu_us_per_frame": 1e-6,
    "lockstep#ggrs_rollback_4.cpu_us_per_frame": 1e-6,
    "lockstep#ggrs_udp_rollback_2.cpu_us_per_frame": 1e-6,
    "lockstep#ggrs_udp_rollback_4.cpu_us_per_frame": 1e-6,
    "lockstep#ggrs_udp_lockstep_2.cpu_us_per_frame": 1e-6,
    "lockstep#ggrs_udp_lockstep_4.cpu_us_per_frame": 1e-6,
}

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class Measurements:
    """Everything that was measured, looked up by source."""

    def __init__(self, criterion, measured):
        self.seconds = {}
        for file in sorted(pathlib.Path(criterion).glob("**/new/benchmark.json")):
            benchmark = json.loads(file.read_text())
            estimates = json.loads((file.parent / "estimates.json").read_text())
            self.seconds[benchmark["full_id"]] = estimates["median"]["point_estimate"] * 1e-9
        self.files = {file.stem: json.loads(file.read_text()) for file in pathlib.Path(measured).glob("*.json")}

    def get(self, source):
        """The number, or None where it was not measured."""
        if source.startswith("growth:"):
            _, small, large, ratio = source.split(":")
            if small not in self.seconds or large not in self.seconds:
                return None
            return math.log(self.seconds[large] / self.seconds[small]) / math.log(float(ratio))
        if "#" in source:
            file, keys = source.split("#")
            value = self.files.get(file)
            for key in keys.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            return value
        return self.seconds.get(source)


def is_time(row):
    """Whether the row's value is in seconds once scaled."""
    return not (row.ours.startswith("growth:") or row.target.endswith(("MB", " B", "%", "/s", "real time")))


def show(row, value):
    """A value with its unit."""
    if is_time(row):
        unit = next((unit for unit in ("s", "ms", "us") if value >= UNITS[unit]), "ns")
        return f"{value / UNITS[unit]:.3g} {unit}"
    words = row.target.split(" ", 2)
    unit = words[2] if len(words) > 2 else ""
    digits = 0 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}" if unit else f"{value:.2f}"


def holds(row, value, ratio):
    """True, False, or None where there is nothing to compare."""
    if not row.target:
        return None
    sign, number, unit = (row.target.split(" ", 2) + [""])[:3]
    bound = float(number) * (UNITS.get(unit, 1.0) if is_time(row) else 1.0)
    got = ratio if unit == "x" else value
    if got is None:
        return None
    return got <= bound if sign == "<=" else got >= bound


def line(row, measurements):
    """The row as cells: name, ours, peer, ratio, target, verdict."""
    raw = measurements.get(row.ours)
    value = None if raw is None else raw * row.scale
    peer_raw = measurements.get(row.peer) if row.peer else None
    peer = None if peer_raw is None else peer_raw * PEER_SCALE.get(row.peer, 1.0)
    ratio = peer / value if value and peer else None
    verdict = {True: "yes", False: "**no**", None: "" if not row.target else "not measured"}[holds(row, value, ratio)]
    return [
        row.name,
        "not measured" if value is None else show(row, value),
        "" if not row.peer else "not measured" if peer is None else show(row, peer),
        "" if ratio is None else f"{ratio:.1f} x",
        row.target,
        verdict,
    ]


def machine():
    """What the figures belong to, by label."""
    def output(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return "unknown"

    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((text.split(":", 1)[1].strip() for text in cpuinfo if text.startswith("model name")), "unknown")
    memory_kb = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    # The page itself is about to change, and is no part of what is measured.
    changed = output("git", "status", "--porcelain", "--", ".", ":!benches/RESULTS.md")
    return {
        "processor": f"{model}, {os.cpu_count()} cores, two threads used",
        "memory": f"{memory_kb / 2**20:.0f} GiB",
        "system": f"{output('uname', '-sr')}, load {os.getloadavg()[0]:.1f} at the start",
        "compiler": output("rustc", "--version") + ", release: thin LTO, one codegen unit, overflow checks on",
        "commit": output("git", "rev-parse", "--short=12", "HEAD") + (" with uncommitted changes" if changed else ""),
        "date": datetime.date.today().isoformat(),
    }


def page(measurements):
    """The whole text of RESULTS.md."""
    rebound = measurements.files.get("rebound", {})
    rows = [line(row, measurements) for row in ROWS]
    known = {part for row in ROWS for source in (row.ours, row.peer) for part in source.split(":")}
    others = sorted(name for name in measurements.seconds if name not in known)
    text = ["# Results", "", "Written by `scripts/bench`; do not edit. Times are medians. A ratio is the peer's time over ours,",
            "both from the same run, so above 1 we are faster.", ""]
    text += [f"- {label}: {value}" for label, value in measurements.files.get("machine", {}).items()]
    text += [f"- peers: {rebound.get('peer', 'REBOUND (not measured)')}; rapier3d 0.36 with `enhanced-determinism`; ggrs 0.13; each on one thread", ""]
    text += ["| what | ours | peer | ratio | target | met |", "|---|---|---|---|---|---|"]
    text += ["| " + " | ".join(cells) + " |" for cells in rows]
    if others:
        text += ["", "## Other benchmarks", "", "| benchmark | median |", "|---|---|"]
        text += [f"| {name} | {show(Row(name, name), measurements.seconds[name])} |" for name in others]
    return "\n".join(text) + "\n"


def run_and_record(out, command):
    """Runs `command`, which prints one JSON object, and writes that with its peak resident memory in MB."""
    with tempfile.TemporaryFile("w+") as stdout:
        child = subprocess.Popen(command, stdout=stdout)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        text = stdout.read()
    if child.returncode != 0:
        sys.exit(f"results.py: {' '.join(command)} ended with {child.returncode}")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        sys.exit(f"results.py: {' '.join(command)} printed no JSON: {error}")
    value["peak_memory_mb"] = usage.ru_maxrss * 1024 / 1e6
    pathlib.Path(out).write_text(json.dumps(value, indent=1) + "\n")


def self_test():
    """Rows from made-up measurements."""
    with tempfile.TemporaryDirectory() as folder:
        criterion = pathlib.Path(folder, "criterion", "any", "new")
        criterion.mkdir(parents=True)
        def bench(name, ns):
            there = criterion.parent.parent / name.replace("/", "_") / "new"
            there.mkdir(parents=True)
            (there / "benchmark.json").write_text(json.dumps({"full_id": name}))
            (there / "estimates.json").write_text(json.dumps({"median": {"point_estimate": ns}}))
        bench("tick/bench-1k", 1e5)
        bench("tick/bench-10k", 1.3e6)
        bench("tick/bench-100k", 1.0e7)
        bench("gravity/10k leapfrog step", 5e4)
        measured = pathlib.Path(folder, "measured")
        measured.mkdir()
        ours = '{"missed_percent": 0.25, "bytes_per_frame_link": 101, "cpu_us_per_frame": 20}'
        theirs = '{"bytes_per_frame_link": 202, "cpu_us_per_frame": 10}'
        peers = f'"ggrs_rollback_2": {theirs}, "ggrs_udp_rollback_2": {theirs}'
        (measured / "lockstep.json").write_text(f'{{"ours_2": {ours}, {peers}}}')
        (measured / "rebound.json").write_text('{"gravity_10k_ms": 0.5}')
        (measured / "verify-hundred.json").write_text('{"realtime_factor": 301}')
        (measured / "run-bench-100k.json").write_text('{"peak_memory_mb": 201, "tick_ms": {"p50": 10.0}}')
        m = Measurements(criterion.parent.parent, measured)
        cells = {row.ours: line(row, m) for row in reversed(ROWS)}
        assert cells["tick/bench-1k"][1:] == ["100 us", "", "", "", ""], cells["tick/bench-1k"]
        assert cells["tick/bench-10k"][1:] == ["1.3 ms", "", "", "<= 1.2 ms", "**no**"], cells["tick/bench-10k"]
        assert cells["tick/bench-100k"][5] == "yes"
        assert cells["growth:tick/bench-1k:tick/bench-100k:100"][1:] == ["1.00", "", "", "<= 1.1", "yes"]
        assert cells["gravity/10k leapfrog step"][1:] == ["50 us", "500 us", "10.0 x", ">= 8 x", "yes"]
        assert cells["contact_10k_cube/sim"][1:] == ["not measured", "not measured", "", ">= 8 x", "not measured"]
        assert cells["verify-hundred#realtime_factor"][1:] == ["301 x real time", "", "", ">= 300 x real time", "yes"]
        assert cells["run-bench-100k#peak_memory_mb"][1:] == ["201 MB", "", "", "<= 200 MB", "**no**"]
        assert cells["run-bench-100k#tick_ms.p50"][1] == "10 ms"
        assert cells["lockstep#ours_2.missed_percent"][1:] == ["0.25 %", "not measured", "", "<= 0.5 %", "yes"]
        assert cells["lockstep#ours_2.bytes_per_frame_link"][1:] == ["101 B", "202 B", "2.0 x", "<= 100 B", "**no**"]
        assert cells["lockstep#ours_2.cpu_us_per_frame"][1:] == ["20 us", "10 us", "0.5 x", ">= 1 x", "**no**"]
        assert all(row.name in page(m) for row in ROWS)
        assert {"processor", "commit", "date", "compiler"} <= machine().keys()
    print("results.py: self-test passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("machine").add_argument("--out", required=True)
    table = verbs.add_parser("table")
    table.add_argument("--criterion", required=True)
    table.add_argument("--measured", required=True)
    table.add_argument("--out")
    run = verbs.add_parser("run")
    run.add_argument("out")
    run.add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("self-test")
    arguments = parser.parse_args()
    if arguments.verb == "table":
        text = page(Measurements(arguments.criterion, arguments.measured))
        print(text, end="")
        if arguments.out:
            pathlib.Path(arguments.out).write_text(text)
    elif arguments.verb == "machine":
        pathlib.Path(arguments.out).write_text(json.dumps(machine(), indent=1) + "\n")
    elif arguments.verb == "run":
        run_and_record(arguments.out, arguments.command)
    else:
        self_test()


if __name__ == "__main__":
    main()
