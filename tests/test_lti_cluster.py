"""The service grades on a Dask cluster, which may go away and come back."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pylti1p3", reason="the extra `lti` isn't installed")
pytest.importorskip("distributed", reason="the extra `cluster` isn't installed")

from conftest import FUNCTIONS, NAME, notebook_of, solved_cells
from lti_platform import LINK, running, until
from test_cluster import cluster

from autograder.lms.service import grading_queue

NOTEBOOK = notebook_of(solved_cells())


@pytest.mark.slow
def test_a_cluster_grades_what_is_handed_in_and_what_waited_while_it_was_away(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grading_queue, "_RETRY_SECONDS", 1.0)
    monkeypatch.setattr("autograder.classroom.cluster._CONNECT_SECONDS", 3.0)
    points = sum(FUNCTIONS.values())
    file = tmp_path / "dask.json"
    with running(course, tmp_path / "data", NAME, points + 5.0, jobs=0, scheduler=str(file)) as place:
        seen = set()
        tell = place.service.queue._tell
        monkeypatch.setattr(place.service.queue, "_tell", lambda *args: (seen.add(args[1].function), tell(*args)))
        ada, bob = place.browser(), place.browser()
        with cluster(tmp_path / "first", workers=1) as (address, _):
            file.write_text(Path(address).read_text())
            page = ada.hand_in(ada.launch(place.simulator, "ada"), NOTEBOOK)
            until(lambda: place.simulator.grade(LINK, "ada") == pytest.approx(points))
            assert seen == set(FUNCTIONS)
            assert "Graded." in ada.get(str(page.url)).text
        page = bob.hand_in(bob.launch(place.simulator, "bob"), NOTEBOOK)
        until(lambda: "Grading has stopped for the moment" in bob.get(str(page.url)).text)
        assert "the Dask" in place.service.queue.problem
        with cluster(tmp_path / "second", workers=1) as (address, _):
            file.write_text(Path(address).read_text())
            until(lambda: place.simulator.grade(LINK, "bob") == pytest.approx(points), 90)
        assert place.service.queue.problem == ""
