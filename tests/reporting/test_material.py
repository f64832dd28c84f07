from pathlib import Path

import pytest

from tests.reporting.profiles import estimated, measured
from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.gather import preset_of, target_of
from tvm_bnn.reporting.material import read_profile, read_verification, slugs


def test_files_are_named_by_target_and_network_and_never_twice_the_same() -> None:
    own = measured(model="my.package:network", width="", input_size=(32, 64))
    names = slugs([measured(), estimated(), measured(), own])
    assert names == [
        *("x86-avx512/kitti-road-S-96x320", "rpi4/kitti-road-S-96x320", "x86-avx512/kitti-road-S-96x320-2"),
        "x86-avx512/my.package-network-32x64",
    ]
    assert slugs([measured(model="../../etc")])[0] == "x86-avx512/etc-S-96x320"


def test_a_profile_is_read(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(estimated().model_dump_json())
    assert read_profile(path) == estimated()


@pytest.mark.parametrize("text", ["", "{}", '{"schema_version": 2}'])
def test_what_is_no_profile(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="expected a profile, got something else"):
        read_profile(path)
    with pytest.raises(UsageError, match="expected a verification"):
        read_verification(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_profile(tmp_path / "none.json")


def test_code_that_a_file_names_is_not_run() -> None:
    assert preset_of(measured(model="tests.tiny:network", width="")) is None


def test_peaks_of_this_machine_are_not_those_of_another() -> None:
    assert not any(fact.measured_here for fact in target_of(measured()).facts.values())
    with pytest.raises(UsageError, match="expected the name of a target, got 'abacus'"):
        target_of(measured(target="abacus"))
