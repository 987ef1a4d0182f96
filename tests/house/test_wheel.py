"""What the wheel carries: the three packages, and nothing of the workshop."""

import importlib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest

PACKAGES = ("jeospark", "jobs", "udfs")


@pytest.fixture
def installed() -> Distribution:
    try:
        return distribution("jeospark")
    except PackageNotFoundError:
        pytest.skip("jeospark is not installed here; scripts/test.sh installs it")


def test_only_the_three_packages_are_installed(installed: Distribution) -> None:
    top = {path.parts[0] for path in installed.files or () if not path.parts[0].startswith("..")}
    assert top - {f"jeospark-{installed.version}.dist-info"} == set(PACKAGES)


def test_the_wheel_carries_licence_types_and_command(installed: Distribution) -> None:
    names = {str(path) for path in installed.files or ()}
    assert f"jeospark-{installed.version}.dist-info/licenses/LICENSE" in names
    assert "jeospark/py.typed" in names
    assert [entry.value for entry in installed.entry_points if entry.name == "jeospark"] == ["jeospark.cli:main"]


def test_every_module_of_the_source_is_installed(installed: Distribution) -> None:
    root = Path(__file__).resolve().parents[2]
    source = {path.relative_to(root) for package in PACKAGES for path in (root / package).rglob("*.py")}
    assert source == {Path(path) for path in installed.files or () if path.suffix == ".py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_tested_is_what_is_installed(installed: Distribution, package: str) -> None:
    module = importlib.import_module(package)
    assert Path(str(module.__file__)).resolve() == Path(str(installed.locate_file(f"{package}/__init__.py"))).resolve()
