"""Writes a bundle: a zip archive with the package, one assignment, and what the system's harness starts."""

from __future__ import annotations

import hmac
import io
import uuid
import zipfile
from importlib import metadata
from pathlib import Path

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

import autograder
from autograder.course import Assignment, Course
from autograder.files import write_atomically
from autograder.lms.bundles import gradescope, prairielearn, vocareum
from autograder.lms.bundles.pins import requirements
from autograder.lms.bundles.settings import COURSE, DEPTH, FILE, WORKERS, BundleSettings, System
from autograder.seeds import FOLDER, course_secret

_PACKAGE = Path(autograder.__file__).resolve().parent
_LEFT_OUT = {"assignments", "scaffold", "__pycache__"}
"""Folders of the package that a bundle goes without: the other assignments above all."""
_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in the archive, so that the same course gives the same bundle."""
_TEMPLATES = Environment(
    loader=PackageLoader("autograder.lms.bundles"), undefined=StrictUndefined, keep_trailing_newline=True
)
_PYPROJECT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "autograder"
version = "{version}"

[tool.setuptools.packages.find]
include = ["autograder*"]

[tool.setuptools.package-data]
"*" = ["*"]
"""

Files = dict[str, bytes]
"""Contents by their path in the archive."""


class BundleError(Exception):
    """A bundle can't be made; the message says why."""


def write_bundle(system: System, course: Course, settings: BundleSettings, output: Path, image: str = "") -> list[str]:
    """Write the bundle for `system` to the zip archive `output`.

    Args:
        system: whose harness will run it.
        course: the course that has the assignment.
        settings: the bundle's.
        output: the archive; replaced where it exists.
        image: the container image's name, for a system that asks for one.

    Returns:
        What the instructor should know.

    Raises:
        AssignmentError: the assignment's files are missing or can't be read.
        BundleError: the course's secret can't be used, or a package isn't installed.
        OSError: a file can't be read or written.
    """
    assignment = course.assignment(settings.assignment)
    _ = assignment.hidden_tests, assignment.bank
    secret, note = course_secret(course.folder)
    if note and not (course.folder / FOLDER / "secret").is_file():
        raise BundleError(note)
    files = _files(system, course, assignment, settings, secret, image)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if data.startswith(b"#!") else 0o100644) << 16
            bundle.writestr(entry, data)
    write_atomically(output, archive.getvalue())
    return [note] if note else []


def _files(
    system: System, course: Course, assignment: Assignment, settings: BundleSettings, secret: bytes, image: str
) -> Files:
    try:
        pins = requirements(settings.libraries).encode()
    except metadata.PackageNotFoundError as error:
        raise BundleError(f"{error.name} isn't installed here, so its version can't be written down") from None
    graded = {
        FILE: msgspec.json.format(msgspec.json.encode(settings), indent=1),
        **_below_name(COURSE, _course_files(assignment, _own_secret(secret, system, assignment))),
    }
    graded["protect.sh"] = _TEMPLATES.get_template("protect.sh").render(group=WORKERS, depth=DEPTH).encode()
    install = {"install.sh": _rendered("install.sh"), "requirements.txt": pins, **_package_files()}
    if system == "gradescope":
        for name, too_long in (("failed.json", False), ("too_long.json", True)):
            graded[name] = gradescope.interrupted(too_long)
        scripts = {name: _rendered(f"gradescope/{name}", settings) for name in ("setup.sh", "run_autograder")}
        return {**graded, **install, **scripts}
    if system == "vocareum":
        for name, too_long in (("failed", False), ("too_long", True)):
            graded[f"{name}.csv"], graded[f"{name}.html"] = vocareum.interrupted(assignment, too_long)
        scripts = {name: _rendered(f"vocareum/{name}", settings) for name in ("setup.sh", "grade.sh")}
        rubric = vocareum.rubric(assignment)
        return {**_below_name("scripts", {**graded, **install, **scripts}), "rubric.csv": rubric}
    for name, too_long in (("failed.json", False), ("too_long.json", True)):
        graded[name] = prairielearn.interrupted(too_long)
    graded["grade.sh"] = _rendered("prairielearn/grade.sh", settings)
    identity = uuid.UUID(bytes=_own_secret(secret, "question", assignment)[:16], version=4)
    question = {
        "info.json": prairielearn.info(settings, image, identity),
        "question.html": _rendered("prairielearn/question.html", settings),
        **_below_name("tests", graded),
        **_below_name("workspace", _release(course, assignment.name)),
    }
    image_files = {
        "Dockerfile": _rendered("prairielearn/Dockerfile"),
        "requirements.txt": pins,
        **_package_files(),
    }
    return {**_below_name(f"questions/{assignment.name}", question), **_below_name("image", image_files)}


def _below_name(folder: str, files: Files) -> Files:
    return {f"{folder}/{name}": data for name, data in files.items()}


def _rendered(template: str, settings: BundleSettings | None = None) -> bytes:
    return _TEMPLATES.get_template(template).render(settings=settings).encode()


def _own_secret(secret: bytes, purpose: str, assignment: Assignment) -> bytes:
    """A secret of the bundle's own, which tells nothing of the course's."""
    return hmac.digest(secret, f"bundle {purpose} {assignment.name}".encode(), "sha256")


def _course_files(assignment: Assignment, secret: bytes) -> Files:
    """A course with this one assignment."""
    return {
        f"{FOLDER}/secret": secret,
        **_below_name(f"source/{assignment.name}", _below(assignment.folder, set())),
        **_below_name(f"assignments/{assignment.name}", _below(assignment.hidden_folder, set())),
    }


def _release(course: Course, name: str) -> Files:
    """What students get: the released notebook and its files.

    Raises:
        BundleError: nothing was released yet.
    """
    folder = course.folder / "release" / name
    if not (folder / f"{name}.ipynb").is_file():
        raise BundleError(f"{folder} has no notebook for the workspace: run nbgrader generate_assignment {name} first")
    return _below(folder, set())


def _package_files() -> Files:
    project = _PYPROJECT.format(version=metadata.version("autograder")).encode()
    package = _below_name("package/autograder", _below(_PACKAGE, _LEFT_OUT))
    return {"package/pyproject.toml": project, **package}


def _below(folder: Path, left_out: set[str]) -> Files:
    files = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if path.is_file() and not hidden and relative.parts[0] not in left_out:
            files[str(relative)] = path.read_bytes()
    return files
