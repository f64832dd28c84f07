import pickle

import pytest

from tvm_bnn.errors import NoCandidateError, NumericsError, ToolchainError, TvmBnnError, UsageError, closest

CODES = {TvmBnnError: 1, UsageError: 2, NoCandidateError: 3, ToolchainError: 4, NumericsError: 5}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_exit_codes(kind: type[TvmBnnError], code: int) -> None:
    assert kind("expected a, got b").exit_code == code


def test_text_is_the_message_alone() -> None:
    error = UsageError("expected a, got b", "say a")
    assert (str(error), error.message, error.hint) == ("expected a, got b", "expected a, got b", "say a")


def test_hint_is_optional() -> None:
    assert UsageError("expected a, got b").hint is None


def test_survives_the_way_out_of_a_worker() -> None:
    error = pickle.loads(pickle.dumps(NoCandidateError("no candidate", "look at the logs")))
    assert isinstance(error, NoCandidateError)
    assert (error.message, error.hint) == ("no candidate", "look at the logs")


@pytest.mark.parametrize("name", ["kiti-road", "KITTI-ROAD", "kitti_road"])
def test_closest_names_the_near_one_and_all(name: str) -> None:
    assert (
        closest(name, ["cityscapes", "kitti-road"]) == "did you mean 'kitti-road'? choose from: cityscapes, kitti-road"
    )


def test_closest_without_a_near_one() -> None:
    assert closest("zzz", iter(["a", "b"])) == "choose from: a, b"


def test_closest_without_choices() -> None:
    assert closest("zzz", []) == "there is nothing to choose from"
