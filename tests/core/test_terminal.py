from phenolens.core.terminal import Lines


def test_away_from_a_terminal_each_stage_is_a_line_and_steps_are_silent(capsys):
    with Lines() as progress:
        progress.stage("train", "running")
        progress.step(1, 2, "run-0: loss 0.7")
        progress.step(2, 2, "run-0: loss 0.6")
        progress.stage("evaluate", "kept")
    shown = capsys.readouterr()
    assert shown.err.splitlines() == ["train     ...", "evaluate  done before, unchanged"]
    assert shown.out == ""
