"""Hidden tests on functions of this process: what the grader would have seen of them, without a notebook or sandbox."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from autograder.authoring.bank import Misconception
from autograder.course import Course
from autograder.diagnosis import RTOL, Rerun, Trial, diagnose, observed, rehearse, right_student, transcript_of
from autograder.diagnosis.reference import Strayed
from autograder.grading.run import local_student, test_seed
from autograder.sandbox.student import OnExchange

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parent.parent


class Rehearsal:
    """The hidden tests of one function of an assignment."""

    def __init__(self, assignment: str, function: str, seed: int = 0) -> None:
        self._task = Course(ROOT).assignment(assignment)
        spec = importlib.util.spec_from_file_location(f"{assignment}_rehearsed", self._task.hidden_tests)
        assert spec is not None
        assert spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self._function, self._seed = function, seed
        self.right = self._task.bank.answers
        self.rtol = RTOL[self._task.settings.libraries]
        self.tests = [test for test in self._found() if test.__name__.startswith("test_")]

    def _found(self) -> Iterator[Any]:
        for value in vars(self.module).values():
            for mark in getattr(value, "pytestmark", []):
                if (
                    mark.name == "grades"
                    and mark.args[0] == self._task.cell_of(self._function)
                    and mark.kwargs["diagnose"]
                ):
                    yield value

    def fixtures(
        self, test: Any, run: int, functions: Mapping[str, Any], on_exchange: OnExchange | None = None
    ) -> dict[str, Any]:
        seed = test_seed(self._seed + run, test.__name__)
        return {
            "student": local_student(functions, seed, on_exchange),
            "reference": right_student(self.right, seed),
            "rng": np.random.default_rng(seed),
            "samples": self._task.samples,
            "seed": seed,
            "lost": frozenset(),
        }

    @functools.cached_property
    def reruns(self) -> list[Rerun]:
        """The tests on the right answer, those first that are done soon."""
        trials = []
        for test in self.tests:
            here, elsewhere = (functools.partial(self.fixtures, test, run) for run in (0, 1000))
            trials.append(observed(Trial(test, here, [], False, elsewhere, here), self.right))
        return sorted((Rerun(trial, self.right) for trial in trials), key=lambda rerun: rerun.work)

    def trial(self, rerun: Rerun, code: Any) -> Trial:
        """What one of the tests saw of `code` in the place of the right answer."""
        functions = {**self.right, self._function: code}
        try:
            fixtures = rerun.fixtures(functions)
            failed = rehearse(rerun.trial.test, fixtures)
        except Strayed:
            return observed(rerun.trial, functions)
        return msgspec.structs.replace(rerun.trial, transcript=transcript_of(fixtures["student"]), failed=failed)

    def trials(self, code: Any) -> list[Trial]:
        """What all tests saw of it."""
        return [self.trial(rerun, code) for rerun in self.reruns]

    def diagnosis(self, code: Any) -> Misconception | None:
        """What `code` is taken for; None where it is right, too."""
        return self.diagnosis_of(self.trials(code))

    def diagnosis_of(self, trials: list[Trial]) -> Misconception | None:
        """What code is taken for of which the tests saw this; None where it is right, too."""
        if not any(trial.failed for trial in trials):
            return None
        return diagnose(self._function, [Rerun(trial, self.right) for trial in trials], self._task.bank, self.rtol)
