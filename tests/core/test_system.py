from core import system


def test_a_missing_library_gives_the_line_that_installs_it(monkeypatch) -> None:
    monkeypatch.setattr(system, "_loads", lambda name: name not in {"libGL.so.1", "libX11.so.6"})
    missing = system.missing_libraries()
    assert missing == ["libX11.so.6", "libGL.so.1"]
    assert system.install_hint(missing) == (
        "System libraries are missing (libX11.so.6, libGL.so.1); "
        "run: sudo apt-get install -y --no-install-recommends libx11-6 libgl1"
    )


def test_without_root_the_line_is_printed_and_nothing_is_run(monkeypatch, capsys) -> None:
    monkeypatch.setattr(system, "_loads", lambda name: name != "libGL.so.1")
    monkeypatch.setattr(system.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(system.subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(AssertionError("ran")))
    assert system.main() == 1
    assert "sudo apt-get install -y --no-install-recommends libgl1" in capsys.readouterr().err
