import pytest
from conftest import OpenFence

from expunge_erasers.config import ObjectsStep
from expunge_erasers.erase import erase
from expunge_erasers.errors import ConfigError, ConfRefused, JobRevoked, NoEraser
from expunge_erasers.load import parse_erasers
from expunge_erasers.stores.objects import ObjectStore

SERVICE = {"tenant_id": "tenant-1", "target_service": "cloud-storage", "target_instance": "srv-1", "dry_run": False}


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_erases_its_prefixes_only_and_sums_counts_by_name(erasers, files):
    folder = files(
        "tenants/tenant-1/srv-1/a",
        "tenants/tenant-1/srv-1/deep/er/b",
        "tenants/tenant-1/srv-10/c",
        "tenants/tenant-10/srv-1/d",
        "thumbnails/srv-1/e",
    )
    fence = OpenFence()
    env = {"TEST_FILES_URL": f"file://{folder}"}
    assert erase(erasers, "service", SERVICE, fence, env) == {"files_deleted": 3}
    assert left(folder) == ["tenants/tenant-1/srv-10/c", "tenants/tenant-10/srv-1/d"]
    assert not (folder / "tenants/tenant-1/srv-1").exists()
    assert fence.steps == 2
    assert erase(erasers, "service", SERVICE, OpenFence(), env) == {"files_deleted": 0}


def test_a_tenant_is_not_its_namesake(erasers, files):
    folder = files("tenants/tenant-1/srv/a", "tenants/tenant-10/srv/a", "tenants/tenant-1x")
    assert erase(erasers, "tenant", {"tenant_id": "tenant-1"}, OpenFence(), {"TEST_FILES_URL": f"file://{folder}"}) == {"files_deleted": 1}
    assert left(folder) == ["tenants/tenant-10/srv/a", "tenants/tenant-1x"]


def test_a_dry_run_counts_only(erasers, files):
    folder = files("users/u1/a", "users/u1/b/c")
    env = {"TEST_FILES_URL": f"file://{folder}"}
    assert erase(erasers, "user", {"user_id": "u1", "dry_run": True}, OpenFence(), env) == {"files_deleted": 2}
    assert len(left(folder)) == 2


def test_what_the_inventory_expected_is_logged_beside_what_was_erased(files, caplog):
    folder = files("users/u1/a", "users/u1/b", "posts/u1/c")
    erasers = parse_erasers(
        'stores: {f: {kind: objects, url_env: TEST_FILES_URL}}\n'
        'erasers: {user: [{store: f, prefix: "users/{user_id}/", count: media}, {store: f, prefix: "posts/{user_id}/", count: post}]}'
    )
    env = {"TEST_FILES_URL": f"file://{folder}"}
    conf = {"user_id": "u1", "dry_run": False, "expected": {"media": 3, "post": 1, "message": 2}}
    with caplog.at_level("INFO"):
        assert erase(erasers, "user", conf, OpenFence(), env) == {"media": 2, "post": 1}
    said = {record.getMessage(): record.levelname for record in caplog.records}
    assert said["the inventory knows of 3 media; erased 2"] == "WARNING"
    assert said["the inventory knows of 1 post; erased 1"] == "INFO"
    assert said["the inventory knows of 2 message; no count of erasers.yaml is named so"] == "INFO"
    assert "u1" not in caplog.text


@pytest.mark.parametrize("expected", [None, {}, [], "3", 3, {"media": -1}, {"media": "3"}, {"media": True}, {"media": None}])
def test_what_was_expected_decides_nothing(erasers, files, expected):
    folder = files("users/u1/a")
    env = {"TEST_FILES_URL": f"file://{folder}"}
    assert erase(erasers, "user", {"user_id": "u1", "dry_run": False, "expected": expected}, OpenFence(), env) == {"files_deleted": 1}


def test_no_eraser_is_an_error_and_not_an_empty_success(erasers):
    with pytest.raises(NoEraser, match="hadoop") as caught:
        erase(erasers, "service", {**SERVICE, "target_service": "hadoop"}, OpenFence(), {})
    assert caught.value.error_code == "NO_ERASER"
    with pytest.raises(NoEraser, match="tenants"):
        services_only = parse_erasers(
            'stores: {f: {kind: objects, url_env: F}}\nerasers: {services: {x: [{store: f, prefix: "{target_instance}/", count: n}]}}'
        )
        erase(services_only, "tenant", {"tenant_id": "t"}, OpenFence(), {})


@pytest.mark.parametrize("value", ["..", ".", "", "a/b", "../x", "a*", "a b", "a\n", None, 7, "x" * 161])
def test_a_value_cannot_leave_the_prefix(erasers, files, value):
    folder = files("tenants/tenant-1/srv-1/a")
    with pytest.raises(ConfRefused, match="target_instance"):
        erase(erasers, "service", {**SERVICE, "target_instance": value}, OpenFence(), {"TEST_FILES_URL": f"file://{folder}"})
    assert len(left(folder)) == 1


