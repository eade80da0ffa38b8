import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tfstyle.runtime import files

ROOT = pathlib.Path(__file__).parents[2]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written(tmp_path):
    with files.atomic(tmp_path / "a.bin") as file:
        file.write(b"\0whole")
    assert (tmp_path / "a.bin").read_bytes() == b"\0whole"
    assert names(tmp_path) == ["a.bin"]


def test_text_is_utf_8(tmp_path):
    with files.atomic(tmp_path / "a.txt", "w") as file:
        file.write("Möwe")
    assert (tmp_path / "a.txt").read_bytes() == "Möwe".encode()


def test_nothing_is_seen_before_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with files.atomic(path, "w") as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("older", [None, "old"])
def test_an_exception_leaves_what_was_there(tmp_path, error, older):
    path = tmp_path / "a.txt"
    if older:
        path.write_text(older)
    with pytest.raises(error), files.atomic(path, "w") as file:
        file.write("new")
        raise error
    assert names(tmp_path) == (["a.txt"] if older else [])
    if older:
        assert path.read_text() == older


def test_an_error_of_the_block_keeps_the_name_of_its_file(tmp_path):
    with (
        pytest.raises(FileNotFoundError) as error,
        files.atomic(tmp_path / "a"),
    ):
        open(tmp_path / "other")
    assert error.value.filename == str(tmp_path / "other")


LIMITED = """
import resource, signal, sys
from tfstyle.runtime import files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with files.atomic(sys.argv[1]) as file:
        file.write(bytes(5000))
except OSError as error:
    print(error)
"""


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert process.stdout == f"[Errno 27] File too large: '{path}'\n"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_missing_folder_is_named_with_the_file(tmp_path):
    path = tmp_path / "no" / "a.txt"
    with pytest.raises(FileNotFoundError) as error, files.atomic(path):
        pass
    assert str(error.value) == f"[Errno 2] No such file or directory: '{path}'"


def test_a_link_is_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "a.txt")
    with files.atomic(tmp_path / "link", "w") as file:
        file.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a.txt").read_text() == "new"


def test_permissions_are_those_of_new_files(tmp_path):
    with files.atomic(tmp_path / "a"):
        pass
    (tmp_path / "b").touch()
    modes = {(tmp_path / name).stat().st_mode for name in "ab"}
    assert len(modes) == 1


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    for mode in (0o600, 0o664):
        path.chmod(mode)
        with files.atomic(path, "w") as file:
            # Nor are they wider before the end.
            modes = {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
            assert modes == {mode}
            file.write("new")
        assert path.stat().st_mode & 0o777 == mode


def test_the_longest_names_are_written(tmp_path):
    path = tmp_path / ("a" * 251 + ".txt")
    files.check_writable(path)
    with files.atomic(path, "w") as file:
        file.write("new")
    assert names(tmp_path) == [path.name]


def test_a_device_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", pathlib.Path("/dev/null")):
        with pytest.raises(ValueError, match=f"'{path}': it is a device"):
            files.check_writable(path)
        with pytest.raises(ValueError, match="device"), files.atomic(path):
            pass
    assert (tmp_path / "pipe").is_fifo()
    assert pathlib.Path("/dev/null").is_char_device()


@pytest.mark.parametrize("older", [None, "old"])
def test_checking_changes_nothing(tmp_path, older):
    path = tmp_path / "a.txt"
    if older:
        path.write_text(older)
    files.check_writable(path)
    assert names(tmp_path) == (["a.txt"] if older else [])
    if older:
        assert path.read_text() == older


def test_a_bare_name_is_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.check_writable("a.txt")
    with files.atomic("a.txt", "w") as file:
        file.write("new")
    assert names(tmp_path) == ["a.txt"]


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder '.*/no'"):
        files.check_writable(tmp_path / "no" / "a.png")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="there is no folder '.*/file'"):
        files.check_writable(tmp_path / "file" / "a.png")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="Give the name of a file"):
        files.check_writable(tmp_path)
    with pytest.raises(IsADirectoryError), files.atomic(tmp_path):
        pass


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(OSError, match="a{300}"):
        files.check_writable(tmp_path / ("a" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_is_refused(tmp_path):
    (tmp_path / "a.txt").touch(0o444)
    with pytest.raises(PermissionError, match="the file is read-only"):
        files.check_writable(tmp_path / "a.txt")
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError, match="no file can be created in"):
        files.check_writable(tmp_path / "b.txt")


@pytest.mark.skipif(
    not pathlib.Path("/proc/self").exists(), reason="there is no /proc"
)
def test_a_file_system_that_refuses_is_said():
    # As root too, no file can be created there.
    with pytest.raises(OSError, match="'/proc/self/a.png': no file can be"):
        files.check_writable("/proc/self/a.png")


def test_a_folder_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "1"
    with files.atomic_folder(path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("whole")
        assert not path.exists()
        assert not folder.name.isdecimal()
    assert (path / "deep" / "file").read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_flushed_as_windows_wants_it(tmp_path, monkeypatch):
    flushed = []

    def fsync(descriptor):
        os.write(descriptor, b"")  # Fails unless it is open for writing.
        flushed.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    with files.atomic_folder(tmp_path / "1") as folder:
        (folder / "file").write_text("whole")
    assert flushed == [(tmp_path / "1" / "file").stat().st_ino]
    assert (tmp_path / "1" / "file").read_text() == "whole"


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        files.atomic_folder(tmp_path / "1") as folder,
    ):
        (folder / "file").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_replaces_nothing(tmp_path):
    path = tmp_path / "1"
    path.mkdir()
    with (
        pytest.raises(FileExistsError, match="nothing in use is replaced"),
        files.atomic_folder(path),
    ):
        pass
    # Somebody else was faster.
    with (
        pytest.raises(FileExistsError, match="2': it exists, and nothing in"),
        files.atomic_folder(tmp_path / "2") as folder,
    ):
        (folder / "file").write_text("ours")
        (tmp_path / "2").mkdir()
        (tmp_path / "2" / "file").write_text("theirs")
    assert (tmp_path / "2" / "file").read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2"]


def test_a_folder_needs_one_above_it(tmp_path):
    path = tmp_path / "missing" / "1"
    with pytest.raises(FileNotFoundError) as caught, files.atomic_folder(path):
        pass
    assert caught.value.filename == str(path)


@pytest.mark.parametrize(
    "address",
    [
        "http://host/a.png",
        "HTTPS://host/a.png?b=c",
        "s3://bucket/a.png",
        "file:///home/a.png",
        pathlib.Path("https://host/a.png"),
    ],
)
def test_an_address_is_no_file(address):
    with pytest.raises(FileNotFoundError) as error:
        files.check_no_address(address)
    assert str(error.value) == (
        f"'{address}' is an address, not a file. Download it first, and give "
        "the name of the file."
    )


@pytest.mark.parametrize("path", ["a.png", "b/c:/d.png", "C:/a.png", "/a://b"])
def test_other_names_are_no_addresses(path):
    files.check_no_address(path)


def test_a_disk_without_room_is_refused(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    files.check_space(tmp_path / "new" / "out.png", 3e9)
    with pytest.raises(OSError, match=r"out.png' needs about 5.0 GB.* 3.0 GB"):
        files.check_space(tmp_path / "new" / "out.png", 5e9)
