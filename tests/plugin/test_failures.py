"""How failures are shown."""

from __future__ import annotations

import pytest
from napari.utils.notifications import ErrorNotification, notification_manager

from napari_gdls import errors
from napari_gdls.plugin.failures import show_failure

COMPLAINTS = [
    *(
        kind("what, where, what to do")
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.GdlsError) and not issubclass(kind, errors.FieldReadError)
    ),
]


@pytest.fixture
def shown():
    notification_manager.records.clear()
    yield notification_manager.records
    notification_manager.records.clear()


@pytest.mark.parametrize("error", COMPLAINTS, ids=lambda error: type(error).__name__)
def test_complaints_are_shown_as_their_text(shown, error):
    show_failure(error)
    (record,) = shown
    assert (record.severity, record.message) == ("error", str(error))
    assert not isinstance(record, ErrorNotification)


def test_of_a_file_the_reason_is_shown_first_and_its_path_last(shown):
    show_failure(errors.FieldReadError("/far/away/a.bcf", "is empty", where="at its end", remedy="Export it again."))
    (record,) = shown
    assert record.message == "This file is empty (at its end). Export it again. File: /far/away/a.bcf"


@pytest.mark.parametrize("error", [ZeroDivisionError("a fault"), RuntimeError(), KeyError("lost")])
def test_faults_of_the_program_are_shown_with_where_they_came_from(shown, error):
    try:
        raise error
    except Exception as raised:
        show_failure(raised)
    (record,) = shown
    assert isinstance(record, ErrorNotification)
    assert record.exception is error
    assert "test_failures.py" in record.as_text()
