"""A small part of `make fuzz`, and that it notices what it looks for."""

import os

import fuzz
import pytest


@pytest.mark.more
def test_mutated_files_are_valid_clips_or_refused_in_one_line(tmp_path, capsys):
    results = fuzz.run(seed=20260131, count=120, folder=tmp_path, processes=os.cpu_count() or 1)
    assert fuzz.report(results) == 0, capsys.readouterr().out
    *files, together = results
    assert {result.kind for result in files} >= {*fuzz.KINDS, "bomb"}
    outcomes = {result.outcome for result in files}
    assert "valid" in outcomes and len(outcomes) > 8
    assert together.kind == "all of them" and together.well


@pytest.mark.parametrize(
    ("embed", "words"),
    [
        ("os.kill(os.getpid(), 11)", "crashed: exit status -11"),
        ("time.sleep(3600)", "hung: no answer"),
        ("np.ones(2**40)", "MemoryError"),
        ("int('x')", "ValueError"),
        ("os.write(2, b'words') and np.zeros((1, 256))", "on stderr: words"),
        ("np.full((1, 256), np.nan)", "not finite"),
        ("np.zeros((1, 255))", "shape (1, 255)"),
    ],
)
def test_it_notices(tmp_path, monkeypatch, embed, words):
    """The log-mel control is broken in each of the ways that are looked for."""
    program = tmp_path / "broken.py"
    program.write_text(
        "import os, time\nimport fuzz, numpy as np\n"
        f"fuzz.LogMel.embed = lambda *_: {{'embedding': {embed}}}\nfuzz.serve()\n"
    )
    monkeypatch.setattr(fuzz, "__file__", str(program))
    path = tmp_path / "clip.wav"
    path.write_bytes(fuzz.wav(fuzz.pcm16(fuzz.Random(1)), fuzz.pcm16_form(44100, 2)))
    server = fuzz.Server(tmp_path)
    try:
        well, outcome = server.ask("check", "nowhere.wav", "")  # waits until it has started
        assert well and outcome == "refused: cannot be read (No such file or directory)"
        if "sleep" in embed:
            monkeypatch.setattr(fuzz, "SECONDS", 3)
        well, outcome = server.ask("check", str(path), str(tmp_path / "effected.h5"))
    finally:
        server.stop()
    assert not well and words in outcome
