import dataclasses

import numpy as np
import pytest

import helpers
import tfstyle
from tfstyle import images
from tfstyle.adain import loading, specialization
from tfstyle.adain.config import TransferConfig
from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import painters
from tfstyle.worklists import painting
from tfstyle.worklists.rows import Row, Shard
from tfstyle.worklists.storage import Store

GATYS = GatysConfig(
    size=40,
    steps=2,
    features="vgg_distilled",
    style_layers={"block1_conv1": 1.0},
    content_layers={"block1_conv1": 1.0},
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, two styles and two photographs of other sizes."""
    root = tmp_path_factory.mktemp("files")
    helpers.style_model().save_preset(root / "model.h5")
    for name, shape in (("wave", (40, 36)), ("night", (32, 50))):
        images.save(root / f"{name}.png", helpers.image(*shape, len(name)))
    for i, shape in enumerate([(48, 64), (33, 40)]):
        images.save(root / f"{i}.png", helpers.image(*shape, i))
    return root


@pytest.fixture(params=["transfer", "optimize"])
def loader(request, files):
    styles = (str(files / "wave.png"),)
    if request.param == "optimize":
        return painters.OptimizeLoader(config=GATYS, styles=styles)
    config = TransferConfig(
        model=str(files / "model.h5"), size=40, precision="float32"
    )
    return painters.TransferLoader(config=config, styles=styles)


def rows(files, *more):
    return [Row(str(files / f"{i}.png"), f"{i}.png") for i in (0, 1)] + [*more]


LOADED = {}


def paint(loader, rows, folder):
    store = Store(str(folder / "painted"), "run1")
    if repr(loader) not in LOADED:
        LOADED[repr(loader)] = loader.load(store.fetch)
    painter = LOADED[repr(loader)]
    entries = [*painting.paint_shard(Shard(tuple(rows)), painter, store)]
    store.clear()
    return entries


def test_pictures_are_those_of_the_engines(files, loader, tmp_path):
    entries = paint(loader, rows(files), tmp_path)
    assert [entry.status for entry in entries] == ["painted"] * 2
    photo = images.load(files / "0.png")
    style = images.load(files / "wave.png")
    if isinstance(loader, painters.OptimizeLoader):
        picture = tfstyle.stylize(photo, style, GATYS)
    else:
        stylizer = loading.load(str(files / "model.h5"))
        photo, style = (
            images.resize(photo, 30, 40),
            images.load(files / "wave.png", 512),
        )
        picture = stylizer.stylize(photo, stylizer.embed([style]))
    painted = images.load(tmp_path / "painted" / "0.png")
    np.testing.assert_allclose(painted, np.clip(picture, 0, 1), atol=1 / 255)
    record = provenance.read(tmp_path / "painted" / "0.png")
    assert record["config"]["size"] == 40
    assert record["inputs"]["style 1"]["name"] == "wave.png"


def test_equal_settings_are_one_recipe(files, loader, tmp_path):
    first = paint(loader, rows(files), tmp_path)
    again = paint(loader, rows(files), tmp_path)
    assert [entry.status for entry in again] == ["there"] * 2
    assert {e.recipe for e in first} == {e.recipe for e in again}
    stronger = dataclasses.replace(loader.config, strength=0.5)
    other = dataclasses.replace(loader, config=stronger)
    changed = paint(other, rows(files), tmp_path)
    assert [entry.status for entry in changed] == ["painted"] * 2
    assert not {e.recipe for e in first} & {e.recipe for e in changed}


def test_rows_have_styles_and_settings_of_their_own(files, loader, tmp_path):
    photo, night = str(files / "0.png"), str(files / "night.png")
    more = [
        Row(photo, "night.png", (night,)),
        Row(photo, "plain.png", (), {"strength": 0.0}),
        Row(photo, "both.png", (night, night), {"style_mix": [1, 2]}),
        Row(photo, "missing.png", (str(files / "missing.png"),)),
        Row(photo, "model.png", (), {"precision": "float32"}),
        Row(photo, "odd.png", (), {"brush": 3}),
        Row(photo, "large.png", (), {"size": "large"}),
        Row(photo, "mix.png", (), {"style_mix": [1, 2]}),
    ]
    found = {e.output: e for e in paint(loader, rows(files, *more), tmp_path)}
    painted = {name for name, e in found.items() if e.status == "painted"}
    assert painted == {"0.png", "1.png", "night.png", "plain.png", "both.png"}
    plain = images.load(tmp_path / "painted" / "plain.png")
    small = images.resize(images.load(photo), 30, 40)
    np.testing.assert_allclose(plain, small, atol=1.5 / 255)
    assert "missing.png" in found["missing.png"].reason
    expected = "is no setting of a single row"
    assert f"`precision` {expected}" in found["model.png"].reason
    assert f"`brush` {expected}" in found["odd.png"].reason
    assert "size" in found["large.png"].reason
    assert "style_mix" in found["mix.png"].reason


def test_styles_and_graphs_are_made_once(files, tmp_path, monkeypatch):
    embedded = []
    embed = loading.CompiledStylizer.embed_image

    def counting(self, style, masks):
        embedded.append(style)
        return embed(self, style, masks)

    monkeypatch.setattr(loading.CompiledStylizer, "embed_image", counting)
    loader = painters.TransferLoader(
        config=TransferConfig(model=str(files / "model.h5")),
        styles=(str(files / "wave.png"),),
    )
    made = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        images.save(path, helpers.image(30 + 7 * i, 64 - 5 * i, i))
        made.append(Row(str(path), path.name))
    paint(loader, made, tmp_path)
    assert len(embedded) == 1
    recipe = LOADED[repr(loader)](made[0])
    compiled = recipe._stylizer._stylizer._apply
    assert compiled.experimental_get_tracing_count() == 1


def test_files_are_checked_without_tensorflow(files, loader):
    loader.check(own_styles=False)
    missing = dataclasses.replace(loader, styles=(str(files / "missing.png"),))
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        missing.check(own_styles=False)
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        missing.load(Store(str(files), "run1").fetch)


def test_rows_without_a_style_are_refused_at_once(loader):
    unstyled = dataclasses.replace(loader, styles=())
    unstyled.check(own_styles=True)
    with pytest.raises(ValueError, match="no style inside|At least one style"):
        unstyled.check(own_styles=False)


def test_models_and_styles_may_be_addresses(files, tmp_path):
    store = Store(f"memory://{tmp_path}", "run1")
    for name in ("model.h5", "wave.png"):
        draft = store.draft(name)
        draft.parent.mkdir(parents=True)
        draft.write_bytes((files / name).read_bytes())
        store.publish(draft, name)
    loader = painters.TransferLoader(
        config=TransferConfig(model=f"memory://{tmp_path}/model.h5", size=40),
        styles=(f"memory://{tmp_path}/wave.png",),
    )
    loader.check(own_styles=False)
    dataclasses.replace(loader, styles=()).check(own_styles=False)
    remote = paint(loader, rows(files), tmp_path / "remote")
    local = dataclasses.replace(
        loader,
        config=TransferConfig(model=str(files / "model.h5"), size=40),
        styles=(str(files / "wave.png"),),
    )
    again = paint(local, rows(files), tmp_path / "local")
    assert [e.recipe for e in remote] == [e.recipe for e in again]
    assert [e.output_sha256 for e in remote] == [e.output_sha256 for e in again]
    store.clear()


def test_a_specialized_model_paints_rows_without_styles(files, tmp_path):
    style = images.load(files / "wave.png", 512)
    model = specialization.copy(helpers.style_model(), [style], "float32")
    model.save_preset(tmp_path / "wave.h5")
    found = []
    inside = TransferConfig(model=str(tmp_path / "wave.h5"))
    painters.TransferLoader(config=inside, styles=()).check(own_styles=False)
    for name in (tmp_path / "wave.h5", files / "model.h5"):
        config = TransferConfig(model=str(name), size=40, precision="float32")
        loader = painters.TransferLoader(config=config, styles=())
        found += paint(loader, rows(files)[:1], tmp_path)
    assert [entry.status for entry in found] == ["painted", "failed"]
    assert "has no style inside" in found[1].reason
