"""A run folder is claimed by one process, on one host and among hosts that share a file system."""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphmarl.results import lock
from graphmarl.results.lock import LockedError, RunLock, claimed, read_claim

HOLD = "import sys, time; from graphmarl.results.lock import RunLock\n"
HOLD += "with RunLock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
RACE = """
import sys, time
from graphmarl.results.lock import LockedError, RunLock
path, out, until = sys.argv[1], sys.argv[2], float(sys.argv[3])
lock = RunLock(path)
lock._lock = type('None', (), {'acquire': lambda s, timeout: None, 'release': lambda s: None})()
while time.time() < until:
    try:
        with lock:
            begin = time.time_ns()
            time.sleep(0.001)
            with open(out, 'a') as file:
                file.write(f'{begin} {time.time_ns()}\\n')
    except LockedError:
        pass
    time.sleep(0.0005)
"""


def elsewhere(path: Path, age: float) -> Path:
    """A claim of another host, which was renewed so many seconds ago."""
    claim = path / ".claim"
    claim.write_text(json.dumps({"host": "far", "boot": "b", "pid": 7, "started": 0, "token": "t"}))
    renewed = time.time() - age
    os.utime(claim, (renewed, renewed))
    return claim


def test_a_claim_names_its_holder_and_is_removed(tmp_path):
    with RunLock(tmp_path):
        found = read_claim(tmp_path / ".claim")
        assert found is not None and found["pid"] == os.getpid() and claimed(tmp_path)
        with pytest.raises(LockedError, match=f"being written by process {os.getpid()} on "):
            RunLock(tmp_path).__enter__()
        with RunLock(tmp_path, "trial"):  # another claim of the same folder
            assert claimed(tmp_path, "trial")
    assert not claimed(tmp_path) and not list(tmp_path.glob(".claim*"))


def test_a_live_host_is_believed_and_a_silent_one_is_not(tmp_path):
    elsewhere(tmp_path, lock.STALE_SECONDS - 20)
    with pytest.raises(LockedError, match="being written by process 7 on far"):
        RunLock(tmp_path).__enter__()
    assert claimed(tmp_path)
    elsewhere(tmp_path, lock.STALE_SECONDS + 20)
    assert not claimed(tmp_path)
    with RunLock(tmp_path):
        found = read_claim(tmp_path / ".claim")
        assert found is not None and found["pid"] == os.getpid()
    assert not list(tmp_path.glob(".claim*"))


def test_a_killed_process_of_this_host_is_followed_at_once(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LockedError, match=f"process {other.pid} on "):
            RunLock(tmp_path).__enter__()
        other.kill()
        while claimed(tmp_path):  # it is a zombie until it is waited for, which is dead
            time.sleep(0.01)
        with RunLock(tmp_path):
            assert claimed(tmp_path)


def test_a_process_id_that_is_used_again_does_not_count(tmp_path):
    claim = lock._identity() | {"started": 1.0}
    (tmp_path / ".claim").write_text(json.dumps(claim))
    assert not claimed(tmp_path)
    (tmp_path / ".claim").write_text(json.dumps(lock._identity() | {"boot": "before"}))
    assert not claimed(tmp_path)


def test_the_time_of_a_claim_is_renewed_and_a_lost_claim_ends_training(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    ended = []
    monkeypatch.setattr(lock, "interrupt_main", ended.append)
    with RunLock(tmp_path):
        os.utime(tmp_path / ".claim", (0, 0))
        deadline = time.time() + 10
        while (tmp_path / ".claim").stat().st_mtime < 1 and time.time() < deadline:
            time.sleep(0.01)
        assert (tmp_path / ".claim").stat().st_mtime > 1
        elsewhere(tmp_path, 0)
        while not ended and time.time() < deadline:
            time.sleep(0.01)
    assert ended and claimed(tmp_path), "the claim of the other one is left"


def test_the_claim_alone_excludes_two_processes(tmp_path):
    # Without the lock of the system, as between hosts whose file system has none.
    out, until = tmp_path / "spans", str(time.time() + 4)
    command = [sys.executable, "-c", RACE, tmp_path, out, until]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    spans = sorted(tuple(map(int, line.split())) for line in out.read_text().splitlines())
    assert len(spans) > 20
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))
