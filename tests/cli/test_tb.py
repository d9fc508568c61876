"""`clipbench tb`: what it says, how it ends, and what its server answers to the page."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clipbench.cli.tb import main
from clipbench.records.tensorboard import EVENT_FILES
from tests.records.written import write_run, write_sweep

ROOT = Path(__file__).parents[2]
# TensorBoard's own imports warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SECONDS = 120.0  # a busy machine may need long; an idle one needs two


class Server:
    """A `clipbench tb` of its own process."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "clipbench.cli.main", "tb", *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.lines = [self.process.stdout.readline() for _ in range(4)]
        self.address = self.lines[3].split()[-1].partition("/#")[0]

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)

    def wait(self, path: str, rule: Callable[[Any], bool], body: Any = None) -> Any:
        """Ask until the answer fits: TensorBoard reads in the background."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            answer = self.ask(path, body)
            if rule(answer):
                return answer
            time.sleep(0.2)
        raise AssertionError(f"{path} still answers {answer}")


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    server = Server(*arguments)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGINT)  # so that it removes its folder of links
        server.process.communicate(timeout=SECONDS)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    write_sweep(folder, clips=["learnable", "prelu", "relu", "pact"], seeds=[0, 1, 2])
    failed = folder / "clip=pact" / "seed=3"
    write_run(failed, clip="pact", seed=3, status="diverged", epochs=1)
    return folder


@pytest.fixture(scope="module")
def server(sweep: Path) -> Iterator[Server]:
    with serving(str(sweep), "--no-browser") as running:
        running.wait("/data/runs", lambda runs: len(runs) == 17)
        yield running


def test_it_says_what_it_shows_and_where(server: Server) -> None:
    first, curves, means, configurations = server.lines
    assert first == "13 runs of 4 configurations; Ctrl-C ends this\n"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.address)
    assert curves.split()[-1].startswith(f"{server.address}/?pinnedCards=")
    assert means.split()[-1].startswith(f"{server.address}/#custom_scalars")
    assert configurations.split()[-1] == f"{server.address}/#hparams"


def test_it_listens_to_this_machine_alone(server: Server) -> None:
    port = int(server.address.rpartition(":")[2])
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    hosts = [line.split()[1].split(":") for line in listening.splitlines() if " 0A " in line]
    assert [host for host, at in hosts if int(at, 16) == port] == ["0100007F"]


def test_runs_are_called_as_reports_call_them(server: Server) -> None:
    runs = server.ask("/data/runs")
    clips = ("learnable", "prelu", "relu", "pact")
    expected = {f"{clip}/seed={seed}" for clip in clips for seed in (0, 1, 2)}
    assert set(runs) == expected | {"pact/seed=3"} | {f"_summary/{clip}" for clip in clips}


def test_every_pinned_card_has_its_curves(server: Server) -> None:
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(server.lines[1].split()[-1]).query)
    cards = json.loads(query["pinnedCards"][0])
    assert {card["plugin"] for card in cards} == {"scalars"}
    tags = {card["tag"] for card in cards}
    assert tags == {
        "val/accuracy", "sparsity/mean", "threshold/fc1/upper", "threshold/fc1/slope",
    }  # fmt: skip
    found = server.ask("/data/plugin/timeseries/tags")["scalars"]["runTagInfo"]
    having = {tag: [run for run, own in found.items() if tag in own] for tag in tags}
    assert {tag: len(runs) for tag, runs in having.items()} == {
        "val/accuracy": 13, "sparsity/mean": 13, "threshold/fc1/upper": 7,
        "threshold/fc1/slope": 3,
    }  # fmt: skip


def test_a_curve_is_whole(server: Server) -> None:
    path = "/data/plugin/scalars/scalars?tag=threshold%2Ffc1%2Fupper&run=learnable%2Fseed%3D1"
    points = [(step, round(value, 6)) for _, step, value in server.ask(path)]
    assert points == [(0, 1.0), (10, 1.11), (20, 1.21), (30, 1.31)]


def _groups(server: Server, *statuses: str) -> dict[str, Any]:
    columns = [{"metric": {"tag": tag, "group": ""}} for tag in ("test/accuracy", "val/accuracy")]
    body = {
        "experimentName": "", "allowedStatuses": [f"STATUS_{status}" for status in statuses],
        "colParams": columns, "aggregationType": "AGGREGATION_AVG", "startIndex": 0,
        "sliceSize": 100,
    }  # fmt: skip
    found = server.ask("/data/plugin/hparams/session_groups", body)
    return {group["hparams"]["clip"]: group for group in found["sessionGroups"]}


def _metrics(group: Any) -> dict[str, float]:
    return {metric["name"]["tag"]: metric["value"] for metric in group["metricValues"]}


def test_seeds_are_one_row_with_their_mean_and_lost_ones_are_failures(server: Server) -> None:
    groups = _groups(server, "SUCCESS", "FAILURE", "RUNNING", "UNKNOWN")
    assert {clip: len(group["sessions"]) for clip, group in groups.items()} == {
        "learnable": 3, "prelu": 3, "relu": 3, "pact": 4,
    }  # fmt: skip
    for group in groups.values():  # a lost seed has no part in the mean of the results
        assert _metrics(group)["test/accuracy"] == pytest.approx(0.91)
    statuses = {one["name"]: one["status"] for one in groups["pact"]["sessions"]}
    assert statuses.pop("pact/seed=3") == "STATUS_FAILURE"
    assert set(statuses.values()) == {"STATUS_SUCCESS"}
    finished = _groups(server, "SUCCESS")
    assert len(finished["pact"]["sessions"]) == 3
    assert _metrics(finished["pact"])["val/accuracy"] == pytest.approx(0.81)


def test_the_layout_begins_with_the_means_and_its_tags_are_there(server: Server) -> None:
    layout = server.ask("/data/plugin/custom_scalars/layout")["category"]
    assert [section["title"] for section in layout] == [
        "Mean over seeds with its 95 % interval",
        "Thresholds",
        "Sparsity",
        "Train against validation",
    ]
    charts = {chart["title"]: chart for section in layout for chart in section["chart"]}
    found = server.ask("/data/plugin/timeseries/tags")["scalars"]["runTagInfo"]
    assert "fc1: upper threshold over its inputs, q50 to q99" in charts
    for chart in charts.values():
        for series in chart.get("margin", {}).get("series", []):
            assert any({*series.values()} <= set(tags) for tags in found.values()), chart
        for pattern in chart.get("multiline", {}).get("tag", []):
            query = urllib.parse.urlencode({"run": "pact/seed=0", "tag": pattern})
            answer = server.ask(f"/data/plugin/custom_scalars/scalars?{query}")
            assert answer["regex_valid"]
            assert answer["tag_to_events"] or "saturation" in pattern, chart


def test_histograms_images_and_texts_are_there(server: Server) -> None:
    found = server.ask("/data/plugin/timeseries/tags")
    assert "activation/fc1" in found["histograms"]["runTagInfo"]["relu/seed=0"]
    assert "samples" in found["images"]["tagRunSampledInfo"]
    texts = server.ask("/data/plugin/text/tags")
    assert texts["relu/seed=0"] == ["config"]
    assert texts["_summary/relu"] == ["seeds"]


def test_a_run_that_begins_later_appears_and_ctrl_c_ends_it_well(tmp_path: Path) -> None:
    write_sweep(tmp_path, clips=["relu"], seeds=[0])
    with serving(str(tmp_path), "--no-browser") as server:
        server.wait("/data/runs", lambda runs: "relu/seed=0" in runs)
        write_sweep(tmp_path, clips=["prelu"], seeds=[0])
        server.wait("/data/runs", lambda runs: {"prelu/seed=0", "_summary/prelu"} <= set(runs))
        server.process.send_signal(signal.SIGINT)
        out, err = server.process.communicate(timeout=SECONDS)
    assert (server.process.returncode, out, err) == (0, "", "")


def test_a_run_that_goes_on_is_read_on_and_a_rebuilt_one_is_one_curve(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", status="running", epochs=2)
    path = "/data/plugin/scalars/scalars?tag=val%2Floss&run=run"
    with serving(str(tmp_path), "--no-browser") as server:
        server.wait("/data/runs", lambda runs: runs == ["run"])
        server.wait(path, lambda points: [step for _, step, _ in points] == [10, 20])
        from clipbench.records.recorder import Recorder
        from tests.records.written import write_records

        with Recorder(run) as recorder:  # taken up after the first epoch
            write_records(recorder, epochs=(2, 3))
        server.wait(path, lambda points: [step for _, step, _ in points] == [10, 20, 30])
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=SECONDS)
    assert server.process.returncode == 143


def test_rebuild_makes_lost_event_files_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sweep(tmp_path, clips=["relu"], seeds=[0, 1])
    busy = write_run(tmp_path / "busy", status="running")
    for file in tmp_path.rglob(EVENT_FILES):
        file.unlink()
    assert main(["--rebuild", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == f"made the event files of 2 runs and 1 means anew in {tmp_path}\n"
    assert said.err == f"left alone, it is being written: {busy}\n"
    assert len(list(tmp_path.rglob(EVENT_FILES))) == 3


@pytest.mark.parametrize("arguments", [["missing"], ["--rebuild", "missing"], ["--rebuild", "."]])
def test_a_folder_that_is_not_there_exits_4(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 4
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_port_that_is_taken_exits_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "clipbench.cli.main", "tb", str(tmp_path), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert port in done.stderr
    assert "--port" in done.stderr
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.parametrize("port", ["0", "x", "65536", "-1"])
def test_a_port_that_is_none_exits_2(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([f"--port={port}"])
    assert caught.value.code == 2
    assert "from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terminal", "display", "asked", "opened"),
    [
        (True, ":0", True, True),
        (True, ":0", False, False),
        (False, ":0", True, False),
        (True, "", True, False),
    ],
)
def test_a_browser_is_opened_only_for_somebody_who_sees_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    display: str,
    asked: bool,
    opened: bool,
) -> None:
    links: list[str] = []
    monkeypatch.setattr(
        "clipbench.cli.dashboard.start_server", lambda *_, **__: "http://127.0.0.1:1"
    )
    monkeypatch.setattr("clipbench.cli.dashboard._follow", lambda *_: None)
    monkeypatch.setattr("webbrowser.open", links.append)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main([str(tmp_path), *([] if asked else ["--no-browser"])]) == 0
    assert bool(links) == opened
    assert all(link.startswith("http://127.0.0.1:1/?pinnedCards=") for link in links)


def test_help_needs_neither_torch_nor_tensorboard_and_ends_in_examples() -> None:
    script = """
import sys
from clipbench.cli.main import main
try:
    main(["tb", "--help"])
finally:
    assert not {"torch", "hydra", "omegaconf", "tensorboard", "numpy"} & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "examples:\n  clipbench tb\n" in done.stdout


def test_nothing_imports_torch_on_the_way() -> None:
    script = "import clipbench.cli.dashboard, sys; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT)
    assert done.returncode == 0


def test_a_summary_that_cannot_be_written_is_said_and_the_page_stays(tmp_path: Path) -> None:
    write_sweep(tmp_path, clips=["relu"], seeds=[0])
    (tmp_path / "_summary").write_text("a file where the folder should be")
    with serving(str(tmp_path), "--no-browser") as server:
        server.wait("/data/runs", lambda runs: runs == ["relu/seed=0"])
        server.process.send_signal(signal.SIGINT)
        _, err = server.process.communicate(timeout=SECONDS)
    assert err.startswith("clipbench: no means over seeds: ")
    assert server.process.returncode == 0
    assert os.listdir(tmp_path / "clip=relu") == ["seed=0"]
