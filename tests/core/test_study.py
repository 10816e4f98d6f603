"""A study file goes through TOML and back, and every mistake in it gets its sentence."""

import pytest
from pydantic import BaseModel

from phenolens.core import settings as module
from phenolens.core.errors import InputError, SettingsError
from phenolens.core.settings import StudySettings
from phenolens.core.study import DEMO, load_study

GOOD = """
name = "s"
[dataset]
genome = "g.fa"
[[dataset.classes]]
label = "A"
intervals = "a.bed"
steps = [{ merge = 10 }, { windows = 300 }]
[[dataset.classes]]
label = "B"
matched_to = "A"
"""


def write(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_settings_survive_a_round_trip_through_json(tmp_path):
    settings = load_study(write(tmp_path, GOOD)).settings
    assert StudySettings.model_validate_json(settings.model_dump_json()) == settings


def test_paths_start_at_the_study_file_or_in_the_demo(tmp_path):
    study = load_study(write(tmp_path, GOOD))
    assert study.path("g.fa") == tmp_path / "g.fa"
    assert study.path("demo:x.bed") == DEMO / "x.bed"
    assert str(study.path("/abs/x")) == "/abs/x"


def test_overrides_win_and_keep_their_type(tmp_path):
    study = load_study(
        write(tmp_path, GOOD + "[train]\nepochs = 2\n"), ["train.epochs=5", "train.model=some/name", "seed=9"]
    )
    assert (study.settings.train.epochs, study.settings.train.model, study.settings.seed) == (5, "some/name", 9)


def section_classes():
    return [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, BaseModel) and c.__module__ == module.__name__
    ]


@pytest.mark.parametrize("section", section_classes(), ids=lambda c: c.__name__)
def test_every_setting_has_help(section):
    assert all(field.description for field in section.model_fields.values())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GOOD + "[train]\nepoch = 5\n", "train.epoch: unknown key; did you mean epochs?"),
        (GOOD + "[trian]\nepochs = 5\n", "trian: unknown key; did you mean train?"),
        (
            GOOD.replace("steps = [{ merge", "steps = [{ merg"),
            "dataset.classes.0.steps.0.merg: unknown key; did you mean merge?",
        ),
        (GOOD + "[train]\nepochs = 0\n", "train.epochs: Input should be greater than or equal to 1; found '0'"),
        (GOOD + "[train]\nepochs = 'many'\n", "train.epochs: Input should be a valid integer"),
        (GOOD.replace('name = "s"\n', ""), "name: is missing; expected a value for name"),
        (
            GOOD.replace('matched_to = "A"', 'matched_to = "A"\nintervals = "x"'),
            "a class has exactly one of: intervals, regions, random_length, matched_to, shuffled_from, sequences",
        ),
        (GOOD.replace("{ merge = 10 }", "{ merge = 10, slop = 5 }"), "a step has exactly one of: merge"),
        (GOOD + "[annotate]\ndenovo = 'deeplift'\n", "annotate.denovo = deeplift needs that method in explain.methods"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(tmp_path, text, sentence):
    with pytest.raises(SettingsError) as caught:
        load_study(write(tmp_path, text))
    assert sentence in str(caught.value)
    assert str(tmp_path / "study.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_toml_names_the_line(tmp_path):
    with pytest.raises(InputError, match=r"is not valid TOML: .*line 2"):
        load_study(write(tmp_path, "name = 's'\nseed = = 3\n"))


def test_no_file_a_folder_and_binary(tmp_path):
    with pytest.raises(InputError, match="no such file; expected a study file; phenolens init"):
        load_study(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is a folder"):
        load_study(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        load_study(tmp_path / "binary.toml")


@pytest.mark.parametrize("override", ["epochs", "=5", "name.x=5"])
def test_an_override_that_is_no_assignment(tmp_path, override):
    with pytest.raises(SettingsError, match="--set"):
        load_study(write(tmp_path, GOOD), [override])
