"""What waits on disk is bounded, kept in order, and answered for by exactly one process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from spanmeter import spool as spool_module
from spanmeter.spool import Spool, SpoolFullError, SpoolSettings

MB = 1024 * 1024
URL = "http://127.0.0.1:4318/v1/traces"


def opened(path: Path, *, max_bytes: int = MB, url: str = URL) -> Spool:
    return Spool(SpoolSettings(path, max_bytes), url=url)


def bodies(spool: Spool) -> list[bytes | None]:
    found = []
    while (parcel := spool.oldest()) is not None:
        found.append(parcel.read())
        spool.remove(parcel)
    return found


def files(path: Path) -> list[Path]:
    return [found for found in path.rglob("*") if found.is_file()]


def test_the_oldest_comes_first_and_nothing_is_left_behind(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    for number in range(20):
        spool.put(b"%d" % number, spans=1)

    assert spool.spans == 20
    assert bodies(spool) == [b"%d" % number for number in range(20)]
    assert files(tmp_path) == []


def test_a_full_spool_refuses_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=10)
    spool.put(b"123456", spans=1)
    with pytest.raises(SpoolFullError):
        spool.put(b"78901", spans=1)
    spool.put(b"7890", spans=1)
    oldest = spool.oldest()
    assert oldest is not None
    spool.remove(oldest)
    spool.put(b"abcdef", spans=1)

    assert bodies(spool) == [b"7890", b"abcdef"]


def test_the_bound_holds_for_all_processes_together(tmp_path: Path) -> None:
    one, other = opened(tmp_path, max_bytes=10), opened(tmp_path, max_bytes=10)
    one.put(b"123456", spans=1)

    with pytest.raises(SpoolFullError):
        other.put(b"78901", spans=1)
    one.close()


def test_what_siblings_take_is_counted_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "COUNT_OTHERS_EVERY_S", 0.01)
    one, other = opened(tmp_path, max_bytes=10), opened(tmp_path, max_bytes=10)
    other.put(b"1", spans=1)
    one.put(b"123456", spans=1)
    time.sleep(0.02)

    with pytest.raises(SpoolFullError):
        other.put(b"7890", spans=1)
    one.close()
    other.close()


def test_what_a_process_left_is_adopted_by_one_only_and_sent_before_what_is_newer(tmp_path: Path) -> None:
    dead, living, late = opened(tmp_path), opened(tmp_path), opened(tmp_path)
    dead.put(b"old", spans=7)
    living.put(b"new", spans=1)
    dead.close()
    living.adopt()
    late.adopt()

    assert late.oldest() is None
    parcel = living.oldest()
    assert parcel is not None
    assert (parcel.spans, parcel.own) == (7, False)
    assert bodies(living) == [b"old", b"new"]
    assert files(tmp_path) == []


def test_what_a_living_process_keeps_is_left_alone(tmp_path: Path) -> None:
    living, other = opened(tmp_path), opened(tmp_path)
    living.put(b"mine", spans=1)
    other.adopt()

    assert other.oldest() is None
    assert bodies(living) == [b"mine"]


def test_what_was_meant_for_another_sidecar_is_left_alone(tmp_path: Path) -> None:
    there = opened(tmp_path, url="http://there:4318/v1/traces")
    there.put(b"theirs", spans=1)
    there.close()
    here = opened(tmp_path)
    here.adopt()

    assert here.oldest() is None
    assert len(files(tmp_path)) == 2


def test_a_spool_somebody_tidied_away_is_made_again(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.put(b"gone", spans=1)
    gone = spool.oldest()
    assert gone is not None
    for path in gone.path.parent.iterdir():
        path.unlink()
    gone.path.parent.rmdir()
    spool.put(b"kept", spans=1)

    assert bodies(spool) == [None, b"kept"]


def test_a_forked_process_starts_with_nothing_of_its_own(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.put(b"the parent's", spans=1)
    spool.begin()

    assert spool.oldest() is None
    assert spool.spans == 0
    assert len(files(tmp_path)) == 2


def test_the_default_is_the_users_state_directory_and_256_mb() -> None:
    assert SpoolSettings.from_environment({"XDG_STATE_HOME": "/state"}) == SpoolSettings(
        Path("/state/spanmeter/spool"), 256 * MB
    )
    assert SpoolSettings.from_environment({}).directory == Path.home() / ".local" / "state" / "spanmeter" / "spool"


def test_directory_and_size_can_be_chosen_and_zero_switches_it_off(tmp_path: Path) -> None:
    settings = SpoolSettings.from_environment({"SPANMETER_SPOOL_DIR": str(tmp_path), "SPANMETER_SPOOL_MB": "0"})

    assert settings == SpoolSettings(tmp_path, 0)
    assert not Spool(settings, url=URL).usable


def test_a_user_without_a_home_has_no_spool() -> None:
    assert not Spool(SpoolSettings(None, MB), url=URL).usable


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SPANMETER_SPOOL_MB", "-1", "SPANMETER_SPOOL_MB='-1': expected a whole number of megabytes; 0 is no spool"),
        ("SPANMETER_SPOOL_MB", "1.5", "SPANMETER_SPOOL_MB='1.5': expected a whole number of megabytes; 0 is no spool"),
        ("SPANMETER_SPOOL_DIR", "spool", "SPANMETER_SPOOL_DIR='spool': expected the absolute path of a directory"),
        ("SPANMETER_SPOOL_DIR", __file__, "expected the absolute path of a directory"),
    ],
)
def test_a_malformed_variable_is_named_with_what_is_allowed(variable: str, value: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        SpoolSettings.from_environment({variable: value})

    assert message in str(raised.value)
