"""The task: which errors blame no picture, and that memory which ran out leaves no message behind."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ConnectTimeoutError
from celery.utils.serialization import get_pickleable_etype, get_pickleable_exception

from project import contract
from workers import tasks
from workers.isolation import ChildUnavailable


def as_celery_reports(error: Exception) -> tuple[SimpleNamespace, Exception]:
    exception = get_pickleable_exception(error)
    return SimpleNamespace(exception=exception, type=get_pickleable_etype(type(error))), exception


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="https://s3", error=OSError("it can be pickled")),
        ConnectTimeoutError(endpoint_url="https://s3", error=lambda: "it can't, as with HTTPS"),
        ChildUnavailable("busy"),
    ],
)
def test_an_error_of_the_surroundings_blames_no_picture(error):
    assert tasks._is_one_of(tasks.NO_FAULT_OF_THE_PICTURE, *as_celery_reports(error))


def test_any_other_error_may_be_the_pictures_fault():
    assert not tasks._is_one_of(tasks.NO_FAULT_OF_THE_PICTURE, *as_celery_reports(RuntimeError("the forward pass")))


def test_memory_that_ran_out_is_an_ordinary_failure(monkeypatch):
    def run_out(_):
        raise MemoryError

    monkeypatch.setattr(tasks, "_fetch", run_out)
    with pytest.raises(RuntimeError, match="memory ran out"):
        tasks.classify.run(**contract.Request("1", "1.png").arguments())
