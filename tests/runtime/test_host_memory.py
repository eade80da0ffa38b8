import psutil
import pytest

from tfstyle.runtime import host_memory


def group(folder, names, limit, usage, cache):
    folder.mkdir(parents=True)
    limit_name, usage_name, cache_name = names
    (folder / limit_name).write_text(f"{limit}\n")
    (folder / usage_name).write_text(f"{usage}\n")
    stat = f"anon 1\n{cache_name} {cache}\nslab 2\n"
    (folder / "memory.stat").write_text(stat)


@pytest.fixture
def groups(tmp_path):
    """Writes what a process reads of its groups; gives what they leave."""

    def left(listing):
        path = tmp_path / "listing"
        path.write_text(listing)
        return list(host_memory._control_groups(str(path), str(tmp_path)))

    return left


def test_control_groups_version_2(groups, tmp_path):
    group(tmp_path / "a", host_memory._CGROUP_2, 1000, 400, 100)
    group(tmp_path / "a" / "b", host_memory._CGROUP_2, "max", 300, 0)
    assert groups("0::/a/b\n") == [700]


def test_control_groups_version_1(groups, tmp_path):
    group(tmp_path / "memory" / "a", host_memory._CGROUP_1, 1000, 400, 100)
    group(tmp_path / "memory" / "a" / "b", host_memory._CGROUP_1, 500, 300, 0)
    listing = "9:name=systemd:/x\n4:cpu,memory:/a/b\n1:cpu:/\n0::/\n"
    assert groups(listing) == [200, 700]


def test_control_group_of_a_container_is_the_root(groups, tmp_path):
    group(tmp_path / "memory", host_memory._CGROUP_1, 500, 600, 0)
    assert groups("4:memory:/docker/1234\n") == [0]


def test_no_control_groups_leave_all(groups, tmp_path):
    assert groups("0::/\n") == []
    missing = str(tmp_path / "nowhere")
    assert list(host_memory._control_groups(missing)) == []


def test_without_limits_of_groups_the_system_counts(monkeypatch):
    monkeypatch.setattr(host_memory, "_control_groups", lambda: iter(()))
    assert 2**20 < host_memory.available() <= psutil.virtual_memory().total


def test_what_fits_exactly_is_not_refused(monkeypatch):
    monkeypatch.setattr(host_memory, "available", lambda: 3 * 10**9)
    host_memory.check("An image", 3 * 10**9)
    with pytest.raises(
        MemoryError, match=r"^An image needs about 3.1 GB .*: 3.0 GB\.$"
    ):
        host_memory.check("An image", 3_100_000_000)