def test_values_that_only_together_leave_the_prefix_are_refused(files):
    folder = files("tenants/tenant-1/a")
    erasers = parse_erasers(
        'stores: {f: {kind: objects, url_env: F}}\nerasers: {services: {x: [{store: f, prefix: "t/.{target_instance}/", count: n}]}}'
    )
    conf = {"tenant_id": "t", "target_service": "x", "target_instance": "a"}
    assert erase(erasers, "service", conf, OpenFence(), {"F": f"file://{folder}"}) == {"n": 0}
    step = erasers.services["x"][0]
    assert isinstance(step, ObjectsStep)
    from expunge_erasers.conf import object_prefix

    with pytest.raises(ConfRefused, match="leave its place"):
        object_prefix(step.prefix, {"target_instance": "."})


@pytest.mark.parametrize("value", ["true", 1, None])
def test_a_dry_run_that_is_no_truth_value_is_refused(erasers, value):
    with pytest.raises(ConfRefused, match="dry_run"):
        erase(erasers, "service", {**SERVICE, "dry_run": value}, OpenFence(), {})


def test_a_missing_address_is_named(erasers):
    with pytest.raises(ConfigError, match="TEST_FILES_URL"):
        erase(erasers, "service", SERVICE, OpenFence(), {})


def test_a_job_revoked_between_two_steps_stops_there(erasers, files):
    folder = files("tenants/tenant-1/srv-1/a", "thumbnails/srv-1/b")

    class ClosesAfterOne(OpenFence):
        def before_step(self):
            super().before_step()
            if self.steps == 2:
                raise JobRevoked("job", "cancelled")

    with pytest.raises(JobRevoked):
        erase(erasers, "service", SERVICE, ClosesAfterOne(), {"TEST_FILES_URL": f"file://{folder}"})
    assert left(folder) == ["thumbnails/srv-1/b"]


def test_names_with_wildcards_are_names():
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("/wild/p/a[1].txt", "/wild/p/b*", "/wild/q/a1.txt"):
        memory.pipe_file(name, b"x")
    assert ObjectStore("memory://wild").erase("p/", lambda: None) == 2
    assert memory.find("/wild") == ["/wild/q/a1.txt"]


def test_a_link_is_erased_and_not_what_it_points_to(files, tmp_path):
    folder = files("p/a", "elsewhere/b", "elsewhere/c/d")
    (folder / "p/link").symlink_to(folder / "elsewhere")
    (folder / "p/file-link").symlink_to(folder / "elsewhere/b")
    ObjectStore(f"file://{folder}").erase("p/", lambda: None)
    assert left(folder) == ["elsewhere/b", "elsewhere/c/d"]
    assert not (folder / "p").exists()


def test_many_objects_are_erased_in_batches(files):
    folder = files(*(f"p/{index % 7}/{index}" for index in range(1200)))
    batches = []
    assert ObjectStore(f"file://{folder}").erase("p/", lambda: batches.append(1)) == 1200
    assert len(batches) == 3


def test_a_store_without_folders_is_erased_too():
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("/bucket/t/1/a", "/bucket/t/1/b/c", "/bucket/t/10/a"):
        memory.pipe_file(name, b"x")
    store = ObjectStore("memory://bucket")
    assert store.count("t/1/") == 2
    assert store.erase("t/1/", lambda: None) == 2
    assert memory.find("/bucket") == ["/bucket/t/10/a"]


def test_a_folder_that_may_not_be_read_is_an_error_and_not_a_zero(files, monkeypatch):
    folder = files("p/a", "p/locked/b")
    store = ObjectStore(f"file://{folder}")
    listed = store._fs.ls

    def ls(path, *arguments, **settings):
        if str(path).endswith("locked"):
            raise PermissionError(path)
        return listed(path, *arguments, **settings)

    monkeypatch.setattr(store._fs, "ls", ls)
    with pytest.raises(PermissionError):
        store.count("p/")
    with pytest.raises(PermissionError):
        store.erase("p/", lambda: None)


def test_a_file_called_like_the_prefix_is_not_under_it(files):
    folder = files("t-1")
    assert ObjectStore(f"file://{folder}").erase("t-1/", lambda: None) == 0
    assert left(folder) == ["t-1"]


def test_objects_written_while_it_erases_are_no_success(files):
    folder = files("p/a")
    store = ObjectStore(f"file://{folder}")
    delete = store._fs.rm

    def rm(path, **settings):
        delete(path, **settings)
        files("p/late")

    store._fs.rm = rm
    try:
        with pytest.raises(RuntimeError, match="left under the prefix"):
            store.erase("p/", lambda: None)
    finally:
        del store._fs.rm
