import json

import pytest
from click.testing import CliRunner

from core import system
from core.errors import BrickbenchError
from workflows import doctor as checks
from workflows.doctor import doctor


@pytest.mark.slow
def test_the_doctor_finds_everything_here() -> None:
    done = CliRunner().invoke(doctor, ["--json"], catch_exceptions=False)
    assert done.exit_code == 0
    findings = {row["check"]: row for row in json.loads(done.stdout)}
    assert all(row["ok"] for row in findings.values())
    assert findings["bpy"]["found"].startswith("4.5")
    assert set(findings) == {
        "python", "system libraries", "bpy", "packages", "devices", "disk", "import origins",
    }  # fmt: skip


def test_a_missing_library_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_loads", lambda name: name != "libSM.so.6")
    monkeypatch.setattr(checks, "_in_new_python", lambda code: (True, "4.5"))  # the test above imports everything
    done = CliRunner().invoke(doctor, [])
    assert isinstance(done.exception, BrickbenchError)
    assert done.exception.exit_code == 1
    assert "apt-get install -y --no-install-recommends libsm6" in str(done.exception)
    assert "MISSING" in done.stdout
